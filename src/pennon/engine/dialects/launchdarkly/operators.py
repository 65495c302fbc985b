"""LaunchDarkly's operators: of one value of a context and all literals of a condition, prepared.

Which SDK makes what of equality, numbers, dates, versions and patterns is in a `Reading`.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import eq, ge, gt, le, lt
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from pennon.engine.dialects.launchdarkly import patterns, values

Match: TypeAlias = Callable[[Any], bool]
"""Tells of one value, no array unless nested in one, whether any of the literals matches it."""
_Compare: TypeAlias = Callable[[Any, Any], bool]


class Reading(NamedTuple):
    """How one SDK reads the values that operators compare. `None` is what it does not take."""

    equality: Callable[[Sequence[Any]], Match]
    number: Callable[[Any], float | None]
    date: Callable[[Any], float | None]
    version: Callable[[Any], values.VersionRank | None]
    finder: Callable[[Sequence[str]], patterns.Finder]


# Equality


def python_equality(literals: Sequence[Any]) -> Match:
    """Compare as Python does: deeply, numbers by value; a boolean equals no number but within arrays and objects."""
    texts = frozenset(literal for literal in literals if isinstance(literal, str))
    rest = [literal for literal in literals if not isinstance(literal, str)]

    def match(value: Any) -> bool:
        if isinstance(value, str):
            return value in texts
        return any(isinstance(value, bool) == isinstance(literal, bool) and value == literal for literal in rest)

    return match


def node_equality(literals: Sequence[Any]) -> Match:
    """Compare as JavaScript's `===` does: objects and arrays equal nothing, all numbers are doubles, null is null."""
    return _primitives(literals, has_null=True)


def go_equality(literals: Sequence[Any]) -> Match:
    """Compare as Go's SDK does: strings, numbers and booleans; nothing else equals anything."""
    return _primitives(literals, has_null=False)


def _primitives(literals: Sequence[Any], *, has_null: bool) -> Match:
    texts = frozenset(literal for literal in literals if isinstance(literal, str))
    numbers = frozenset(values.double(literal) for literal in literals if values.is_number(literal))
    booleans = frozenset(literal for literal in literals if isinstance(literal, bool))
    null = has_null and any(literal is None for literal in literals)

    def match(value: Any) -> bool:
        if isinstance(value, str):
            return value in texts
        if isinstance(value, bool):
            return value in booleans
        if values.is_number(value):
            return values.double(value) in numbers
        return null and value is None

    return match


# Numbers


def python_number(value: Any) -> float | None:
    """Read a number as the Python SDK does, which fails with one that no double holds."""
    return float(value) if values.is_number(value) else None


def double_number(value: Any) -> float | None:
    """Read a number as a double."""
    return values.double(value) if values.is_number(value) else None


# Operators


def _texts(compare: _Compare) -> Callable[[Sequence[Any], Reading], Match]:
    def prepare(literals: Sequence[Any], _reading: Reading) -> Match:
        texts = [literal for literal in literals if isinstance(literal, str)]
        return lambda value: isinstance(value, str) and any(compare(value, text) for text in texts)

    return prepare


def _read(
    what: Callable[[Reading], Callable[[Any], Any]], compare: _Compare
) -> Callable[[Sequence[Any], Reading], Match]:
    def prepare(literals: Sequence[Any], reading: Reading) -> Match:
        read = what(reading)
        found = [known for known in map(read, literals) if known is not None]

        def match(value: Any) -> bool:
            return (of := read(value)) is not None and any(compare(of, known) for known in found)

        return match

    return prepare


def _equal(literals: Sequence[Any], reading: Reading) -> Match:
    return reading.equality(literals)


def _found(literals: Sequence[Any], reading: Reading) -> Match:
    find = reading.finder([literal for literal in literals if isinstance(literal, str)])
    return lambda value: isinstance(value, str) and find(value)


def _number(reading: Reading) -> Callable[[Any], Any]:
    return reading.number


def _date(reading: Reading) -> Callable[[Any], Any]:
    return reading.date


def _version(reading: Reading) -> Callable[[Any], Any]:
    return reading.version


OPERATORS: Mapping[str, Callable[[Sequence[Any], Reading], Match]] = MappingProxyType(
    {
        "in": _equal,
        "startsWith": _texts(str.startswith),
        "endsWith": _texts(str.endswith),
        "contains": _texts(str.__contains__),
        "matches": _found,
        "lessThan": _read(_number, lt),
        "lessOrEqual": _read(_number, le),
        "greaterThan": _read(_number, gt),
        "greaterOrEqual": _read(_number, ge),
        "before": _read(_date, lt),
        "after": _read(_date, gt),
        "versionEqual": _read(_version, eq),
        "versionLess": _read(_version, lt),
        "versionGreater": _read(_version, gt),
    }
)
"""By the names that Pennon gives them."""

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "in": "in",
        "startsWith": "startsWith",
        "endsWith": "endsWith",
        "contains": "contains",
        "matches": "matches",
        "lessThan": "lessThan",
        "lessThanOrEqual": "lessOrEqual",
        "greaterThan": "greaterThan",
        "greaterThanOrEqual": "greaterOrEqual",
        "before": "before",
        "after": "after",
        "semVerEqual": "versionEqual",
        "semVerLessThan": "versionLess",
        "semVerGreaterThan": "versionGreater",
    }
)
"""What LaunchDarkly calls them, to what they are called here."""

PYTHON = Reading(python_equality, python_number, values.python_date, values.python_version, patterns.python_finder)
NODE = Reading(node_equality, double_number, values.node_date, values.node_version, patterns.node_finder)
GO = Reading(go_equality, double_number, values.go_date, values.go_version, patterns.go_finder)
