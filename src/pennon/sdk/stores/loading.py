"""Reading a local store when a client starts: whatever is wrong with it is reported, and never stops the start."""

import logging

from pennon.sdk.errors import CorruptStore
from pennon.sdk.stores.base import Store, Stored
from pennon.sdk.stores.file import FileStore

_LOG = logging.getLogger("pennon")


def load(store: Store | None) -> Stored | None:
    """Return what *store* holds, None if that is nothing or unusable."""
    if store is None:
        return None
    try:
        return store.load_in_place() if isinstance(store, FileStore) and store.owner else store.load()
    except CorruptStore as error:
        _LOG.warning("%s", error)
    except OSError as error:
        _LOG.warning("the local store cannot be read: %s", error)
    return None
