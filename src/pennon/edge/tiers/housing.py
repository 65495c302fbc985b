"""Environments in files instead of in memory: what is there of a flag that nobody asks for is 24 bytes of an index.

A file has the snapshot as it travels and its index, as a client's local store has, and behind them the items that
changed since. It has no name, so it is gone with the process, whatever ends that. It is read with `pread`: of a mapped
file the system may take a page away, which kills who touches it. What is read stays in the system's own cache while
there is room.
"""

import os
import tempfile
import zlib
from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from pathlib import Path
from typing import TypeAlias
from weakref import WeakSet

import msgspec
import structlog

from pennon.model import ITEM_KINDS, Item, ItemKind, Snapshot
from pennon.sdk.stores.layout import read_index, write_body
from pennon.sdk.stores.records import Body, StoredRecords

_log = structlog.get_logger(__name__)
_BUFFER = 1 << 18
_RECENT = 1024


class _Place(msgspec.Struct, frozen=True, gc=False):
    at: int
    size: int
    check: int


_Later: TypeAlias = Mapping[str, _Place | Item | None]
"""What changed since: where an item is, itself where the disk did not take it, None for a deleted one."""


class House:
    """One file: a snapshot, and what changed since. *size* is what it had at first."""

    def __init__(self, handle: int, size: int) -> None:
        self.body = Body(handle, 0)
        self.size = size
        self.grown = 0
        """By how many bytes it has grown."""
        self._recent: dict[tuple[str, int, int], _Place] = {}
        self._is_full = False

    @property
    def is_damaged(self) -> bool:
        """Whether something was found that is not as it was written."""
        return self.body.is_damaged

    def place(self, item: Item) -> _Place | Item:
        """Put *item* behind the others and return where; itself where the disk takes nothing.

        What was placed lately is found again: the replica and the hub both keep it.
        """
        name = item.key, zlib.crc32(item.text), len(item.text)
        if (place := self._recent.get(name)) is not None:
            return place
        place = _Place(self.size + self.grown, len(item.text), name[1])
        try:
            if os.pwrite(self.body.handle, item.text, place.at) != place.size:
                raise OSError("the disk took a part only")
        except OSError as error:
            self._note(error)
            return item
        self.grown += place.size
        if len(self._recent) >= _RECENT:
            self._recent.clear()
        self._recent[name] = place
        return place

    def fetch(self, key: str, place: _Place) -> Item:
        """Return the item *key*, which is at *place*; one without text if that is damaged."""
        text = self.body.read(place.at, place.size)
        if zlib.crc32(text) != place.check:
            self.body.is_damaged = True
            return Item(key, 0, 0, "", b"")
        return Item.from_text(key, text)

    def _note(self, error: OSError) -> None:
        if not self._is_full:
            self._is_full = True
            _log.error("changes stay in memory: the disk takes nothing", problem=str(error))


class HousedRecords(Mapping[str, Item]):
    """Items of one kind by key, in a house. A change makes another, which shares all but where the changes are."""

    __slots__ = ("_base", "_house", "_later", "_size")

    def __init__(self, house: House, base: StoredRecords, later: _Later, size: int) -> None:
        self._house = house
        self._base = base
        self._later = later
        self._size = size

    @property
    def house(self) -> House:
        """Where they are."""
        return self._house

    def edited(self, edits: Mapping[str, Item | None]) -> "HousedRecords":
        """Return these records after *edits*; None deletes."""
        placed = {key: None if item is None else self._house.place(item) for key, item in edits.items()}
        size = self._size + sum((item is not None) - (key in self) for key, item in edits.items())
        return HousedRecords(self._house, self._base, {**self._later, **placed}, size)

    def __getitem__(self, key: str) -> Item:
        if key not in self._later:
            return self._base[key]
        item = self._item(key)
        if item is None:
            raise KeyError(key)
        return item

    def __contains__(self, key: object) -> bool:
        return self._later[key] is not None if key in self._later else key in self._base  # type: ignore[index]

    def __iter__(self) -> Iterator[str]:
        yield from (key for key in self._base if key not in self._later)
        yield from (key for key, place in self._later.items() if place is not None)

    def __len__(self) -> int:
        return self._size

    def items(self) -> ItemsView[str, Item]:
        """Return keys and items, read in the order of the file when they are iterated over."""
        return _Pairs(self)

    def values(self) -> ValuesView[Item]:
        """Return the items, read in the order of the file when they are iterated over."""
        return _Items(self)

    def pairs(self) -> Iterator[tuple[str, Item]]:
        """Yield each key with its item."""
        yield from (pair for pair in self._base.pairs() if pair[0] not in self._later)
        yield from ((key, item) for key in self._later if (item := self._item(key)) is not None)

    def _item(self, key: str) -> Item | None:
        place = self._later[key]
        return self._house.fetch(key, place) if isinstance(place, _Place) else place


class _Pairs(ItemsView[str, Item]):
    _mapping: HousedRecords

    def __iter__(self) -> Iterator[tuple[str, Item]]:
        return self._mapping.pairs()


class _Items(ValuesView[Item]):
    _mapping: HousedRecords

    def __iter__(self) -> Iterator[Item]:
        return (item for _, item in self._mapping.pairs())


class Housing:
    """Puts snapshots into files in *folder*, which must be on a disk: on a `tmpfs` they would be in memory again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._houses: WeakSet[House] = WeakSet()

    @property
    def size(self) -> int:
        """How many bytes all files have."""
        return sum(house.size + house.grown for house in self._houses)

    def read(self, data: bytes) -> Snapshot:
        """Read a snapshot as `Snapshot.from_json` does, and keep its items in a file."""
        return self._housed(Snapshot.over(data), lambda: Snapshot.from_json(data))

    def house(self, snapshot: Snapshot) -> Snapshot:
        """Return *snapshot* with its items in a file of its own."""
        return self._housed(snapshot, lambda: snapshot)

    def _housed(self, snapshot: Snapshot, otherwise: Callable[[], Snapshot]) -> Snapshot:
        try:
            house, tables = self._built(snapshot)
        except OSError as error:
            _log.error("an environment stays in memory: the disk takes nothing", problem=str(error))
            return otherwise()
        self._houses.add(house)
        return Snapshot.of(
            {kind: HousedRecords(house, base, {}, len(base)) for kind, base in tables.items()},
            environment=snapshot.environment,
            position=snapshot.position,
            digest=snapshot.digest,
            heads=snapshot.heads,
        )

    def _built(self, snapshot: Snapshot) -> tuple[House, dict[ItemKind, StoredRecords]]:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=self._folder, buffering=_BUFFER) as file:
            written = write_body(snapshot, file.write)
            file.flush()
            size = written.body + written.index
            house = House(os.dup(file.fileno()), size)
        tables = read_index(house.body.read(written.body, written.index)).tables
        return house, {kind: StoredRecords(house.body, tables[kind]) for kind in ITEM_KINDS}


def house_of(snapshot: Snapshot) -> House | None:
    """Return where the items of *snapshot* are, None if they are in memory."""
    records = snapshot.flags.records
    return records.house if isinstance(records, HousedRecords) else None
