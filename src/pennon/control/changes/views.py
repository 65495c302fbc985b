"""Read-only answers about what was changed: the list of changes, one of them, differences, and the past."""

import itertools
from collections.abc import Mapping
from datetime import datetime

import msgspec

from pennon.control.changes.diff import ItemChange, Texts, diff_all, diff_edits, differing
from pennon.control.changes.searching import Sought, search
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import NotFound
from pennon.control.log import Change, ChangeLog, EnvironmentName, Head, Reading, State, Stored, project_log
from pennon.control.projects.views import project as find_project
from pennon.control.working.pages import Page
from pennon.control.working.state import ARCHIVED, ItemName
from pennon.model import Item, ItemKind, Position, Snapshot
from pennon.protocol import digest

SERVED_KINDS: tuple[ItemKind, ...] = ("flag", "segment", "layer")
"""What snapshots for SDKs hold: not the keys."""
_SHOWN = frozenset({*SERVED_KINDS, ARCHIVED})
_AT_ONCE, _BYTES_AT_ONCE = 500, 16 * 1024 * 1024


class ChangeReport(msgspec.Struct, frozen=True):
    """A change, and what it did in fields and sentences."""

    change: Change
    items: tuple[ItemChange, ...]


class Difference(msgspec.Struct, frozen=True):
    """What is different between two revisions of an environment, and how many items more. Keys are left out."""

    before: Position
    after: Position
    items: tuple[ItemChange, ...]
    more: int = 0


class ChangeViews:
    """Answers about changes. Each raises `NotFound` for a project, environment or revision that is not there."""

    def __init__(self, log: ChangeLog) -> None:
        self._log = log

    def changes(
        self,
        environment: EnvironmentName,
        *,
        item: ItemName | None = None,
        before: int | None = None,
        limit: int = 50,
        most_items: int | None = None,
    ) -> Page[ChangeReport]:
        """Return a page of changes, newest first, of those before a revision; with *item*, those that touched it.

        Of each no more than *most_items* are told: an import of thousands takes its time to tell.
        """
        with self._log.reading() as reading:
            find_environment(reading, environment)
            found = reading.latest(environment.log, before=before, limit=limit + 1, item=item)
            return _page(found, limit, item, most_items)

    def search(
        self, log: str, sought: Sought, *, before: int | None = None, limit: int = 50, most_items: int | None = None
    ) -> Page[ChangeReport]:
        """Return a page of the changes of *log* that are asked for, newest first; of each, at most *most_items*."""
        with self._log.reading() as reading:
            found = search(reading, log, sought, before=before, limit=limit)
        reports = tuple(_report(change, sought.item, most_items) for change in found.changes)
        return Page(reports, None if found.next is None else str(found.next))

    def project_changes(
        self, project: str, *, flag: str | None = None, before: int | None = None, limit: int = 50
    ) -> Page[ChangeReport]:
        """Return a page of the changes of a project's own log, newest first: definitions, environments."""
        with self._log.reading() as reading:
            find_project(reading, project)
            item = None if flag is None else ("definition", flag)
            found = reading.latest(project_log(project), before=before, limit=limit + 1, item=item)
            return _page(found, limit, item)

    def change(
        self, environment: EnvironmentName, revision: int, *, first: int = 0, most_items: int | None = None
    ) -> ChangeReport:
        """Return the change that made *revision*; of what it did, at most *most_items*, from the one at *first*."""
        with self._log.reading() as reading:
            find_environment(reading, environment)
        return self.logged(environment.log, revision, first=first, most_items=most_items)

    def logged(self, log: str, revision: int, *, first: int = 0, most_items: int | None = None) -> ChangeReport:
        """Return the change that made *revision* of any *log*, as `change` does of an environment's."""
        with self._log.reading() as reading:
            if (change := reading.change(log, revision)) is None:
                raise NotFound("revision", str(revision))
        if most_items is None:
            return _report(change)
        return ChangeReport(change, diff_edits(change.edits[first : first + most_items]))

    def difference(
        self, environment: EnvironmentName, before: int, after: int, *, most_items: int | None = None
    ) -> Difference:
        """Return what is different at revision *after* from what was at *before*, in either direction. 0: nothing.

        No more than *most_items* are told: thousands take their time to tell.
        """
        with self._log.reading() as reading:
            find_environment(reading, environment)
            old, new = (reading.head_at(environment.log, revision=each) for each in (before, after))
            texts = _texts(reading, environment.log, before, after)
        told = dict(itertools.islice(sorted(texts.items()), most_items))
        return Difference(_position(old), _position(new), diff_all(told), len(texts) - len(told))

    def snapshot(
        self, environment: EnvironmentName, *, revision: int | None = None, time: datetime | None = None
    ) -> Snapshot:
        """Return the environment as SDKs saw it after *revision* or at *time*, or as it is now."""
        with self._log.reading() as reading:
            find_environment(reading, environment)
            return snapshot_of(environment, _state(reading, environment.log, revision, time))


