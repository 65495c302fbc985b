"""Why an imported flag answered what it did: its dialect's conditions, the flags and segments that they ask for."""

from typing import Any

from pennon.engine import Step, StepKind, compile_snapshot
from pennon.engine.words import asked
from pennon.model import Condition
from tests.unit.engine.build import flag, inside, rule, segment, snapshot, when

COMPAT = {"vendor": "growthbook", "dialect": "javascript"}


def _steps(
    *flags: dict[str, Any], context: dict[str, Any], segments: tuple[dict[str, Any], ...] = ()
) -> tuple[Step, ...]:
    explanation = compile_snapshot(snapshot(*flags, segments=segments)).explain("f", context)
    return explanation.steps


def _rule(steps: tuple[Step, ...], key: str = "r1") -> Step:
    return next(step for step in steps if step.what is StepKind.RULE and step.key == key)


def test_a_condition_of_a_dialect_says_whether_it_holds() -> None:
    unit = {"op": "exists", "by": "company"}
    steps = _steps(flag(compat=COMPAT, rules=[rule(when("a", "equals", "1"), unit)]), context={"a": 1})
    conditions = _rule(steps).steps
    assert [(step.why, step.matched, step.attribute) for step in conditions] == [
        ("the dialect's equals holds", True, "a"),
        ("the dialect's exists does not hold", False, "company"),
    ]


def test_a_condition_about_a_unit_names_it() -> None:
    assert asked(Condition("exists", by="company")) == "company exists"
    assert asked(Condition("in", by="company", values=("42",), negate=True)) == 'company is not among "42"'


def test_what_another_flag_serves_is_explained_within_and_only_once() -> None:
    parent = flag("parent", compat=COMPAT, rules=[rule(when("a", "equals", "1"))])
    serves = {"op": "serves", "attribute": "parent", "values": ["on"]}
    item = flag(compat=COMPAT, rules=[rule({**serves, "negate": True}), rule(serves, key="r2")])
    steps = _steps(item, parent, context={"a": 1})
    first, second = _rule(steps).steps[0], _rule(steps, "r2").steps[0]
    assert (first.matched, first.why) == (False, 'the flag "parent" serves "on"')
    assert [step.what for step in first.steps] == [StepKind.OFF, StepKind.RULE, StepKind.FALLTHROUGH]
    assert (second.matched, second.steps) == (True, ())


def test_a_flag_that_there_is_not_serves_nothing() -> None:
    serves = {"op": "serves", "attribute": "gone", "values": ["on"]}
    (step,) = _rule(_steps(flag(compat=COMPAT, rules=[rule(serves)]), context={})).steps
    assert (step.matched, step.why, step.steps) == (False, 'the flag "gone" does not serve "on"', ())


def test_a_segment_of_a_dialect_is_explained_within() -> None:
    listed = {"op": "in", "by": "company", "values": ["42"]}
    items = (segment("s", listed, compat=COMPAT),)
    steps = _steps(flag(compat=COMPAT, rules=[rule(inside("s"))]), context={"company": 42}, segments=items)
    within = _rule(steps).steps[0].steps[0].steps[0].steps[0]
    assert (within.why, within.attribute) == ("the dialect's in holds", "company")
