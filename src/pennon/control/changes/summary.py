"""A change in a few lines, for who is told of it: bounded, however much was changed. Pure."""

from datetime import datetime
from typing import TypeAlias

import msgspec

from pennon.control.changes.diff import What
from pennon.control.changes.sentences import sentences
from pennon.control.environments.protection import broke_glass
from pennon.control.log import Actor, Change, Edit

MOST_ITEMS = 25
MOST_SENTENCES = 4
LONGEST = 200

Place: TypeAlias = tuple[str | None, str | None]


class ItemSummary(msgspec.Struct, frozen=True):
    """What became of an item, in sentences."""

    kind: str
    key: str
    change: What
    sentences: tuple[str, ...]


class ChangeSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One row of a log. `more` items were touched that are not listed."""

    log: str
    project: str | None
    environment: str | None
    epoch: int
    revision: int
    change_id: str
    time: datetime
    actor: Actor
    action: str
    why: str
    break_glass: bool
    items: tuple[ItemSummary, ...]
    more: int = 0


def summary(change: Change, *, most: int = MOST_ITEMS) -> ChangeSummary:
    """Return *change* with at most so many of its items."""
    project, environment = place_of(change.log)
    return ChangeSummary(
        log=change.log,
        project=project,
        environment=environment,
        epoch=change.epoch,
        revision=change.revision,
        change_id=change.change_id,
        time=change.time,
        actor=change.actor,
        action=change.action,
        why=change.why,
        break_glass=broke_glass(change.why),
        items=tuple(_item(edit) for edit in change.edits[:most]),
        more=max(0, len(change.edits) - most),
    )


def place_of(log: str) -> Place:
    """Return the project and the environment that a log is of; None, None: the installation."""
    kind, _, rest = log.partition("/")
    if kind == "projects":
        return rest, None
    project, _, environment = rest.partition("/")
    return (project, environment) if kind == "environments" else (None, None)


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return *text*, cut off where it is too long."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _item(edit: Edit) -> ItemSummary:
    said = sentences(edit.kind, edit.before, edit.after)
    shown = tuple(shortened(each) for each in said[:MOST_SENTENCES])
    if (more := len(said) - MOST_SENTENCES) > 0:
        shown = (*shown, f"and {more} more")
    return ItemSummary(edit.kind, edit.key, _what(edit), shown)


def _what(edit: Edit) -> What:
    if edit.before is None:
        return "created"
    return "deleted" if edit.after is None else "changed"
