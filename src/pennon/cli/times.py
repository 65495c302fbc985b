"""Times as people type and read them: `2026-12-01 09:00 Europe/Berlin`, `mon-fri 16:00-18:00 Europe/Berlin`."""

import datetime
import re
from typing import Any

from pennon.cli.connection import WRONG_USE, fail
from pennon.control.environments.protection import DAYS, zone_of
from pennon.control.schedules.calendar import moment

_WALL = re.compile(r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}(?::\d{2})?) (\S+)")
_WINDOW = re.compile(r"(\S+) (\d{2}:\d{2})-(\d{2}:\d{2}) (\S+)")
_EVERY_DAY = "daily"


def parse_time(text: str) -> str:
    """Return *text*, by the clock on the wall of a zone or RFC 3339, as RFC 3339.

    What the zone leaves out is the first moment after.
    """
    try:
        if (match := _WALL.fullmatch(text.strip())) is not None:
            wall = datetime.datetime.fromisoformat(f"{match[1]}T{match[2]}")
            if (zone := zone_of(match[3])) is None:
                fail(f"{match[3]!r} is no time zone", mend="write one as in Europe/Berlin", status=WRONG_USE)
            return moment(wall, zone).astimezone(zone).isoformat()
        found = datetime.datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        found = None
    if found is None or found.tzinfo is None:
        mend = "write it with its zone, as in '2026-12-01 09:00 Europe/Berlin' or 2026-12-01T09:00:00+01:00"
        fail(f"{text!r} is no time", mend=mend, status=WRONG_USE)
    return found.isoformat()


def parse_window(text: str) -> dict[str, Any]:
    """Return the days, the start, the end and the zone of a window, as the API takes them."""
    match = _WINDOW.fullmatch(text.strip())
    days = [] if match is None else _days(match[1])
    if match is None or not days:
        mend = "write 'mon-fri 16:00-18:00 Europe/Berlin', 'sat,sun 10:00-18:00 UTC' or 'daily 22:00-06:00 UTC'"
        fail(f"{text!r} is no window", mend=mend, status=WRONG_USE)
    return {"kind": "window", "days": days, "start": match[2], "until": match[3], "zone": match[4]}


def shown_time(text: str) -> str:
    """Return a time of the API as it is on this machine's clock."""
    return f"{datetime.datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M %Z}"


def _days(text: str) -> list[str]:
    if text == _EVERY_DAY:
        return list(DAYS)
    found: list[str] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            return []
        start, length = DAYS.index(first), (DAYS.index(last or first) - DAYS.index(first)) % len(DAYS)
        found += [DAYS[(start + step) % len(DAYS)] for step in range(length + 1)]
    return list(dict.fromkeys(found))
