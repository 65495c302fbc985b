"""GrowthBook's conditions as its Python SDK reads them: strictly, values of different types being different."""

from collections.abc import Callable
from typing import Any

from pennon.engine.dialects.growthbook.coercion import double, number_text, units_order, written
from pennon.engine.dialects.growthbook.conditions import Conditions, Language, Prepare, never
from pennon.engine.dialects.growthbook.membership import Holds, is_same, padded, without_build
from pennon.engine.dialects.growthbook.patterns import python_search
from pennon.model import Json

_INFINITE = float("inf")


def unit(value: Any) -> str | None:
    """Return the text that is hashed for an attribute's value, None where it identifies nobody."""
    if isinstance(value, str):
        return value or None
    if not _is_number(value):
        return None
    exact = double(value)
    return number_text(exact) if exact != 0 and abs(exact) < _INFINITE else None


def version_text(value: Any) -> str:
    """Return the text that versions compare by, of a string or a number."""
    found: str = value if isinstance(value, str) else number_text(value)
    # Python's `$` also stands before a newline that ends the text, which so stays.
    body, end = (found[:-1], "\n") if found.endswith("\n") else (found, "")
    return padded(without_build(body, "\n") + end if found else "0", str.isdigit)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _has_order(value: float) -> bool:
    return value == value  # noqa: PLR0124  # not a number is not equal to itself


def _literal(condition: Json, ignore_case: bool) -> Holds:  # noqa: FBT001  # the form that `Language.literal` has
    if isinstance(condition, str) and ignore_case:
        lowered = condition.lower()
        return lambda value: isinstance(value, str) and value.lower() == lowered
    if isinstance(condition, (list, dict)):
        literal = written(condition)
        return lambda value: isinstance(value, (list, tuple, dict)) and written(value) == literal
    return is_same(condition)


def _compared(is_met: Callable[[int], bool]) -> Prepare:
    """Compare two numbers, or two strings; nothing else has an order."""

    def prepare(operand: Json) -> Holds:
        if isinstance(operand, str):
            return lambda value: isinstance(value, str) and is_met(units_order(value, operand))
        if not _is_number(operand):
            return never
        return lambda value: _is_number(value) and _has_order(value) and is_met((value > operand) - (value < operand))

    return prepare


def _version(is_met: Callable[[int], bool], *, otherwise: bool = False) -> Prepare:
    """Compare the texts of two versions by code points. *otherwise*: what holds of a value of another type."""

    def prepare(operand: Json) -> Holds:
        takes: Callable[[Any], bool] = _is_number if _is_number(operand) else lambda value: isinstance(value, str)
        if not takes(operand):
            return lambda _: otherwise
        expected = version_text(operand)

        def holds(value: Any) -> bool:
            if not takes(value):
                return otherwise
            found = version_text(value)
            return is_met((found > expected) - (found < expected))

        return holds

    return prepare


def _pattern(*, ignore_case: bool = False, negate: bool = False) -> Prepare:
    def prepare(operand: Json) -> Holds:
        if not isinstance(operand, str):
            return lambda _: negate
        search = python_search(operand, ignore_case=ignore_case)
        return lambda value: (isinstance(value, str) and search(value)) is not negate

    return prepare


CONDITIONS = Conditions(
    Language(
        literal=_literal,
        is_true=bool,
        operators={
            "$lt": _compared(lambda compared: compared < 0),
            "$lte": _compared(lambda compared: compared <= 0),
            "$gt": _compared(lambda compared: compared > 0),
            "$gte": _compared(lambda compared: compared >= 0),
            "$veq": _version(lambda compared: compared == 0),
            "$vne": _version(lambda compared: compared != 0, otherwise=True),
            "$vlt": _version(lambda compared: compared < 0),
            "$vlte": _version(lambda compared: compared <= 0),
            "$vgt": _version(lambda compared: compared > 0),
            "$vgte": _version(lambda compared: compared >= 0),
            "$regex": _pattern(),
            "$regexi": _pattern(ignore_case=True),
            "$notRegex": _pattern(negate=True),
            "$notRegexi": _pattern(ignore_case=True, negate=True),
        },
        literal_empty=False,
        element_conditions=frozenset({"$or", "$nor", "$and", "$savedGroup"}),
    )
)
"""The conditions of the dialect `python`."""
