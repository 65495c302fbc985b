"""What there is of schedules, for pages and for other nouns."""

import datetime
from collections.abc import Collection
from typing import get_args

import msgspec

from pennon.control.changes.bases import later
from pennon.control.changes.times import frozen
from pennon.control.environments.protection import Protection
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import NotFound
from pennon.control.index import Index
from pennon.control.log import Actor, Change, EnvironmentName, Reading, project_log
from pennon.control.schedules.models import Run, Schedule, State, next_times
from pennon.control.schedules.plans import Edits, parts_of
from pennon.control.working.pages import Page, newest_first
from pennon.model.flags import Wire

SHOWN_TIMES = 5
KIND = "schedule"
EVERY_STATE: frozenset[State] = frozenset(get_args(State))
NOT_DONE: frozenset[State] = EVERY_STATE - {"done"}


class Upcoming(msgspec.Struct, frozen=True):
    """A time at which a schedule does something, the parts of its plan, and what stands against it as things are."""

    time: datetime.datetime
    parts: tuple[int, ...]
    objection: str | None


class PastRun(msgspec.Struct, frozen=True):
    """A run, as the project's log has it: the row, by its revision and change, and what came of it."""

    revision: int
    change_id: str
    by: Actor
    run: Run


class _Listed(Wire, frozen=True, kw_only=True):
    """So much of a schedule as tells its place in the list."""

    key: str
    environment: str
    created: datetime.datetime
    state: State


class ScheduleViews:
    """Answers about all schedules of an environment: those that are done are kept, and become many."""

    def __init__(self) -> None:
        self._index = Index(KIND, msgspec.json.Decoder(_Listed).decode)

    def listed(
        self,
        reading: Reading,
        name: EnvironmentName,
        *,
        states: Collection[State] = EVERY_STATE,
        after: str | None = None,
        limit: int | None = None,
    ) -> Page[Schedule]:
        """Return a page of an environment's schedules that are in one of *states*, the newest first.

        It begins behind *after*, the `next` of the page before. Raises `NotFound` for the environment.
        """
        find_environment(reading, name)
        log = project_log(name.project)
        entries = self._index.entries(reading, log)
        found = [each for each in entries if each.environment == name.environment and each.state in states]
        page = newest_first(((_microseconds(each.created), each.key) for each in found), after, limit)
        return Page(tuple(item.read(Schedule) for item in reading.items_named(log, KIND, page.items)), page.next)


def schedule(reading: Reading, name: EnvironmentName, key: str) -> Schedule:
    """Return a schedule. Raises `NotFound`, for the project or the environment if that is what is missing."""
    stored = reading.item(project_log(name.project), KIND, key)
    found = None if stored is None else stored.read(Schedule)
    if found is None or found.environment != name.environment:
        find_environment(reading, name)
        raise NotFound("schedule", key)
    return found


def not_done(reading: Reading, project: str) -> list[Schedule]:
    """Return the schedules of a project that are not done."""
    return [found for state in sorted(NOT_DONE) for found in _of_project(reading, project, state)]


def active(reading: Reading, name: EnvironmentName) -> list[Schedule]:
    """Return the schedules of an environment that have something to do."""
    return [each for each in _of_project(reading, name.project, "active") if each.environment == name.environment]


def upcoming(reading: Reading, name: EnvironmentName, found: Schedule) -> list[Upcoming]:
    """Return what a schedule does next. What was changed since it was planned on stands against all of it."""
    protection = find_environment(reading, name).protection
    parts = [edits for _, edits in parts_of(found.plan)]
    coming = next_times(found, SHOWN_TIMES)
    changed = next(later(reading, name, found.bases), None) if coming else None
    return [
        Upcoming(
            each.time, each.parts, changed or _objection(protection, [parts[part] for part in each.parts], each.time)
        )
        for each in coming
    ]


def past_runs(reading: Reading, name: EnvironmentName, key: str, *, before: int | None, limit: int) -> Page[PastRun]:
    """Return a page of what a schedule has done, the newest first. Cancelled ones still tell it.

    It is a page of the changes of the schedule before a revision: not each is a run.
    """
    find_environment(reading, name)
    changes = reading.latest(project_log(name.project), before=before, limit=limit + 1, item=(KIND, key))
    if not changes:
        raise NotFound("schedule", key)
    runs = (_past_run(change, name, key) for change in changes[:limit])
    following = str(changes[limit - 1].revision) if len(changes) > limit else None
    return Page(tuple(run for run in runs if run is not None), following)


def _objection(protection: Protection | None, parts: list[Edits], at: datetime.datetime) -> str | None:
    return next((said for edits in parts if (said := frozen(protection, edits, at)) is not None), None)


def _of_project(reading: Reading, project: str, state: State) -> list[Schedule]:
    # Those that are done are never deleted: the database looks for the others.
    part = b'"state":%b' % msgspec.json.encode(state)
    found = (stored.read(Schedule) for stored in reading.items_with(project_log(project), KIND, part))
    return [each for each in found if each.state == state]


def _microseconds(time: datetime.datetime) -> int:
    return round(time.timestamp() * 1e6)


def _past_run(change: Change, name: EnvironmentName, key: str) -> PastRun | None:
    edit = next(each for each in change.edits if (each.kind, each.key) == (KIND, key))
    before, after = (
        None if text is None else msgspec.json.decode(text, type=Schedule) for text in (edit.before, edit.after)
    )
    if after is None or after.environment != name.environment or after.last is None:
        return None
    if before is not None and before.last == after.last:
        return None
    return PastRun(change.revision, change.change_id, change.actor, after.last)
