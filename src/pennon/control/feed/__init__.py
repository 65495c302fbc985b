"""The feed of changes, as they happen, for those who may see them."""
