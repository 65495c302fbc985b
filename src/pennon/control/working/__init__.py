"""The state of an environment as a change under way would leave it, and whether that state may be."""
