"""The values that conditions speak of: texts, numbers, units, versions, dates, addresses.

Each reader takes anything that a program may have put into a context and returns None where it is not one of them.
Other languages must agree on every answer, so nothing here leans on what Python happens to accept.
"""

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from pennon.bucketing import well_formed

SAFE = 2**53
"""Integers up to here (less one) are the same in every language; beyond, a number is the double nearest to it."""
HUGE = 1.7976931348623157e308
"""The largest number. What is beyond is no number, as NaN is none."""

T = TypeVar("T")


def text(value: object) -> str | None:
    """Return *value* as well-formed text if it is a string, of a subclass too (`StrEnum`)."""
    kind = type(value)
    if kind is str:
        return well_formed(value)  # type: ignore[arg-type]
    return well_formed(str.__str__(value)) if issubclass(kind, str) else None


def number(value: object) -> int | float | None:
    """Return *value* if it is a finite number and no boolean. A large integer becomes a double, as in JSON."""
    kind = type(value)
    if kind is int:
        return value if -SAFE <= value <= SAFE else _double(value)  # type: ignore[operator,arg-type,return-value]
    if kind is float:
        return value if math.isfinite(value) else None  # type: ignore[arg-type,return-value]
    if kind is bool:
        return None
    if issubclass(kind, int):
        return number(int.__int__(value))  # type: ignore[arg-type]
    return number(float.__float__(value)) if issubclass(kind, float) else None  # type: ignore[arg-type]


def _double(value: int) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def integer(value: object) -> int | None:
    """Return *value* as an integer if it is a number without fraction, up to 2^53 - 1. 1.0 is 1."""
    found = number(value)
    if found is None or not -SAFE < found < SAFE or found != int(found):
        return None
    return int(found)


def unit(value: object) -> str | None:
    """Return what is hashed for *value*: a string as it is, an integer in decimal."""
    found = text(value)
    if found is not None:
        return found
    whole = integer(value)
    return None if whole is None else str(whole)


def array(value: object) -> list[Any] | None:
    """Return the elements of a list or tuple, whatever a subclass makes of iteration."""
    kind = type(value)
    if issubclass(kind, list):
        return [*list.__iter__(value)]  # type: ignore[arg-type]
    return [*tuple.__iter__(value)] if issubclass(kind, tuple) else None  # type: ignore[arg-type]


_DIGITS = r"[0-9]+"
_NAMES = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_VERSION = re.compile(rf"v?({_DIGITS}(?:\.{_DIGITS})*)(?:-({_NAMES}))?(?:\+{_NAMES})?")


def version_rank(value: str) -> bytes:
    """Return bytes that compare as versions do; empty where *value* is none, and so below every version.

    Dotted integers of any length, missing ones zero; SemVer's order of pre-releases; build metadata left out. No part
    is read as an integer: a count of digits before the digits gives the order, at any length and in linear time.
    """
    match = _VERSION.fullmatch(value)
    if match is None:
        return b""
    parts = [_number_rank(part) for part in match[1].split(".")]
    while parts and parts[-1] == _ZERO:
        parts.pop()
    core = b"".join(b"\x02" + part for part in parts)
    if match[2] is None:
        return core + b"\x01"
    names = (
        b"\x01" + _number_rank(name) if name.isdecimal() else b"\x02" + name.encode() for name in match[2].split(".")
    )
    return core + b"\x00" + b"\x00".join(names) + b"\x00"


def _number_rank(digits: str) -> bytes:
    digits = digits.lstrip("0")
    return len(digits).to_bytes(4, "big") + digits.encode()


_ZERO = _number_rank("0")

_DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAY_S = 86_400


def instant(value: object) -> int | None:
    """Return nanoseconds since 1970 if *value* is an RFC 3339 date with a zone, or epoch milliseconds."""
    written = text(value)
    if written is not None:
        return date_instant(written)
    whole = integer(value)
    return None if whole is None else whole * 1_000_000


