"""Access: the tokens of people and programs that run Pennon, and the keys of SDKs, browsers and edge nodes."""
