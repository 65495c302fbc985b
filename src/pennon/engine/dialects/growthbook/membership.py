"""What both of GrowthBook's SDKs agree on: strict equality, membership in a list, versions as padded text."""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from pennon.engine.dialects.growthbook.coercion import double

Holds: TypeAlias = Callable[[Any], bool]
"""A test of a value that was found."""


def is_one_of(values: Sequence[Any], *, ignore_case: bool = False) -> Holds:
    """Return the test of `$in`: the value, or any element of an array, is one of *values*, of the same type."""
    strings, numbers, others = _sorted_out(values, ignore_case=ignore_case)

    def is_listed(value: Any) -> bool:
        if isinstance(value, str):
            return (value.lower() if ignore_case else value) in strings
        if value is None or isinstance(value, bool):
            return any(value is other for other in others)
        return isinstance(value, (int, float)) and double(value) in numbers

    def holds(value: Any) -> bool:
        return any(map(is_listed, value)) if isinstance(value, (list, tuple)) else is_listed(value)

    return holds


def is_same(expected: Any) -> Holds:
    """Return the test of `$eq`: the same type and value; arrays and objects are never the same."""
    listed = is_one_of([expected])
    return lambda value: not isinstance(value, (list, tuple)) and listed(value)


def _sorted_out(
    values: Sequence[Any], *, ignore_case: bool
) -> tuple[frozenset[str], frozenset[int | float], tuple[bool | None, ...]]:
    strings = [value.lower() if ignore_case else value for value in values if isinstance(value, str)]
    numbers = [double(value) for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    others = tuple(value for value in (None, True, False) if any(value is other for other in values))
    return frozenset(strings), frozenset(numbers), others


_SEPARATOR = re.compile("[-.]")
_PARTS = 3
_WIDTH = 5


def without_build(version: str, ends_of_lines: str) -> str:
    """Return *version* without a leading `v` and from the first `+` on of its last line. Takes linear time."""
    last_line = max(map(version.rfind, ends_of_lines)) + 1
    build = version.find("+", last_line)
    bare = version if build < 0 else version[:build]
    return bare.removeprefix("v")


def padded(bare: str, is_number: Callable[[str], bool]) -> str:
    """Return a version, without its `v` and build, as the text that compares as GrowthBook compares versions.

    Numbers are padded to five; three parts sort above those with a pre-release; two parts are not filled up to three.
    """
    parts = _SEPARATOR.split(bare)
    if len(parts) == _PARTS:
        parts.append("~")
    return "-".join(part.rjust(_WIDTH) if is_number(part) else part for part in parts)
