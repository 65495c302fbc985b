"""Webhooks: telling other systems of changes, signed, again and again until they have heard."""
