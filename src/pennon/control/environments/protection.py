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
GLASS = "broke the glass: "
"""What the reason of a change begins with that was made without what its environment demands."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_OF_DAY = 24 * 60
_WEEK = 7 * MINUTES_OF_DAY
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
    """What a change brings along: so many approvals of others, or somebody's word that it cannot wait.

    `files`: it comes from files, of this source; None: it does not.
    """

    approvals: int = 0
    is_break_glass: bool = False
    files: str | None = None

    def reason(self, why: str) -> str:
        """Return *why* as the log has it: who broke the glass is seen by everybody who looks."""
        return f"{GLASS}{why}" if self.is_break_glass else why


def broke_glass(why: str) -> bool:
    """Return whether a change with this reason was made without what its environment demands."""
    return why.startswith(GLASS)


def objections(protection: Protection, leave: Leave, *, why: str, at: datetime.datetime | None) -> Iterator[Problem]:
    """Yield what a change lacks, with what to do about it. Breaking the glass takes a reason, and nothing else.

    *at* is when it is made; None: it is only planned.
    """
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
        timed = " with the time at which it is to be applied" if at is None else ""
        yield Problem("", f"changes here take {count}", f"make a change request{timed}")
    if at is not None:
        yield from freeze_objections(protection, at)


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
        if not is_week_time(text):
            yield Problem(
                pointer("protection", "weeklyFreezes", at, field), f"{text!r} is no time of the week", "write fri 16:00"
            )
    if weekly.start == weekly.until:
        yield Problem(pointer("protection", "weeklyFreezes", at, "until"), "is its start", "leave a time for changes")
    if zone_of(weekly.zone) is None:
        message = f"{weekly.zone!r} is no time zone"
        yield Problem(pointer("protection", "weeklyFreezes", at, "zone"), message, "write one as in Europe/Berlin")


def freeze_objections(protection: Protection, at: datetime.datetime) -> Iterator[Problem]:
    """Yield why nothing is changed at the time *at*."""
    for freeze in protection.freezes:
        if freeze.start <= at < freeze.until:
            yield _frozen(f"until {freeze.until.isoformat()}", freeze.reason)
    for weekly in protection.weekly_freezes:
        if _is_in_week(weekly, at):
            yield _frozen(f"from {weekly.start} until {weekly.until}, {weekly.zone}", weekly.reason)


def _frozen(when: str, reason: str) -> Problem:
    return Problem("", f"nothing is changed here {when}" + (f": {reason}" if reason else ""), "come back later")


def _is_in_week(weekly: WeeklyFreeze, at: datetime.datetime) -> bool:
    zone = zone_of(weekly.zone)
    if zone is None:  # a zone that was known when it was written: rather no change than one at the wrong time
        return True
    local = at.astimezone(zone)
    minute = local.weekday() * MINUTES_OF_DAY + local.hour * 60 + local.minute
    start, until = week_minute(weekly.start), week_minute(weekly.until)
    return (minute - start) % _WEEK < (until - start) % _WEEK


def is_week_time(text: str) -> bool:
    """Return whether *text* is a time of the week, as in `fri 16:00`."""
    return _MOMENT.fullmatch(text) is not None


def week_minute(text: str) -> int:
    """Return how many minutes after the start of Monday a time of the week is, by the clock on the wall."""
    day, _, time = text.partition(" ")
    hours, _, minutes = time.partition(":")
    return DAYS.index(day) * MINUTES_OF_DAY + int(hours) * 60 + int(minutes)


def zone_of(name: str) -> zoneinfo.ZoneInfo | None:
    """Return the time zone of a name as in `Europe/Berlin`, None if there is none."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
