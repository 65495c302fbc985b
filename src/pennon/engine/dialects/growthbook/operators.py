"""Pennon's operators in GrowthBook's words: a condition that people can read and edit, as the vendor's JSON."""

from collections.abc import Mapping

from pennon.engine.dialects.growthbook.conditions import LOGICAL
from pennon.model import Condition, Json

COMPARISONS: Mapping[str, str] = {
    "lessThan": "$lt",
    "lessOrEqual": "$lte",
    "greaterThan": "$gt",
    "greaterOrEqual": "$gte",
    "versionEqual": "$veq",
    "versionLess": "$vlt",
    "versionLessOrEqual": "$vlte",
    "versionGreater": "$vgt",
    "versionGreaterOrEqual": "$vgte",
}
"""Operators that compare with one value, and GrowthBook's names of them."""


def as_expression(condition: Condition) -> Json:
    """Return *condition* as GrowthBook's JSON, negation included. Raises `ValueError` for an operator it has not."""
    if condition.op == "expression":
        return {"$not": condition.value} if condition.negate else condition.value
    attribute = condition.attribute
    if not attribute or attribute in LOGICAL or attribute == "$savedGroup":
        raise ValueError(f"{condition.op} asks about no attribute")
    if condition.op == "in":
        name = ("$nini" if condition.ignore_case else "$nin") if condition.negate else _in(condition)
        return {attribute: {name: list(condition.values)}}
    if condition.op == "exists":
        return {attribute: {"$exists": not condition.negate}}
    tests = [{attribute: _beside(condition, value)} for value in condition.values]
    if not tests:
        raise ValueError(f"{condition.op} takes at least one value")
    whole = tests[0] if len(tests) == 1 else {"$or": tests}
    return {"$not": whole} if condition.negate else whole


def _in(condition: Condition) -> str:
    return "$ini" if condition.ignore_case else "$in"


def _beside(condition: Condition, value: Json) -> Json:
    if condition.op == "matches":
        return {"$regexi" if condition.ignore_case else "$regex": value}
    if condition.ignore_case:
        raise ValueError(f"GrowthBook's {condition.op} has regard to case")
    if condition.op == "equals":
        return value
    if condition.op in COMPARISONS:
        return {COMPARISONS[condition.op]: value}
    raise ValueError(f"GrowthBook has no operator like {condition.op}: write it as an expression")
