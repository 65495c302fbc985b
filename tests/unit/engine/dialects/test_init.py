"""The seam for imported flags: a dialect reads their conditions and splits, all else stays the same."""

from typing import Any

import pytest

from pennon.engine import RuleSet, check_flag, check_segment, compile_snapshot
from pennon.engine.dialects import DIALECTS, Choice, Test
from pennon.model import Condition, ErrorCode, Flag, Reason, Segment, Split
from tests.unit.engine.build import flag, inside, rule, segment, snapshot, split, when

COMPAT = {"vendor": "acme", "dialect": "v1"}


class Acme:
    """A vendor that compares as text, knows the time, and gives the first weight to even numbers."""

    def condition(self, condition: Condition, owner: Flag | Segment) -> Test:
        if condition.op == "after":
            return lambda context, now: now is not None and now > condition.values[0]
        if condition.op != "sameText":
            raise ValueError(f"acme has no {condition.op}")
        return lambda context, now: str(context.get(condition.attribute)) in condition.values

    def split(self, split: Split, owner: Flag) -> Choice:
        if split.hash != "parity":
            raise ValueError(f"acme has no {split.hash}")

        def choose(context: dict[Any, Any], now: float | None) -> int | None:
            unit = context.get(split.by)
            return None if unit is None else unit % 3

        return choose


ACME = {("acme", "v1"): Acme()}


def _rules(*flags: dict[str, Any], segments: tuple[dict[str, Any], ...] = ()) -> RuleSet:
    return compile_snapshot(snapshot(*flags, segments=segments), dialects=ACME)


def test_no_dialect_is_known_yet() -> None:
    assert DIALECTS == {}


def test_conditions_of_an_imported_flag_are_read_by_its_dialect() -> None:
    rules = _rules(flag(compat=COMPAT, rules=[rule(when("a", "sameText", "5"))]))
    assert rules.evaluate("f", {"a": 5}).variation == "on"
    assert rules.evaluate("f", {"a": 6}).variation == "off"


def test_only_imported_flags_look_at_the_time() -> None:
    rules = _rules(flag(compat=COMPAT, rules=[rule(when("a", "after", 100))]))
    assert rules.evaluate("f", {}, now=101).variation == "on"
    assert rules.evaluate("f", {}, now=99).variation == "off"
    assert rules.evaluate("f", {}).variation == "off"


def test_segments_have_dialects_of_their_own() -> None:
    foreign = segment("s", when("a", "sameText", "5"), compat=COMPAT)
    rules = _rules(flag(compat=COMPAT, rules=[rule(inside("s"))]), segments=(foreign,))
    assert rules.evaluate("f", {"a": 5}).variation == "on"


def test_a_foreign_hash_chooses_by_the_dialect() -> None:
    item = flag(compat=COMPAT, fallthrough=split(("on", 0.5), ("off", 0.5), hash="parity", by="id"))
    rules = _rules(item)
    results = [rules.evaluate("f", {"id": number}) for number in (0, 1)]
    assert [(result.variation, result.reason) for result in results] == [("on", Reason.SPLIT), ("off", Reason.SPLIT)]
    assert rules.evaluate("f", {}).error_code is ErrorCode.TARGETING_KEY_MISSING
    nowhere = rules.evaluate("f", {"id": 2})
    assert (nowhere.error_code, nowhere.error_message) == (ErrorCode.GENERAL, "the dialect chose none of the weights")


def test_an_imported_flag_may_use_the_own_hash() -> None:
    rules = _rules(flag(compat=COMPAT, fallthrough=split(("on", 100_000))))
    assert rules.evaluate("f", {"targetingKey": "u"}).reason is Reason.SPLIT


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"rules": [rule(when("a", "in", "x"))]}, "/rules/0/conditions/0: acme has no in"),
        ({"fallthrough": split(("on", 1), hash="other")}, "/fallthrough/split: acme has no other"),
    ],
)
def test_what_a_dialect_does_not_know_is_refused(members: dict[str, Any], says: str) -> None:
    result = _rules(flag(compat=COMPAT, **members)).evaluate("f", {})
    assert result.error_code is ErrorCode.PARSE_ERROR
    assert says in (result.error_message or "")


def test_an_unknown_dialect_is_said_once_for_a_flag() -> None:
    item = flag(compat=COMPAT, rules=[rule(when("a", "sameText", "5"))], fallthrough=split(("on", 1), hash="parity"))
    result = compile_snapshot(snapshot(item)).evaluate("f", {})
    assert result.error_message == "/compat: the dialect 'v1' of 'acme' is not known here (update the SDK)"


def test_explanations_speak_of_the_dialect() -> None:
    serve = split(("on", 1), ("off", 1), hash="parity", by="id")
    rules = _rules(flag(compat=COMPAT, rules=[rule(when("a", "sameText", "5"), serve=serve)]))
    (ruled,) = [step for step in rules.explain("f", {"a": 5, "id": 4}).steps if step.path == "/rules/0"]
    assert [step.why for step in ruled.steps] == ["the dialect's sameText holds", "the hash 'parity' chooses weight 1"]
    (missed,) = [step for step in rules.explain("f", {"a": 6}).steps if step.path == "/rules/0"]
    assert [step.why for step in missed.steps] == ["the dialect's sameText does not hold"]
    (missing,) = [step for step in rules.explain("f", {"a": 5}).steps if step.path == "/rules/0"]
    assert missing.steps[1].matched is False


def test_checks_know_the_dialects_too() -> None:
    model = snapshot(
        flag(compat=COMPAT, rules=[rule(when("a", "sameText", "5"))]),
        segments=(segment("s", when("a", "sameText", "5"), compat=COMPAT),),
    )
    assert check_flag(model.flags["f"], model, dialects=ACME) == []
    assert check_segment(model.segments["s"], model, dialects=ACME) == []
    assert [problem.path for problem in check_flag(model.flags["f"], model)] == ["/compat"]
