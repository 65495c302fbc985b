"""What each SDK hashes of a value that a split goes by, and how it writes that as bytes."""

from collections.abc import Callable
from typing import Any, NamedTuple

from pennon.bucketing import well_formed
from pennon.bucketing.sha1 import sha1_60


class Unit(NamedTuple):
    """How one SDK reads a unit: the text to hash, None for bucket 0; whether it can be the context's kind."""

    text: Callable[[Any], str | None]
    encode: Callable[[str], bytes]
    reads_kind: bool


def hasher(prefix: str, unit: Unit) -> Callable[[str], int]:
    """Return a function that hashes a unit's text behind *prefix*."""
    encode = unit.encode
    try:
        before = encode(prefix)
    except UnicodeEncodeError:
        # Python's SDK fails when it evaluates, not before.
        return lambda text: sha1_60(encode(prefix + text))
    return lambda text: sha1_60(before + encode(text))


def python_unit(value: Any) -> str | None:
    """Return a string as it is and an integer in decimal. A float is none, whole or not."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value)


def node_unit(value: Any) -> str | None:
    """Return a string as it is and a whole number as JavaScript writes it."""
    if isinstance(value, str):
        return value
    whole = _whole(value)
    if whole is None:
        return None
    return repr(whole) if abs(whole) >= 1e21 else _digits(whole)


def _digits(whole: float) -> str:
    """Write a whole double: its shortest digits that tell it from its neighbours, then zeros."""
    mantissa, _, exponent = repr(abs(whole)).partition("e")
    digits = mantissa.removesuffix(".0")
    if exponent:
        digits, _, after = digits.partition(".")
        digits += after.ljust(int(exponent), "0")
    return f"-{digits}" if whole < 0 else digits


def go_unit(value: Any) -> str | None:
    """Return a string as it is and a whole number of 64 bits in decimal."""
    if isinstance(value, str):
        return value
    whole = _whole(value)
    return None if whole is None or not -(2.0**63) <= whole < 2.0**63 else str(int(whole))


def _whole(value: Any) -> float | None:
    """Return *value* as a double if it is a number without fraction."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        whole = float(value)
    except OverflowError:
        return None
    return whole if whole.is_integer() else None


def replaced(text: str) -> bytes:
    """Write UTF-8, with U+FFFD for half of a surrogate pair."""
    return well_formed(text).encode()


PYTHON = Unit(python_unit, str.encode, reads_kind=True)
NODE = Unit(node_unit, replaced, reads_kind=False)
GO = Unit(go_unit, replaced, reads_kind=True)
