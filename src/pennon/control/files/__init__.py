"""Files: a project's flags, segments and layers as YAML that people keep in a repository."""
