"""Rules that others are before: who takes everybody, and who may leave somebody over."""

from typing import Any

import pytest

from tests.unit.engine.build import flag, inside, layer, rule, segment, snapshot, split, when
from tests.unit.engine.proofs.proving import of_flag, rules

UNREACHED = "rule-unreachable"
NEGATED = {"negate": True}


def a(op: str, *values: Any, **members: Any) -> dict[str, Any]:
    return when("a", op, *values, **members)


B = when("b", "in", 1)
TAKEN: dict[str, list[list[dict[str, Any]]]] = {
    "the same conditions": [[a("in", "x"), B], [B, a("in", "x")]],
    "fewer conditions before": [[B], [a("in", "x"), B]],
    "no condition before": [[], [B]],
    "more values before": [[a("in", "x", "y")], [a("in", "y")]],
    "its values one by one": [[a("in", "x")], [a("in", "y")], [a("in", "x", "y")]],
    "a shorter beginning before": [[a("startsWith", "x")], [a("startsWith", "xy", "xz")]],
    "the attribute is there": [[a("exists")], [a("greaterThan", 5)]],
    "the attribute is there, negated": [[a("exists")], [a("greaterThan", 5, **NEGATED)]],
    "what it lies in is there": [[when("org", "exists")], [when("/org/plan", "in", "pro")]],
    "what it lies in is missing": [[when("/org/plan", "exists", **NEGATED)], [when("org", "exists", **NEGATED), B]],
    "missing before": [[a("exists", **NEGATED)], [a("exists", **NEGATED), B]],
    "fewer exclusions before": [[a("in", "x", **NEGATED)], [a("in", "x", "y", **NEGATED)]],
    "a larger range before": [[a("lessThan", 10)], [a("lessThan", 5)]],
    "older versions before": [[a("versionLess", "2.0")], [a("versionLessOrEqual", "1.9")]],
    "a larger network before": [[a("inCidr", "10.0.0.0/8")], [a("inCidr", "10.1.0.0/16", "10.2.0.1")]],
    "a larger share before": [
        [{"op": "inBucket", "from": 0, "to": 50}], [{"op": "inBucket", "from": 10, "to": 20}],
    ],
    "what one exclusion leaves": [[a("in", "x")], [a("in", "x", **NEGATED)], [a("in", "x", "y")]],
    "a rule for all but those": [[a("in", "x", **NEGATED)], [a("in", "x", "y", **NEGATED), B]],
    "an outer segment": [[inside("outer")], [inside("inner")]],
    "a segment among more": [[inside("inner", "other")], [inside("inner"), B]],
    "what a segment asks": [[a("in", "x", "y")], [inside("inner")]],
    "outside of less": [[inside("inner", **NEGATED)], [inside("outer", **NEGATED)]],
}  # fmt: skip
LEFT: dict[str, list[list[dict[str, Any]]]] = {
    "more conditions before": [[a("in", "x"), B], [a("in", "x")]],
    "fewer values before": [[a("in", "x")], [a("in", "x", "y")]],
    "what lies in it is there": [[when("/org/plan", "exists")], [when("org", "exists")]],
    "what lies in it is missing": [[when("org", "exists", **NEGATED)], [when("/org/plan", "exists", **NEGATED)]],
    "another attribute": [[a("in", "x")], [B]],
    "a value of another type": [[a("in", "x", **NEGATED)], [a("exists")]],
    "more exclusions before": [[a("in", "x", "y", **NEGATED)], [a("in", "x", **NEGATED)]],
    "more than one thing beyond": [[a("in", "x"), B], [a("in", "y"), B], [a("in", "x", "y")]],
    "an inner segment": [[inside("inner")], [inside("outer")]],
    "outside of more": [[inside("outer", **NEGATED)], [inside("inner", **NEGATED)]],
    "a segment with exclusions": [[inside("choosy")], [a("in", "x")]],
}
SEGMENTS = (
    segment("inner", a("in", "x")),
    segment("outer", inside("inner"), included=["u1"]),
    segment("other", B),
    segment("choosy", a("in", "x"), excluded=["u2"]),
)


@pytest.mark.parametrize("name", TAKEN)
def test_a_rule_after_those_that_take_everybody_is_found(name: str) -> None:
    found = of_flag(snapshot(rules(*TAKEN[name]), segments=SEGMENTS))
    assert [each for each in found if each[0] == UNREACHED] == [(UNREACHED, f"/rules/{len(TAKEN[name]) - 1}")]


@pytest.mark.parametrize("name", LEFT)
def test_a_rule_that_somebody_may_get_to_is_not_found(name: str) -> None:
    assert of_flag(snapshot(rules(*LEFT[name]), segments=SEGMENTS)) == []


def test_a_rule_that_is_reached_by_nobody_takes_nobody() -> None:
    known = snapshot(rules([B], [B, a("in", "x")], [a("in", "x")]))
    assert of_flag(known) == [(UNREACHED, "/rules/1")]


EXPERIMENT = {"key": "e", "layer": "l", "otherwise": "off"}


def _after(end: int, **experiment: Any) -> list[tuple[str, str]]:
    first = rule(B, serve=split(("on", 50_000), ("off", 50_000), experiment={**EXPERIMENT, **experiment}), key="r0")
    known = snapshot(flag(rules=[first, rule(B, key="r1")]), layers=(layer("l", (0, end, "e"), (end, 100_000, "f")),))
    return of_flag(known)


def test_an_experiment_takes_everybody_only_if_it_owns_every_place() -> None:
    assert _after(99_999) == []
    assert _after(100_000) == [(UNREACHED, "/rules/1")]
    assert _after(0, layer=None) == [(UNREACHED, "/rules/1")]


def test_a_split_without_an_experiment_takes_everybody_for_without_a_unit_it_is_an_error() -> None:
    first = rule(B, serve=split(("on", 50_000), ("off", 50_000)), key="r0")
    assert of_flag(snapshot(flag(rules=[first, rule(B, key="r1")]))) == [(UNREACHED, "/rules/1")]


def test_the_fallthrough_after_everybody_is_a_notice() -> None:
    everybody: list[list[list[dict[str, Any]]]] = [[[]], [[a("exists")], [a("exists", **NEGATED)]]]
    for conditions in everybody:
        assert of_flag(snapshot(rules(*conditions))) == [("fallthrough-unreachable", "/fallthrough")]
    shares = [[{"op": "inBucket", "from": 0, "to": 50_000}], [{"op": "inBucket", "from": 50_000, "to": 100_000}]]
    assert of_flag(snapshot(rules(*shares))) == [], "who has no unit gets to the fallthrough"


def test_a_flag_with_more_than_can_be_compared_is_not_proved_to_the_end() -> None:
    many = [[a("startsWith", *(f"v{i}-{j}" for j in range(60)), **NEGATED)] for i in range(60)]
    found = of_flag(snapshot(rules(*many, [], [B])))
    assert (UNREACHED, "/rules/1") not in found
