"""Items that stay in their file until somebody asks for one: what lets many processes share one copy.

They are read with `pread`, so what is shared is the system's own copy of the file. Not with `mmap`: a process that
touches a mapped page of a file that somebody cut short is killed, and here that would be all of them at once.
"""

import contextlib
import os
import zlib
from bisect import bisect_left
from collections.abc import ItemsView, Iterator, Mapping, ValuesView

import msgspec

from pennon.model import Item
from pennon.sdk.stores.layout import Table, hash_of

_decode = msgspec.json.Decoder(str).decode
_WINDOW = 1 << 17


def read_at(handle: int, size: int, at: int) -> bytes:
    """Return what is *at* that place of a file, less if the file ends before. Raises `OSError`."""
    if hasattr(os, "pread"):
        return os.pread(handle, size, at)
    os.lseek(handle, at, os.SEEK_SET)  # Windows, where nobody shares
    return os.read(handle, size)


class Body:
    """A snapshot's text in an open file, from the place *start*. `is_damaged` once something was not as it was."""

    def __init__(self, handle: int, start: int) -> None:
        self.handle = handle
        self.start = start
        self.is_damaged = False

    def read(self, at: int, size: int) -> bytes:
        """Return what is there, less if the file ends before."""
        try:
            return read_at(self.handle, size, self.start + at)
        except OSError:
            return b""

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.handle)


class StoredRecords(Mapping[str, Item]):
    """Items of one kind by key, in a file, with what changed since. An item whose text is damaged is one without text.

    A change makes another, which shares all but the changes.
    """

    __slots__ = ("_body", "_edits", "_size", "_table")

    def __init__(self, body: Body, table: Table) -> None:
        self._body = body
        self._table = table
        self._edits: Mapping[str, Item | None] = {}
        self._size = len(table.starts)

    def edited(self, edits: Mapping[str, Item | None]) -> "StoredRecords":
        """Return these records after *edits*; None deletes."""
        later = StoredRecords(self._body, self._table)
        later._edits = {**self._edits, **edits}
        later._size = self._size + sum((item is not None) - (key in self) for key, item in edits.items())
        return later

    def __getitem__(self, key: str) -> Item:
        item = self._edits[key] if key in self._edits else self._stored(key)
        if item is None:
            raise KeyError(key)
        return item

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key) is not None

    def __iter__(self) -> Iterator[str]:
        for row in range(len(self._table.starts)):
            key = self._key(row)
            if key is not None and key not in self._edits:
                yield key
        yield from (key for key, item in self._edits.items() if item is not None)

    def __len__(self) -> int:
        return self._size

    def items(self) -> ItemsView[str, Item]:
        """Return keys and items, read in the order of the file when they are iterated over."""
        return _Pairs(self)

    def values(self) -> ValuesView[Item]:
        """Return the items, read in the order of the file when they are iterated over."""
        return _Items(self)

    def pairs(self) -> Iterator[tuple[str, Item]]:
        """Yield each key with its item. Many are read at once: one by one takes twice as long."""
        table, window, at = self._table, b"", 0
        for row, start in enumerate(table.starts):
            size = table.key_sizes[row]
            whole = size + 1 + table.text_sizes[row]
            if not at <= start or start + whole > at + len(window):
                window, at = self._body.read(start, max(whole, _WINDOW)), start
            data = window[start - at : start - at + whole]
            if zlib.crc32(data) != table.checks[row]:
                self._body.is_damaged = True
                if (damaged := self._key(row)) is not None and damaged not in self._edits:
                    yield damaged, Item(damaged, 0, 0, "", b"")
            elif (key := _decode(data[:size])) not in self._edits:
                yield key, Item.from_text(key, data[size + 1 :])
        yield from ((key, item) for key, item in self._edits.items() if item is not None)

    def _stored(self, key: str) -> Item | None:
        table, wanted = self._table, hash_of(key)
        at = bisect_left(table.hashes, wanted)
        while at < len(table.hashes) and table.hashes[at] == wanted:
            row = table.rows[at]
            size = table.key_sizes[row]
            data = self._body.read(table.starts[row], size + 1 + table.text_sizes[row])
            if zlib.crc32(data) != table.checks[row]:
                self._body.is_damaged = True
                return Item(key, 0, 0, "", b"")
            if _decode(data[:size]) == key:
                return Item.from_text(key, data[size + 1 :])
            at += 1
        return None

    def _key(self, row: int) -> str | None:
        try:
            return _decode(self._body.read(self._table.starts[row], self._table.key_sizes[row]))
        except msgspec.MsgspecError:
            self._body.is_damaged = True
            return None


class _Pairs(ItemsView[str, Item]):
    _mapping: StoredRecords

    def __iter__(self) -> Iterator[tuple[str, Item]]:
        return self._mapping.pairs()


class _Items(ValuesView[Item]):
    _mapping: StoredRecords

    def __iter__(self) -> Iterator[Item]:
        return (item for _, item in self._mapping.pairs())
