"""flagd's dialects: how an imported flag's conditions and splits are read.

Operators that have Pennon's names have flagd's meaning: `equals` is its loose `==`, `in` looks for an element as Python
compares, `contains` for an element or a part of a text, orders compare as text where neither side is a number, what is
no version is less, equal and greater than none. A missing attribute is null. `negate` turns any answer round.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pennon.engine.dialects.flagd.fractions import GENERATIONS
from pennon.engine.dialects.flagd.logic import Compiler
from pennon.engine.dialects.flagd.nodes import Logic, Node, array, constant
from pennon.engine.dialects.flagd.splits import choose
from pennon.engine.dialects.flagd.values import NoTime, Run, truth
from pennon.engine.dialects.flagd.variants import Variants
from pennon.engine.dialects.seam import Choice, Dialect, Key, Test
from pennon.engine.values import pointer_problem, pointer_steps, unit
from pennon.model import Condition, Flag, Segment, Split

VERSIONS: Mapping[str, str] = {
    "versionEqual": "=",
    "versionLess": "<",
    "versionLessOrEqual": "<=",
    "versionGreater": ">",
    "versionGreaterOrEqual": ">=",
}
"""Pennon's names for the operators of `sem_ver`."""
COMPARISONS: Mapping[str, str] = {
    "equals": "==",
    "lessThan": "<",
    "lessOrEqual": "<=",
    "greaterThan": ">",
    "greaterOrEqual": ">=",
    "startsWith": "starts_with",
    "endsWith": "ends_with",
}
"""Pennon's names for the operators that take the attribute and a value."""


class Flagd:
    """One generation of flagd, as its Python SDK has it."""

    def __init__(self, generation: str) -> None:
        self._name = generation
        self._generation = GENERATIONS[generation]

    def condition(self, condition: Condition, owner: Flag | Segment) -> Test:
        """Prepare a condition. Raises `ValueError` for one that flagd does not have."""
        if condition.ignore_case:
            raise ValueError("flagd has no ignoreCase")
        compiler = Compiler(self._name, owner.key, Variants(owner))
        logic = _condition(condition, compiler).call
        key, negate = owner.key, condition.negate

        def test(context: dict[Any, Any], now: float | None) -> bool:
            try:
                return truth(logic(context, Run(context, now, key))) is not negate
            except NoTime:
                return False

        return test

    def split(self, split: Split, owner: Flag) -> Choice:
        """Prepare a split. Raises `ValueError` for another hash than this generation's."""
        if split.hash != f"flagd-{self._name}":
            raise ValueError(f"flagd's dialect {self._name} hashes by flagd-{self._name}, not by {split.hash}")
        compiler = Compiler(self._name, owner.key, Variants(owner))
        return choose(self._generation, split, owner, compiler.attribute(_steps(split.by)).call)

    def key(self, attribute: str) -> Key:
        """Read an attribute as text, or an integer as its decimals: flagd has no lists of its own."""
        read: Logic = Compiler(self._name, "", Variants(_NOBODY)).attribute(_steps(attribute)).call
        return lambda context: unit(read(context, Run(context, None, "")))


_NOBODY = Segment("-")


def _condition(condition: Condition, compiler: Compiler) -> Node:
    name = condition.op
    if name == "expression":
        return compiler.expression(condition.value)
    if condition.attribute is None:
        raise ValueError(f"{name} asks about no attribute")
    found = compiler.attribute(_steps(condition.attribute))
    if name == "exists":
        return compiler.operation("!==", [found, constant(None)])
    values = [constant(value) for value in condition.values]
    if name == "in":
        return compiler.operation("in", [found, array(values)])
    if name == "contains":
        return _any([compiler.operation("in", [value, found]) for value in values])
    if name in COMPARISONS:
        return _any([compiler.operation(COMPARISONS[name], [found, value]) for value in values])
    if name in VERSIONS:
        by = constant(VERSIONS[name])
        return _any([compiler.operation("sem_ver", [found, by, value]) for value in values])
    raise ValueError(f"flagd has no operator {name!r}")


def _any(tests: list[Node]) -> Node:
    if len(tests) == 1:
        return tests[0]
    calls = [test.call for test in tests]
    return Node(lambda scope, run: any(truth(call(scope, run)) for call in calls))


def _steps(attribute: str) -> tuple[str, ...]:
    if (problem := pointer_problem(attribute)) is not None:
        raise ValueError(problem)
    return pointer_steps(attribute) if attribute.startswith("/") else (attribute,)


DIALECTS: Mapping[str, Dialect] = MappingProxyType({name: Flagd(name) for name in GENERATIONS})
"""flagd's three generations, by their names."""
