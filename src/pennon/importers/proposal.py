"""What carrying out a plan would do to an environment, item by item, and the edits that do it. Pure."""

import contextlib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from pennon.importers.contexts import needs
from pennon.importers.plan import Fidelity, Note, Plan, PlannedFlag, PlannedSegment
from pennon.model import Flag, InvalidItem, Segment, Snapshot
from pennon.model.flags import Wire

Kind: TypeAlias = Literal["segment", "flag"]
_DEFINED = ("kind", "variations", "clientSide")
"""What of a flag's JSON the whole project shares."""
_HEAD = ("version", "changedAt", "hash")


class Action(StrEnum):
    """What becomes of an item."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"
    LEAVE_OUT = "leave out"


class ProposedItem(Wire, frozen=True, kw_only=True):
    """An item of a plan, and what becomes of it.

    `changed_at` is the revision that made what is there now, 0 if nothing is. `is_foreign`: what is there was not
    imported from this vendor. `is_blank`: nobody has done anything with it in this environment, as in one that was made
    after an import into another one. `is_elsewhere`: the same, and its kind or variations, which the whole project
    shares, are not those of the file, so that users of another environment would be served others. `why` says why it is
    left out.
    """

    kind: Kind
    key: str
    source: str
    action: Action
    fidelity: Fidelity | None = None
    notes: tuple[Note, ...] = ()
    why: str = ""
    changed_at: int = 0
    is_foreign: bool = False
    is_blank: bool = False
    is_elsewhere: bool = False


class Proposal(Wire, frozen=True, kw_only=True):
    """What becomes of every item of a plan: segments, then flags. `absent` are imported flags that it no longer has."""

    items: tuple[ProposedItem, ...]
    absent: tuple[str, ...] = ()

    def of(self, *actions: Action) -> tuple[ProposedItem, ...]:
        """Return the items of which one of *actions* is to become."""
        return tuple(item for item in self.items if item.action in actions)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.of(Action.CREATE, Action.UPDATE)


def propose(plan: Plan, present: Snapshot | None = None) -> Proposal:
    """Return what carrying out *plan* does to the environment that is *present* (None: an empty one).

    A flag that cannot be carried is left out, and so is one that depends on such a flag.
    """
    snapshot = Snapshot() if present is None else present
    left_out = impossible(plan)
    items = [
        *(_segment(planned, plan.vendor, snapshot) for planned in plan.segments),
        *(_flag(planned, plan.vendor, snapshot, left_out.get(planned.key)) for planned in plan.flags),
    ]
    return Proposal(items=tuple(items), absent=tuple(_absent(plan, snapshot)))


def impossible(plan: Plan) -> Mapping[str, str]:
    """Return the keys of the flags that cannot be carried, each with why: by themselves, or for what they depend on."""
    found = {each.key: _reason(each) for each in plan.flags if each.flag is None}
    items: dict[tuple[str, str], Flag | Segment] = {
        ("flag", each.key): each.flag for each in plan.flags if each.flag is not None
    }
    items |= {("segment", each.key): each.segment for each in plan.segments}
    users: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, item in items.items():
        for need in needs(item):
            users.setdefault(need, []).append(name)
    open_ends = [("flag", key) for key in sorted(found)]
    seen = set(open_ends)
    while open_ends:
        cause = open_ends.pop(0)
        for name in sorted(set(users.get(cause, ())) - seen):
            seen.add(name)
            open_ends.append(name)
            if name[0] == "flag":
                found[name[1]] = f"it depends on the {cause[0]} {cause[1]!r}, which cannot be carried"
    return found


def redefined(plan: Plan, present: Snapshot, proposal: Proposal) -> tuple[str, ...]:
    """Return the keys of the flags that are there and get another kind, other variations or another client side."""
    changed = {item.key for item in proposal.of(Action.UPDATE) if item.kind == "flag"}
    flags = (each.flag for each in plan.flags if each.flag is not None and each.key in changed)
    return tuple(flag.key for flag in flags if _shared(flag) != _shared(_present(present, flag.key)))


def edits(
    plan: Plan, present: Snapshot, proposal: Proposal, definitions: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the edits, as the admin API takes them, that carry out *proposal*: segments first.

    *definitions* are those of the flags that are `redefined`. Name, description and tags are given to new flags only:
    in Pennon people may have written better ones.
    """
    changed = {(item.kind, item.key) for item in proposal.of(Action.CREATE, Action.UPDATE)}
    made = [
        {"do": "putSegment", "segment": _content(each.segment) | {"salt": each.segment.salt}}
        for each in plan.segments
        if ("segment", each.key) in changed
    ]
    for planned in plan.flags:
        if ("flag", planned.key) in changed and planned.flag is not None:
            there = _present(present, planned.key)
            made.append(_flag_edit(planned, planned.flag, there, definitions.get(planned.key)))
    return made


