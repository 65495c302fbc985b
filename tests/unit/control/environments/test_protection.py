from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.control.environments.protection import (
    Freeze,
    Leave,
    Protection,
    WeeklyFreeze,
    objections,
    protection_problems,
)

FRIDAY = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)  # 16:30 in Berlin
WEEKEND = WeeklyFreeze(start="fri 16:00", until="mon 06:00", zone="Europe/Berlin", reason="nobody is here")


def lacking(protection: Protection, why: str = "", *, now: datetime = FRIDAY, **leave: object) -> list[str]:
    return [each.message for each in objections(protection, Leave(**leave), why=why, at=now)]  # type: ignore[arg-type]


def test_nothing_is_demanded_where_nothing_is_said() -> None:
    assert lacking(Protection()) == []


def test_a_reason_and_a_ticket_are_looked_for_in_why() -> None:
    demands = Protection(why=True, ticket="OPS-[0-9]+")
    assert lacking(demands, " ") == ["changes here take a reason", "changes here name a ticket"]
    assert lacking(demands, "it is slow") == ["changes here name a ticket"]
    assert lacking(demands, "OPS-12: it is slow") == []


def test_approvals_are_counted() -> None:
    assert lacking(Protection(approvals=2), approvals=1) == ["changes here take 2 approvals"]
    assert lacking(Protection(approvals=2), approvals=2) == []
    assert lacking(Protection(approvals=1)) == ["changes here take 1 approval"]


def test_breaking_the_glass_takes_a_reason_and_nothing_else() -> None:
    everything = Protection(why=True, ticket="OPS-1", approvals=3, weekly_freezes=(WEEKEND,))
    assert lacking(everything, "it burns", is_break_glass=True) == []
    assert lacking(everything, " ", is_break_glass=True) == ["breaking the glass takes a reason"]


def test_a_freeze_begins_with_its_start_and_is_over_at_its_end() -> None:
    freeze = Freeze(start=FRIDAY, until=FRIDAY + timedelta(days=1), reason="Black Friday")
    frozen = Protection(freezes=(freeze,))
    assert lacking(frozen) == ["nothing is changed here until 2026-11-21T15:30:00+00:00: Black Friday"]
    assert lacking(frozen, now=FRIDAY - timedelta(seconds=1)) == []
    assert lacking(frozen, now=FRIDAY + timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("now", "is_frozen"),
    [
        ("2026-11-20T14:59:59+00:00", False),
        ("2026-11-20T15:00:00+00:00", True),
        ("2026-11-22T12:00:00+00:00", True),
        ("2026-11-23T04:59:59+00:00", True),
        ("2026-11-23T05:00:00+00:00", False),
        ("2026-07-03T13:59:00+00:00", False),  # in summer, Berlin is two hours ahead
        ("2026-07-03T14:00:00+00:00", True),
    ],
)
def test_a_weekly_freeze_is_of_the_local_week(now: str, is_frozen: bool) -> None:
    said = lacking(Protection(weekly_freezes=(WEEKEND,)), now=datetime.fromisoformat(now))
    assert said == ["nothing is changed here from fri 16:00 until mon 06:00, Europe/Berlin: nobody is here"] * is_frozen


@given(st.integers(0, 7 * 24 * 60 - 1), st.integers(0, 7 * 24 * 60 - 1), st.integers(0, 7 * 24 * 60 - 1))
def test_a_weekly_freeze_and_the_one_for_the_rest_of_the_week_share_no_moment(
    start: int, until: int, minute: int
) -> None:
    if start == until:
        return
    now = datetime(2026, 11, 16, tzinfo=UTC) + timedelta(minutes=minute)  # a Monday
    one = Protection(weekly_freezes=(WeeklyFreeze(start=_text(start), until=_text(until)),))
    other = Protection(weekly_freezes=(WeeklyFreeze(start=_text(until), until=_text(start)),))
    assert bool(lacking(one, now=now)) != bool(lacking(other, now=now))


def _text(minute: int) -> str:
    day, rest = divmod(minute, 24 * 60)
    return f"{('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')[day]} {rest // 60:02}:{rest % 60:02}"


def test_what_is_wrong_with_a_protection_is_said_with_its_path() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001  # that is what is wrong with it
    bad = Protection(
        ticket="(",
        approvals=11,
        freezes=(Freeze(start=naive, until=naive), Freeze(start=FRIDAY, until=FRIDAY)),
        weekly_freezes=(
            WeeklyFreeze(start="friday", until="mon 25:00"),
            WeeklyFreeze(start="mon 06:00", until="mon 06:00", zone="Mars/Olympus"),
        ),
    )
    assert [problem.path.removeprefix("/protection/") for problem in protection_problems(bad)] == [
        "ticket",
        "approvals",
        "freezes/0",
        "freezes/1/until",
        "weeklyFreezes/0/start",
        "weeklyFreezes/0/until",
        "weeklyFreezes/1/until",
        "weeklyFreezes/1/zone",
    ]
    assert list(protection_problems(Protection(why=True, ticket="OPS-[0-9]+", weekly_freezes=(WEEKEND,)))) == []
