"""GrowthBook's conditions as its JavaScript SDK reads them: loosely, as `==`, `<` and `String` of the language do."""

import re
from collections.abc import Callable
from typing import Any

from pennon.engine.dialects.growthbook.coercion import (
    double,
    is_true,
    json_text,
    number,
    number_text,
    order,
    text,
    units_order,
    written,
)
from pennon.engine.dialects.growthbook.conditions import Conditions, Language, Prepare, never
from pennon.engine.dialects.growthbook.membership import Holds, padded, without_build
from pennon.engine.dialects.growthbook.patterns import javascript_search
from pennon.model import Json


def unit(value: Any) -> str | None:
    """Return the text that is hashed for an attribute's value, None where it identifies nobody."""
    return text(value) if is_true(value) else None


def stored_name(value: Any) -> str | None:
    """Return the text by which a unit's sticky bucket is stored, None for what identifies nobody."""
    if not is_true(value):
        return None
    return value if isinstance(value, str) else json_text(value)


def version_text(value: Any) -> str:
    """Return the text that versions compare by. What is no version is version 0."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = number_text(value)
    found = value if isinstance(value, str) and value else "0"
    return padded(without_build(found, "\n\r\u2028\u2029"), lambda part: _DIGITS.fullmatch(part) is not None)


_DIGITS = re.compile("[0-9]+")


def _literal(condition: Json, ignore_case: bool) -> Holds:  # noqa: FBT001  # the form that `Language.literal` has
    if isinstance(condition, str):
        if ignore_case:
            lowered = condition.lower()
            return lambda value: text(value).lower() == lowered
        return lambda value: text(value) == condition
    if isinstance(condition, bool):
        return lambda value: value is not None and is_true(value) is condition
    if isinstance(condition, (int, float)):
        exact = double(condition)
        return lambda value: number(value) == exact
    if condition is None:
        return lambda value: value is None
    literal = written(condition)
    return lambda value: isinstance(value, (list, tuple, dict)) and written(value) == literal


def _compared(is_met: Callable[[int], bool]) -> Prepare:
    def prepare(operand: Json) -> Holds:
        def holds(value: Any) -> bool:
            compared = order(value, operand)
            return compared is not None and is_met(compared)

        return holds

    return prepare


def _version(is_met: Callable[[int], bool]) -> Prepare:
    def prepare(operand: Json) -> Holds:
        expected = version_text(operand)
        return lambda value: is_met(units_order(version_text(value), expected))

    return prepare


def _pattern(*, ignore_case: bool) -> Prepare:
    def prepare(operand: Json) -> Holds:
        if not isinstance(operand, str):
            return never
        search = javascript_search(operand, ignore_case=ignore_case)

        def holds(value: Any) -> bool:
            try:
                return search(text(value))
            except TypeError:  # an object whose own toString is none
                return False

        return holds

    return prepare


CONDITIONS = Conditions(
    Language(
        literal=_literal,
        is_true=is_true,
        operators={
            "$lt": _compared(lambda compared: compared < 0),
            "$lte": _compared(lambda compared: compared <= 0),
            "$gt": _compared(lambda compared: compared > 0),
            "$gte": _compared(lambda compared: compared >= 0),
            "$veq": _version(lambda compared: compared == 0),
            "$vne": _version(lambda compared: compared != 0),
            "$vlt": _version(lambda compared: compared < 0),
            "$vlte": _version(lambda compared: compared <= 0),
            "$vgt": _version(lambda compared: compared > 0),
            "$vgte": _version(lambda compared: compared >= 0),
            "$regex": _pattern(ignore_case=False),
            "$regexi": _pattern(ignore_case=True),
            # Only Python's SDK has these two; here they hold for nobody.
            "$notRegex": lambda _: never,
            "$notRegexi": lambda _: never,
        },
        literal_empty=True,
        element_conditions=frozenset(),
    )
)
"""The conditions of the dialect `javascript`."""
