"""What a schedule makes, and when: once, by a timetable, or each week. Pure.

A plan has parts: edits that are made together. A part's time comes once, or each week.
"""

import datetime
import itertools
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.times import time_problem
from pennon.control.environments.protection import DAYS, MINUTES_OF_DAY, is_week_time, week_minute, zone_of
from pennon.control.schedules.calendar import Occurrence, Weekly, last_before, occurrences
from pennon.model import Problem, pointer
from pennon.model.flags import Wire

MOST_STEPS = 50
MOST_EDITS = 1000

Edits: TypeAlias = tuple[AnyEdit, ...]
Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Once(Wire, frozen=True, kw_only=True, tag_field="kind", tag="once"):
    """Edits that are made at a time, RFC 3339 with a zone."""

    at: datetime.datetime
    edits: Edits


class Step(Wire, frozen=True, kw_only=True):
    """Edits of a timetable, and when they are made, RFC 3339 with a zone."""

    at: datetime.datetime
    edits: Edits


class Timetable(Wire, frozen=True, kw_only=True, tag_field="kind", tag="timetable"):
    """Steps, each later than the one before, as of a rollout: 1 % on Monday, 10 % on Tuesday, 50 % on Thursday."""

    steps: tuple[Step, ...]


class Window(Wire, frozen=True, kw_only=True, tag_field="kind", tag="window"):
    """A time of each of some days of the week: `edits` where it starts, `end_edits` where it ends.

    `start` and `until` are as in `22:00`. An `until` that is not after the start is of the day after.
    """

    days: tuple[Day, ...]
    start: str
    until: str
    zone: str
    edits: Edits
    end_edits: Edits


class WeeklyStep(Wire, frozen=True, kw_only=True):
    """Edits, and the time of the week at which they are made, as in `fri 16:00`."""

    at: str
    edits: Edits


class Week(Wire, frozen=True, kw_only=True, tag_field="kind", tag="week"):
    """Steps of every week, by the clock on the wall of a zone."""

    zone: str
    steps: tuple[WeeklyStep, ...]


Plan: TypeAlias = Once | Timetable | Window | Week
Recurring = Window, Week
"""The plans that never end."""


def parts_of(plan: Plan) -> list[tuple[str, Edits]]:
    """Return the parts of *plan*, each with the JSON pointer to its edits."""
    if isinstance(plan, Once):
        return [("/edits", plan.edits)]
    if isinstance(plan, Window):
        return [("/edits", plan.edits), ("/endEdits", plan.end_edits)]
    steps: Sequence[Step | WeeklyStep] = plan.steps
    return [(pointer("steps", at, "edits"), step.edits) for at, step in enumerate(steps)]


def following(plan: Plan, after: datetime.datetime) -> Iterator[Occurrence]:
    """Yield when parts of *plan* are due, later than *after*. A plan must be sound.

    Where this machine does not know its zone, nothing is: rather no change than one at the wrong time.
    """
    if isinstance(plan, Recurring):
        if (zone := zone_of(plan.zone)) is not None:
            yield from occurrences(_week_of(plan), zone, after)
        return
    for part, (_, at, _) in enumerate(times_of(plan)):
        if at > after:
            yield Occurrence(at.astimezone(datetime.UTC), (part,))


def part_at(plan: Window, zone: ZoneInfo, now: datetime.datetime) -> int:
    """Return whether a window, in its *zone*, is open at *now* (0) or not (1): the part that came last."""
    return last_before(_week_of(plan), zone, now).parts[-1]


def plan_problems(plan: Plan, now: datetime.datetime) -> Iterator[Problem]:
    """Yield what is wrong with *plan*, with paths from it."""
    if isinstance(plan, Recurring):
        yield from _week_problems(plan)
    else:
        yield from _time_problems(plan, now)
    if not isinstance(plan, Once | Window):
        if not plan.steps:
            yield Problem("/steps", "there are no steps", "write at least one")
        if len(plan.steps) > MOST_STEPS:
            yield Problem("/steps", f"more than {MOST_STEPS} steps", "make several schedules")
    parts = parts_of(plan)
    for path, edits in parts:
        if not edits:
            yield Problem(path, "there are no edits", "write at least one")
    if sum(len(edits) for _, edits in parts) > MOST_EDITS:
        yield Problem("", f"more than {MOST_EDITS} edits", "make several schedules")


def times_of(plan: Once | Timetable) -> list[tuple[str, datetime.datetime, Edits]]:
    """Return the times of a plan that ends, each with the JSON pointer to it and the edits that are made then."""
    if isinstance(plan, Once):
        return [("/at", plan.at, plan.edits)]
    return [(pointer("steps", at, "at"), step.at, step.edits) for at, step in enumerate(plan.steps)]


def _time_problems(plan: Once | Timetable, now: datetime.datetime) -> Iterator[Problem]:
    times = times_of(plan)
    for path, at, _ in times:
        if (problem := time_problem(path, at, now)) is not None:
            yield problem
    for (_, one, _), (path, other, _) in itertools.pairwise(times):
        if one.tzinfo is not None and other.tzinfo is not None and other <= one:
            yield Problem(path, "is not after the step before", "put the steps in the order of their times")


def _week_problems(plan: Window | Week) -> Iterator[Problem]:
    if zone_of(plan.zone) is None:
        yield Problem("/zone", f"{plan.zone!r} is no time zone", "write one as in Europe/Berlin")
    if isinstance(plan, Window):
        if not plan.days:
            yield Problem("/days", "there are no days", "write at least one, as in mon")
        if len(set(plan.days)) < len(plan.days):
            yield Problem("/days", "a day is there twice", "leave it out once")
        for path, text in (("/start", plan.start), ("/until", plan.until)):
            if not is_week_time(f"mon {text}"):
                yield Problem(path, f"{text!r} is no time of the day", "write it as in 09:30")
        if plan.start == plan.until:
            yield Problem("/until", "is its start", "leave a time outside the window")
        return
    for at, step in enumerate(plan.steps):
        if not is_week_time(step.at):
            yield Problem(pointer("steps", at, "at"), f"{step.at!r} is no time of the week", "write it as in fri 16:00")
        elif step.at in [each.at for each in plan.steps[:at]]:
            yield Problem(pointer("steps", at, "at"), f"{step.at} is there twice", "put the edits together")


def _week_of(plan: Window | Week) -> Sequence[Weekly]:
    if isinstance(plan, Week):
        return [Weekly(week_minute(step.at), part) for part, step in enumerate(plan.steps)]
    start, until = (week_minute(f"mon {text}") for text in (plan.start, plan.until))
    length = (until - start) % MINUTES_OF_DAY
    starts = [DAYS.index(day) * MINUTES_OF_DAY + start for day in plan.days]
    ends = [(each + length) % (len(DAYS) * MINUTES_OF_DAY) for each in starts]
    return [*(Weekly(each, 1) for each in ends), *(Weekly(each, 0) for each in starts)]
