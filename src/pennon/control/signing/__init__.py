"""Signing: the installation's signing keys, and the heads that they sign. See spec/sync.md."""
