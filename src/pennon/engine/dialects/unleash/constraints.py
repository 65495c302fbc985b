"""Unleash's constraints, and the conditions that carry them: Pennon's own operators where these say all of it."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pennon.model import Condition


class Constraint(NamedTuple):
    """One test of a strategy or a segment, as Unleash sends it."""

    field: str
    operator: str
    values: tuple[str, ...] | None = None
    value: str | None = None
    ignores_case: bool = False
    inverted: bool = False

    @property
    def document(self) -> dict[str, Any]:
        """Return it as Unleash writes it: the `value` of an `expression`."""
        document: dict[str, Any] = {"contextName": self.field, "operator": self.operator}
        if self.values is not None:
            document["values"] = list(self.values)
        if self.value is not None:
            document["value"] = self.value
        if self.ignores_case:
            document["caseInsensitive"] = True
        if self.inverted:
            document["inverted"] = True
        return document


class NotCompiled(ValueError):
    """The vendor's SDK itself cannot read this, and serves nobody the whole flag."""


LISTS: Mapping[str, str] = MappingProxyType(
    {
        "in": "IN",
        "contains": "STR_CONTAINS",
        "startsWith": "STR_STARTS_WITH",
        "endsWith": "STR_ENDS_WITH",
        "inCidr": "IN_CIDR",
    }
)
"""Pennon's operators with a list of texts, and what they are to Unleash. Its NOT_IN is an `in` that is negated."""
NUMBERS: Mapping[str, str] = MappingProxyType(
    {
        "equals": "NUM_EQ",
        "greaterThan": "NUM_GT",
        "greaterOrEqual": "NUM_GTE",
        "lessThan": "NUM_LT",
        "lessOrEqual": "NUM_LTE",
    }
)
TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "after": "DATE_AFTER",
        "before": "DATE_BEFORE",
        "versionEqual": "SEMVER_EQ",
        "versionGreater": "SEMVER_GT",
        "versionGreaterOrEqual": "SEMVER_GTE",
        "versionLess": "SEMVER_LT",
        "versionLessOrEqual": "SEMVER_LTE",
        "matches": "REGEX",
    }
)
OPERATORS = frozenset({*LISTS.values(), *NUMBERS.values(), *TEXTS.values(), "NOT_IN"})
"""All that Unleash has."""
_NAMES: Mapping[str, str] = MappingProxyType(
    {theirs: ours for table in (LISTS, NUMBERS, TEXTS) for ours, theirs in table.items()}
)
_IGNORING = frozenset({"STR_CONTAINS", "STR_STARTS_WITH", "STR_ENDS_WITH", "REGEX"})
"""What reads `caseInsensitive`; the others send it and mean nothing by it."""
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{0,9}[1-9])?", re.ASCII)


def read(condition: Condition) -> Constraint:
    """Return the constraint that *condition* carries. Raises `ValueError` where it carries none."""
    if condition.op == "expression":
        return from_document(condition.value)
    if condition.attribute is None:
        raise ValueError(f"{condition.op} asks about no attribute")
    if condition.op in LISTS:
        operator, value = LISTS[condition.op], None
        if not all(isinstance(each, str) for each in condition.values):
            raise ValueError(f"{condition.op} takes texts")
        values: tuple[str, ...] | None = condition.values
    else:
        values = None
        operator, value = _single(condition)
    return Constraint(condition.attribute, operator, values, value, condition.ignore_case, condition.negate)


def _single(condition: Condition) -> tuple[str, str]:
    if len(condition.values) != 1:
        raise ValueError(f"{condition.op} takes one value, as Unleash has it")
    value = condition.values[0]
    if condition.op in NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{condition.op} takes a number")
        return NUMBERS[condition.op], repr(value)
    if condition.op not in TEXTS:
        raise ValueError(f"Unleash has nothing like {condition.op!r}")
    if not isinstance(value, str):
        raise ValueError(f"{condition.op} takes a text")
    return TEXTS[condition.op], value


def from_document(document: Any) -> Constraint:
    """Read a constraint as Unleash writes it. Raises `ValueError`."""
    if not isinstance(document, dict):
        raise ValueError("an expression is an object: a constraint, a strategy or an override")
    field, operator = document.get("contextName"), document.get("operator")
    values, value = document.get("values"), document.get("value")
    if not isinstance(field, str) or not isinstance(operator, str):
        raise ValueError("a constraint has a contextName and an operator")
    if value is not None and not isinstance(value, str):
        raise ValueError("a constraint's value is a text")
    if values is not None and not (isinstance(values, list) and all(isinstance(each, str) for each in values)):
        raise ValueError("a constraint's values are texts")
    ignores_case, inverted = bool(document.get("caseInsensitive")), bool(document.get("inverted"))
    return Constraint(field, operator, None if values is None else tuple(values), value, ignores_case, inverted)


def write(constraint: Constraint) -> Condition:
    """Return the condition that carries *constraint*: by an operator of Pennon's where it says the whole of it."""
    operator, inverted = constraint.operator, constraint.inverted
    if operator == "NOT_IN":
        operator, inverted = "IN", not inverted
    values = _carried(operator, constraint)
    if values is None:
        return Condition("expression", value=constraint.document)
    ignores_case = constraint.ignores_case and operator in _IGNORING
    return Condition(_NAMES[operator], constraint.field, values, negate=inverted, ignore_case=ignores_case)


def _carried(operator: str, constraint: Constraint) -> tuple[Any, ...] | None:
    """Return the values of the condition, None where only Unleash's own words say it."""
    if operator in LISTS.values():
        return constraint.values or None
    if constraint.value is None or operator not in _NAMES:
        return None
    if operator not in NUMBERS.values():
        return (constraint.value,)
    if _PLAIN_NUMBER.fullmatch(constraint.value) is None:
        return None
    number = float(constraint.value) if "." in constraint.value else int(constraint.value)
    return (number,) if repr(number) == constraint.value else None
