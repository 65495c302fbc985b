"""What an environment demands of a change: a reason, a ticket, approval, another time. Pure: time is an argument."""

import datetime
import re
import zoneinfo
from collections.abc import Iterator

from pennon.engine.regex import Patterns, pattern_problem
from pennon.model import Problem, pointer
from pennon.model.flags import Wire

MOST_APPROVALS = 10
MOST_FREEZES = 100
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK = 7 * 24 * 60
_PATTERNS = Patterns()
_MOMENT = re.compile(r"(mon|tue|wed|thu|fri|sat|sun) ([01][0-9]|2[0-3]):([0-5][0-9])")


class Freeze(Wire, frozen=True, kw_only=True):
    """A time in which nothing is changed, once. Both ends are RFC 3339 with a zone; `until` is outside."""

    start: datetime.datetime
    until: datetime.datetime
    reason: str = ""


class WeeklyFreeze(Wire, frozen=True, kw_only=True):
    """A time of the week in which nothing is changed, as in `fri 16:00` until `mon 06:00`, in a time zone."""

    start: str
    until: str
    zone: str = "UTC"
    reason: str = ""


class Protection(Wire, frozen=True, kw_only=True):
    """What an environment demands of each change. Turning a flag off never has to meet it.

    `ticket` is a pattern (spec/regex.md) that the reason has to hold, as in `OPS-[0-9]+`. With `approvals` changes are
    made by a request that so many others approve.
    """

    why: bool = False
    ticket: str = ""
    approvals: int = 0
    freezes: tuple[Freeze, ...] = ()
    weekly_freezes: tuple[WeeklyFreeze, ...] = ()


class Leave(Wire, frozen=True, kw_only=True):
    """What a change brings along: so many approvals of others, or somebody's word that it cannot wait."""

    approvals: int = 0
    is_break_glass: bool = False


def objections(protection: Protection, leave: Leave, *, why: str, now: datetime.datetime) -> Iterator[Problem]:
    """Yield what a change lacks, with what to do about it. Breaking the glass takes a reason, and nothing else."""
    if leave.is_break_glass:
        if not why.strip():
            yield Problem("/why", "breaking the glass takes a reason", "say why it cannot wait")
        return
    if protection.why and not why.strip():
        yield Problem("/why", "changes here take a reason", "say why")
    if protection.ticket and not _PATTERNS.search([protection.ticket], ignore_case=False)(why):
        yield Problem(
            "/why", "changes here name a ticket", f"write one that matches {protection.ticket} into the reason"
        )
    if leave.approvals < protection.approvals:
        count = f"{protection.approvals} approval{'s' if protection.approvals > 1 else ''}"
        yield Problem("", f"changes here take {count}", "make a change request")
    yield from _freeze_objections(protection, now)


def protection_problems(protection: Protection) -> Iterator[Problem]:
    """Yield what is wrong with *protection* itself; paths begin at the environment."""
    if protection.ticket and (fault := pattern_problem(protection.ticket)):
        yield Problem("/protection/ticket", fault, "write a pattern as spec/regex.md describes them")
    if not 0 <= protection.approvals <= MOST_APPROVALS:
        yield Problem("/protection/approvals", "cannot be met", f"write a number from 0 to {MOST_APPROVALS}")
    for field, many in (("freezes", protection.freezes), ("weeklyFreezes", protection.weekly_freezes)):
        if len(many) > MOST_FREEZES:
            yield Problem(pointer("protection", field), f"more than {MOST_FREEZES}", "remove those that are over")
    for at, freeze in enumerate(protection.freezes):
        if freeze.start.tzinfo is None or freeze.until.tzinfo is None:
            yield Problem(pointer("protection", "freezes", at), "a time has no zone", "write 2026-12-20T00:00:00Z")
        elif freeze.until <= freeze.start:
            yield Problem(pointer("protection", "freezes", at, "until"), "is not after its start", "swap them")
    for at, weekly in enumerate(protection.weekly_freezes):
        yield from _weekly_problems(at, weekly)


def _weekly_problems(at: int, weekly: WeeklyFreeze) -> Iterator[Problem]:
    for field, text in (("start", weekly.start), ("until", weekly.until)):
        if _MOMENT.fullmatch(text) is None:
            yield Problem(
                pointer("protection", "weeklyFreezes", at, field), f"{text!r} is no time of the week", "write fri 16:00"
            )
    if weekly.start == weekly.until:
        yield Problem(pointer("protection", "weeklyFreezes", at, "until"), "is its start", "leave a time for changes")
    if _zone(weekly.zone) is None:
        message = f"{weekly.zone!r} is no time zone"
        yield Problem(pointer("protection", "weeklyFreezes", at, "zone"), message, "write one as in Europe/Berlin")


def _freeze_objections(protection: Protection, now: datetime.datetime) -> Iterator[Problem]:
    for freeze in protection.freezes:
        if freeze.start <= now < freeze.until:
            yield _frozen(f"until {freeze.until.isoformat()}", freeze.reason)
    for weekly in protection.weekly_freezes:
        if _is_in_week(weekly, now):
            yield _frozen(f"from {weekly.start} until {weekly.until}, {weekly.zone}", weekly.reason)


def _frozen(when: str, reason: str) -> Problem:
    return Problem("", f"nothing is changed here {when}" + (f": {reason}" if reason else ""), "come back later")


def _is_in_week(weekly: WeeklyFreeze, now: datetime.datetime) -> bool:
    zone = _zone(weekly.zone)
    if zone is None:  # a zone that was known when it was written: rather no change than one at the wrong time
        return True
    local = now.astimezone(zone)
    minute = local.weekday() * 24 * 60 + local.hour * 60 + local.minute
    start, until = _minute(weekly.start), _minute(weekly.until)
    return (minute - start) % _WEEK < (until - start) % _WEEK


def _minute(text: str) -> int:
    day, _, time = text.partition(" ")
    hours, _, minutes = time.partition(":")
    return _DAYS.index(day) * 24 * 60 + int(hours) * 60 + int(minutes)


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
