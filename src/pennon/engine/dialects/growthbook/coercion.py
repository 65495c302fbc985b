"""What JavaScript makes of JSON values: as text, as number, in order, in a test. ECMAScript's rules, to the letter.

A value that is not JSON raises `TypeError`, and the evaluation with it.
"""

import json
import math
import re
from typing import Any, TypeAlias

Number: TypeAlias = int | float

SAFE = 2**53
_FIXED_UP_TO = 21
_FIXED_DOWN_TO = -6
_SPACE = "\t\n\v\f\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_BLANK = re.compile(f"[{_SPACE}]*")
_LITERAL = re.compile(
    f"[{_SPACE}]*(?:"
    r"(?P<decimal>[+-]?(?:Infinity|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?))"
    r"|0[xX](?P<hex>[0-9a-fA-F]+)|0[oO](?P<octal>[0-7]+)|0[bB](?P<binary>[01]+)"
    f")[{_SPACE}]*"
)


def double(value: Number) -> Number:
    """Return the number that JavaScript, which has doubles only, holds instead of *value*."""
    if isinstance(value, float) or -SAFE <= value <= SAFE:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def number_text(value: Number) -> str:
    """Return a number as JavaScript prints it: 1, 1.5, 1e+21, 1.5e-7."""
    if isinstance(value, int) and -SAFE <= value <= SAFE:
        return int.__repr__(value)
    number = float(double(value))
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return "0" if number == 0 else ("-" if number < 0 else "") + _laid_out(abs(number))


def _laid_out(number: float) -> str:
    """Lay out the shortest digits that read back as *number*, which Python's repr and JavaScript agree on."""
    mantissa, _, exponent = float.__repr__(number).partition("e")
    whole, _, fraction = mantissa.partition(".")
    padded = (whole + fraction).lstrip("0")
    digits = padded.rstrip("0")
    point = int(exponent or "0") - len(fraction) + len(padded)
    if len(digits) <= point <= _FIXED_UP_TO:
        return digits.ljust(point, "0")
    if 0 < point <= _FIXED_UP_TO:
        return f"{digits[:point]}.{digits[point:]}"
    if _FIXED_DOWN_TO < point <= 0:
        return "0." + "0" * -point + digits
    first = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{first}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def text(value: Any) -> str:
    """Return *value* as text: what `String(value)` and `value + ""` give."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    if value is None:
        return "null"
    if isinstance(value, (list, tuple)):
        return ",".join("" if item is None else text(item) for item in value)
    if isinstance(value, dict) and "toString" not in value:
        return "[object Object]"
    raise TypeError(f"a {type(value).__name__} cannot be made text")


def json_text(value: Any) -> str:
    """Return *value* as `JSON.stringify` writes it."""
    if isinstance(value, str):
        joined = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return _LONE.sub(lambda half: f"\\u{ord(half[0]):04x}", json.dumps(joined, ensure_ascii=False))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number_text(value) if math.isfinite(double(value)) else "null"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(json_text, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{json_text(key)}:{json_text(value[key])}' for key in key_order(value))}}}"
    return text(value)


_LONE = re.compile("[\ud800-\udfff]")


def number(value: Any) -> float | int:
    """Return *value* as a number, not a number (NaN) where it is none: what `value * 1` gives."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return double(value)
    if value is None:
        return 0
    return _read(text(value))


def _read(written: str) -> float | int:
    if _BLANK.fullmatch(written):
        return 0
    match = _LITERAL.fullmatch(written)
    if match is None:
        return math.nan
    if match["decimal"] is not None:
        return float(match["decimal"])
    bases = (("hex", 16), ("octal", 8), ("binary", 2))
    return double(next(int(match[name], base) for name, base in bases if match[name] is not None))


def is_true(value: Any) -> bool:
    """Tell whether `if (value)` is taken: empty arrays and objects are."""
    if isinstance(value, (list, tuple, dict)):
        return True
    return bool(value) and value == value  # noqa: PLR0124  # not a number is not equal to itself, and false


def type_name(value: Any) -> str:
    """Return the name of the type that `$type` asks for. The same in Python's SDK."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, (list, tuple)) else "object" if isinstance(value, dict) else "unknown"


def units_order(one: str, other: str) -> int:
    """Return how two texts compare by UTF-16 code units: negative, 0 or positive."""
    if one.isascii() or other.isascii():
        return (one > other) - (one < other)
    left, right = one.encode("utf-16-be", "surrogatepass"), other.encode("utf-16-be", "surrogatepass")
    return (left > right) - (left < right)


def order(one: Any, other: Any) -> int | None:
    """Return how `<` and `>` compare two values: negative, 0 or positive; None where neither they nor `<=` hold."""
    left, right = _primitive(one), _primitive(other)
    if isinstance(left, str) and isinstance(right, str):
        return units_order(left, right)
    first, second = number(left), number(right)
    if first != first or second != second:  # noqa: PLR0124  # not a number
        return None
    return (first > second) - (first < second)


def _primitive(value: Any) -> Any:
    return text(value) if isinstance(value, (list, tuple, dict)) else value


def written(value: Any) -> object:
    """Return something that equals another's if and only if `JSON.stringify` writes both the same.

    The order of an object's keys counts; keys that are array indices come first, in their order.
    """
    if isinstance(value, bool) or value is None:
        return (value is True, value is None)
    if isinstance(value, (int, float)):
        exact = double(value)
        return exact if math.isfinite(exact) else (False, True)
    if isinstance(value, (list, tuple)):
        return ["array", *map(written, value)]
    if isinstance(value, dict):
        return ["object", *((key, written(value[key])) for key in key_order(value))]
    return value


_INDEX = re.compile("0|[1-9][0-9]{0,9}")
_INDICES = 2**32 - 1


def is_index(key: object) -> bool:
    """Tell whether *key* is the text of an array index."""
    return isinstance(key, str) and _INDEX.fullmatch(key) is not None and int(key) < _INDICES


def key_order(value: dict[Any, Any]) -> list[Any]:
    """Return an object's keys in the order that JavaScript has them in."""
    keys = list(value)
    indices = [key for key in keys if is_index(key)]
    return sorted(indices, key=int) + [key for key in keys if not is_index(key)] if indices else keys
