"""A schedule: what is made later by itself, who wants it, and how it stands. Pure."""

import datetime
import itertools
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from pennon.control.changes.bases import Base
from pennon.control.log import Actor
from pennon.control.schedules.calendar import Occurrence
from pennon.control.schedules.plans import Edits, Plan, Recurring, Window, following, parts_of
from pennon.model import Problem
from pennon.model.flags import Wire

State: TypeAlias = Literal["active", "paused", "failed", "done"]
Missed: TypeAlias = Literal["catchUp", "skip"]
Result: TypeAlias = Literal["made", "unchanged", "skipped", "failed"]

LONGEST_TITLE = 200
LONGEST_GRACE = 7 * 24 * 60
GRACE = 15


class Run(Wire, frozen=True, kw_only=True):
    """What came of a time: `due` is when it was, `at` when it was looked at."""

    due: datetime.datetime
    at: datetime.datetime
    result: Result
    why: str = ""


class Schedule(Wire, frozen=True, kw_only=True):
    """Changes of an environment that are made later. An item (`schedule`) of its project's log.

    What was due until `seen` is done with, and `part` is the part of a window that came last. `bases` say what it was
    planned on, or has left itself. `by` made it, or resumed it: what it does is done by his rights. `missed` says what
    becomes of what was due more than `grace_minutes` ago because no server ran then.
    """

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    environment: str
    title: str
    why: str = ""
    plan: Plan
    missed: Missed = "catchUp"
    grace_minutes: int = GRACE
    by: Actor
    created: datetime.datetime
    state: State
    seen: datetime.datetime
    part: int | None = None
    bases: tuple[Base, ...] = ()
    last: Run | None = None

    @property
    def reason(self) -> str:
        """Why, as the log has it of each change that it makes."""
        return f"{self.title} (schedule {self.key})" + (f": {self.why}" if self.why else "")

    @property
    def due(self) -> datetime.datetime | None:
        """When it wants to be looked at next; None: never."""
        first = next(self.following(), None)
        return None if first is None else first.time

    def following(self) -> Iterator[Occurrence]:
        """Yield what it will do. Nothing, while it is not active."""
        if self.state == "active":
            yield from following(self.plan, self.seen)

    def after(self, run: Run, *, goes_on: bool = False) -> "Schedule":
        """Return it with *run* behind it: done when nothing follows; failed, unless it *goes_on*, when that failed."""
        ran = replace(self, seen=run.at, last=run)
        if run.result == "failed" and not goes_on:
            return replace(ran, state="failed")
        return replace(ran, state="done") if ran.due is None else ran


class Due(msgspec.Struct, frozen=True):
    """What a schedule has to do: `parts`, in order, as one change. `is_skipped`: something was due too long ago."""

    time: datetime.datetime
    parts: tuple[int, ...]
    is_skipped: bool

    def edits(self, plan: Plan) -> Edits:
        """Return the edits of its parts."""
        every = parts_of(plan)
        return tuple(itertools.chain.from_iterable(every[part][1] for part in self.parts))


def due_of(schedule: Schedule, now: datetime.datetime) -> Due | None:
    """Return what *schedule* has to do at *now*; None: nothing yet.

    What is caught up leads to what must be now, and nothing is done twice for it: each part at most once, in the order
    in which they came last; of a window, whether it is open.
    """
    came = list(itertools.takewhile(lambda each: each.time <= now, schedule.following()))
    if not came:
        return None
    kept = came
    if schedule.missed == "skip":
        earliest = now - datetime.timedelta(minutes=schedule.grace_minutes)
        kept = [each for each in came if each.time >= earliest]
    return Due(came[-1].time, _to_make(schedule, kept), len(kept) < len(came))


def next_times(schedule: Schedule, count: int) -> list[Occurrence]:
    """Return the next *count* times at which it does something."""
    return list(itertools.islice(schedule.following(), count))


def never_ends(plan: Plan) -> bool:
    """Return whether *plan* recurs."""
    return isinstance(plan, Recurring)


def text_problems(title: str, why: str, grace_minutes: int) -> Iterator[Problem]:
    """Yield what is wrong with the words of a schedule."""
    if not title.strip():
        yield Problem("/title", "a schedule needs a title", "say in a line what it does")
    if len(title) > LONGEST_TITLE or "\n" in title:
        yield Problem("/title", f"is longer than a line of {LONGEST_TITLE} characters", "shorten it")
    if len(why) > 2000:
        yield Problem("/why", "longer than 2000 characters", "shorten it")
    if not 0 <= grace_minutes <= LONGEST_GRACE:
        yield Problem("/graceMinutes", "cannot be", f"write a number from 0 to {LONGEST_GRACE}, a week")


def _to_make(schedule: Schedule, came: Iterable[Occurrence]) -> tuple[int, ...]:
    parts = [part for each in came for part in each.parts]
    if isinstance(schedule.plan, Window):
        return () if not parts or parts[-1] == schedule.part else (parts[-1],)
    last = dict.fromkeys(reversed(parts))
    return tuple(reversed(last))
