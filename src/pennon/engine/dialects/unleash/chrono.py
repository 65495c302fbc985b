"""Numbers and dates as Unleash's Rust core reads them: what its rules' grammar takes, and what their texts may be.

A moment is a pair: seconds since 1970, and nanoseconds, which a leap second takes past a billion.
"""

import re
from typing import TypeAlias

Moment: TypeAlias = tuple[int, int]

SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""What Rust trims: Unicode's white space."""
RULE_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
RULE_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
RULE_VERSION = re.compile(
    r"[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)

_NUMBER = re.compile(
    r"[+-]?(?:inf(?:inity)?|nan|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)", re.ASCII | re.IGNORECASE
)
_S = f"[{SPACE}]*"
_MOMENT = re.compile(
    rf"{_S}(?P<year>[+-][0-9]{{1,7}}|[0-9]{{1,4}}){_S}-{_S}(?P<month>[0-9]{{1,2}}){_S}-{_S}(?P<day>[0-9]{{1,2}})"
    rf"[ Tt]{_S}(?P<hour>[0-9]{{1,2}}){_S}:{_S}(?P<minute>[0-9]{{1,2}}){_S}:{_S}(?P<second>[0-9]{{1,2}})"
    rf"(?:\.(?P<fraction>[0-9]+))?{_S}"
    rf"(?:[Uu][Tt][Cc]|[Zz]|(?P<sign>[+\-−])(?P<hours>[0-9]{{2}})[:{SPACE}]*(?P<minutes>[0-5][0-9])){_S}"
)
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_YEARS = 262_142


def number(text: str) -> float | None:
    """Read a 64 bit float as Rust does; None where it is none."""
    return float(text) if _NUMBER.fullmatch(text) else None


def moment(text: str) -> Moment | None:
    """Read a date with a time and a zone, chrono's relaxed RFC 3339; None where it is none."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    offset = int(match["hours"] or 0) * 3600 + int(match["minutes"] or 0) * 60
    if abs(year) > _YEARS or not 1 <= month <= 12 or not 1 <= day <= _days_in(year, month) or offset >= 86_400:
        return None
    if hour > 23 or minute > 59 or second > 60:
        return None
    is_leap = second == 60
    fraction = int((match["fraction"] or "0").ljust(9, "0")[:9]) + (1_000_000_000 if is_leap else 0)
    seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - is_leap
    return seconds - (offset if match["sign"] == "+" else -offset), fraction


def at(now: float) -> Moment:
    """Return the moment of *now*, in epoch seconds, to the microsecond."""
    micros = round(now * 1_000_000)
    return micros // 1_000_000, micros % 1_000_000 * 1000


def _days_in(year: int, month: int) -> int:
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if month == 2 and is_leap else _LENGTHS[month - 1]


def days(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date of the Gregorian calendar, which goes back without end."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
