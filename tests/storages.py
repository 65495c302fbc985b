"""A storage for tests of what stands on one: SQLite in a file, which is real and quick."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from pennon.control.clock import Clock
from pennon.control.storage import Storage, open_storage
from pennon.control.storage.database import Database


@contextmanager
def sqlite_storage(folder: Path, clock: Clock) -> Iterator[Storage]:
    """Open an empty storage in *folder*."""
    file = folder / "pennon.db"
    file.write_bytes(migrated())
    storage = migrated_storage(f"sqlite:///{file}", clock)
    try:
        yield storage
    finally:
        storage.close()


def migrated_storage(url: str, clock: Clock) -> Storage:
    """Return the storage at *url*, which has its tables: to look for them takes longer than most tests do."""
    return Storage(Database(url), clock)


@cache
def migrated() -> bytes:
    """Return a SQLite file with tables in which nothing is: to make them takes longer than most tests do."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pennon.db")
        open_storage(f"sqlite:///{file}").close()
        return file.read_bytes()
