"""A local store, opened: its state as it was written, and what its journal says since, as it grows.

The state's items stay in the file (`records`), so that opening it costs little memory, however large it is.
"""

import contextlib
import hashlib
import os
from pathlib import Path

from pennon.model import ITEM_KINDS, InvalidJson, Position, Snapshot
from pennon.protocol import Replica
from pennon.sdk.errors import CorruptStore
from pennon.sdk.stores.base import Stored
from pennon.sdk.stores.layout import Head, Record, read_head, read_index, read_records
from pennon.sdk.stores.records import Body, StoredRecords, read_at

_CHUNK = 1 << 16
_LONGEST_LINE = 4096


class Opened:
    """A store's file, open for reading. It goes on being read although another file takes its place.

    `position` is where what was read of it leads.
    """

    def __init__(self, handle: int, head: Head, start: int) -> None:
        self.head = head
        self.body = Body(handle, start)
        self.position = Position(0, 0)
        self._end = start + head.bytes + head.index

    @property
    def end(self) -> int:
        """Where what was read so far ends."""
        return self._end

    @property
    def inode(self) -> int:
        """Which file this is."""
        return os.fstat(self.body.handle).st_ino

    def is_in_place(self, path: Path) -> bool:
        """Return whether the file is the one at *path*, and nothing of it was found damaged."""
        try:
            found, own = os.stat(path), os.fstat(self.body.handle)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino) and not self.body.is_damaged

    def snapshot(self) -> Snapshot:
        """Return the state as it was written, its items left where they are. Raises `CorruptStore`, or `OSError`."""
        head = self.head
        if not head.index:
            raise CorruptStore("it has no index")
        check = hashlib.sha256()
        left, at = head.bytes + head.index, 0
        while left > 0 and (data := self.body.read(at, min(_CHUNK, left))):
            check.update(data)
            at += len(data)
            left -= len(data)
        if check.hexdigest() != head.sha256:
            raise CorruptStore(f"its content is not that which its first line announces ({head.bytes} bytes)")
        index = read_index(self.body.read(head.bytes, head.index))
        self.position = Position(index.epoch, index.revision)
        return Snapshot.of(
            {kind: StoredRecords(self.body, index.tables[kind]) for kind in ITEM_KINDS},
            environment=index.environment,
            position=self.position,
            digest=index.digest,
            heads=index.heads,
        )

    def whole(self) -> Snapshot:
        """Return the same with its items in memory. Raises `CorruptStore`, or `OSError`."""
        head = self.head
        data = self.body.read(0, head.bytes + head.index)
        if len(data) != head.bytes + head.index or hashlib.sha256(data).hexdigest() != head.sha256:
            raise CorruptStore(f"its content is not that which its first line announces ({head.bytes} bytes)")
        try:
            return Snapshot.from_json(data[: head.bytes])
        except InvalidJson as error:
            raise CorruptStore(str(error)) from error

    def news(self) -> list[Record]:
        """Return what the journal says beyond what was read of it before. Raises `OSError`."""
        size = os.fstat(self.body.handle).st_size - self._end
        found = []
        if self.head.index and size > 0:
            data = read_at(self.body.handle, size, self._end)
            start = self._end
            for record in read_records(data):
                found.append(record)
                self._end = start + record.end
                self.position = record.position or self.position
        return found


def open_store(path: Path, owner: str = "") -> Opened | None:
    """Open the store at *path*, None if there is none. Raises `CorruptStore`, or `OSError`.

    With *owner*, one that says another is not opened; those of format 1 do not say.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return None
    try:
        head, start = read_head(read_at(handle, _LONGEST_LINE, 0))
        if owner and head.owner and head.owner != owner:
            raise CorruptStore("it holds the state of another url, key or environment")
    except BaseException:  # nothing is swallowed: whatever it was, the file is closed
        with contextlib.suppress(OSError):
            os.close(handle)
        raise
    return Opened(handle, head, start)


def latest(opened: Opened, snapshot: Snapshot) -> Stored:
    """Return the state that *snapshot*, as it was written, became by what the journal of *opened* says."""
    known_at = opened.head.known_at
    news = opened.news()
    deltas = [record.delta for record in news if record.delta]
    if deltas:
        replica = Replica(snapshot=snapshot, known_at=0.0)
        for delta in deltas:
            replica.receive_document(delta, age=0.0, now=0.0)
        snapshot = replica.snapshot or snapshot
    return Stored(snapshot, max([known_at, *(record.known_at for record in news)]))
