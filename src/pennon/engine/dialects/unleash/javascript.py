"""Values as JavaScript makes texts, truths, numbers and times of them."""

import math
import re
from collections.abc import Mapping
from typing import Any

from pennon.engine.dialects.unleash.chrono import days

SPACE = "\t\n\x0b\x0c\r \xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"
"""What JavaScript trims, and what its `\\s` matches."""
COMMA = re.compile(f"[{SPACE}]*,[{SPACE}]*")

_DECIMAL = re.compile(r"[+-]?(?:Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)", re.ASCII)
_RADIX = {"0x": 16, "0o": 8, "0b": 2}
_INTEGER = re.compile(r"0[xX][0-9A-Fa-f]+|0[oO][0-7]+|0[bB][01]+", re.ASCII)
_TIME = re.compile(
    r"(?P<year>[0-9]{4}|[+-][0-9]{6})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?)?"
    r"(?P<time>T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?)?"
    r"(?P<zone>Z|(?P<sign>[+-])(?P<hours>[0-9]{2}):(?P<minutes>[0-9]{2}))?)?",
    re.ASCII,
)
_LATEST_MS = 8.64e15


def text(value: Any) -> str:
    """Return `String(value)`."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _digits(_double(value))
    if isinstance(value, list | tuple):
        return ",".join("" if each is None else text(each) for each in value)
    return "[object Object]" if isinstance(value, Mapping) else str(value)


def is_true(value: Any) -> bool:
    """Return `Boolean(value)`: empty lists and objects are true."""
    if isinstance(value, float):
        return not math.isnan(value) and value != 0.0
    return isinstance(value, list | tuple | Mapping) or bool(value)


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _digits(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    # The point is after so many of the digits, which neither begin nor end with a zero.
    place = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return ("-" if value < 0 else "") + _placed(digits.rstrip("0"), place)


def _placed(digits: str, place: int) -> str:
    if len(digits) <= place <= 21:
        return digits.ljust(place, "0")
    if 0 < place <= 21:
        return f"{digits[:place]}.{digits[place:]}"
    if -6 < place <= 0:
        return f"0.{'0' * -place}{digits}"
    exponent = f"e{'+' if place > 0 else '-'}{abs(place - 1)}"
    return f"{digits[0]}.{digits[1:]}{exponent}" if len(digits) > 1 else digits + exponent


def number(written: str | None) -> float:
    """Return `Number(written)`, None being undefined."""
    if written is None:
        return math.nan
    bare = written.strip(SPACE)
    if not bare:
        return 0.0
    if _INTEGER.fullmatch(bare):
        return _double(int(bare[2:], _RADIX[bare[:2].lower()]))
    return float(bare) if _DECIMAL.fullmatch(bare) else math.nan


def milliseconds(value: Any) -> float:
    """Return `Number(new Date(value))`: ECMAScript's ISO 8601, times without a zone as UTC; NaN for the rest."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        found = _double(value)
        return float(math.trunc(found)) if abs(found) <= _LATEST_MS else math.nan
    match = _TIME.fullmatch(text(value))
    return math.nan if match is None else _milliseconds(match)


def is_local(written: str) -> bool:
    """Whether JavaScript reads a time in the zone of its machine."""
    match = _TIME.fullmatch(written)
    return match is not None and match["time"] is not None and match["zone"] is None


def _milliseconds(match: re.Match[str]) -> float:
    month, day = int(match["month"] or 1), int(match["day"] or 1)
    hour, minute, second = int(match["hour"] or 0), int(match["minute"] or 0), int(match["second"] or 0)
    fraction = int((match["fraction"] or "0").ljust(3, "0")[:3])
    hours, minutes = int(match["hours"] or 0), int(match["minutes"] or 0)
    is_end = hour == 24 and minute == second == fraction == 0
    if match["year"] == "-000000" or not 1 <= month <= 12 or not 1 <= day <= 31:
        return math.nan
    if (hour > 23 and not is_end) or minute > 59 or second > 59 or hours > 23 or minutes > 59:
        return math.nan
    offset = (hours * 60 + minutes) * (-1 if match["sign"] == "-" else 1)
    # A 31st of April is the 1st of May.
    total = (days(int(match["year"]), month, 1) + day - 1) * 1440 + hour * 60 + minute - offset
    found = float(total * 60_000 + second * 1000 + fraction)
    return found if abs(found) <= _LATEST_MS else math.nan
