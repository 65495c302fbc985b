"""How each of LaunchDarkly's SDKs reads dates and versions: what it takes, to the letter."""

import re
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

VersionRank: TypeAlias = tuple[Any, ...]
"""Compares as the version does."""

SAFE_INTEGER = 2**53 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_ERA_YEARS, _ERA_DAYS = 400, 146_097
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def double(number: float) -> float:
    """Return *number* as a double. One that is too large is infinity, as in every language but Python."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def is_number(value: object) -> bool:
    """Tell whether *value* is a number, which a boolean is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# Dates, in milliseconds since 1970

_ZULU = re.compile(r"[Zz]$")


def python_date(value: Any) -> float | None:
    """Read a date as the Python SDK does, by `datetime.fromisoformat`: no `T` is needed, a zone is."""
    if is_number(value):
        return float(value)
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(_ZULU.sub("+00:00", value))
        return (found - _EPOCH).total_seconds() * 1000.0
    except (TypeError, ValueError, OverflowError):  # TypeError: a date without a zone
        return None


_NODE_DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:Z|([-+])([0-9]{2}):?([0-9]{2}))"
)


def node_date(value: Any) -> float | None:
    """Read a date as the Node SDK does: what its pattern and `Date.parse` both take. 30 February is 2 March."""
    if is_number(value):
        return double(value)
    if not isinstance(value, str) or (match := _NODE_DATE.fullmatch(value)) is None:
        return None
    year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
    millisecond = int((match[7] or "")[:3].ljust(3, "0"))
    is_midnight = (hour, minute, second, millisecond) == (24, 0, 0, 0)
    offset = _offset_min(match[8], match[9], match[10])
    if not (1 <= month <= 12 and 1 <= day <= 31 and minute <= 59 and second <= 59 and (hour <= 23 or is_midnight)):
        return None
    if offset is None:
        return None
    return float(_milliseconds(year, month, day, hour, minute - offset, second) + millisecond)


def _offset_min(sign: str | None, hours: str, minutes: str) -> int | None:
    if sign is None:
        return 0
    if int(hours) > 23 or int(minutes) > 59:
        return None
    return (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1)


_GO_DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz].*|([-+])([0-9]{2}):([0-9]{2}))",
    re.DOTALL,
)


def go_date(value: Any) -> float | int | None:
    """Read a date as the Go SDK does, in nanoseconds: an hour of one digit, any offset, anything after the `Z`."""
    if is_number(value):
        return int(value) * 1_000_000 if abs(value) < 2**63 else None
    if not isinstance(value, str) or (match := _GO_DATE.fullmatch(value)) is None:
        return None
    year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
    offset_min = 0 if match[8] is None else (int(match[9]) * 60 + int(match[10])) * (-1 if match[8] == "-" else 1)
    is_offset = match[8] is None or int(match[10]) <= 59
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour <= 23 and minute <= 59 and second <= 60 and is_offset):
        return None
    whole = _milliseconds(year, month, day, hour, minute - offset_min, second)
    return whole * 1_000_000 + int((match[7] or "").ljust(9, "0"))


def _milliseconds(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    """Return milliseconds since 1970. Days beyond the month's last, and minutes of any size, carry over."""
    # Python's calendar begins with year 1: year 0 is read one cycle of the Gregorian calendar later.
    first = date(year, month, 1).toordinal() if year else date(_ERA_YEARS, month, 1).toordinal() - _ERA_DAYS
    days = first + day - 1 - _EPOCH_DAY
    return days * _DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000


# Versions

_NUMBER = r"(?:0|[1-9][0-9]*)"
_NAME = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_TAIL = rf"(?:-({_NAME}(?:\.{_NAME})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_FULL = re.compile(rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER}){_TAIL}")
_SHORT = re.compile(rf"({_NUMBER})(?:\.({_NUMBER})(?:\.({_NUMBER}))?)?{_TAIL}")
_LEADING = re.compile(r"([0-9.]*)(.*)")
_COMPONENTS = re.compile(r"[0-9]+(\.[0-9]+)?(\.[0-9]+)?")
_NODE_LONGEST = 256
_NODE_BLANK = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))


def python_version(value: Any) -> VersionRank | None:
    """Read a version as the Python SDK does: strictly, then with one and with two components of zero put in."""
    if not isinstance(value, str):
        return None
    for _ in range(3):
        if (match := _FULL.fullmatch(value)) is not None:
            return _rank(match)
        digits, rest = _LEADING.match(value).groups()  # type: ignore[union-attr]  # it matches everything
        value = f"{digits}.0{rest}"
    return None


def node_version(value: Any) -> VersionRank | None:
    """Read a version as the Node SDK does: blanks around it are dropped, missing components are zero."""
    if not isinstance(value, str) or value.startswith("v"):
        return None
    if (found := _node_version(value)) is not None:
        return found
    if (components := _COMPONENTS.match(value)) is None:
        return None
    missing = sum(group is None for group in components.groups())
    return _node_version(components[0] + ".0" * missing + value[components.end() :])


def _node_version(text: str) -> VersionRank | None:
    if len(text.encode("utf-16-le", "surrogatepass")) > 2 * _NODE_LONGEST:
        return None
    match = _FULL.fullmatch(text.strip(_NODE_BLANK).removeprefix("v"))
    if match is None or any(int(match[group]) > SAFE_INTEGER for group in (1, 2, 3)):
        return None
    return _rank(match)


def go_version(value: Any) -> VersionRank | None:
    """Read a version as the Go SDK does: the second and third component may be missing."""
    match = _SHORT.fullmatch(value) if isinstance(value, str) else None
    return None if match is None else _rank(match)


def _rank(match: re.Match[str]) -> VersionRank:
    core = tuple(_number_rank(match[group] or "0") for group in (1, 2, 3))
    if match[4] is None:
        return (core, 1)
    names = tuple((0, *_number_rank(name)) if name.isdecimal() else (1, 0, name) for name in match[4].split("."))
    return (core, 0, names)


def _number_rank(digits: str) -> tuple[int, str]:
    # No digits are read as an integer: Python refuses to beyond 4300 of them.
    return len(digits), digits
