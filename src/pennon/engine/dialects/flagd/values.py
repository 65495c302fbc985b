"""What flagd's Python SDK makes of values: as numbers, as text, as true or false; equal, ordered, the same.

Where JavaScript would differ (`True` for true, whole floats, text that Python reads as a number) Python is followed,
for it is what these dialects are. Each function takes anything that a context may hold, and raises where the SDK does.
"""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

STEPS = 250_000
"""So many steps an expression may take: nodes visited for elements of arrays, elements and characters copied."""
_LONGEST_BITS = 100_000
_CHARACTERS_A_STEP = 16
NUMBERS = (int, float)


class TooMuch(Exception):
    """The evaluation would take more steps than any that people write: an array multiplied by itself, say."""


class NoTime(Exception):
    """The expression asks for the time, and whoever evaluates gave none."""


class Run:
    """One evaluation of an expression: who asks, when, and how many steps are left."""

    __slots__ = ("_whole", "context", "flag_key", "left", "now")

    def __init__(self, context: dict[Any, Any], now: float | None, flag_key: str) -> None:
        self.context = context
        self.now = now
        self.flag_key = flag_key
        self.left = STEPS
        self._whole: dict[Any, Any] | None = None

    def charge(self, steps: int) -> None:
        """Take *steps* from those that are left. Raises `TooMuch`."""
        self.left -= steps
        if self.left < 0:
            raise TooMuch(f"more than {STEPS} steps")

    def weigh(self, value: Any) -> Any:
        """Charge every part of *value*, and return it: an array may hold another one many times over."""
        if isinstance(value, (list, tuple, dict)):
            self.charge(len(value) + 1)
            for item in value.values() if isinstance(value, dict) else value:
                self.weigh(item)
        elif isinstance(value, str):
            self.charge(len(value) // _CHARACTERS_A_STEP)
        return value

    def spent(self, written: str) -> str:
        """Charge text that was put together, and return it."""
        if len(written) >= _CHARACTERS_A_STEP:
            self.charge(len(written) // _CHARACTERS_A_STEP)
        return written

    def timestamp(self) -> int:
        """Return the time as flagd gives it: whole seconds. Raises `NoTime`."""
        if self.now is None:
            raise NoTime
        return int(self.now)

    def whole(self) -> dict[Any, Any]:
        """Return all that an expression can see: the context, and what flagd adds. The same object each time."""
        if self._whole is None:
            flagd: dict[str, Any] = {"flagKey": self.flag_key}
            if self.now is not None:
                flagd["timestamp"] = self.timestamp()
            self._whole = {**self.context, "$flagd": flagd, "targetingKey": targeting_key(self.context)}
        return self._whole


def targeting_key(context: dict[Any, Any]) -> Any:
    """Return the targeting key. An OpenFeature client hands an empty one on as none at all."""
    return context.get("targetingKey") or None


def number(value: Any) -> int | float:
    """Return *value* as a number, NaN where it is none. Python reads text: "1_0", "infinity" and "nan" are numbers."""
    if isinstance(value, NUMBERS):
        return value
    if value is None:
        return 0
    if isinstance(value, list):
        return 0 if not value else math.nan if len(value) > 1 else number(value[0])
    if isinstance(value, dict):
        return math.nan
    if isinstance(value, str) and value.strip().lower() in {"inf", "-inf", "+inf"}:
        return math.nan
    try:
        return float(value)
    except ValueError:
        return math.nan


def text(run: Run, value: Any) -> str:
    """Return *value* as text: `True` and `False` as Python writes them, null as `null`, 15 digits of a float."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, int):
        return str(value)
    if value is None:
        return "null"
    if isinstance(value, list):
        run.charge(len(value))
        return run.spent(",".join([text(run, item) for item in value]))
    return "[object Object]" if isinstance(value, dict) else str(value)


def truth(value: Any) -> bool:
    """Tell whether *value* counts as true: an empty array does not, an empty object and "0" do."""
    if value is None or type(value) is bool:
        return value is True
    if isinstance(value, float):
        return value == value and value != 0  # noqa: PLR0124  # NaN alone is not itself
    return bool(value) if isinstance(value, (str, int, list)) else True


def equal(run: Run, one: Any, other: Any) -> bool:
    """Tell whether `==` holds: numbers and text by value, arrays and objects only where they are the same one."""
    if type(one) is type(other):
        return one is other if type(one) in (list, dict) else bool(one == other)
    if isinstance(one, NUMBERS):
        return bool(one == number(other))
    if isinstance(other, NUMBERS):
        return bool(number(one) == other)
    if one is None or other is None:
        return False
    if isinstance(one, (list, dict)) and isinstance(other, (list, dict)):
        return False
    if isinstance(one, str) and isinstance(other, (list, dict)):
        return one == text(run, other)
    if isinstance(one, (list, dict)) and isinstance(other, str):
        return text(run, one) == other
    raise TypeError(f"{type(one).__name__} and {type(other).__name__} cannot be compared")


def ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Run, Any, Any], bool]:
    """Return the test of an order: as numbers where either is one, else as text where either is text."""

    def test(run: Run, one: Any, other: Any) -> bool:
        if isinstance(one, NUMBERS):
            return compare(one, number(other))
        if isinstance(other, NUMBERS):
            return compare(number(one), other)
        if isinstance(one, str):
            return compare(one, text(run, other))
        if isinstance(other, str):
            return compare(text(run, one), other)
        return compare(number(one), number(other))

    return test


def identical(run: Run, one: Any, other: Any) -> bool:
    """Tell whether `===` holds: as Python compares, so true is 1, and arrays and objects by what is in them."""
    if type(one) is list and type(other) is list:
        run.charge(len(one) + 2)
        return len(one) == len(other) and all(_same(run, *pair) for pair in zip(one, other, strict=True))
    if type(one) is dict and type(other) is dict:
        run.charge(len(one) + 2)
        return len(one) == len(other) and all(key in other and _same(run, one[key], other[key]) for key in one)
    return bool(one == other)


def _same(run: Run, one: Any, other: Any) -> bool:
    return one is other or identical(run, one, other)


def among(run: Run, needle: Any, haystack: list[Any]) -> bool:
    """Tell whether *needle* is an element of *haystack*, as `===` compares (but NaN is itself)."""
    run.charge(len(haystack))
    if type(needle) in (list, dict):
        return any(_same(run, item, needle) for item in haystack)
    return needle in haystack


Number: TypeAlias = int | float


def bounded(value: Number) -> Number:
    """Return a number that was computed. Raises `TooMuch` for an integer too long to go on with."""
    if isinstance(value, int) and value.bit_length() > _LONGEST_BITS:
        raise TooMuch(f"a number of more than {_LONGEST_BITS} bits")
    return value
