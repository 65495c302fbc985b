"""Keeps the logs, and what is beside them, in SQLite or PostgreSQL. The only place that knows SQL."""

from pennon.control.storage.storage import Storage, open_storage

__all__ = ["Storage", "open_storage"]
