"""Times of the week by the clock on the wall: clocks that are put forward and back, year ends, leap days."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.control.environments.protection import DAYS, week_minute
from pennon.control.schedules.calendar import Occurrence, Weekly, due_between, last_before, moment, occurrences

wall = datetime.fromisoformat
"""A time by the clock on the wall: without a zone."""
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(
    [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")]
)
WEEKS = st.lists(st.integers(0, 7 * 24 * 60 - 1), min_size=1, max_size=5, unique=True).map(
    lambda minutes: [Weekly(minute, part) for part, minute in enumerate(minutes)]
)
MOMENTS = st.datetimes(wall("2020-01-01"), wall("2040-01-01"), timezones=st.just(UTC))


def times(*texts: str) -> list[Weekly]:
    return [Weekly(week_minute(text), part) for part, text in enumerate(texts)]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def first(count: int, *texts: str, after: str, zone: ZoneInfo = BERLIN) -> list[str]:
    found = islice(occurrences(times(*texts), zone, at(after)), count)
    return [f"{each.time.astimezone(zone):%Y-%m-%d %H:%M %Z}" for each in found]


def test_a_time_that_is_left_out_is_the_first_moment_after() -> None:
    assert first(3, "sun 02:30", after="2026-03-20T00:00:00Z") == [
        "2026-03-22 02:30 CET",
        "2026-03-29 03:00 CEST",
        "2026-04-05 02:30 CEST",
    ]


def test_a_time_that_comes_twice_is_the_first_of_the_two() -> None:
    assert first(3, "sun 02:30", after="2026-10-18T00:00:00Z") == [
        "2026-10-18 02:30 CEST",
        "2026-10-25 02:30 CEST",
        "2026-11-01 02:30 CET",
    ]


def test_what_lies_in_the_hour_that_is_left_out_comes_at_one_moment_in_order() -> None:
    found = list(islice(occurrences(times("sun 02:00", "sun 02:45", "sun 03:00"), BERLIN, at("2026-03-28T12:00Z")), 2))
    assert found[0] == Occurrence(at("2026-03-29T01:00Z"), (0, 1, 2))
    assert found[1] == Occurrence(at("2026-04-05T00:00Z"), (0,))


def test_a_gap_of_half_an_hour_and_one_of_a_day() -> None:
    assert moment(wall("2026-10-04T02:15"), ZoneInfo("Australia/Lord_Howe")) == at("2026-10-03T15:30Z")
    assert moment(wall("2011-12-30T09:00"), ZoneInfo("Pacific/Apia")) == at("2011-12-30T10:00Z")


def test_year_ends_and_leap_days_are_days_as_others() -> None:
    assert first(2, "thu 23:59", after="2026-12-30T00:00:00Z") == ["2026-12-31 23:59 CET", "2027-01-07 23:59 CET"]
    assert first(2, "tue 09:00", after="2028-02-28T00:00:00Z") == ["2028-02-29 09:00 CET", "2028-03-07 09:00 CET"]
    assert first(2, "fri 00:00", after="2027-12-31T00:00:00Z", zone=ZoneInfo("UTC")) == [
        "2028-01-07 00:00 UTC",
        "2028-01-14 00:00 UTC",
    ]


def test_the_end_of_time_is_the_end() -> None:
    assert list(occurrences(times("mon 00:00"), ZoneInfo("UTC"), datetime(9999, 12, 20, tzinfo=UTC))) == []


@given(WEEKS, ZONES, MOMENTS)
def test_each_is_later_than_the_one_before(week: list[Weekly], zone: ZoneInfo, after: datetime) -> None:
    found = [each.time for each in islice(occurrences(week, zone, after), 12)]
    assert all(one < other for one, other in zip([after, *found], found, strict=False))


@given(WEEKS, ZONES, MOMENTS, st.lists(st.integers(0, 20 * 24 * 60), max_size=6))
def test_how_often_is_asked_makes_no_difference(
    week: list[Weekly], zone: ZoneInfo, start: datetime, asked: list[int]
) -> None:
    until = start + timedelta(days=20)
    moments = [*sorted(start + timedelta(minutes=each) for each in asked), until]
    found, seen = [], start
    for each in moments:
        found += due_between(week, zone, seen, each)
        seen = each
    assert found == due_between(week, zone, start, until)


@given(WEEKS, ZONES, st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_each_time_comes_once_a_week_at_its_hour_unless_that_is_left_out(
    week: list[Weekly], zone: ZoneInfo, day: date
) -> None:
    monday = day - timedelta(days=day.weekday())
    start = moment(datetime.combine(monday, datetime.min.time()), zone) - timedelta(microseconds=1)
    until = moment(datetime.combine(monday + timedelta(days=7), datetime.min.time()), zone)
    found = due_between(week, zone, start, until - timedelta(microseconds=1))
    assert sorted(part for each in found for part in each.parts) == sorted(each.part for each in week)
    for each in found:
        there = each.time.astimezone(zone)
        said = f"{DAYS[there.weekday()]} {there:%H:%M}"
        for part in each.parts:
            early = week_minute(said) - week[part].minute
            assert 0 <= early <= 60, (there, week[part])
            if early:  # then the minute before it is left out by the clock on the wall
                before = (there - timedelta(minutes=1)).replace(tzinfo=None)
                assert moment(before, zone) == each.time


@pytest.mark.parametrize("now", ["2026-11-20T15:00Z", "2026-11-21T00:00Z", "2026-11-20T14:59:59Z"])
def test_what_came_last_may_be_now_or_a_week_ago(now: str) -> None:
    found = last_before(times("fri 16:00"), BERLIN, at(now))
    assert found.time == at("2026-11-20T15:00Z" if now >= "2026-11-20T15:00Z" else "2026-11-13T15:00Z")
