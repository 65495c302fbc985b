"""JSONLogic's operators as flagd's Python SDK has them, each a function of the evaluation and of its arguments.

What looks at arguments before they are evaluated (`if`, `and`, `map`, …) is in `logic`; `fractional` is in `fractions`.
"""

import math
import operator
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from pennon.engine.dialects.flagd.values import (
    NUMBERS,
    Number,
    Run,
    among,
    bounded,
    equal,
    identical,
    number,
    ordered,
    text,
    truth,
)

Operation: TypeAlias = Callable[..., Any]
"""Takes the evaluation and the arguments; ones too many are ignored, missing ones are None."""

_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def _between(compare: Callable[[Run, Any, Any], bool]) -> Operation:
    def test(run: Run, one: Any = None, other: Any = None, last: Any = None, *_: Any) -> bool:
        return compare(run, one, other) and (last is None or compare(run, other, last))

    return test


def _equal(run: Run, one: Any = None, other: Any = None, *_: Any) -> bool:
    return equal(run, one, other)


def _unequal(run: Run, one: Any = None, other: Any = None, *_: Any) -> bool:
    return not equal(run, one, other)


def _identical(run: Run, one: Any = None, other: Any = None, *_: Any) -> bool:
    return identical(run, one, other)


def _different(run: Run, one: Any = None, other: Any = None, *_: Any) -> bool:
    return not identical(run, one, other)


def _sum(_run: Run, *args: Any) -> Number:
    total: Number = 0
    for arg in args:
        total = bounded(total + number(arg))
    return total


def _product(_run: Run, *args: Any) -> Number:
    total: Number = 1
    for arg in args:
        total = bounded(total * number(arg))
    return total


def _difference(_run: Run, one: Any = None, other: Any = None, *_: Any) -> Number:
    return -number(one) if other is None else number(one) - number(other)


def _quotient(_run: Run, one: Any = None, other: Any = None, *_: Any) -> Number:
    return number(one) / number(other)


def _remainder(_run: Run, one: Any = None, other: Any = None, *_: Any) -> Number:
    return number(one) % number(other)


def _least(_run: Run, *args: Any) -> Number:
    return min(map(number, args)) if args else math.nan


def _most(_run: Run, *args: Any) -> Number:
    return max(map(number, args)) if args else math.nan


def within(run: Run, needle: Any = None, haystack: Any = None, *_: Any) -> bool:
    """Tell whether *needle* is in an array, or its text within a text; in nothing else."""
    if isinstance(haystack, list):
        return among(run, needle, haystack)
    return text(run, needle) in run.spent(haystack) if isinstance(haystack, str) else False


def _joined(run: Run, *args: Any) -> str:
    return run.spent("".join([text(run, arg) for arg in args]))


def _part(run: Run, whole: Any = None, start: Any = None, length: Any = None, *_: Any) -> str:
    written = run.spent(text(run, whole))
    first = _start(number(start), len(written))
    if length is None:
        return written[first:]
    count = number(length)
    if math.isnan(count):
        return ""
    count = int(count)
    return written[first : first + count] if count >= 0 else written[first : max(len(written) + count, first)]


def _start(index: Number, length: int) -> int:
    if math.isnan(index):
        return 0
    if index < 0:
        return 0 if -index >= length else length - int(-index)
    return min(int(index), length)


def _merged(run: Run, *args: Any) -> list[Any]:
    items: list[Any] = []
    for arg in args:
        if isinstance(arg, list):
            run.charge(len(arg))
            items += arg
        else:
            items.append(arg)
    return items


def affixes(*, mistyped: bool | None) -> dict[str, Operation]:
    """Return `starts_with` and `ends_with`, which answer *mistyped* for arguments that are no text."""

    def affix(test: Callable[[str, str], bool], _run: Run, *args: Any) -> bool | None:
        if len(args) != 2:
            return None
        whole, part = args
        return test(whole, part) if isinstance(whole, str) and isinstance(part, str) else mistyped

    return {"starts_with": partial(affix, str.startswith), "ends_with": partial(affix, str.endswith)}


OPERATIONS: Mapping[str, Operation] = {
    "==": _equal,
    "!=": _unequal,
    "===": _identical,
    "!==": _different,
    **{name: _between(ordered(compare)) for name, compare in _ORDERS.items()},
    "!": lambda _run, value=None, *_: not truth(value),
    "!!": lambda _run, value=None, *_: truth(value),
    "+": _sum,
    "*": _product,
    "-": _difference,
    "/": _quotient,
    "%": _remainder,
    "min": _least,
    "max": _most,
    "in": within,
    "cat": _joined,
    "substr": _part,
    "merge": _merged,
    "log": lambda _run, value=None, *_: value,  # an SDK prints it, too
}
"""What needs no more than its arguments, and is the same in all generations."""


# What reads the scope: the context, or an element of an array


def found(scope: Any, run: Run, key: Any = None, default: Any = None) -> Any:
    """Return what `var` finds in *scope*: by a path with dots, an index, or the whole for none."""
    if key is None or key == "":
        return scope
    if isinstance(key, NUMBERS):
        if isinstance(scope, (list, str)):
            index = _index(key, len(scope))
            return default if index is None else scope[index]
        if not isinstance(scope, dict):
            return default
        scope = scope.get(key)
        if scope is None:
            return default
    return walked(scope, text(run, key).split("."), default)


def _index(key: Number, length: int) -> int | None:
    try:
        index = int(key)
    except ValueError:  # NaN
        return None
    return index if index == key and 0 <= index < length else None


def walked(scope: Any, steps: list[str] | tuple[str, ...], default: Any = None) -> Any:
    """Return what lies at the end of *steps*; `length` is that of an array or a text. Null counts as nothing."""
    for step in steps:
        if isinstance(scope, dict):
            scope = scope.get(step)
        elif isinstance(scope, (list, str)):
            if step == "length":
                return len(scope)
            index = _written_index(step)
            if index is None or index >= len(scope):
                return default
            scope = scope[index]
        else:
            return default
    return default if scope is None else scope


def _written_index(step: str) -> int | None:
    try:
        index = int(step, 10)
    except ValueError:
        return None
    return index if index >= 0 and step == str(index) else None


def missing(scope: Any, run: Run, *args: Any) -> list[Any]:
    """Return the paths, given one by one or as one array, at which there is nothing or an empty text."""
    keys = args[0] if args and isinstance(args[0], list) else args
    run.charge(len(keys))
    return [key for key in keys if (value := found(scope, run, key)) is None or value == ""]


def missing_some(scope: Any, run: Run, needed: Any = 0, keys: Any = None, *_: Any) -> list[Any]:
    """Return what of *keys* is missing, or nothing where enough are there."""
    if not isinstance(keys, list):
        return []
    gone = missing(scope, run, keys)
    return [] if len(keys) - len(gone) >= number(needed) else gone
