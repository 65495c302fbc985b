"""Flags: what a project says they are, and what each environment does with them."""
