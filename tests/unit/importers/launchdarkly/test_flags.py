"""Flags: order, prerequisites, targets of several kinds, what is not evaluation."""

from typing import Any

import pytest

from pennon.engine import check_flag
from pennon.importers import Fidelity, Plan, launchdarkly
from pennon.importers.verify import rules_of
from pennon.model import Compat, Flag, Prerequisite, Problem, Target, Variation
from tests.unit.importers.launchdarkly.building import (
    carried,
    clause,
    flag,
    messages,
    payload,
    planned,
    prerequisite_of,
    rollout,
    rule,
    served,
)

DIALECTS = ["python", "node", "go"]


def test_a_flag_is_carried_whole() -> None:
    made = carried(
        flag(rules=[rule(clause("in", "pro"))], clientSideAvailability={"usingEnvironmentId": True}), dialect="go"
    )
    assert made.compat == Compat("launchdarkly", "go")
    assert (made.on, made.salt, made.kind, made.off_variation, made.client_side) == (True, "salt", "string", "c", True)
    assert made.variations == (Variation("a", "a"), Variation("b", "b"), Variation("c", "c"))
    assert [each.id for each in made.rules] == ["r"]


@pytest.mark.parametrize(
    ("members", "client_side"),
    [
        ({}, False),
        ({"clientSide": True}, True),
        ({"clientSideAvailability": {"usingMobileKey": True}}, True),
        ({"clientSideAvailability": {"usingMobileKey": False, "usingEnvironmentId": False}, "clientSide": True}, False),
    ],
)
def test_whether_clients_may_read_it(members: dict[str, Any], client_side: bool) -> None:
    assert carried(flag(**members)).client_side is client_side


def test_keys_and_salts_are_free_text() -> None:
    item = flag("a key / with: ünï.cödé ", salt=" s a l t ", fallthrough={"variation": 0})
    assert served(item, key=item["key"]) == "a"
    assert planned(flag("x" * 257), key="x" * 257).fidelity is Fidelity.IMPOSSIBLE


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("members", "value"),
    [
        ({"on": False}, "c"),
        ({"on": None}, "c"),
        ({"on": False, "offVariation": None}, "the caller's"),
        ({"on": False, "offVariation": 9}, "the caller's"),
        ({"variations": [True, False], "fallthrough": {"variation": 1}, "offVariation": 1}, False),
        ({"rules": [rule(variation=2)]}, "c"),
        ({"targets": [{"variation": 0, "values": ["u"]}], "rules": [rule(variation=2)]}, "a"),
        ({"targets": [{"variation": 9, "values": ["u"]}]}, "the caller's"),
    ],
    ids=[
        "off",
        "on-is-null",
        "off-to-nothing",
        "off-out-of-range",
        "on-but-false",
        "rule",
        "target",
        "malformed-target",
    ],
)
def test_what_is_served(members: dict[str, Any], value: Any, dialect: str) -> None:
    assert served(flag(**members), dialect=dialect) == value


# Prerequisites


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("below", "wanted", "value"),
    [
        (flag("below"), 1, "b"),
        (flag("below"), 0, "c"),
        (flag("below"), 9, "c"),
        (flag("below", on=False), 2, "c"),
        (flag("below", on=False), 1, "c"),
        (flag("below", prerequisites=[prerequisite_of("gone", 0)]), 2, "b"),
    ],
    ids=["met", "another", "no-such-variation", "off-serving-the-wanted", "off", "fails-serving-the-wanted"],
)
def test_prerequisites(below: dict[str, Any], wanted: int, value: str, dialect: str) -> None:
    assert served(below, flag(prerequisites=[prerequisite_of("below", wanted)]), dialect=dialect) == value


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_prerequisite_that_nobody_meets_is_a_rule_before_all_others(dialect: str) -> None:
    item = flag(
        prerequisites=[prerequisite_of("below", 1), prerequisite_of("gone", 1), prerequisite_of("after", 1)],
        targets=[_target(0, "u")],
        rules=[rule(variation=0)],
    )
    assert served(item, flag("below"), dialect=dialect) == "c"
    made = carried(item, flag("below"), dialect=dialect)
    assert (made.prerequisites, made.targets) == ((Prerequisite("below", ("b",)),), ())
    assert [each.id for each in made.rules] == ["prerequisite", "targets-0", "r"]
    assert "there is no flag 'gone' in the file" in messages(planned(item, flag("below"), dialect=dialect))
    unknown = flag(prerequisites=[prerequisite_of("below", 9)])
    assert "'below' has no variation 9 in the file" in messages(planned(unknown, flag("below"), dialect=dialect))
    plan = launchdarkly.plan(payload(item, unknown, flag("below")), dialect)
    assert [problem for each in plan.flags if each.flag for problem in _checked(plan, each.flag)] == []


def _checked(plan: Plan, made: Flag) -> list[Problem]:
    return check_flag(made, rules_of(plan).snapshot)


def test_without_an_off_variation_nobody_is_served_anything_while_it_is_not_met() -> None:
    item = flag(prerequisites=[prerequisite_of("gone", 1)], offVariation=None)
    assert served(item) == "the caller's"
    above = flag("above", prerequisites=[prerequisite_of("f", 1)])
    assert served(item, above, key="above", dialect="node") == "c"


# Targets


def _target(variation: int, *keys: str, **members: Any) -> dict[str, Any]:
    return {"variation": variation, "values": list(keys), **members}


