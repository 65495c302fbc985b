"""What a change that is made later was planned on, so that it overwrites nothing that was changed meanwhile."""

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from pennon.control.flags.project import WorkingProject
from pennon.control.log import Change, EnvironmentName, Reading, project_log
from pennon.control.working.state import ARCHIVED, WORKING_KINDS
from pennon.model import Json
from pennon.model.flags import Wire

_SET_BY_LOG = frozenset({"version", "changedAt", "hash"})
_LOOKED_BACK = 100
"""So many changes of an item are looked at for the one that is in the way."""


class Base(Wire, frozen=True, kw_only=True):
    """What an item said when a change of it was planned: all of it, or some of its members. No digest: not there."""

    kind: str
    key: str
    digest: str = ""
    members: tuple[str, ...] = ()


def base_of(kind: str, key: str, text: bytes | None, members: Iterable[str] = ()) -> Base:
    """Return what an item with this *text* is planned on. With *members*, others may be changed meanwhile."""
    named = tuple(sorted(members))
    return Base(kind=kind, key=key, digest=_digest(text, named), members=named)


def base_now(reading: Reading, name: EnvironmentName, base: Base) -> Base:
    """Return *base* as the item is now. Definitions are in the project of *name*, everything else in itself."""
    stored = reading.item(_log_of(name, base.kind), base.kind, base.key)
    return base_of(base.kind, base.key, stored.text if stored else None, base.members)


def base_left(working: WorkingProject, name: EnvironmentName, base: Base) -> Base:
    """Return *base* as *working* leaves the item in *name*."""
    return base_of(base.kind, base.key, _text_left(working, name, base), base.members)


def later(reading: Reading, name: EnvironmentName, bases: Iterable[Base]) -> Iterator[str]:
    """Yield what was changed since it was planned on, by whom, and in which revision."""
    for base in bases:
        current = base_now(reading, name, base)
        if current.digest == base.digest:
            continue
        last = _last_of(reading, name, base)
        said = f" by {last.actor.name} in revision {last.revision}" if last else ""
        yield f"{base.kind} {base.key!r} in {name.environment} was {_became(reading, name, base, current)}{said}"


def _last_of(reading: Reading, name: EnvironmentName, base: Base) -> Change | None:
    item = base.kind, base.key
    for change in reading.latest(_log_of(name, base.kind), limit=_LOOKED_BACK, item=item):
        for edit in change.edits:
            if (edit.kind, edit.key) == item and _digest(edit.before, base.members) != _digest(
                edit.after, base.members
            ):
                return change
    return None


def _became(reading: Reading, name: EnvironmentName, base: Base, current: Base) -> str:
    if current.digest:
        return "changed" if base.digest else "created"
    is_archived = base.kind == "flag" and reading.item(name.log, ARCHIVED, base.key) is not None
    return "archived" if is_archived else "deleted"


def _log_of(name: EnvironmentName, kind: str) -> str:
    return project_log(name.project) if kind == "definition" else name.log


def _text_left(working: WorkingProject, name: EnvironmentName, base: Base) -> bytes | None:
    state = working.environments[name]
    if base.kind in ("definition", ARCHIVED):
        model = working.definition(base.key) if base.kind == "definition" else state.archived(base.key)
        return None if model is None else msgspec.json.encode(model)
    record = next(state.record((kind, base.key)) for kind in WORKING_KINDS if kind == base.kind)
    return None if record is None else record.text


def _digest(text: bytes | None, members: tuple[str, ...]) -> str:
    if text is None:
        return ""
    content: dict[str, Json] = msgspec.json.decode(text)
    kept = {each: value for each, value in content.items() if (each in members if members else each not in _SET_BY_LOG)}
    return hashlib.sha256(msgspec.json.encode(kept, order="sorted")).hexdigest()[:16]
