"""The items of an environment, or of a projection of it, with their digest: what deltas are applied to."""

from collections.abc import Iterator, Mapping
from typing import Protocol, Self, TypeAlias, runtime_checkable

import msgspec

from pennon.model import ITEM_KINDS, Delta, Head, Item, ItemKind, Position, Snapshot
from pennon.protocol import digest

Changes: TypeAlias = Mapping[ItemKind, Mapping[str, Item | None]]
"""Items by kind and key, None for a deleted one."""
Reference: TypeAlias = tuple[ItemKind, str]
"""An item by kind and key."""


@runtime_checkable
class Editable(Protocol):
    """Records that can be edited without a copy of all of them: those that are not kept in memory."""

    def edited(self, edits: Mapping[str, Item | None]) -> Mapping[str, Item]:
        """Return these records after *edits*; None deletes."""


class State(msgspec.Struct, frozen=True):
    """Items by kind and key, and their digest. A change makes a new one, which shares what did not change."""

    items: Mapping[ItemKind, Mapping[str, Item]]
    value: int

    @classmethod
    def of(cls, items: Mapping[ItemKind, Mapping[str, Item]]) -> Self:
        """Return the state of *items*, its digest computed."""
        return cls(items, digest.total(items))

    @property
    def digest(self) -> str:
        """The digest as it is written."""
        return digest.text(self.value)

    def get(self, reference: Reference) -> Item | None:
        """Return one item, None if it is not there."""
        kind, key = reference
        return self.items.get(kind, {}).get(key)

    def after(self, changes: Changes) -> tuple["State", tuple[Reference, ...]]:
        """Return the state after *changes*, and which items really differ."""
        items = dict(self.items)
        value = self.value
        touched: list[Reference] = []
        for kind, edits in changes.items():
            records = self.items.get(kind, {})
            real = {key: item for key, item in edits.items() if differs(records.get(key), item)}
            if not real:
                continue
            items[kind] = _edited(records, real)
            for key, item in real.items():
                value ^= digest.step(kind, records.get(key), item)
                touched.append((kind, key))
        return State(items, value), tuple(touched)


def differs(before: Item | None, after: Item | None) -> bool:
    """Whether one is not the other, byte for byte: a damaged text may claim the hash of the sound one."""
    if before is None or after is None:
        return before is not after
    return before.text != after.text


def difference(before: Snapshot, after: Snapshot) -> tuple[Reference, ...]:
    """Return the items that differ between two snapshots."""
    found: list[Reference] = []
    for kind in ITEM_KINDS:
        old, new = before.items(kind), after.items(kind)
        found += ((kind, key) for key in sorted(_differing(old, new)))
    return tuple(found)


def _differing(old: Mapping[str, Item], new: Mapping[str, Item]) -> Iterator[str]:
    # Of many items few differ: those that are the very same are passed over first.
    get = old.get
    yield from (key for key, item in new.items() if (before := get(key)) is not item and differs(before, item))
    yield from (key for key in old if key not in new)


def items_of(snapshot: Snapshot) -> Mapping[ItemKind, Mapping[str, Item]]:
    """Return the items of *snapshot* by kind and key."""
    return {kind: snapshot.items(kind) for kind in ITEM_KINDS}


def changes_of(delta: Delta) -> Changes:
    """Return the items of *delta* by kind and key."""
    return {kind: items for kind in ITEM_KINDS if (items := delta.items(kind))}


def delta_of(
    changes: Changes,
    *,
    position: Position,
    since: int,
    digest_after: str,
    environment: str = "",
    heads: tuple[Head, ...] = (),
) -> Delta:
    """Return the delta from the revision *since* to *position* that carries *changes*."""
    return Delta(
        environment=environment,
        epoch=position.epoch,
        from_=since,
        to=position.revision,
        digest=digest_after,
        heads=heads,
        flags=changes.get("flag", {}),
        segments=changes.get("segment", {}),
        layers=changes.get("layer", {}),
        keys=changes.get("key", {}),
    )


def _edited(records: Mapping[str, Item], edits: Mapping[str, Item | None]) -> Mapping[str, Item]:
    if isinstance(records, Editable):
        return records.edited(edits)
    edited = dict(records)
    for key, item in edits.items():
        if item is None:
            edited.pop(key, None)
        else:
            edited[key] = item
    return edited
