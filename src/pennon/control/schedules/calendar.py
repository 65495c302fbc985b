"""When it is a time of the week by the clock on the wall of a zone. Pure: knows no schedule and no clock.

A time that a zone leaves out, where clocks are put forward, is the first moment after what is left out; one that comes
twice, where they are put back, is the first of the two. So each comes once a week, and in the order of the wall's.
"""

import datetime
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

import msgspec

from pennon.control.environments.protection import MINUTES_OF_DAY

_SECOND = datetime.timedelta(seconds=1)
_MARGIN = datetime.timedelta(days=2)
"""Zones were moved across the date line, and left out a whole day."""
_LAST_DAY = datetime.date.max - _MARGIN


class Weekly(msgspec.Struct, frozen=True):
    """A time of every week: minutes after the start of Monday, and what it is the time of."""

    minute: int
    part: int


class Occurrence(msgspec.Struct, frozen=True):
    """A moment at which something is due: the parts, in order."""

    time: datetime.datetime
    parts: tuple[int, ...]


def moment(wall: datetime.datetime, zone: ZoneInfo) -> datetime.datetime:
    """Return when it is *wall*, a time without a zone, in *zone*, in UTC."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(datetime.UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return first
    # PEP 495: in what is left out, the offsets of fold 0 and 1 are those before and after, which leads to moments
    # after and before. The clocks were put forward between the two.
    before, after = wall.replace(tzinfo=zone, fold=1).astimezone(datetime.UTC), first
    old = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def occurrences(times: Sequence[Weekly], zone: ZoneInfo, after: datetime.datetime) -> Iterator[Occurrence]:
    """Yield when *times* come in *zone*, each moment later than the one before and than *after*.

    What comes at one moment, as where clocks are put forward, is one occurrence.
    """
    ordered = sorted(times, key=lambda each: each.minute)
    waiting: Occurrence | None = None
    day = after.astimezone(zone).date() - _MARGIN
    while day < _LAST_DAY:
        for each in ordered:
            if each.minute // MINUTES_OF_DAY != day.weekday():
                continue
            wall = datetime.datetime.combine(day, datetime.time()) + datetime.timedelta(
                minutes=each.minute % MINUTES_OF_DAY
            )
            if (time := moment(wall, zone)) <= after:
                continue
            if waiting is not None and waiting.time == time:
                waiting = Occurrence(time, (*waiting.parts, each.part))
                continue
            if waiting is not None:
                yield waiting
            waiting = Occurrence(time, (each.part,))
        day += datetime.timedelta(days=1)


def due_between(
    times: Sequence[Weekly], zone: ZoneInfo, after: datetime.datetime, until: datetime.datetime
) -> list[Occurrence]:
    """Return what came after *after*, until *until* and at it."""
    found = []
    for occurrence in occurrences(times, zone, after):
        if occurrence.time > until:
            break
        found.append(occurrence)
    return found


def last_before(times: Sequence[Weekly], zone: ZoneInfo, now: datetime.datetime) -> Occurrence:
    """Return what came last, at *now* or before it."""
    return due_between(times, zone, now - datetime.timedelta(days=8) - _MARGIN, now)[-1]
