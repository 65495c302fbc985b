"""Environments: where a project's flags are configured, each with a log of its own."""
