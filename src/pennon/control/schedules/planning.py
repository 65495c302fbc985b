"""Looks at what a schedule is to do before it does it: whether it may be, and what it is planned on."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import msgspec

from pennon.control.changes.apply import alters_definitions, apply_edits
from pennon.control.changes.bases import Base, base_now
from pennon.control.changes.diff import ItemChange
from pennon.control.changes.preview import preview
from pennon.control.changes.times import frozen
from pennon.control.environments.gate import Alteration, Permit
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import Invalid
from pennon.control.flags.project import ProjectCommand, WorkingProject, environments_of, require_permitted
from pennon.control.log import Actor, EnvironmentName, Reading
from pennon.control.schedules.models import Schedule, never_ends
from pennon.control.schedules.plans import Once, Plan, Timetable, following, parts_of, times_of
from pennon.control.working.salts import NewSalt
from pennon.model import Problem
from pennon.model.limits import Limits


class Planning(msgspec.Struct, frozen=True):
    """What looking at a plan takes."""

    new_salt: NewSalt
    limits: Limits
    permit: Permit

    def require_holding(self, reading: Reading, name: EnvironmentName, by: Actor) -> None:
        """Raise `Forbidden` unless *by* may hold schedules, as whoever turns flags off may."""
        where = name.environment
        self.permit(reading, Alteration(project=name.project, environment=where, permission="flag.turnOff", by=by))

    def bases(self, reading: Reading, name: EnvironmentName, schedule: Schedule) -> tuple[Base, ...]:
        """Return what *schedule* is planned on: the items that it changes, as they are.

        Its parts are tried one after the other, as they will come; a plan that recurs, twice over. Raises `Invalid`
        with paths from the schedule, `NotFound`, and what the gate raises for whom it belongs to.
        """
        plan = schedule.plan
        parts = parts_of(plan)
        every = [edit for _, edits in parts for edit in edits]
        names = environments_of(reading, name.project) if alters_definitions(every) else [name]
        find_environment(reading, name)
        working = WorkingProject(name.project, reading, names, new_salt=self.new_salt, limits=self.limits)
        command = _command_of(name, schedule)
        changed: dict[tuple[str, str], set[str]] = {}
        for part in _order(plan, schedule.seen):
            path, edits = parts[part]
            with _at("/plan" + path):
                apply_edits(working, name, edits)
            require_permitted(reading, working, command, self.permit)
            for item in preview(working, name, ()).items:
                changed.setdefault((item.kind, item.key), set()).update(_members(item))
        if not changed:
            raise Invalid.at("/plan", f"changes nothing in {name.environment}", "look at what is there now")
        return tuple(_base(reading, name, *item, members, plan) for item, members in sorted(changed.items()))


def freeze_problems(reading: Reading, name: EnvironmentName, plan: Once | Timetable) -> Iterator[Problem]:
    """Yield which times of *plan* are such at which nothing is changed in an environment."""
    protection = find_environment(reading, name).protection
    for path, at, edits in times_of(plan):
        if (said := frozen(protection, edits, at)) is not None:
            yield Problem("/plan" + path, said, "choose another time")


def _command_of(name: EnvironmentName, schedule: Schedule) -> ProjectCommand:
    return ProjectCommand(
        project=name.project, action="runSchedule", by=schedule.by, why=schedule.reason, is_planned=True
    )


def _order(plan: Plan, after: datetime) -> Iterable[int]:
    count = len(parts_of(plan))
    if not never_ends(plan):
        return range(count)
    coming = itertools.chain.from_iterable(each.parts for each in following(plan, after))
    once = list(dict.fromkeys(_until_all(coming, count)))
    return [*once, *once]


def _until_all(parts: Iterable[int], count: int) -> Iterator[int]:
    found: set[int] = set()
    for part in parts:
        yield part
        found.add(part)
        if len(found) == count:
            return


def _members(item: ItemChange) -> set[str]:
    """Return which members of an item are changed; an empty word where it comes or goes."""
    return {field.path.split("/")[1] if field.path else "" for field in item.fields}


def _base(  # what it says is one value
    reading: Reading, name: EnvironmentName, kind: str, key: str, members: set[str], plan: Plan
) -> Base:
    # What recurs lives for months: it minds only what it sets itself, or nobody could touch the flag any more.
    named = () if "" in members or not never_ends(plan) else tuple(sorted(members))
    return base_now(reading, name, Base(kind=kind, key=key, members=named))


@contextmanager
def _at(path: str) -> Iterator[None]:
    """Put *path* in the place of `/edits` in every problem."""
    try:
        yield
    except Invalid as error:
        moved = (msgspec.structs.replace(each, path=path + each.path.removeprefix("/edits")) for each in error.problems)
        raise Invalid(moved) from error
