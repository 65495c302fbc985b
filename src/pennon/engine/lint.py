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


def check_flag(flag: Flag, snapshot: Snapshot, *, dialects: Dialects = DIALECTS) -> list[Problem]:
    """Return what is wrong with *flag* among the items of *snapshot*, where it may be new or replace an older one.

    That is whatever would make it answer an error; prerequisites that can never be met; and a chain of prerequisites
    that it would make too deep for the flags above it.
    """
    later = _with(snapshot, "flag", Item.of(flag))
    compiler = _compiler(later, dialects)
    problems = [*compiler.problems(flag), *_unmet(flag, later)]
    link = compiler.links.of("flag", flag.key)
    if flag.prerequisites and link.problem is None:
        problems += _depth_above(("flag", flag.key), link, _flags_above(later), "/prerequisites")
    return problems


def check_segment(segment: Segment, snapshot: Snapshot, *, dialects: Dialects = DIALECTS) -> list[Problem]:
    """Return what is wrong with *segment* among the items of *snapshot*, as `check_flag` does for a flag."""
    later = _with(snapshot, "segment", Item.of(segment))
    compiler = _compiler(later, dialects)
    link = compiler.links.of("segment", segment.key)
    if link.problem is not None:
        return [Problem("/rules", link.problem, "break the chain")]
    _, problems = compile_segment(segment, compiler)
    if link.direct:
        problems += _depth_above(("segment", segment.key), link, _segments_above(later), "/rules")
    return problems


def _compiler(snapshot: Snapshot, dialects: Dialects) -> Compiler:
    return Compiler(snapshot, Links(snapshot), Kit(counted=False, exposed=None, dialects=dialects))


def _with(snapshot: Snapshot, kind: ItemKind, item: Item) -> Snapshot:
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