def test_without_context_targets_those_of_users_are_taken_in_order() -> None:
    assert carried(flag(targets=[_target(0, "u", "v"), _target(2, "u")])).targets == (
        Target(("u", "v"), "a"),
        Target(("u",), "c"),
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_context_targets_say_the_order_and_users_are_placeholders_in_it(dialect: str) -> None:
    item = flag(
        targets=[_target(0, "u"), _target(2, "w"), _target(0, "unread")],
        contextTargets=[
            _target(2, "o", contextKind="org"),
            _target(0, "read by nobody", contextKind="user"),
            _target(1, contextKind="user"),
        ],
    )
    assert carried(item, dialect=dialect).targets == (
        Target(("o",), "c", "org:targetingKey"),
        Target(("u",), "a"),
    )
    both = {"kind": "multi", "user": {"key": "u"}, "org": {"key": "o"}}
    contexts: tuple[dict[str, Any], ...] = ({}, {"targetingKey": "w"}, {"kind": "org", "targetingKey": "o"}, both)
    assert [served(item, context=context, dialect=dialect) for context in contexts] == ["a", "b", "c", "c"]
    found = messages(planned(item, dialect=dialect))
    assert "/flags/f/contextTargets/1/values: keys of kind user here are not read" in found
    assert "/flags/f/targets/1: no contextTargets stands for it" in found


@pytest.mark.parametrize(
    ("dialect", "attribute"), [("python", "targetingKey"), ("node", "org:targetingKey"), ("go", "targetingKey")]
)
def test_only_node_looks_at_the_kind_of_users_targets(dialect: str, attribute: str) -> None:
    (target,) = carried(flag(targets=[_target(0, "u", contextKind="org")]), dialect=dialect).targets
    assert target.attribute == attribute


# Variations and rules


def test_values_of_several_kinds_cannot_be_carried() -> None:
    found = planned(flag(variations=[1, "a", {}]))
    assert (found.fidelity, found.notes[0].path) == (Fidelity.IMPOSSIBLE, "/flags/f/variations")


def test_null_as_a_value_is_the_callers_default_here() -> None:
    item = flag(variations=["a", None, "c"])
    found = planned(item)
    assert (found.fidelity, found.notes[0].path) == (Fidelity.CONDITIONAL, "/flags/f/variations/1")
    assert served(item) == "the caller's"


def test_a_value_that_is_called_as_the_malformed_one_keeps_its_name() -> None:
    made = carried(flag(variations=["nothing", "b", "c"], fallthrough={}))
    assert [variation.key for variation in made.variations] == ["nothing", "b", "c", "nothing-"]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a"], ["a", "rule-1"]),
        ([None, ""], ["rule-0", "rule-1"]),
        (["rule-1", None], ["rule-1", "rule-1-"]),
        (["x" * 257, "a\nb"], ["rule-0", "rule-1"]),
    ],
)
def test_rules_have_ids_of_their_own(ids: list[str | None], expected: list[str]) -> None:
    made = carried(flag(rules=[{**rule(clause("in", "x")), "id": name} for name in ids]))
    assert [each.id for each in made.rules] == expected


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("trackEvents", True),
        ("trackEventsFallthrough", True),
        ("debugEventsUntilDate", 1577836800000),
        ("samplingRatio", 5),
        ("excludeFromSummaries", True),
        ("migration", {"checkRatio": 1}),
    ],
)
def test_what_no_evaluation_depends_on_is_said(member: str, value: Any) -> None:
    found = planned(flag(**{member: value}))
    assert found.fidelity is Fidelity.EXACT
    assert f"{member}: " in messages(found)


def test_events_of_a_rule_are_said_too() -> None:
    assert "/flags/f/rules/0/trackEvents" in messages(planned(flag(rules=[{**rule(), "trackEvents": True}])))


def test_members_that_no_sdk_reads_are_said() -> None:
    item = flag(shiny=1, rules=[{**rule({**clause("in", "x"), "glow": 2}), "spark": 3}])
    found = planned(item)
    assert found.fidelity is Fidelity.EXACT
    for path in ("/flags/f/shiny", "/flags/f/rules/0/spark", "/flags/f/rules/0/clauses/0/glow"):
        assert f"{path}: {path.rpartition('/')[2]} is not read" in messages(found)


def test_tombstones_are_left_out() -> None:
    deleted = {"key": "gone", "version": 3, "deleted": True, "variations": []}
    plan = launchdarkly.plan(payload(flag(prerequisites=[prerequisite_of("gone", 0)]), deleted), "python")
    assert [each.key for each in plan.flags] == ["f"]
    assert [note.message for note in plan.notes] == ["'gone' was deleted, and is left out"]
    assert rules_of(plan).evaluate("f", {"targetingKey": "u"}).value == "c"


def test_contexts_without_a_key_get_the_callers_default_from_every_flag() -> None:
    rules = rules_of(launchdarkly.plan(payload(flag(), flag("off", on=False)), "python"))
    for key in ("f", "off"):
        for context in ({}, {"targetingKey": 5}, {"targetingKey": ""}, {"kind": "a b", "key": "u"}):
            assert rules.evaluate(key, context, "mine").value == "mine"
        assert rules.evaluate(key, {"targetingKey": 5, "key": "u"}, "mine").value != "mine"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "item",
    [
        pytest.param(flag(contextTargets=[_target(0, "o", contextKind="a b")]), id="target"),
        pytest.param(flag(rules=[rule(clause("in", 1, contextKind="a b"), variation=0)]), id="clause"),
        pytest.param(flag(fallthrough=rollout(100_000, contextKind="a b")), id="rollout"),
    ],
)
def test_a_kind_that_no_context_can_have_is_said_not_written_before_an_attribute(
    dialect: str, item: dict[str, Any]
) -> None:
    found = planned(item, dialect=dialect)
    assert found.fidelity is Fidelity.IMPOSSIBLE
    assert "/contextKind: 'a b' is no kind of a context" in messages(found)
