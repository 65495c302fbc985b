"""The items of one environment as a change under way would leave them. Reads through a port, writes nothing.

Items are read when they are looked at: a change of one flag among 10,000 does not pay for the others.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Literal, Protocol, TypeAlias, TypeVar

import msgspec

from pennon.control.log import Reading
from pennon.model import Flag, Item, ItemKind, Layer, Segment, Snapshot
from pennon.model.limits import DEFAULT_LIMITS, Limits

WorkingKind: TypeAlias = Literal["flag", "segment", "layer"]
WorkingModel: TypeAlias = Flag | Segment | Layer
WORKING_KINDS: tuple[WorkingKind, ...] = ("flag", "segment", "layer")
ItemName: TypeAlias = tuple[WorkingKind, str]
"""Kind and key."""
ARCHIVED = "archivedFlag"
"""The kind under which an environment keeps what it did with an archived flag. No snapshot holds it."""

SEARCHES = 8
"""Who looks for more than so many things reads all items once instead."""
T = TypeVar("T", Flag, Segment, Layer)
_MODELS: Mapping[WorkingKind, type[WorkingModel]] = {"flag": Flag, "segment": Segment, "layer": Layer}


class ItemSource(Protocol):
    """Where the items come from."""

    def item(self, kind: str, key: str) -> Item | None:
        """Return one item."""

    def items(self, kind: WorkingKind) -> list[Item]:
        """Return all items of one kind, in the order of their keys."""

    def items_named(self, kind: WorkingKind, keys: Collection[str]) -> list[Item]:
        """Return the items of one kind that have these *keys*."""

    def items_with(self, kind: WorkingKind, part: bytes) -> list[Item]:
        """Return the items of one kind whose text has *part* in it."""


class LogItems:
    """The current items of one environment's log."""

    def __init__(self, reading: Reading, log: str) -> None:
        self._reading = reading
        self._log = log

    def item(self, kind: str, key: str) -> Item | None:
        """Return one item."""
        stored = self._reading.item(self._log, kind, key)
        return None if stored is None else stored.item

    def items(self, kind: WorkingKind) -> list[Item]:
        """Return all items of one kind, in the order of their keys."""
        return [stored.item for stored in self._reading.items(self._log, kind)]

    def items_named(self, kind: WorkingKind, keys: Collection[str]) -> list[Item]:
        """Return the items of one kind that have these *keys*."""
        return [stored.item for stored in self._reading.items_named(self._log, kind, keys)]

    def items_with(self, kind: WorkingKind, part: bytes) -> list[Item]:
        """Return the items of one kind whose text has *part* in it."""
        return [stored.item for stored in self._reading.items_with(self._log, kind, part)]


class PastItems:
    """The items of one environment's log as they were after a revision."""

    def __init__(self, reading: Reading, log: str, revision: int) -> None:
        self._reading = reading
        self._log = log
        self._revision = revision

    def item(self, kind: str, key: str) -> Item | None:
        """Return one item."""
        stored = self._reading.item_at(self._log, kind, key, revision=self._revision)
        return None if stored is None else stored.item

    def items(self, kind: WorkingKind) -> list[Item]:
        """Return all items of one kind, in the order of their keys."""
        return [each.item for each in self._reading.items_at(self._log, kind, revision=self._revision)]

    def items_named(self, kind: WorkingKind, keys: Collection[str]) -> list[Item]:
        """Return the items of one kind that have these *keys*."""
        return [item for key in keys if (item := self.item(kind, key)) is not None]

    def items_with(self, kind: WorkingKind, part: bytes) -> list[Item]:
        """Return the items of one kind whose text has *part* in it."""
        return [item for item in self.items(kind) if part in item.text]


