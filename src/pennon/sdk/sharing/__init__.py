"""How the processes of a host that have one local store share one stream: one leads, the others follow its file."""
