"""The seam for imported flags: a dialect reads their conditions and splits, all else stays the same."""

from typing import Any

import pytest

from pennon.engine import RuleSet, check_flag, check_segment, compile_snapshot
from pennon.engine.dialects import DIALECTS, Choice, Key, Test
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

    def key(self, attribute: str) -> Key:
        if attribute == "nothing":
            raise ValueError("acme lists no nothing")
        return lambda context: str(context["id"]) if "id" in context else None


ACME = {("acme", "v1"): Acme()}


def _rules(*flags: dict[str, Any], segments: tuple[dict[str, Any], ...] = ()) -> RuleSet:
    return compile_snapshot(snapshot(*flags, segments=segments), dialects=ACME)


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


def test_targets_and_lists_compare_what_the_dialect_reads() -> None:
    listed = flag(compat=COMPAT, targets=[{"values": ["7"], "variation": "on"}])
    member = flag("g", compat=COMPAT, rules=[rule(inside("s"))])
    rules = _rules(listed, member, segments=(segment("s", compat=COMPAT, included=["7"]),))
    contexts: list[dict[str, Any]] = [{"id": 7}, {"id": 8}, {}, {"targetingKey": "7"}]
    for key in ("f", "g"):
        assert [rules.evaluate(key, context).variation for context in contexts] == ["on", "off", "off", "off"]


def test_an_attribute_that_the_dialect_cannot_list_is_refused() -> None:
    target = {"attribute": "nothing", "values": ["7"], "variation": "on"}
    result = _rules(flag(compat=COMPAT, targets=[target])).evaluate("f", {})
    assert "/targets/0/attribute: acme lists no nothing" in (result.error_message or "")


def _serves(flag: str, *variations: str, **members: Any) -> dict[str, Any]:
    return when(flag, "serves", *variations, **members)


def test_an_imported_flag_asks_what_another_serves() -> None:
    parent = flag("parent", fallthrough=split(("on", 50_000), ("off", 50_000)))
    rules = _rules(parent, flag(compat=COMPAT, rules=[rule(_serves("parent", "on"))]))
    for number in range(20):
        context = {"targetingKey": f"u{number}"}
        assert rules.evaluate("f", context).variation == rules.evaluate("parent", context).variation
    assert rules.dependencies("f") == {("flag", "parent")}


@pytest.mark.parametrize(
    "parent",
    [flag("parent", on=False), flag("parent", offVariation="on", on=False), flag("other"), flag("parent", needs=["x"])],
    ids=["off", "off-serving-on", "missing", "broken"],
)
def test_an_off_missing_or_broken_flag_serves_nothing(parent: dict[str, Any]) -> None:
    asking = flag(compat=COMPAT, rules=[rule(_serves("parent", "on", "off"))])
    refusing = flag("g", compat=COMPAT, rules=[rule(_serves("parent", "on", "off", negate=True))])
    rules = _rules(parent, asking, refusing)
    assert rules.evaluate("f", {}).variation == "off"
    assert rules.evaluate("g", {}).variation == "on"


def test_flags_that_ask_what_each_other_serves_answer_an_error() -> None:
    rules = _rules(
        flag("a", compat=COMPAT, rules=[rule(_serves("b", "on"))]),
        flag("b", compat=COMPAT, rules=[rule(_serves("a", "on"))]),
    )
    assert "a → b → a" in (rules.evaluate("a", {}).error_message or "")


def test_only_imported_flags_ask_what_another_serves() -> None:
    rules = _rules(flag("parent"), flag(rules=[rule(_serves("parent", "off"))]))
    assert "the operator 'serves' is not known here" in (rules.evaluate("f", {}).error_message or "")


def test_a_segment_cannot_ask_what_a_flag_serves() -> None:
    asking = segment("s", _serves("parent", "on"), compat=COMPAT)
    result = _rules(flag("parent"), flag(rules=[rule(inside("s"))]), segments=(asking,)).evaluate("f", {})
    assert "a segment cannot ask what a flag serves" in (result.error_message or "")


def test_a_null_of_an_imported_flag_is_the_default_of_the_caller() -> None:
    variations = [{"key": "on", "value": True}, {"key": "off", "value": None}]
    result = _rules(flag(compat=COMPAT, variations=variations)).evaluate("f", {}, "mine")
    assert (result.value, result.variation, result.reason) == ("mine", "off", Reason.FALLTHROUGH)
    own = _rules(flag(variations=variations)).evaluate("f", {}, "mine")
    assert own.value is None


def test_the_clock_tells_imported_flags_the_time_that_the_caller_does_not() -> None:
    after = when("a", "after", 100)
    flags = (
        flag(compat=COMPAT, rules=[rule(after)]),
        flag("g", rules=[rule(inside("s"))]),
        flag("h", prerequisites=[{"flag": "f", "variations": ["on"]}], fallthrough={"variation": "on"}),
    )
    model = snapshot(*flags, segments=(segment("s", after, compat=COMPAT),))
    rules = compile_snapshot(model, dialects=ACME, clock=lambda: 101.0)
    assert [rules.evaluate(key, {}).variation for key in "fgh"] == ["on", "on", "on"]
    assert [rules.evaluate(key, {}, now=99).variation for key in "fgh"] == ["off", "off", "off"]


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


class Choosy(Acme):
    """A vendor whose SDK evaluates nothing for a context without an id."""

    def accepts(self, context: dict[Any, Any]) -> bool:
        return "id" in context


@pytest.mark.parametrize("on", [True, False])
def test_a_context_that_the_dialect_does_not_accept_gets_the_default_of_the_caller(on: bool) -> None:
    rules = compile_snapshot(snapshot(flag(compat=COMPAT, on=on)), dialects={("acme", "v1"): Choosy()})
    assert rules.evaluate("f", {"id": 1}, "mine").error_code is None
    refused = rules.evaluate("f", {}, "mine")
    assert (refused.value, refused.variation, refused.error_code) == ("mine", None, ErrorCode.TARGETING_KEY_MISSING)
    assert "the context has no key" in rules.explain("f", {}).steps[-1].why


def test_nobody_meets_a_prerequisite_whose_dialect_does_not_accept_the_context() -> None:
    own = flag("g", prerequisites=[{"flag": "f", "variations": ["on", "off"]}])
    rules = compile_snapshot(snapshot(flag(compat=COMPAT), own), dialects={("acme", "v1"): Choosy()})
    reasons = [rules.evaluate("g", context).reason for context in ({"id": 1}, {})]
    assert reasons == [Reason.FALLTHROUGH, Reason.PREREQUISITE_FAILED]


def test_every_vendor_has_its_dialects() -> None:
    assert set(DIALECTS) == {
        *(("flagd", name) for name in ("v1", "v2", "v3")),
        *(("growthbook", name) for name in ("javascript", "python")),
        *(("launchdarkly", name) for name in ("python", "node", "go")),
        *(("unleash", name) for name in ("python", "node")),
    }
    assert len(DIALECTS) == len(set(DIALECTS))
    assert all(DIALECTS[name] is DIALECTS.get(name) for name in DIALECTS)


def test_vendors_and_dialects_that_are_not_known_are_nothing() -> None:
    assert DIALECTS.get(("acme", "v1")) is None
    assert DIALECTS.get(("flagd", "v9")) is None
