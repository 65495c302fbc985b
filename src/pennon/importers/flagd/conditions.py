"""JSONLogic as Pennon's conditions: by name where attribute, operator and values say all, else as an expression."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pennon.engine.dialects.flagd.dialect import COMPARISONS, VERSIONS
from pennon.model import Condition, Json
from pennon.model.limits import DEFAULT_LIMITS, json_problems, too_deep
from pennon.model.problems import pointer

_NAMES: Mapping[str, str] = {theirs: ours for ours, theirs in COMPARISONS.items()}
_VERSIONS: Mapping[str, str] = {theirs: ours for ours, theirs in VERSIONS.items()}
_TURNED: Mapping[str, str] = {"==": "==", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""What each says of its arguments the other way round."""
_NEGATED: Mapping[str, str] = {"!=": "==", "!==": "==="}
_ORDERS = frozenset({"<", "<=", ">", ">="})


def attribute_of(logic: Json) -> str | None:
    """Return the attribute that *logic* reads and does nothing else, as Pennon names it."""
    if not isinstance(logic, dict) or list(logic) != ["var"]:
        return None
    given = logic["var"]
    key = given[0] if isinstance(given, list) and len(given) == 1 else given
    return named(key) if isinstance(key, str) and key else None


def named(key: str) -> str:
    """Return a path with dots as Pennon names the attribute: a name, or a JSON pointer."""
    steps = key.split(".")
    return steps[0] if len(steps) == 1 and steps[0] and steps[0][0] != "/" else pointer(*steps)


def conditions(logic: Json) -> tuple[Condition, ...]:
    """Return the conditions that all hold exactly where *logic* counts as true."""
    name, args = parts(logic)
    if name == "and" and args:
        return tuple(each for arg in args for each in conditions(arg))
    if name == "!!" and len(args) == 1:
        return conditions(args[0])
    if name in _ORDERS and len(args) == 3 and attribute_of(args[1]) and args[2] is not None:
        between = _one(name, args[:2]), _one(name, args[1:])
        return tuple(each for each in between if each) if all(between) else (expression(logic),)
    if name == "!" and len(args) == 1 and len(inner := conditions(args[0])) == 1:
        return (_negated(inner[0]),)
    if name in _NEGATED and len(args) == 2 and (found := _one(_NEGATED[name], args)) is not None:
        return (_negated(found),)
    return (_one(name, args) or expression(logic),)


def parts(logic: Json) -> tuple[str, Sequence[Json]]:
    """Return the operator of *logic*, and its arguments; no operator for what is none."""
    if not isinstance(logic, dict) or len(logic) != 1:
        return "", ()
    ((name, given),) = logic.items()
    return name, given if isinstance(given, list) else [given]


def _one(name: str, args: Sequence[Json]) -> Condition | None:
    """Return the condition that an operator makes of an attribute and literals, where Pennon has one."""
    if name == "or":
        return _either(args)
    if name == "sem_ver" and len(args) == 3 and isinstance(args[1], str) and args[1] in _VERSIONS:
        return _fitting(Condition(_VERSIONS[args[1]], attribute_of(args[0]), (args[2],)))
    if len(args) != 2:
        return None
    one, other = args
    if name == "in" and isinstance(other, list):
        return _fitting(Condition("in", attribute_of(one), tuple(other)))
    if name == "in":
        return _fitting(Condition("contains", attribute_of(other), (one,)))
    if name == "===":
        attribute, literal = (attribute_of(one), other) if attribute_of(one) else (attribute_of(other), one)
        return _fitting(Condition("in", attribute, (literal,)))
    if attribute_of(one) is None and name in _TURNED:
        name, one, other = _TURNED[name], other, one
    if name not in _NAMES:
        return None
    return _fitting(Condition(_NAMES[name], attribute_of(one), (other,)))


def _either(args: Sequence[Json]) -> Condition | None:
    """Return one condition for several that ask the same of the same attribute, as in `x == "a" or x == "b"`."""
    found = [conditions(arg) for arg in args]
    if not found or any(len(each) != 1 for each in found):
        return None
    first, *others = [each[0] for each in found]
    if first.op == "expression" or first.negate:
        return None
    if any((each.op, each.attribute, each.negate) != (first.op, first.attribute, False) for each in others):
        return None
    return Condition(first.op, first.attribute, tuple(value for each in (first, *others) for value in each.values))


def _negated(condition: Condition) -> Condition:
    return Condition(
        condition.op, condition.attribute, condition.values, negate=not condition.negate, value=condition.value
    )


def _fitting(condition: Condition) -> Condition | None:
    """Return *condition* where it has an attribute and only literals that any database takes."""
    if condition.attribute is None or not all(map(is_scalar, condition.values)):
        return None
    return None if any(json_problems([condition.attribute, *condition.values])) else condition


def is_scalar(value: Json) -> bool:
    """Tell whether *value* is no array, and no object, which might be an expression."""
    return value is None or isinstance(value, (str, int, float))


def expression(logic: Json) -> Condition:
    """Return the condition that *logic* counts as true.

    It is the text of *logic* where that is too deep for a flag, or holds what no database takes.
    """
    fits = too_deep(logic, DEFAULT_LIMITS.depth) is None and not any(json_problems(logic))
    return Condition("expression", value=logic if fits else {"$json": json.dumps(logic)})


def verdict(logic: Json, variant: str | None) -> Condition:
    """Return the condition that *logic* gives *variant*, None for nothing; an error where it gives what is none."""
    return expression({"$variant": [logic, variant]})


def is_true(logic: Any) -> bool | None:
    """Tell whether a literal counts as true, None of what is no literal."""
    if isinstance(logic, list) or (isinstance(logic, dict) and len(logic) == 1):
        return None
    return logic is not None and (isinstance(logic, dict) or bool(logic))
