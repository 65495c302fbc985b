"""What is different between two texts of an item, or two states: field by field, and in sentences. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from pennon.control.changes.sentences import sentences
from pennon.control.log import Edit, Stored
from pennon.control.working.state import ARCHIVED
from pennon.model import ITEM_KINDS, Json, pointer

_Named: TypeAlias = dict[tuple[Json, ...], tuple[int, Json]]
Texts: TypeAlias = tuple[bytes | None, bytes | None]
"""The text of an item before and after; None: it was not there, or is not there any more."""
What: TypeAlias = Literal["created", "changed", "deleted", "archived", "restored"]
_HEAD = ("version", "changedAt", "hash")
_SECRET = "signingSecret"  # of a key's record: it is nobody's who reads what was changed
_NAMES: tuple[tuple[str, ...], ...] = (("id",), ("key",), ("flag",), ("attribute", "variation"), ("experiment", "from"))
"""What tells an element of a list from its neighbours, where it has these members: rules, variations, …"""


class FieldChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """One value that is another. A side that is left out had nothing at this path (or the default).

    The path of what is gone is from the state before, all others from the one after. Elements of a list that have a
    name (rules by id, variations by key, …) are compared by it; if they stand in another order, the list's path has
    their names in order. Of a list of plain values the elements that came and went are told.
    """

    path: str
    before: Json | UnsetType = UNSET
    after: Json | UnsetType = UNSET


class ItemChange(msgspec.Struct, frozen=True):
    """How one item is different, field by field, and as a person would say it."""

    kind: str
    key: str
    what: What
    fields: tuple[FieldChange, ...]
    sentences: tuple[str, ...]


def diff_items(
    before: Mapping[str, Mapping[str, Stored]], after: Mapping[str, Mapping[str, Stored]]
) -> tuple[ItemChange, ...]:
    """Return what is different between two states, by kind, then key."""
    return diff_all(differing(before, after))


def differing(
    before: Mapping[str, Mapping[str, Stored]], after: Mapping[str, Mapping[str, Stored]]
) -> dict[tuple[str, str], Texts]:
    """Return the items (kind, key) that two states have different, with their texts."""
    found: dict[tuple[str, str], Texts] = {}
    for kind in {*before, *after}:
        old, new = before.get(kind, {}), after.get(kind, {})
        for key in {*old, *new}:
            one, other = old.get(key), new.get(key)
            if one is None or other is None or one.hash != other.hash:
                found[kind, key] = (one.text if one else None, other.text if other else None)
    return found


def diff_edits(edits: Sequence[Edit]) -> tuple[ItemChange, ...]:
    """Return what the edits of a change did, by kind, then key."""
    return diff_all({(edit.kind, edit.key): (edit.before, edit.after) for edit in edits})


def diff_all(texts: Mapping[tuple[str, str], Texts]) -> tuple[ItemChange, ...]:
    """Return how items (kind, key) are different, by kind, then key. A flag and what is kept of it are told as one."""
    found = []
    for name in sorted(texts, key=lambda name: (_kind_order(name[0]), name[1])):
        kind, key = name
        if kind == ARCHIVED and ("flag", key) in texts:
            continue
        kept = texts.get((ARCHIVED, key)) if kind == "flag" else None
        found.append(_archiving(key, texts[name], kept) if kept else diff_texts(name, *texts[name]))
    return tuple(change for change in found if change is not None)


def _archiving(key: str, served: Texts, kept: Texts) -> ItemChange | None:
    """Return what became of a flag that was archived, *kept* being what is now kept of it, or restored."""
    if served[1] is None:
        whole = FieldChange("", before=_content(served[0]))
        return ItemChange("flag", key, "archived", (whole,), (f"flag {key} archived",))
    said = sentences("flag", kept[0], served[1])
    fields = tuple(_changes(_content(kept[0]), _content(served[1]), ""))
    return ItemChange("flag", key, "restored", fields, (f"flag {key} restored", *said))


def diff_texts(name: tuple[str, str], before: bytes | None, after: bytes | None) -> ItemChange | None:
    """Return how an item (kind, key) is different; None: it says the same, whatever its version."""
    old, new = _content(before), _content(after)
    kind, key = name
    said = sentences(kind, before, after)
    if old is None or new is None:
        if old is new:
            return None
        whole = FieldChange("", after=new) if old is None else FieldChange("", before=old)
        return ItemChange(kind, key, "created" if old is None else "deleted", (whole,), said)
    fields = tuple(_changes(old, new, ""))
    return ItemChange(kind, key, "changed", fields, said) if fields else None


def _content(text: bytes | None) -> dict[str, Any] | None:
    if text is None:
        return None
    members: dict[str, Any] = msgspec.json.decode(text)
    return {name: "…" if name == _SECRET else value for name, value in members.items() if name not in _HEAD}


def _changes(before: Json, after: Json, path: str) -> Iterator[FieldChange]:
    if _same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            old, new = before.get(name, UNSET), after.get(name, UNSET)
            yield from _either(_listed(old, new), _listed(new, old), path + pointer(name))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_changes(before, after, path)
    else:
        yield FieldChange(path, before, after)


def _either(before: Json | UnsetType, after: Json | UnsetType, path: str) -> Iterator[FieldChange]:
    if before is UNSET or after is UNSET:
        yield FieldChange(path, before, after)
    else:
        yield from _changes(before, after, path)


def _listed(side: Json | UnsetType, other: Json | UnsetType) -> Json | UnsetType:
    # An empty list is left out of an item's text, and what came into it is to be told one by one.
    return [] if side is UNSET and isinstance(other, list) and other else side


def _list_changes(before: list[Json], after: list[Json], path: str) -> Iterator[FieldChange]:
    old, new = _by_name(before), _by_name(after)
    if old is None or new is None:
        yield from _changes_in_place(before, after, path)
        return
    yield from _named_changes(old, new, path)
    stayed, stay = [name for name in old if name in new], [name for name in new if name in old]
    if stayed != stay:
        yield FieldChange(path, [_label(name) for name in old], [_label(name) for name in new])


def _named_changes(old: _Named, new: _Named, path: str) -> Iterator[FieldChange]:
    for name, (index, element) in old.items():
        if name not in new:
            yield FieldChange(path + pointer(index), before=element)
    for name, (index, element) in new.items():
        if name not in old:
            yield FieldChange(path + pointer(index), after=element)
        elif isinstance(element, dict):  # a plain value is its own name
            yield from _changes(old[name][1], element, path + pointer(index))


def _by_name(elements: list[Json]) -> _Named | None:
    """Return the elements with their indices by what tells them apart, None if nothing does."""
    named: _Named = {}
    for index, element in enumerate(elements):
        if (name := _name(element)) is None or name in named:
            return None
        named[name] = (index, element)
    return named


def _name(element: Json) -> tuple[Json, ...] | None:
    if isinstance(element, str | int | float | bool):
        return (type(element).__name__, element)  # to Python, true is 1
    if not isinstance(element, dict):
        return None
    for members in _NAMES:
        if members[-1] in element and (len(members) > 1 or isinstance(element[members[0]], str)):
            return tuple(element.get(member) for member in members)
    return None


def _label(name: tuple[Json, ...]) -> Json:
    return name[-1]


def _changes_in_place(before: list[Json], after: list[Json], path: str) -> Iterator[FieldChange]:
    """Compare elements without names: those between what both begin and end with, by their place."""
    start = 0
    while start < min(len(before), len(after)) and _same(before[start], after[start]):
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and _same(before[-1 - end], after[-1 - end]):
        end += 1
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    for index in range(max(len(old), len(new))):
        one = old[index] if index < len(old) else UNSET
        other = new[index] if index < len(new) else UNSET
        yield from _either(one, other, path + pointer(start + index))


def _same(one: Json, other: Json) -> bool:
    return one == other and msgspec.json.encode(one) == msgspec.json.encode(other)


def _kind_order(kind: str) -> tuple[int, str]:
    return (ITEM_KINDS.index(kind) if kind in ITEM_KINDS else len(ITEM_KINDS), kind)