def people_since(proposal: Proposal, actors: Mapping[int, str]) -> tuple[ProposedItem, ...]:
    """Return the items to be overwritten that are not as this vendor's import left them, or that others are served.

    *actors* has the actor's kind of each revision that such an item was last changed by.
    """
    overwritten = (item for item in proposal.of(Action.UPDATE) if not item.is_blank)
    return tuple(
        item for item in overwritten if item.is_foreign or item.is_elsewhere or actors.get(item.changed_at) != "import"
    )


def expected(proposal: Proposal, present: Snapshot) -> dict[str, dict[str, int]]:
    """Return which versions the edits expect (0: none is there), so that nothing is overwritten that came meanwhile."""
    found: dict[str, dict[str, int]] = {"flags": {}, "segments": {}}
    for item in proposal.of(Action.CREATE, Action.UPDATE):
        records = present.flags.records if item.kind == "flag" else present.segments.records
        found[f"{item.kind}s"][item.key] = records[item.key].version if item.key in records else 0
    return found


def _flag(planned: PlannedFlag, vendor: str, present: Snapshot, why: str | None) -> ProposedItem:
    record, there = present.flags.records.get(planned.key), _present(present, planned.key)
    action = Action.CREATE if record is None else Action.UPDATE
    if planned.flag is None or why is not None:
        action = Action.LEAVE_OUT
    elif there is not None and _same(there, planned.flag):
        action = Action.KEEP
    return ProposedItem(
        kind="flag",
        key=planned.key,
        source=planned.source,
        action=action,
        fidelity=planned.fidelity,
        notes=planned.notes,
        why=why or "",
        changed_at=0 if record is None else record.changed_at,
        is_foreign=record is not None and _vendor(there) != vendor,
        is_blank=there is not None and _is_blank(there) and _shared(there) == _shared(planned.flag),
        is_elsewhere=planned.flag is not None and there is not None and _is_elsewhere(there, planned.flag),
    )


def _is_blank(flag: Flag) -> bool:
    touched = (flag.on, flag.compat, flag.targets, flag.rules, flag.prerequisites, flag.staleness)
    return not any(touched)


def _is_elsewhere(there: Flag, planned: Flag) -> bool:
    # What was imported has the salt of its file; what is there because of another environment has one of its own.
    is_untouched = _is_blank(replace(there, compat=None)) and there.salt != planned.salt
    return is_untouched and _shared(there) != _shared(planned)


def _segment(planned: PlannedSegment, vendor: str, present: Snapshot) -> ProposedItem:
    record = present.segments.records.get(planned.key)
    action, there = Action.CREATE if record is None else Action.UPDATE, None
    with contextlib.suppress(KeyError, InvalidItem):
        there = present.segments[planned.key]
        action = Action.KEEP if _same(there, planned.segment) else Action.UPDATE
    return ProposedItem(
        kind="segment",
        key=planned.key,
        source=planned.source,
        action=action,
        notes=planned.notes,
        changed_at=0 if record is None else record.changed_at,
        is_foreign=record is not None and _vendor(there) != vendor,
    )


def _vendor(item: Flag | Segment | None) -> str | None:
    return None if item is None or item.compat is None else item.compat.vendor


def _absent(plan: Plan, present: Snapshot) -> Iterator[str]:
    planned = {each.key for each in plan.flags}
    for key in sorted(present.flags.records.keys() - planned):
        if _vendor(_present(present, key)) == plan.vendor:
            yield key


def _present(present: Snapshot, key: str) -> Flag | None:
    try:
        return present.flags[key]
    except (KeyError, InvalidItem):  # what cannot be read is replaced whole
        return None


def _flag_edit(
    planned: PlannedFlag, flag: Flag, there: Flag | None, definition: Mapping[str, Any] | None
) -> dict[str, Any]:
    content = _content(flag)
    defined = {name: content.pop(name) for name in _DEFINED if name in content}
    configuration = {name: value for name, value in content.items() if name != "key"} | {"salt": flag.salt}
    if there is not None and _shared(there) == _shared(flag):
        return {"do": "setConfiguration", "flag": flag.key, "configuration": configuration}
    kept = {name: value for name, value in (definition or _told(planned)).items() if name not in (*_DEFINED, *_HEAD)}
    return {"do": "putFlag", "definition": {"key": flag.key} | kept | defined, "configuration": configuration}


def _told(planned: PlannedFlag) -> dict[str, Any]:
    told = {"name": planned.name, "description": planned.description, "tags": list(planned.tags)}
    return {name: value for name, value in told.items() if value}


def _shared(flag: Flag | None) -> bytes:
    content = {} if flag is None else _content(flag)
    return msgspec.json.encode([content.get(name) for name in _DEFINED])


def _same(one: Flag | Segment, other: Flag | Segment) -> bool:
    # As text: to Python, true equals 1, and these are different values of a variation.
    return msgspec.json.encode(_content(one)) == msgspec.json.encode(_content(other))


def _content(item: Flag | Segment) -> dict[str, Any]:
    """Return *item* as JSON without what the log sets."""
    bare = replace(item, version=1, changed_at=0, hash="")
    content: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(bare))
    return content


def _reason(planned: PlannedFlag) -> str:
    return "; ".join(note.message for note in planned.notes) or "no reason is given"
