"""Projects: what holds environments and the definitions of flags."""
