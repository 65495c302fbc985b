"""A storage for tests of what stands on one: SQLite in a file, which is real and quick."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pennon.control.clock import Clock
from pennon.control.storage import Storage, open_storage


@contextmanager
def sqlite_storage(folder: Path, clock: Clock) -> Iterator[Storage]:
    """Open an empty storage in *folder*."""
    storage = open_storage(f"sqlite:///{folder / 'pennon.db'}", clock=clock)
    try:
        yield storage
    finally:
        storage.close()
