"""Projections: what of an environment whom is told.

`server` is all but the key records, `edge` is all, `client` is the client-side flags with what they need: their
prerequisites, however deep, and the segments and layers of all of these. Segments are hashed there, so that a browser
can test its own targeting key against a list but not read it.

The client projection is kept up to date with the work of the change, not of the environment: what each member needs
is remembered, and the closure is drawn anew only when a change alters that.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Literal, TypeAlias

import msgspec

from pennon.model import DECODE_ERRORS, Condition, Flag, Item, ItemKind, Segment, text_hash
from pennon.protocol import digest
from pennon.protocol.state import Changes, Reference, State, differs

Projection: TypeAlias = Literal["server", "edge", "client"]
PROJECTIONS: tuple[Projection, ...] = ("server", "edge", "client")

Source: TypeAlias = Mapping[ItemKind, Mapping[str, Item]]


class _Sketch(msgspec.Struct, frozen=True, rename="camel"):
    client_side: bool = False


_AS_THEY_ARE: tuple[ItemKind, ...] = ("flag", "layer")
"""What the client projection has as the environment does. Segments are others there."""
_SKETCHES = msgspec.json.Decoder(_Sketch)
_FLAGS = msgspec.json.Decoder(Flag)
_SEGMENTS = msgspec.json.Decoder(Segment)
_OBJECTS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class ClientProjection:
    """The client projection of one environment, as it follows the environment."""

    def __init__(self, source: Source) -> None:
        self._needs: dict[Reference, tuple[Reference, ...]] = {}
        flags = source.get("flag", {})
        self._roots: set[Reference] = {("flag", key) for key, item in flags.items() if is_client_side(item)}
        self._members = self._closure(source)
        self._keys: dict[ItemKind, frozenset[str]] = {
            kind: frozenset(key for each, key in self._members if each == kind and key in source.get(kind, {}))
            for kind in _AS_THEY_ARE
        }
        lists = ((key, self._project(source, (kind, key))) for kind, key in self._members if kind == "segment")
        self.state = State.of(self._shown(source, {key: item for key, item in lists if item is not None}))

    @property
    def client_side(self) -> frozenset[str]:
        """The keys of the client-side flags: what else is in the projection is what they need."""
        return frozenset(key for _, key in self._roots)

    def advance(self, source: Source, touched: Iterable[Reference]) -> Changes:
        """Follow the environment to *source*, in which *touched* differ, and return what changes here."""
        concerned = {reference for reference in touched if self._concerns(source, reference)}
        redraw = [reference for reference in concerned if self._renew(source, reference)]
        if redraw:
            before, self._members = self._members, self._closure(source)
            concerned |= before ^ self._members
        changes: dict[ItemKind, dict[str, Item | None]] = {}
        for reference in concerned:
            after = self._project(source, reference)
            if differs(self.state.get(reference), after):
                changes.setdefault(reference[0], {})[reference[1]] = after
        self._follow(source, changes)
        return changes

    def _follow(self, source: Source, changes: Changes) -> None:
        """Show *source*, in which *changes* are all that differs here."""
        value = self.state.value
        for kind, edits in changes.items():
            for key, item in edits.items():
                value ^= digest.step(kind, self.state.get((kind, key)), item)
            if kind in self._keys and _is_there(edits) != self._keys[kind] & edits.keys():
                self._keys[kind] = (self._keys[kind] - edits.keys()) | _is_there(edits)
        lists = self.state.items["segment"]
        if of_lists := changes.get("segment"):
            lists = {key: item for key, item in {**lists, **of_lists}.items() if item is not None}
        self.state = State(self._shown(source, lists), value)

    def _shown(self, source: Source, lists: Mapping[str, Item]) -> Source:
        as_they_are = {kind: Selected(source.get(kind, {}), self._keys[kind]) for kind in _AS_THEY_ARE}
        return {**as_they_are, "segment": lists}

    def _concerns(self, source: Source, reference: Reference) -> bool:
        """Whether a change of *reference* can show here: it is needed, even if it is missing, or is client-side now."""
        return reference in self._members or (reference[0] == "flag" and is_client_side(_look_up(source, reference)))

    def _renew(self, source: Source, reference: Reference) -> bool:
        """Look at a changed item anew; return whether the closure has to be drawn again."""
        item = _look_up(source, reference)
        before = self._needs.get(reference), reference in self._roots
        self._needs[reference] = needs_of(reference[0], item)
        if reference[0] == "flag" and is_client_side(item):
            self._roots.add(reference)
        else:
            self._roots.discard(reference)
        return before != (self._needs[reference], reference in self._roots)

    def _closure(self, source: Source) -> frozenset[Reference]:
        """Return all that the client-side flags need, they among it, and what is needed but missing too."""
        needs: dict[Reference, tuple[Reference, ...]] = {}
        waiting = list(self._roots)
        while waiting:
            reference = waiting.pop()
            if reference not in needs:
                known = self._needs.get(reference)
                needs[reference] = needs_of(reference[0], _look_up(source, reference)) if known is None else known
                waiting.extend(needs[reference])
        self._needs = needs
        return frozenset(needs)

    def _project(self, source: Source, reference: Reference) -> Item | None:
        item = _look_up(source, reference) if reference in self._members else None
        return hashed(item) if item is not None and reference[0] == "segment" else item


class Selected(Mapping[str, Item]):
    """Those of an environment's records that have one of *keys*, which all are there: nothing is kept twice."""

    __slots__ = ("_keys", "_records")

    def __init__(self, records: Mapping[str, Item], keys: frozenset[str]) -> None:
        self._records = records
        self._keys = keys

    def __getitem__(self, key: str) -> Item:
        if key not in self._keys:
            raise KeyError(key)
        return self._records[key]

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def is_client_side(item: Item | None) -> bool:
    """Whether *item*, a flag, says that it is client-side. What cannot be read is not."""
    try:
        return item is not None and _SKETCHES.decode(item.text).client_side
    except DECODE_ERRORS:
        return False


