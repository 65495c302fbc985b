"""Roots: SHA-256 over the sorted lines of all items of a projection. Unlike the digest, nobody can forge one.

An item's line is `{kind}:{key}:{version}:{SHA-256 of its travelling text, 64 hex digits}`. The lines are kept sorted,
so that a change costs a few of them and the hash over all: a millisecond for 10,000 items.
"""

import re
from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from typing import Self

import msgspec

from pennon.model import Delta, Item, ItemKind, Position, Snapshot
from pennon.protocol.projection import PROJECTIONS, ClientProjection, Projection, Source
from pennon.protocol.state import Changes, Reference, changes_of, differs, items_of

_KINDS: tuple[ItemKind, ...] = ("flag", "key", "layer", "segment")
"""In the order of their bytes: lines of two kinds never mix, so that each kind is kept sorted for itself."""
_SHOWN: Mapping[Projection, Collection[ItemKind]] = {
    "server": ("flag", "layer", "segment"),
    "edge": _KINDS,
    "client": ("flag", "layer", "segment"),
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Lines(msgspec.Struct, frozen=True):
    """The sorted lines of a state, by kind. A change makes another, which shares the kinds that did not change.

    `unfit` counts the items whose keys have control characters: they could pass for several lines.
    """

    of_kind: Mapping[ItemKind, list[bytes]]
    unfit: int = 0

    @classmethod
    def of(cls, items: Source) -> Self:
        """Return the lines of *items*."""
        of_kind = {kind: sorted(line(kind, item) for item in items.get(kind, {}).values()) for kind in _KINDS}
        return cls(of_kind, sum(not _is_fit(key) for records in items.values() for key in records))

    def after(self, before: Source, changes: Changes) -> "Lines":
        """Return the lines after *changes* to the items *before*, of which these are the lines."""
        of_kind, unfit = dict(self.of_kind), self.unfit
        for kind, edits in changes.items():
            known, lines = before.get(kind, {}), list(of_kind.get(kind, ()))
            for key, item in edits.items():
                old = known.get(key)
                if differs(old, item):
                    _replace(
                        lines, None if old is None else line(kind, old), None if item is None else line(kind, item)
                    )
                    unfit += 0 if _is_fit(key) else (item is not None) - (old is not None)
            of_kind[kind] = lines
        return Lines(of_kind, unfit)

    def root(self, kinds: Collection[ItemKind] = _KINDS) -> str | None:
        """Return the root over the items of *kinds*, as hex digits; None where a key is none that can be signed."""
        if self.unfit:
            return None
        blocks = [b"\n".join(lines) for kind in _KINDS if kind in kinds and (lines := self.of_kind.get(kind))]
        return sha256(b"\n".join(blocks)).hexdigest()


class Ledger:
    """An environment as its signer follows it: the roots of its three projections."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.environment = snapshot.environment
        self.position = snapshot.position
        self._items: Source = items_of(snapshot)
        self._client = ClientProjection(self._public())
        self._lines = Lines.of(self._items)
        self._client_lines = Lines.of(self._client.state.items)

    def advance(self, delta: Delta) -> None:
        """Follow *delta*, of the edge projection, which must begin here. Raises `ValueError` for any other."""
        if (delta.epoch, delta.from_) != (self.position.epoch, self.position.revision):
            raise ValueError(f"the delta goes from {delta.epoch}.{delta.from_}, the ledger is at {self.position}")
        changes = changes_of(delta)
        self._lines = self._lines.after(self._items, changes)
        touched = _touched(self._items, changes)
        self._items = _edited(self._items, changes)
        shown = self._client.state.items
        changed = self._client.advance(self._public(), (each for each in touched if each[0] != "key"))
        self._client_lines = self._client_lines.after(shown, changed)
        self.position = Position(delta.epoch, delta.to)

    def roots(self) -> Mapping[Projection, str]:
        """Return the root of each projection; of none where an item's key is none that can be signed."""
        roots: dict[Projection, str] = {}
        for projection in PROJECTIONS:
            lines = self._client_lines if projection == "client" else self._lines
            if (root := lines.root(_SHOWN[projection])) is not None:
                roots[projection] = root
        return roots

    def _public(self) -> Source:
        return {kind: records for kind, records in self._items.items() if kind != "key"}


def line(kind: ItemKind, item: Item) -> bytes:
    """Return the line of *item*: by its travelling text, whatever hash that claims."""
    return f"{kind}:{item.key}:{item.version}:{sha256(item.text).hexdigest()}".encode()


def _is_fit(key: str) -> bool:
    return _CONTROL.search(key) is None


def _replace(lines: list[bytes], old: bytes | None, new: bytes | None) -> None:
    if old is not None:
        del lines[bisect_left(lines, old)]
    if new is not None:
        insort(lines, new)


def _touched(items: Source, changes: Changes) -> Iterable[Reference]:
    return [
        (kind, key)
        for kind, edits in changes.items()
        for key, item in edits.items()
        if differs(items.get(kind, {}).get(key), item)
    ]


def _edited(items: Source, changes: Changes) -> Source:
    edited = dict(items)
    for kind, edits in changes.items():
        records = {**items.get(kind, {}), **{key: item for key, item in edits.items() if item is not None}}
        for key in [key for key, item in edits.items() if item is None]:
            records.pop(key, None)
        edited[kind] = records
    return edited