def snapshot_of(environment: EnvironmentName, state: State) -> Snapshot:
    """Return *state* as the snapshot that SDKs are sent."""
    items: Mapping[ItemKind, Mapping[str, Item]] = {
        kind: {key: stored.item for key, stored in state.of(kind).items()} for kind in SERVED_KINDS
    }
    return Snapshot.of(
        items, environment=str(environment), position=_position(state.head), digest=digest.combined(items)
    )


def _state(reading: Reading, log: str, revision: int | None, time: datetime | None) -> State:
    if revision is None and time is None:
        return reading.state(log)
    return reading.state_at(log, revision=revision, time=time)


def _position(head: Head) -> Position:
    return Position(head.epoch, head.revision)


def _texts(reading: Reading, log: str, before: int, after: int) -> dict[tuple[str, str], Texts]:
    """Return the items that two revisions have different, with their texts, from whichever takes fewer changes."""
    last = head.revision if (head := reading.head(log)) is not None else 0
    if abs(after - before) > sum(min(each, last - each) for each in (before, after)):
        return differing(*(_shown(reading.state_at(log, revision=each)) for each in (before, after)))
    between = _between(reading, log, min(before, after), max(before, after))
    return between if before < after else {name: (new, old) for name, (old, new) in between.items()}


def _between(reading: Reading, log: str, first: int, last: int) -> dict[tuple[str, str], Texts]:
    found: dict[tuple[str, str], Texts] = {}
    while first < last and (
        made := reading.changes(log, after=first, until=last, limit=_AT_ONCE, max_bytes=_BYTES_AT_ONCE)
    ):
        for edit in (edit for change in made for edit in change.edits if edit.kind in _SHOWN):
            name = edit.kind, edit.key
            found[name] = (found[name][0] if name in found else edit.before, edit.after)
        first = made[-1].revision
    return {name: texts for name, texts in found.items() if _hash(name, texts[0]) != _hash(name, texts[1])}


def _hash(name: tuple[str, str], text: bytes | None) -> str | None:
    return None if text is None else Stored.of(*name, text).hash


def _shown(state: State) -> Mapping[str, Mapping[str, Stored]]:
    return {kind: state.of(kind) for kind in _SHOWN}


def _page(
    changes: list[Change], limit: int, item: tuple[str, str] | None, most_items: int | None = None
) -> Page[ChangeReport]:
    reports = tuple(_report(change, item, most_items) for change in changes[:limit])
    return Page(reports, str(changes[limit - 1].revision) if len(changes) > limit else None)


def _report(change: Change, item: tuple[str, str] | None = None, most_items: int | None = None) -> ChangeReport:
    """Return what *change* did, or what it did to one item."""
    names = (item, (ARCHIVED, item[1])) if item is not None and item[0] == "flag" else (item,)
    edits = [edit for edit in change.edits if item is None or (edit.kind, edit.key) in names]
    return ChangeReport(change, diff_edits(edits[:most_items]))
