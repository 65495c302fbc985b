"""How an installation does: what only a server can see of itself, of its database, its bus and the nodes below it."""
