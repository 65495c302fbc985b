"""Where a client keeps the last state it knew, so that it starts with flags although everything else is dead."""

from pennon.sdk.stores.base import Store, Stored
from pennon.sdk.stores.file import FileStore

__all__ = ["FileStore", "Store", "Stored"]