def needs_of(kind: ItemKind, item: Item | None) -> tuple[Reference, ...]:
    """Return the items that *item* names: prerequisites, segments, layers. What cannot be read names none."""
    if item is None or kind not in _NEEDS:
        return ()
    try:
        return tuple(dict.fromkeys(_NEEDS[kind](item.text)))
    except DECODE_ERRORS:
        return ()


def hashed(item: Item) -> Item | None:
    """Return a segment with its lists as hashes, all else as it is; None if it cannot be read.

    Members that are not known here are passed on: the reader may be newer than this hub.
    """
    try:
        segment, members = _SEGMENTS.decode(item.text), _OBJECTS.decode(item.text)
    except DECODE_ERRORS:
        return None
    if segment.hashed:
        return item
    members.pop("hash", None)
    lists = {"included": segment.included, "excluded": segment.excluded}
    hashes = {name: [_hash(segment.salt, key) for key in keys] for name, keys in lists.items() if keys}
    stored = msgspec.json.encode({**members, **hashes, "hashed": True})
    return Item.from_text(item.key, b'{"hash":"%b",' % text_hash(stored).encode() + stored[1:])


def _hash(salt: str, targeting_key: str) -> str:
    return sha256(f"{salt}.{targeting_key}".encode()).hexdigest()


def _flag_needs(text: bytes) -> Iterator[Reference]:
    flag = _FLAGS.decode(text)
    for prerequisite in flag.prerequisites:
        yield "flag", prerequisite.flag
    serves = [flag.fallthrough, *([flag.staleness.serve] if flag.staleness else [])]
    for rule in flag.rules:
        serves.append(rule.serve)
        yield from _segments_in(rule.conditions)
        if flag.compat is not None:
            yield from (("flag", each.attribute) for each in rule.conditions if each.op == "serves" and each.attribute)
    for serve in serves:
        if serve.split and serve.split.experiment and serve.split.experiment.layer is not None:
            yield "layer", serve.split.experiment.layer


def _segment_needs(text: bytes) -> Iterator[Reference]:
    for rule in _SEGMENTS.decode(text).rules:
        yield from _segments_in(rule.conditions)


def _segments_in(conditions: Iterable[Condition]) -> Iterator[Reference]:
    for condition in conditions:
        if condition.op == "inSegment":
            yield from (("segment", value) for value in condition.values if isinstance(value, str))


_NEEDS: Mapping[ItemKind, Callable[[bytes], Iterator[Reference]]] = {"flag": _flag_needs, "segment": _segment_needs}


def _look_up(source: Source, reference: Reference) -> Item | None:
    return source.get(reference[0], {}).get(reference[1])


def _is_there(edits: Mapping[str, Item | None]) -> frozenset[str]:
    return frozenset(key for key, item in edits.items() if item is not None)
