"""What changes mean to those who are told of them: of which types they are, and what of them concerns whom. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from pennon.control.changes.summary import place_of
from pennon.control.environments.protection import broke_glass
from pennon.control.log import INSTALLATION, Change, Edit, project_log
from pennon.control.webhooks.models import EventType, Webhook

IsProduction = Callable[[str, str], bool]
"""Returns whether an environment, by the keys of its project and itself, is marked as production."""

_TYPES: Mapping[str, EventType] = {
    "flag": "flags.changed",
    "segment": "flags.changed",
    "layer": "flags.changed",
    "definition": "flag.defined",
    "environment": "environment.changed",
    "key": "key.changed",
    "webhook": "webhook.changed",
    "account": "access.changed",
    "role": "access.changed",
    "token": "access.changed",
    "signingKey": "access.changed",
}
TOLD_KINDS = frozenset({*_TYPES, "request", "schedule", "project"})
"""Kinds of items of which a change is news."""
_ENDS: Mapping[str, EventType] = {"applied": "request.applied", "withdrawn": "request.withdrawn"}
_VERDICTS: Mapping[str, EventType] = {"approved": "request.approved", "refused": "request.refused"}


class _Flag(msgspec.Struct):
    on: bool = False


class _Said(msgspec.Struct):
    verdict: str = ""


class _Where(msgspec.Struct):
    environment: str = ""


class _Request(msgspec.Struct):
    state: str = "open"
    reviews: tuple[_Said, ...] = ()
    comments: tuple[object, ...] = ()
    proposals: tuple[_Where, ...] = ()


class _Run(msgspec.Struct):
    at: object = None
    result: str = ""


class _Schedule(msgspec.Struct):
    environment: str = ""
    last: _Run | None = None


class Part(msgspec.Struct, frozen=True):
    """What a change did to one log, and what that means."""

    change: Change
    types: frozenset[str]


def types_of(change: Change) -> frozenset[str]:
    """Return everything that *change* is, as webhooks name it."""
    found = {_type(edit) for edit in change.edits}
    if any(_is_turned_off(edit) for edit in change.edits):
        found.add("flag.turnedOff")
    if broke_glass(change.why):
        found.add("glass.broken")
    return frozenset(found)


def concerning(webhook: Webhook, owner: str, rows: Iterable[Change], is_production: IsProduction) -> Sequence[Part]:
    """Return which of *rows*, written by one command, a webhook of the log *owner* is to be told; empty: nothing."""
    parts = [
        Part(change, types_of(change))
        for change in rows
        if _is_below(owner, change.log) and _takes(webhook, change, is_production)
    ]
    return parts if webhook.wants(frozenset().union(*(part.types for part in parts))) else ()


def _is_below(owner: str, log: str) -> bool:
    project, _ = place_of(log)
    return owner == INSTALLATION or (project is not None and owner == project_log(project))


def _takes(webhook: Webhook, change: Change, is_production: IsProduction) -> bool:
    project, environment = place_of(change.log)
    if project is None:
        return True
    named = {environment} if environment is not None else _environments(change)
    # What is of the project as a whole is of all its environments.
    return not named or any(
        webhook.takes_environment(each, is_production=is_production(project, each)) for each in named if each
    )


def _environments(change: Change) -> set[str | None]:
    """Return the environments that all of a change of a project's own log is about; empty: the project."""
    found: set[str | None] = set()
    for edit in change.edits:
        text = edit.after or edit.before or b"{}"
        if edit.kind == "environment":
            found.add(edit.key)
        elif edit.kind == "request":
            found.update(each.environment for each in msgspec.json.decode(text, type=_Request).proposals)
        elif edit.kind == "schedule":
            found.add(msgspec.json.decode(text, type=_Schedule).environment)
        else:
            return set()
    return found if all(found) else set()


def _type(edit: Edit) -> EventType:
    if edit.kind == "request":
        return _request_type(edit)
    if edit.kind == "schedule" and _has_failed(edit):
        return "schedule.failed"
    if edit.kind == "flag" and edit.before is None and not _is_on(edit.after):
        return "flag.defined"  # a new flag is off everywhere: nobody is served anything else
    return _TYPES.get(edit.kind, "settings.changed")


def _request_type(edit: Edit) -> EventType:
    if edit.before is None or edit.after is None:
        return "request.created" if edit.before is None else "request.withdrawn"
    before, after = (msgspec.json.decode(text, type=_Request) for text in (edit.before, edit.after))
    if before.state != after.state and after.state in _ENDS:
        return _ENDS[after.state]
    if before.reviews != after.reviews and after.reviews:
        return _VERDICTS.get(after.reviews[-1].verdict, "request.edited")
    return "request.edited" if before.comments == after.comments else "request.commented"


def _has_failed(edit: Edit) -> bool:
    before, after = (msgspec.json.decode(text or b"{}", type=_Schedule).last for text in (edit.before, edit.after))
    return after is not None and after != before and after.result == "failed"


def _is_turned_off(edit: Edit) -> bool:
    is_there = edit.kind == "flag" and edit.after is not None
    return is_there and _is_on(edit.before) and not _is_on(edit.after)


def _is_on(text: bytes | None) -> bool:
    return text is not None and msgspec.json.decode(text, type=_Flag).on
