"""Conditions and segments: what holds for whom, and what is refused."""

import hashlib
from typing import Any

import pytest

from pennon.engine import compile_snapshot
from pennon.engine.conditions import SMALL
from pennon.model import ErrorCode, Evaluation
from tests.unit.engine.build import flag, inside, rule, segment, snapshot, when


def _served(*conditions: dict[str, Any], segments: tuple[dict[str, Any], ...] = (), **context: Any) -> str | None:
    rules = compile_snapshot(snapshot(flag(rules=[rule(*conditions)]), segments=segments))
    result = rules.evaluate("f", context)
    assert result.error_code is None, result.error_message
    return result.variation


def _refused(*conditions: dict[str, Any], segments: tuple[dict[str, Any], ...] = ()) -> str:
    result: Evaluation = compile_snapshot(snapshot(flag(rules=[rule(*conditions)]), segments=segments)).evaluate(
        "f", {}
    )
    assert result.error_code is ErrorCode.PARSE_ERROR
    assert result.error_message is not None
    return result.error_message


def test_every_condition_of_a_rule_must_hold() -> None:
    conditions = when("country", "in", "DE"), when("age", "greaterThan", 17)
    assert _served(*conditions, country="DE", age=18) == "on"
    assert _served(*conditions, country="DE", age=17) == "off"
    assert _served(*conditions, country="FR", age=18) == "off"


def test_a_rule_without_conditions_holds_for_everybody() -> None:
    assert _served() == "on"


@pytest.mark.parametrize("negate", [False, True])
def test_a_missing_attribute_is_false_negated_or_not(negate: bool) -> None:
    for op, literal in (("in", "DE"), ("lessThan", 5), ("versionLess", "2"), ("inCidr", "10.0.0.0/8"), ("before", 0)):
        assert _served(when("a", op, literal, negate=negate)) == "off"
        assert _served(when("a", op, literal, negate=negate), a=None) == "off"


@pytest.mark.parametrize(
    ("context", "positive"), [({"a": 0}, "on"), ({"a": ""}, "on"), ({"a": []}, "on"), ({"a": None}, "off"), ({}, "off")]
)
def test_exists_asks_only_whether_it_is_there(context: dict[str, Any], positive: str) -> None:
    assert _served(when("a", "exists"), **context) == positive
    assert _served(when("a", "exists", negate=True), **context) == {"on": "off", "off": "on"}[positive]


def test_an_attribute_can_be_a_pointer() -> None:
    condition = when("/org/plan", "in", "pro")
    assert _served(condition, org={"plan": "pro"}) == "on"
    assert _served(condition, org={"plan": "free"}) == "off"


def test_in_bucket_holds_for_a_share_of_units() -> None:
    inside_share = {"op": "inBucket", "by": "id", "salt": "s1", "from": 0, "to": 100_000}
    assert _served(inside_share, id="u1") == "on"
    assert _served(inside_share | {"negate": True}, id="u1") == "off"
    assert _served(inside_share | {"from": 100_000}, id="u1") == "off"
    assert _served(inside_share) == "off"
    assert _served({"op": "inBucket", "from": 0, "to": 100_000}, targetingKey=5) == "on"


def test_included_beats_excluded_beats_rules() -> None:
    members = segment("s", when("plan", "in", "pro"), included=["both", "in"], excluded=["both", "out"])
    for key, plan, expected in (
        ("both", "free", "on"),
        ("in", "free", "on"),
        ("out", "pro", "off"),
        ("other", "pro", "on"),
        ("other", "free", "off"),
    ):
        assert _served(inside("s"), segments=(members,), targetingKey=key, plan=plan) == expected


def test_lists_of_a_segment_hold_targeting_keys_integers_in_decimal() -> None:
    members = segment("s", included=["5", "\ufffd"])
    assert _served(inside("s"), segments=(members,), targetingKey=5) == "on"
    assert _served(inside("s"), segments=(members,), targetingKey="\ud800") == "on"
    assert _served(inside("s"), segments=(members,), targetingKey=5.5) == "off"
    assert _served(inside("s"), segments=(members,)) == "off"


def test_hashed_lists_hold_digests_of_salt_and_key() -> None:
    digests = [hashlib.sha256(f"m2.{key}".encode()).hexdigest() for key in ("in", "out", "5")]
    members = segment("s", when("a", "exists"), included=[digests[0], digests[2]], excluded=[digests[1]], hashed=True)
    assert _served(inside("s"), segments=(members,), targetingKey="in") == "on"
    assert _served(inside("s"), segments=(members,), targetingKey=5) == "on"
    assert _served(inside("s"), segments=(members,), targetingKey="out", a=1) == "off"
    assert _served(inside("s"), segments=(members,), a=1) == "on"
    assert _served(inside("s"), segments=(members,), targetingKey=digests[0]) == "off"


