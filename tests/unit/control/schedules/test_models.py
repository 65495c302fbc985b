"""What a schedule has to do: a law for each plan, whoever asked how often before."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pennon.control.changes.flag_edits import TurnOff, TurnOn
from pennon.control.log import SYSTEM
from pennon.control.schedules.models import Due, Run, Schedule, due_of
from pennon.control.schedules.plans import (
    Once,
    Plan,
    Step,
    Timetable,
    Week,
    WeeklyStep,
    Window,
    part_at,
    parts_of,
    plan_problems,
)

START = datetime(2026, 3, 23, 12, tzinfo=UTC)
"""A Monday, six days before clocks are put forward in Berlin."""
ON, OFF = (TurnOn(flag="f"),), (TurnOff(flag="f"),)
NIGHT = Window(days=("mon", "sat"), start="22:00", until="02:30", zone="Europe/Berlin", edits=ON, end_edits=OFF)
WEEK = Week(
    zone="Europe/Berlin",
    steps=tuple(WeeklyStep(at=at, edits=ON) for at in ("mon 09:00", "fri 16:00", "sun 02:30")),
)
MINUTES = st.integers(0, 60 * 24 * 60)


def schedule(plan: Plan, **fields: Any) -> Schedule:
    known = {"created": START, "seen": START, "state": "active", "by": SYSTEM}
    if isinstance(plan, Window):
        known["part"] = part_at(plan, ZoneInfo(plan.zone), START)
    return Schedule(key="k", environment="e", title="t", plan=plan, **{**known, **fields})


def lived(found: Schedule, moments: list[datetime]) -> tuple[Schedule, list[Due]]:
    """Return *found* after it was looked at at *moments*, and what it did."""
    done = []
    for now in moments:
        if (due := due_of(found, now)) is None:
            continue
        done.append(due)
        part = due.parts[-1] if due.parts and found.part is not None else found.part
        found = replace(found.after(Run(due=due.time, at=now, result="made")), part=part)
    return found, done


def timetable(*minutes: int) -> Timetable:
    return Timetable(steps=tuple(Step(at=START + timedelta(minutes=each), edits=ON) for each in sorted(set(minutes))))


@given(st.lists(MINUTES.filter(bool), min_size=1, max_size=8), st.lists(MINUTES, max_size=8))
def test_each_step_of_a_timetable_is_done_once_in_order(steps: list[int], asked: list[int]) -> None:
    plan = timetable(*steps)
    end = START + timedelta(days=61)
    found, done = lived(schedule(plan), [*sorted(START + timedelta(minutes=each) for each in asked), end])
    assert [part for due in done for part in due.parts] == list(range(len(plan.steps)))
    assert found.state == "done"


@given(st.lists(MINUTES, min_size=1, max_size=10))
def test_a_window_is_open_when_it_must_be_however_often_it_was_looked_at(asked: list[int]) -> None:
    moments = sorted(START + timedelta(minutes=each) for each in asked)
    found, done = lived(schedule(NIGHT), moments)
    assert found.part == part_at(NIGHT, ZoneInfo(NIGHT.zone), moments[-1])
    assert all(len(due.parts) <= 1 for due in done)
    made = [due.parts[0] for due in done if due.parts]
    assert made == [at % 2 for at in range(len(made))]  # it was closed, so it opens first, and then closes


@given(st.lists(MINUTES, min_size=1, max_size=10))
def test_a_week_does_a_step_at_most_once_at_a_time(asked: list[int]) -> None:
    found, done = lived(schedule(WEEK), sorted(START + timedelta(minutes=each) for each in asked))
    assert found.state == "active"
    for due in done:
        assert len(set(due.parts)) == len(due.parts)
        assert len(due.edits(WEEK)) == len(due.parts)


def test_what_came_last_is_done_last() -> None:
    due = due_of(schedule(WEEK), START + timedelta(days=12))  # Friday, Sunday, Monday, Friday
    assert due is not None
    assert due.parts == (2, 0, 1)


@pytest.mark.parametrize(("minutes", "parts", "is_skipped"), [(5, (0,), False), (10, (0,), False), (11, (), True)])
def test_grace_is_for_what_is_late(minutes: int, parts: tuple[int, ...], is_skipped: bool) -> None:
    once = schedule(timetable(1), missed="skip", grace_minutes=10)
    due = due_of(once, START + timedelta(minutes=1 + minutes))
    assert due is not None
    assert (due.parts, due.is_skipped) == (parts, is_skipped)


@pytest.mark.parametrize("state", ["paused", "failed", "done"])
def test_who_is_not_active_does_nothing(state: str) -> None:
    still = schedule(timetable(1), state=state)
    assert due_of(still, START + timedelta(days=1)) is None
    assert still.due is None


def test_a_failure_ends_it_unless_it_goes_on() -> None:
    run = Run(due=START, at=START + timedelta(minutes=1), result="failed", why="frozen")
    assert schedule(NIGHT).after(run).state == "failed"
    assert schedule(NIGHT).after(run, goes_on=True).state == "active"


def test_a_plan_that_is_too_large_is_refused() -> None:
    late = START + timedelta(days=1)
    assert [each.path for each in plan_problems(Once(at=late, edits=ON * 1001), START)] == [""]
    assert "/steps" in [each.path for each in plan_problems(timetable(*range(1, 52)), START)]
    twice = replace(WEEK, steps=(WEEK.steps[0], WEEK.steps[0]))
    assert [each.path for each in plan_problems(twice, START)] == ["/steps/1/at"]
    days = replace(NIGHT, days=("mon", "mon"))
    assert [each.path for each in plan_problems(days, START)] == ["/days"]
    assert len(parts_of(NIGHT)) == 2


def test_an_unknown_zone_does_nothing_rather_than_something_at_the_wrong_time() -> None:
    assert due_of(schedule(replace(WEEK, zone="Mars/Base")), START + timedelta(days=7)) is None
