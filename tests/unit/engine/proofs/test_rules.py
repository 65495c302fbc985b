"""Conditions of one rule: which can never hold together, for an array either, and which hold for everybody."""

from typing import Any

import pytest

from tests.unit.engine.build import inside, rule, segment, snapshot, when
from tests.unit.engine.proofs.proving import of_flag, of_rule, rules

NEVER, NEED_ARRAY = "conditions-contradict", "conditions-need-array"
NEGATED = {"negate": True}
ANY_CASE = {"ignoreCase": True}
MAY_DATE = "2024-05-01T12:00:00Z"


def share(start: int, end: int, **members: Any) -> dict[str, Any]:
    return {"op": "inBucket", "from": start, "to": end, **members}


def a(op: str, *values: Any, **members: Any) -> dict[str, Any]:
    return when("a", op, *values, **members)


CONTRADICTIONS = {
    "there and missing": (a("exists"), a("exists", **NEGATED)),
    "missing and equal": (a("exists", **NEGATED), a("in", "x")),
    "missing and not equal": (a("exists", **NEGATED), a("in", "x", **NEGATED)),
    "missing and in a bucket": (when("targetingKey", "exists", **NEGATED), share(0, 5)),
    "within what is missing": (when("org", "exists", **NEGATED), when("/org/plan", "in", "pro")),
    "one of fewer and none of more": (a("in", "x", 1, True), a("in", "x", 1, True, "y", **NEGATED)),
    "the same number in two spellings": (a("in", 1), a("equals", 1.0, **NEGATED)),
    "a literal that another test excludes": (a("in", "ab", "ac"), a("startsWith", "a", **NEGATED)),
    "a literal that a pattern matches": (a("in", "ab", "ac"), a("matches", "^a.$", **NEGATED)),
    "any case and none of any case": (a("in", "É", **ANY_CASE), a("in", "é", **ANY_CASE, **NEGATED)),
    "a literal and none of any case": (a("in", "DE"), a("in", "de", **ANY_CASE, **NEGATED)),
    "a longer beginning without a shorter": (a("startsWith", "ab", "ac"), a("startsWith", "a", **NEGATED)),
    "an end without its end": (a("endsWith", "@x.org"), a("endsWith", ".org", **NEGATED)),
    "a beginning without its part": (a("startsWith", "xaby"), a("contains", "ab", **NEGATED)),
    "a beginning without its part in any case": (a("startsWith", "xABy"), a("contains", "aB", **ANY_CASE, **NEGATED)),
    "a pattern without itself": (a("matches", "^a+$"), a("matches", "^b", "^a+$", **NEGATED)),
    "a version that is none": (
        a("versionLess", "1"), a("versionGreater", "0", **NEGATED), a("versionLess", "2", **NEGATED),
    ),
    "less than 5 and not less than 10": (a("lessThan", 5), a("lessThan", 10, **NEGATED)),
    "at most 5 and not less than or equal": (a("lessOrEqual", 5), a("lessOrEqual", 5, **NEGATED)),
    "5 and not at least 5": (a("in", 5), a("greaterOrEqual", 5, **NEGATED)),
    "above 10 and not above 5 or less than 3": (a("greaterThan", 10), a("greaterThan", 5, **NEGATED)),
    "a number that is none": (a("greaterThan", 1), a("lessThan", 5, **NEGATED), a("greaterOrEqual", 5, **NEGATED)),
    "before and not before later": (a("before", MAY_DATE), a("before", "2025-01-01T00:00:00+01:00", **NEGATED)),
    "after and not after earlier": (a("after", 1_714_564_800_000), a("after", 0, **NEGATED)),
    "a version and not above it": (a("versionGreater", "2.0"), a("versionGreater", "1.9.9", **NEGATED)),
    "an equal version written otherwise": (a("versionEqual", "1.2"), a("versionEqual", "v1.2.0", **NEGATED)),
    "a network without the one around it": (a("inCidr", "10.1.0.0/16"), a("inCidr", "10.0.0.0/8", **NEGATED)),
    "all of IPv4 without its halves": (a("inCidr", "0.0.0.0/0"), a("inCidr", "0.0.0.0/1", "128.0.0.0/1", **NEGATED)),
    "a share without a larger": (share(10, 20), share(0, 50, **NEGATED)),
    "a share by another name of the attribute": (share(10, 20, by="/targetingKey"), share(0, 50, **NEGATED)),
    "a unit with no bucket": (
        when("targetingKey", "startsWith", "u"), share(0, 5, **NEGATED), share(5, 100_000, **NEGATED),
    ),
}  # fmt: skip
ONLY_ARRAYS = {
    "two countries": (a("in", "DE"), a("in", "FR")),
    "a text and a number": (a("startsWith", "x"), a("lessThan", 5)),
    "two beginnings": (a("startsWith", "ab"), a("startsWith", "b")),
    "two ends": (a("endsWith", "ab"), a("endsWith", "b", "c"), a("endsWith", "c")),
    "two beginnings, one in any case": (a("startsWith", "AB"), a("startsWith", "b", **ANY_CASE)),
    "any case and another beginning": (a("in", "ab", **ANY_CASE), a("startsWith", "b", **ANY_CASE)),
    "another beginning and any case": (a("startsWith", "b"), a("in", "ab", **ANY_CASE)),
    "less and more": (a("lessThan", 5), a("greaterThan", 10)),
    "less and at least": (a("lessThan", 5), a("greaterOrEqual", 5)),
    "before and after": (a("before", MAY_DATE), a("after", MAY_DATE)),
    "two versions": (a("versionLess", "1.10"), a("versionGreaterOrEqual", "1.10.0")),
    "two networks": (a("inCidr", "10.0.0.0/8"), a("inCidr", "2001:db8::/32")),
    "two shares": (share(0, 10), share(10, 20)),
    "a literal outside of a range": (a("in", 1, 2, "x"), a("greaterThan", 5)),
    "not one and a range around it": (a("in", 5, **NEGATED), a("lessOrEqual", 5), a("greaterOrEqual", 5)),
}
POSSIBLE = {
    "different attributes": (a("in", "x"), when("b", "in", "y")),
    "not one and not another": (a("in", "x", **NEGATED), a("in", "y", **NEGATED)),
    "one of more and none of fewer": (a("in", "x", "y"), a("in", "y", **NEGATED)),
    "two parts": (a("contains", "ab"), a("contains", "cd")),
    "a shorter beginning without a longer": (a("startsWith", "a"), a("startsWith", "ab", **NEGATED)),
    "a beginning in any case without it in one": (a("startsWith", "a", **ANY_CASE), a("startsWith", "a", **NEGATED)),
    "a sigma whose lower case depends": (a("startsWith", "ΑΣ"), a("startsWith", "ας", **ANY_CASE, **NEGATED)),
    "two sigmas": (a("startsWith", "ΑΣ"), a("startsWith", "ας", **ANY_CASE)),
    "two patterns": (a("matches", "^a"), a("matches", "^b")),
    "a version that is an address": (a("versionLess", "99"), a("inCidr", "10.0.0.0/8")),
    "shares under two salts": (share(0, 10), share(10, 20, salt="other")),
    "there and not equal": (a("exists"), a("in", "x", **NEGATED)),
    "another attribute within what is missing": (when("/org/plan", "exists", **NEGATED), when("org", "exists")),
    "an open range": (a("greaterThan", 1), a("lessThan", 2)),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_what_cannot_hold_together_is_found_even_though_there_are_arrays(name: str) -> None:
    assert of_rule(*CONTRADICTIONS[name]) == {NEVER}


@pytest.mark.parametrize("name", ONLY_ARRAYS)
def test_what_only_an_array_can_satisfy_is_told_apart(name: str) -> None:
    assert of_rule(*ONLY_ARRAYS[name]) == {NEED_ARRAY}


@pytest.mark.parametrize("name", POSSIBLE)
def test_nothing_is_found_where_something_may_be(name: str) -> None:
    assert of_rule(*POSSIBLE[name]) == set()


EMPTY_VALUES: dict[str, Any] = {"op": "in", "attribute": "a", "values": []}
ALONE: dict[str, dict[str, Any]] = {
    "no values": EMPTY_VALUES,
    "no values of a text operator": {**EMPTY_VALUES, "op": "startsWith"},
    "no values in any case": {**EMPTY_VALUES, "ignoreCase": True},
    "no number": {**EMPTY_VALUES, "op": "lessThan"},
    "no version": {**EMPTY_VALUES, "op": "versionLess"},
    "no pattern": {**EMPTY_VALUES, "op": "matches"},
    "no network": {**EMPTY_VALUES, "op": "inCidr"},
    "an empty share": share(5, 5),
    "outside of all buckets": share(0, 100_000, **NEGATED),
    "without the empty part": a("contains", "", **NEGATED),
    "in no segment": {"op": "inSegment", "values": []},
    "in an empty segment": inside("nobody"),
    "outside of everybody": inside("everybody", "nobody", **NEGATED),
}
CROWDS = (segment("nobody"), {"key": "everybody", "rules": [{"conditions": []}]})


@pytest.mark.parametrize("name", ALONE)
def test_a_condition_that_holds_for_nobody_is_found_by_itself(name: str) -> None:
    condition = ALONE[name]
    assert of_rule(condition, a("exists"), segments=CROWDS) == {"condition-never"}


def test_a_condition_that_holds_for_everybody_is_found() -> None:
    assert of_rule(inside("everybody"), a("exists"), segments=CROWDS) == {"condition-always"}
    assert of_rule(inside("nobody", **NEGATED), a("exists"), segments=CROWDS) == {"condition-always"}
    assert of_rule({"op": "inSegment", "values": [], "negate": True}, a("exists")) == {"condition-always"}
    assert of_rule(share(0, 100_000)) == {"bucket-whole"}
    assert of_rule({**EMPTY_VALUES, "negate": True}) == set(), "it holds for every text, number and boolean"


def test_the_finding_stands_at_the_later_of_the_first_two_that_clash() -> None:
    known = snapshot(rules([a("exists"), a("in", "x"), when("b", "in", 1), a("in", "x", "y", **NEGATED)]))
    assert of_flag(known) == [(NEVER, "/rules/0/conditions/3")]


def test_three_that_clash_only_together_are_told_as_a_whole() -> None:
    three = [a("greaterThan", 1), a("lessThan", 5, **NEGATED), a("greaterOrEqual", 5, **NEGATED)]
    known = snapshot(rules([when("b", "exists"), when("c", "exists"), *three[:1], *three[1:]]))
    found = of_flag(known)
    assert found == [(NEVER, "/rules/0/conditions/4")], "no number is neither below 5 nor from 5 on"
    apart = [a("in", "x", "y"), a("in", "x", **NEGATED), a("in", "y", **NEGATED)]
    assert of_flag(snapshot(rules(apart))) == [(NEVER, "/rules/0/conditions")]


def test_a_rule_of_many_conditions_says_some_of_them() -> None:
    many = [a("in", "x", "y"), a("in", "x", **NEGATED), a("in", "y", **NEGATED), *(a("in", f"z{i}") for i in range(3))]
    (finding,) = [each for each in of_flag(snapshot({**rules(many)})) if each[0] == NEVER]
    assert finding == (NEVER, "/rules/0/conditions")


def test_a_rule_that_cannot_hold_hides_no_other() -> None:
    never = rule(a("exists"), a("exists", **NEGATED), key="r0")
    known = snapshot({**rules([]), "rules": [never, rule(a("exists"), key="r1")]})
    assert of_flag(known) == [(NEVER, "/rules/0/conditions/1")]