def test_in_segment_is_never_missing() -> None:
    empty = segment("s")
    assert _served(inside("s"), segments=(empty,)) == "off"
    assert _served(inside("s", negate=True), segments=(empty,)) == "on"
    assert _served(inside(), segments=()) == "off"
    assert _served(inside(negate=True), segments=()) == "on"


def test_any_of_several_segments_will_do() -> None:
    segments = segment("s", when("a", "exists")), segment("t", when("b", "exists"))
    assert _served(inside("s", "t"), segments=segments, b=1) == "on"
    assert _served(inside("s", "t", negate=True), segments=segments, b=1) == "off"
    assert _served(inside("s", "t", negate=True), segments=segments) == "on"


def test_segments_use_segments() -> None:
    segments = segment("outer", inside("inner")), segment("inner", when("a", "exists"))
    assert _served(inside("outer"), segments=segments, a=1) == "on"
    assert _served(inside("outer"), inside("inner"), segments=segments, a=1) == "on"
    assert _served(inside("outer"), segments=segments) == "off"


@pytest.mark.parametrize("conditions", range(SMALL + 3))
def test_a_segment_of_any_size_is_asked_as_it_stands(conditions: int) -> None:
    asked = [when(f"a{number}", "equals", number) for number in range(conditions)]
    context = {f"a{number}": number for number in range(conditions)}
    item = flag(rules=[rule(inside("s"))])
    rules = compile_snapshot(snapshot(item, segments=(segment("s", *asked),)))
    assert rules.evaluate("f", context).variation == ("on" if conditions else "off")
    changed = snapshot(item, segments=(segment("s", *asked, when("more", "exists")),))
    rules = rules.advanced(changed, [("segment", "s")])
    assert rules.evaluate("f", context).variation == "off"
    assert rules.evaluate("f", {**context, "more": 1}).variation == "on"


def test_any_rule_of_a_segment_will_do() -> None:
    members = segment("s") | {"rules": [{"conditions": [when("a", "exists")]}, {"conditions": [when("b", "exists")]}]}
    assert _served(inside("s"), segments=(members,), b=1) == "on"
    assert _served(inside("s"), segments=(members,)) == "off"


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (when("a", "soundsLike", "x"), "/rules/0/conditions/0/op: the operator 'soundsLike' is not known here"),
        ({"op": "in", "values": ["x"]}, "/rules/0/conditions/0/attribute: in asks about no attribute"),
        (when("/a~2", "exists"), "/rules/0/conditions/0/attribute: the JSON pointer '/a~2' has a ~ at 2"),
        (when("a", "matches", "("), "/rules/0/conditions/0/values/0: at 0: this ( is never closed"),
        ({"op": "inBucket", "from": 5, "to": 1}, "/rules/0/conditions/0/from: from and to are not integers"),
        (inside("gone"), "/rules/0/conditions/0/values/0: there is no segment 'gone'"),
    ],
)
def test_what_cannot_be_compiled_is_said_with_its_place(condition: dict[str, Any], says: str) -> None:
    assert says in _refused(condition)


def test_every_fault_is_said() -> None:
    assert _refused(when("a", "x"), when("a", "y")).count("is not known here") == 2


def test_a_broken_segment_breaks_its_users_with_the_cause() -> None:
    broken = segment("s", when("a", "lessThan", "five"))
    says = _refused(inside("s"), segments=(broken,))
    assert "the segment 's' is broken: /rules/0/conditions/0/values/0: \"five\" is not a number" in says
    assert _refused(inside("s"), segments=(broken,)) == says


def test_a_segment_that_cannot_be_read_breaks_its_users() -> None:
    assert "the segment 's' cannot be read" in _refused(inside("s"), segments=({"key": "s", "included": 5},))


def test_a_segment_that_needs_itself_breaks_its_users() -> None:
    circle = segment("s", inside("t")), segment("t", inside("s"))
    assert "it needs itself, or what does" in _refused(inside("s"), segments=circle)


def test_a_segment_of_an_unknown_dialect_breaks_its_users() -> None:
    foreign = segment("s", when("a", "in", "x"), compat={"vendor": "acme", "dialect": "v1"})
    assert "the dialect 'v1' of 'acme' is not known here" in _refused(inside("s"), segments=(foreign,))
