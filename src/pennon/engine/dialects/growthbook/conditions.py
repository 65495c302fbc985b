"""GrowthBook's conditions as tests, with what both SDKs agree on; a language has the rest: literals, order, versions.

Prepared once: nothing of a condition is looked at again when it is asked.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeGuard

from pennon.engine.dialects.growthbook.attributes import Read, context_reader, element_reader
from pennon.engine.dialects.growthbook.coercion import type_name
from pennon.engine.dialects.growthbook.membership import Holds, is_one_of, is_same
from pennon.model import Json

Prepare: TypeAlias = Callable[[Json], Holds]
"""Prepares an operator for its operand."""
Reader: TypeAlias = Callable[[str], Read]

LOGICAL = frozenset({"$or", "$nor", "$and", "$not"})
"""What stands in the place of an attribute."""
_ATTRIBUTES_PLACE_ONLY = frozenset({"$or", "$nor", "$and", "$savedGroup"})
"""Beside an attribute these hold for nobody: the SDKs know them in an attribute's place only."""
_GROUPS = frozenset({"$savedGroup", "$inGroup", "$notInGroup"})


class Language(NamedTuple):
    """What the SDK of one language has for itself.

    `literal` prepares the comparison with a literal, without regard to case if it is told so. `is_true` tells truth.
    `operators` are its own, beside those that all share. An object without keys is `literal_empty`, or no operators
    at all, which holds always. An `$elemMatch` of any of `element_conditions` tests the element's attributes.
    """

    literal: Callable[[Json, bool], Holds]
    is_true: Callable[[Any], bool]
    operators: Mapping[str, Prepare]
    literal_empty: bool
    element_conditions: frozenset[str]


class Conditions:
    """Prepares conditions for one language. All methods raise `ValueError` for what is not known, or malformed."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._operators: Mapping[str, Prepare] = {
            "$eq": is_same,
            "$ne": lambda operand: _negated(is_same(operand)),
            "$in": _listed,
            "$nin": lambda operand: _listed(operand, negate=True),
            "$ini": lambda operand: _listed(operand, ignore_case=True),
            "$nini": lambda operand: _listed(operand, negate=True, ignore_case=True),
            "$type": lambda operand: lambda value: type_name(value) == operand,
            "$exists": self._exists,
            "$not": lambda operand: _negated(self._value(operand)),
            "$size": self._size,
            "$elemMatch": self._element,
            "$all": self._all,
            "$alli": lambda operand: self._all(operand, ignore_case=True),
            **language.operators,
        }

    @property
    def operators(self) -> frozenset[str]:
        """Return what may stand beside an attribute, once saved groups are resolved."""
        return frozenset(self._operators)

    def expression(self, condition: Json) -> Holds:
        """Return the test of a condition of a whole context."""
        return self._condition(condition, context_reader)

    def _condition(self, condition: Json, reader: Reader) -> Holds:
        if not isinstance(condition, dict):
            raise ValueError(f"a condition is an object, not {condition!r:.40}")
        return _every([self._entry(key, value, reader) for key, value in condition.items()])

    def _entry(self, key: str, value: Json, reader: Reader) -> Holds:
        if key == "$not":
            return _negated(self._condition(value, reader))
        if key in LOGICAL:
            if not isinstance(value, list):
                raise ValueError(f"{key} takes a list of conditions, not {value!r:.40}")
            return _combined(key, [self._condition(each, reader) for each in value])
        if key == "$savedGroup":
            raise _unknown(key)
        read, holds = reader(key), self._value(value)
        return lambda given: holds(read(given))

    def _value(self, condition: Json, *, ignore_case: bool = False) -> Holds:
        """Return the test of what stands beside an attribute: a literal, or operators."""
        if not is_operators(condition) or (not condition and self._language.literal_empty):
            return self._language.literal(condition, ignore_case)
        return _every([self._operator(name, operand) for name, operand in condition.items()])

    def _operator(self, name: str, operand: Json) -> Holds:
        if (prepare := self._operators.get(name)) is not None:
            return prepare(operand)
        if name in _ATTRIBUTES_PLACE_ONLY:
            return never
        raise _unknown(name)

    def _exists(self, operand: Json) -> Holds:
        return (lambda value: value is not None) if self._language.is_true(operand) else (lambda value: value is None)

    def _size(self, operand: Json) -> Holds:
        holds = self._value(operand)
        return lambda value: isinstance(value, (list, tuple)) and holds(len(value))

    def _element(self, operand: Json) -> Holds:
        is_value = is_operators(operand) and operand and self._language.element_conditions.isdisjoint(operand)
        holds = self._value(operand) if is_value else self._condition(operand, element_reader)
        return lambda value: (
            isinstance(value, (list, tuple)) and any(each is not None and holds(each) for each in value)
        )

    def _all(self, operand: Json, *, ignore_case: bool = False) -> Holds:
        if not isinstance(operand, list):
            return never
        tests = [self._value(each, ignore_case=ignore_case) for each in operand]
        return lambda value: isinstance(value, (list, tuple)) and all(any(map(test, value)) for test in tests)


def is_operators(value: Json) -> TypeGuard[dict[str, Json]]:
    """Tell whether all keys of an object are operators, of which it may have none."""
    return isinstance(value, dict) and all(key.startswith("$") for key in value)


def never(_value: Any) -> bool:
    """Hold for nobody."""
    return False


def _every(tests: list[Holds]) -> Holds:
    if len(tests) == 1:
        return tests[0]
    return lambda given: all(test(given) for test in tests)


def _combined(key: str, tests: list[Holds]) -> Holds:
    if key == "$and":
        return _every(tests)
    # Of no conditions at all any holds: that is how both SDKs read an empty list.
    met: Holds = (lambda given: any(test(given) for test in tests)) if tests else (lambda given: True)
    return met if key == "$or" else _negated(met)


def _negated(holds: Holds) -> Holds:
    return lambda value: not holds(value)


def _listed(operand: Json, *, negate: bool = False, ignore_case: bool = False) -> Holds:
    if not isinstance(operand, list):
        return never  # negated, too
    holds = is_one_of(operand, ignore_case=ignore_case)
    return _negated(holds) if negate else holds


def _unknown(operator: str) -> ValueError:
    if operator in _GROUPS:
        return ValueError(f"{operator} asks for a saved group, which an import resolves: import the file again")
    return ValueError(f"GrowthBook's operator {operator!r} is not known here")