class MemoryItems:
    """Items that are at hand: those of a state in the past, or none."""

    def __init__(self, items: Mapping[str, Mapping[str, Item]]) -> None:
        self._items = items

    def item(self, kind: str, key: str) -> Item | None:
        """Return one item."""
        return self._items.get(kind, {}).get(key)

    def items(self, kind: WorkingKind) -> list[Item]:
        """Return all items of one kind, in the order of their keys."""
        return [item for _, item in sorted(self._items.get(kind, {}).items())]

    def items_named(self, kind: WorkingKind, keys: Collection[str]) -> list[Item]:
        """Return the items of one kind that have these *keys*."""
        return [item for key in keys if (item := self.item(kind, key)) is not None]

    def items_with(self, kind: WorkingKind, part: bytes) -> list[Item]:
        """Return the items of one kind whose text has *part* in it."""
        return [item for item in self._items.get(kind, {}).values() if part in item.text]


class WorkingState:
    """An environment with edits applied that are not written yet."""

    def __init__(self, source: ItemSource, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self._source = source
        self._before: dict[ItemName, Item | None] = {}
        self._after: dict[ItemName, WorkingModel | None] = {}
        self._records: dict[ItemName, Item] = {}
        self._archived: dict[str, Flag | None] = {}
        self._all: dict[WorkingKind, dict[str, Item]] = {}
        self._searches = 0

    def flag(self, key: str) -> Flag | None:
        """Return a flag as it is now."""
        return self._model("flag", key, Flag)

    def segment(self, key: str) -> Segment | None:
        """Return a segment as it is now."""
        return self._model("segment", key, Segment)

    def layer(self, key: str) -> Layer | None:
        """Return a layer as it is now."""
        return self._model("layer", key, Layer)

    def model(self, name: ItemName) -> WorkingModel | None:
        """Return an item as it is now."""
        return {"flag": self.flag, "segment": self.segment, "layer": self.layer}[name[0]](name[1])

    def put(self, model: WorkingModel) -> None:
        """Make *model* the item of its kind and key."""
        self._set((kind_of(model), model.key), model)

    def delete(self, name: ItemName) -> None:
        """Remove an item."""
        self._set(name, None)

    def archive(self, flag: Flag) -> None:
        """Take *flag* out of the environment, and keep it as it is."""
        self.delete(("flag", flag.key))
        self.keep(flag.key, flag)

    def archived(self, key: str) -> Flag | None:
        """Return what is kept of an archived flag, as it is now."""
        return self._archived[key] if key in self._archived else self.archived_before(key)

    def archived_before(self, key: str) -> Flag | None:
        """Return what was kept of an archived flag before the change."""
        item = self._source.item(ARCHIVED, key)
        return None if item is None else msgspec.json.decode(item.text, type=Flag)

    def keep(self, key: str, flag: Flag | None) -> None:
        """Make *flag* what is kept of the archived flag *key*; None: nothing."""
        self._archived[key] = flag

    def kept(self) -> list[str]:
        """Return the keys of the archived flags of which the change leaves something else than before."""
        return sorted(key for key, flag in self._archived.items() if not same_content(self.archived_before(key), flag))

    def before(self, name: ItemName) -> WorkingModel | None:
        """Return an item as it was before the change."""
        item = self.stored(name)
        return None if item is None else decoded(name[0], item.text)

    def stored(self, name: ItemName) -> Item | None:
        """Return the record of an item as it was before the change."""
        if name not in self._before:
            listed = self._all.get(name[0])
            self._before[name] = self._source.item(*name) if listed is None else listed.get(name[1])
        return self._before[name]

    def look_up(self, kind: WorkingKind, keys: Collection[str]) -> None:
        """Read the items of these *keys* before they are asked for: one by one, thousands take seconds."""
        found = {item.key: item for item in self._source.items_named(kind, keys)}
        for key in keys:
            self._before.setdefault((kind, key), found.get(key))

    def touched(self) -> list[ItemName]:
        """Return the items that the change leaves different from before, by kind, then key."""
        changed = [name for name, model in self._after.items() if not same_content(self.before(name), model)]
        return sorted(changed, key=lambda name: (WORKING_KINDS.index(name[0]), name[1]))

    def record(self, name: ItemName) -> Item | None:
        """Return the record of an item as it is now, its version still the one before."""
        if name not in self._after:
            return self.stored(name)
        model = self._after[name]
        if model is None:
            return None
        if name not in self._records:
            self._records[name] = Item.of(model)
        return self._records[name]

    def records(self, kind: WorkingKind) -> Iterator[Item]:
        """Yield all items of one kind as they are now."""
        yield from (item for item in self._listed(kind).values() if (kind, item.key) not in self._after)
        yield from self._edited(kind)

    def records_with(self, kind: WorkingKind, part: bytes) -> Iterator[Item]:
        """Yield the items of one kind whose text as it is now has *part* in it."""
        self._searches += 1
        if kind in self._all or self._searches > SEARCHES:
            yield from (item for item in self.records(kind) if part in item.text)
            return
        for item in self._source.items_with(kind, part):
            if self._before.setdefault((kind, item.key), item) is not None and (kind, item.key) not in self._after:
                yield item
        yield from (item for item in self._edited(kind) if part in item.text)

    def snapshot(self) -> Snapshot:
        """Return the environment as it is now; items are read when they are looked up."""
        return Snapshot.of({kind: _Records(self, kind) for kind in WORKING_KINDS})

    def before_state(self) -> "WorkingState":
        """Return the environment as it was before the change, to be read only."""
        untouched = WorkingState(self._source, limits=self.limits)
        untouched._before, untouched._all = self._before, self._all  # what was read is not read again
        return untouched

    def _edited(self, kind: WorkingKind) -> Iterator[Item]:
        for name, model in self._after.items():
            if name[0] == kind and model is not None and (record := self.record(name)) is not None:
                yield record

    def _listed(self, kind: WorkingKind) -> dict[str, Item]:
        if kind not in self._all:
            self._all[kind] = {item.key: item for item in self._source.items(kind)}
        return self._all[kind]

    def _set(self, name: ItemName, model: WorkingModel | None) -> None:
        self.stored(name)
        self._after[name] = model
        self._records.pop(name, None)

    def _model(self, kind: WorkingKind, key: str, model: type[T]) -> T | None:
        name: ItemName = (kind, key)
        if name in self._after:
            after = self._after[name]
            return after if isinstance(after, model) else None
        before = self.before(name)
        return before if isinstance(before, model) else None


class _Records(Mapping[str, Item]):
    """The records of one kind, as a mapping that reads what is looked up."""

    def __init__(self, state: WorkingState, kind: ItemKind) -> None:
        self._state = state
        self._kind: WorkingKind = kind  # type: ignore[assignment]  # made with working kinds only

    def __getitem__(self, key: str) -> Item:
        if (record := self._state.record((self._kind, key))) is None:
            raise KeyError(key)
        return record

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._state.record((self._kind, key)) is not None

    def __iter__(self) -> Iterator[str]:
        return (record.key for record in self._state.records(self._kind))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def decoded(kind: WorkingKind, text: bytes) -> WorkingModel:
    """Return the item of a kind that is stored as *text*."""
    return msgspec.json.decode(text, type=_MODELS[kind])


def kind_of(model: WorkingModel) -> WorkingKind:
    """Return the kind of item that *model* is."""
    if isinstance(model, Flag):
        return "flag"
    return "segment" if isinstance(model, Segment) else "layer"


def same_content(one: msgspec.Struct | None, other: msgspec.Struct | None) -> bool:
    """Return whether two items say the same, whatever their versions."""
    if one is None or other is None:
        return one is other
    # As text: to Python, true equals 1 and 1 equals 1.0, and these are different values of a variation.
    return content_text(one) == content_text(other)


def content_text(item: msgspec.Struct) -> bytes:
    """Return *item* as JSON without what the log sets: version, changedAt, hash."""
    return msgspec.json.encode(msgspec.structs.replace(item, version=1, changed_at=0, hash=""))
