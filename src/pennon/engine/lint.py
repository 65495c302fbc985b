"""What a new flag or segment would break, found before it is written: everything that the compiler would refuse."""

from collections import ChainMap
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeVar, cast

from pennon.engine.compiler import Compiler, Kit
from pennon.engine.conditions import compile_segment
from pennon.engine.dialects import DIALECTS, Dialects
from pennon.engine.links import DEEPEST, Link, Links, Node, segments_asked
from pennon.model import (
    ITEM_KINDS,
    Flag,
    InvalidItem,
    Item,
    ItemKind,
    Items,
    Prerequisite,
    Problem,
    Segment,
    Snapshot,
)

Model = TypeVar("Model", Flag, Segment)


class Checker:
    """Finds what is wrong with items of *snapshot*. What it learns of the others is learnt once for all of them."""

    def __init__(self, snapshot: Snapshot, *, dialects: Dialects = DIALECTS) -> None:
        self._snapshot = snapshot
        kit = Kit(counted=False, exposed=None, dialects=dialects)
        self._compiler = Compiler(snapshot, Links(snapshot), kit)
        self._above: dict[ItemKind, dict[Node, list[Node]]] = {}

    def flag_problems(self, key: str) -> list[Problem]:
        """Return what is wrong with a flag; see `check_flag`."""
        flag = self._snapshot.flags[key]
        problems = [*self._compiler.problems(flag), *_unmet(flag, self._snapshot)]
        link = self._compiler.links.of("flag", key)
        if flag.prerequisites and link.problem is None:
            problems += _depth_above(("flag", key), link, self._users("flag"), "/prerequisites")
        return problems

    def segment_problems(self, key: str) -> list[Problem]:
        """Return what is wrong with a segment; see `check_segment`."""
        link = self._compiler.links.of("segment", key)
        if link.problem is not None:
            return [Problem("/rules", link.problem, "break the chain")]
        _, found = compile_segment(self._snapshot.segments[key], self._compiler)
        problems = list(found)
        if link.direct:
            problems += _depth_above(("segment", key), link, self._users("segment"), "/rules")
        return problems

    def _users(self, kind: ItemKind) -> dict[Node, list[Node]]:
        if kind not in self._above:
            above = _flags_above(self._snapshot) if kind == "flag" else _segments_above(self._snapshot)
            self._above[kind] = above
        return self._above[kind]


def check_flag(flag: Flag, snapshot: Snapshot, *, dialects: Dialects = DIALECTS) -> list[Problem]:
    """Return what is wrong with *flag* among the items of *snapshot*, where it may be new or replace an older one.

    That is whatever would make it answer an error; prerequisites that can never be met; and a chain of prerequisites
    that it would make too deep for the flags above it.
    """
    return Checker(laid_over(snapshot, "flag", Item.of(flag)), dialects=dialects).flag_problems(flag.key)


def check_segment(segment: Segment, snapshot: Snapshot, *, dialects: Dialects = DIALECTS) -> list[Problem]:
    """Return what is wrong with *segment* among the items of *snapshot*, as `check_flag` does for a flag."""
    return Checker(laid_over(snapshot, "segment", Item.of(segment)), dialects=dialects).segment_problems(segment.key)


def laid_over(snapshot: Snapshot, kind: ItemKind, item: Item) -> Snapshot:
    """Return *snapshot* with *item* in it, new or in the place of an older one."""
    items = {each: snapshot.items(each) for each in ITEM_KINDS}
    # Laid over, not copied: the items may be read from a database when they are looked up, and most are not.
    items[kind] = ChainMap({item.key: item}, cast("dict[str, Item]", items[kind]))
    return Snapshot.of(items, environment=snapshot.environment, position=snapshot.position)


def _unmet(flag: Flag, snapshot: Snapshot) -> Iterator[Problem]:
    for index, prerequisite in enumerate(flag.prerequisites):
        path = f"/prerequisites/{index}"
        try:
            required = snapshot.flags[prerequisite.flag]
        except KeyError:
            yield Problem(path + "/flag", f"there is no flag {prerequisite.flag!r}", "create it first, or leave it out")
        except InvalidItem as error:
            yield Problem(path + "/flag", f"the flag {prerequisite.flag!r} cannot be read: {error}", "mend it first")
        else:
            yield from _unknown_variations(prerequisite, required, path)


def _unknown_variations(prerequisite: Prerequisite, required: Flag, path: str) -> Iterator[Problem]:
    keys = [variation.key for variation in required.variations]
    for index, key in enumerate(prerequisite.variations):
        if key not in keys:
            message = f"the flag {required.key!r} has no variation {key!r}"
            yield Problem(f"{path}/variations/{index}", message, f"name one of: {', '.join(keys)}")


def _depth_above(node: Node, link: Link, above: dict[Node, list[Node]], path: str) -> Iterator[Problem]:
    """Find whether a chain from above through *node* gets too deep. Walks up a level at a time, as far as matters."""
    level, steps = {node}, 0
    while level and link.deep + steps <= DEEPEST:
        level = {user for each in level for user in above.get(each, ())}
        steps += 1
    if level:
        message = f"it would make the chain below {min(key for _, key in level)!r} more than {DEEPEST} deep"
        yield Problem(path, message, "shorten the chain")


def _flags_above(snapshot: Snapshot) -> dict[Node, list[Node]]:
    """Return the flags that have each flag as a prerequisite."""
    above: dict[Node, list[Node]] = {}
    for flag in _mentioning(snapshot.flags, b'"prerequisites"'):
        for prerequisite in flag.prerequisites:
            above.setdefault(("flag", prerequisite.flag), []).append(("flag", flag.key))
    return above


def _segments_above(snapshot: Snapshot) -> dict[Node, list[Node]]:
    """Return the segments that ask for each segment."""
    above: dict[Node, list[Node]] = {}
    for segment in _mentioning(snapshot.segments, b'"inSegment"'):
        for needed in segments_asked(segment.rules):
            above.setdefault(needed, []).append(("segment", segment.key))
    return above


def _mentioning(items: Items[Model], word: bytes) -> Iterator[Model]:
    """Return the items with *word* in their text: a search spares decoding the others; escapes may spell it too."""
    for key, item in items.records.items():
        if word in item.text or b"\\u00" in item.text:
            with suppress(InvalidItem):
                yield items[key]
