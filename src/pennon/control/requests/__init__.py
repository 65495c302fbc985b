"""Change requests: changes that are proposed, reviewed by others, and then made as one."""