def date_instant(written: str) -> int | None:
    """Return nanoseconds since 1970 if *written* is an RFC 3339 date with a zone. Digits beyond the ninth are cut."""
    match = _DATE.fullmatch(written)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
    seconds = _days(year, month, day)
    offset = _offset(match)
    if seconds is None or offset is None or hour > 23 or minute > 59 or second > 60:
        return None
    seconds = seconds * _DAY_S + hour * 3600 + minute * 60 + second - offset
    if second == 60 and seconds % _DAY_S:
        return None  # a leap second is the last of a day in UTC
    return seconds * 1_000_000_000 + int((match[7] or "")[:9].ljust(9, "0"))


def _offset(match: re.Match[str]) -> int | None:
    if match[8] is None:
        return 0
    hours, minutes = int(match[9]), int(match[10])
    if hours > 23 or minutes > 59:
        return None
    return (hours * 3600 + minutes * 60) * (-1 if match[8] == "-" else 1)


def _days(year: int, month: int, day: int) -> int | None:
    """Return days since 1970 in the Gregorian calendar (Hinnant's days_from_civil); year 0 is there, unlike in date."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= month <= 12 or not 1 <= day <= _MONTHS[month - 1] or (month == 2 and day == 29 and not leap):
        return None
    shifted = year - (month <= 2)
    era, of_era = divmod(shifted, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


_PREFIX = re.compile(r"0|[1-9][0-9]{0,2}")


_MAPPED = 0xFFFF << 32
"""What comes before an IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`), as dual-stack servers do."""


def address(written: str) -> tuple[int, int] | None:
    """Return (bits, number) of an IP address. A zone (`%eth0`) makes it none; IPv4 within IPv6 is IPv4."""
    found = _address(written)
    if found is None or found[0] == 32 or found[1] >> 32 != _MAPPED >> 32:
        return found
    return 32, found[1] - _MAPPED


def _address(written: str) -> tuple[int, int] | None:
    if "%" in written or len(written) > 45:
        return None
    try:
        found = ipaddress.ip_address(written)
    except ValueError:
        return None
    return found.max_prefixlen, int(found)


def network(written: str) -> tuple[int, int, int] | None:
    """Return (bits, bits of the host, number of the network) of a CIDR. A bare address is a network of one."""
    start, slash, prefix = written.partition("/")
    found = _address(start)
    if found is None:
        return None
    bits, whole = found
    length = bits if not slash else int(prefix) if _PREFIX.fullmatch(prefix) else bits + 1
    if length > bits:
        return None
    if bits == 128 and length >= 96 and whole >> 32 == _MAPPED >> 32:
        bits, length, whole = 32, length - 96, whole - _MAPPED
    return bits, bits - length, whole >> (bits - length)


class Memo(dict[str, T], Generic[T]):
    """What a reader answers, kept for the texts met last. Bounded in entries and in the length of each."""

    __slots__ = ("_read",)
    ENTRIES = 4096
    LENGTH = 64

    def __init__(self, read: Callable[[str], T]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, key: str) -> T:
        answer = self._read(key)
        if len(key) <= self.LENGTH:
            if len(self) >= self.ENTRIES:
                self.clear()
            self[key] = answer
        return answer


_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_BAD_ESCAPE = re.compile(r"~(?![01])")


def pointer_problem(attribute: str) -> str | None:
    """Say what is wrong with an attribute that begins with a slash, and is a JSON pointer (RFC 6901) therefore."""
    if attribute.startswith("/") and (found := _BAD_ESCAPE.search(attribute)):
        return f"the JSON pointer {attribute!r} has a ~ at {found.start()} that is neither ~0 nor ~1"
    return None


def pointer_steps(attribute: str) -> tuple[str, ...]:
    """Return the names that a JSON pointer goes through."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in attribute.split("/")[1:])


def attribute_reader(attribute: str) -> Callable[[dict[Any, Any]], Any]:
    """Return a function that finds *attribute*, a name or a JSON pointer, in a context; None if it is not there."""
    if not attribute.startswith("/"):
        return lambda context: context.get(attribute)
    steps = pointer_steps(attribute)

    def read(context: Any) -> Any:
        found = context
        for step in steps:
            kind = type(found)
            if kind is dict or issubclass(kind, Mapping):
                found = found.get(step)
            elif issubclass(kind, (list, tuple)) and _INDEX.fullmatch(step) and int(step) < len(found):
                found = found[int(step)]
            else:
                return None
        return found

    return read
