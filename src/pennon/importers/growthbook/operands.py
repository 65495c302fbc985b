"""Which conditions of GrowthBook are known here: an unknown operator must not pass for one that holds for nobody."""

from collections.abc import Iterator

from pennon.engine.dialects.growthbook.conditions import LOGICAL, is_operators
from pennon.model import Json, Problem, pointer

GROUPS = frozenset({"$inGroup", "$notInGroup"})
_ATTRIBUTES = frozenset({"$groups"})
"""Attributes that GrowthBook's own documentation begins with the sign of operators."""
_UPDATE = "update Pennon, or write the condition with other operators"


def condition_problems(condition: Json, known: frozenset[str]) -> Iterator[Problem]:
    """Yield what is not known, or malformed, in a condition of attributes. *known* are the operators of a value."""
    if not isinstance(condition, dict):
        yield Problem("", "a condition is an object", _UPDATE)
        return
    for key, value in condition.items():
        if key == "$not":
            yield from (problem.under("/$not") for problem in condition_problems(value, known))
        elif key in LOGICAL:
            yield from _list_problems(key, value, known)
        elif key == "$savedGroup":
            yield from _reference_problems(value)
        elif key.startswith("$") and key not in _ATTRIBUTES:
            yield Problem(pointer(key), f"the operator {key!r} is not known here", _UPDATE)
        else:
            yield from (problem.under(pointer(key)) for problem in _value_problems(value, known))


def _list_problems(key: str, value: Json, known: frozenset[str]) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(pointer(key), f"{key} takes a list of conditions", _UPDATE)
        return
    for index, each in enumerate(value):
        yield from (problem.under(pointer(key, index)) for problem in condition_problems(each, known))


def _reference_problems(value: Json) -> Iterator[Problem]:
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("id"), str)
        or not isinstance(value.get("attributeKey", ""), str)
    ):
        yield Problem(
            "/$savedGroup", "a reference to a saved group has an id, a text, and perhaps attributeKey", _UPDATE
        )


def _value_problems(value: Json, known: frozenset[str]) -> Iterator[Problem]:
    if not is_operators(value):
        return
    for name, operand in value.items():
        path = pointer(name)
        if name in GROUPS:
            if not isinstance(operand, str):
                yield Problem(path, f"{name} takes the id of a saved group", _UPDATE)
        elif name not in known:
            yield Problem(path, f"the operator {name!r} is not known here", _UPDATE)
        elif name in {"$not", "$size"}:
            yield from (problem.under(path) for problem in _value_problems(operand, known))
        elif name == "$elemMatch":
            yield from (problem.under(path) for problem in _element_problems(operand, known))
        elif name in {"$all", "$alli"} and isinstance(operand, list):
            for index, each in enumerate(operand):
                yield from (problem.under(path + pointer(index)) for problem in _value_problems(each, known))


def _element_problems(operand: Json, known: frozenset[str]) -> Iterator[Problem]:
    if is_operators(operand) and operand and not holds_conditions(operand):
        yield from _value_problems(operand, known)
    else:
        yield from condition_problems(operand, known)


def holds_conditions(operators: dict[str, Json]) -> bool:
    """Tell whether an `$elemMatch` is written as a condition of the element's attributes."""
    return not {"$or", "$nor", "$and", "$savedGroup"}.isdisjoint(operators)
