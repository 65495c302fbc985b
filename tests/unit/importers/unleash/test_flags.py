"""Features as flags: strategies, segments, parents, and how faithful they are."""

from typing import Any

import pytest

from pennon.importers import Fidelity, unleash
from pennon.model import Compat, Condition, Prerequisite
from tests.unit.importers.unleash.build import (
    constraint,
    feature,
    file,
    plan,
    planned,
    rollout,
    rules,
    said,
    strategy,
    value,
    variant,
)

BOTH = pytest.mark.parametrize("dialect", ["python", "node"])


@BOTH
def test_a_feature_becomes_a_boolean_flag_of_its_name(dialect: str) -> None:
    found = planned(plan(feature("a", rollout("25")), dialect=dialect), "a")
    assert found.flag is not None
    assert (found.source, found.identities) == ("a", {"true": "on", "false": "off"})
    assert found.flag.compat == Compat("unleash", dialect)
    assert found.fidelity is Fidelity.EXACT
    hashed = {"python": "murmur3-utf8", "node": "murmur3-utf16lo"}[dialect]
    share = Condition("inBucket", by="userId", salt="g", hash=hashed, from_=0, to=25)
    assert [rule.conditions for rule in found.flag.rules] == [(share,)]


@BOTH
def test_the_same_bytes_give_the_same_plan(dialect: str) -> None:
    data = file(feature("b", rollout()), feature("a", variants=[variant("v")]))
    assert unleash.plan(data, dialect) == unleash.plan(data, dialect)
    assert [flag.key for flag in unleash.plan(data, dialect).flags] == ["a", "a.variant", "b"]


@BOTH
def test_strategies_are_ored_and_constraints_anded(dialect: str) -> None:
    both = strategy("default", constraint("IN", ["DE"]), constraint("IN", ["gold"], field="plan"))
    found = rules(plan(feature("a", both, strategy("default", constraint("IN", ["FR"]))), dialect=dialect))
    assert value(found, "a", x="DE", plan="gold") is True
    assert value(found, "a", x="DE", plan="free") is False
    assert value(found, "a", x="FR") is True


@BOTH
def test_without_strategies_it_is_on_and_disabled_it_is_off(dialect: str) -> None:
    found = rules(plan(feature("a"), feature("b") | {"enabled": False}, dialect=dialect))
    assert (value(found, "a"), value(found, "b")) == (True, False)


@pytest.mark.parametrize(("dialect", "expected"), [("python", True), ("node", False)])
def test_without_a_list_of_strategies_it_is_off_to_node_alone(dialect: str, expected: bool) -> None:
    assert value(rules(plan({"name": "a", "enabled": True}, dialect=dialect)), "a") is expected


CONDITIONAL: list[tuple[dict[str, Any], str]] = [
    (rollout(stickiness="default"), "contexts carry userId or sessionId"),
    (strategy("default", constraint("IN", ["a"], field="appName")), "contexts carry appName"),
    (rollout(stickiness="environment"), "contexts carry environment"),
    (strategy("ownStrategy"), "the SDK has no strategy 'ownStrategy' of its own"),
]


@BOTH
@pytest.mark.parametrize(("given", "says"), CONDITIONAL, ids=[row[1] for row in CONDITIONAL])
def test_what_is_exact_under_a_condition_says_which(given: dict[str, Any], says: str, dialect: str) -> None:
    found = plan(feature("a", given), dialect=dialect)
    assert planned(found, "a").fidelity is Fidelity.CONDITIONAL
    assert any(says in message for _, message in said(found, "a"))
    assert not found.is_exact


@pytest.mark.parametrize("share", ["0", "100"])
@pytest.mark.parametrize("stickiness", ["default", "random"])
@BOTH
def test_nobody_and_everybody_need_no_id(dialect: str, stickiness: str, share: str) -> None:
    found = plan(feature("a", rollout(share, stickiness=stickiness)), dialect=dialect)
    assert planned(found, "a").fidelity is Fidelity.EXACT
    assert value(rules(found), "a") is (share == "100")


IMPOSSIBLE: list[tuple[str, dict[str, Any], str]] = [
    ("python", rollout(stickiness="random"), "by chance"),
    ("node", rollout(stickiness="random"), "by chance"),
    ("python", rollout(stickiness="currentTime"), "by chance"),
    ("python", strategy("gradualRolloutRandom", parameters={"percentage": "50"}), "by chance"),
    ("node", strategy("gradualRolloutRandom", parameters={"percentage": "1.5"}), "by chance"),
    ("python", rollout(groupId='a"b'), "part of its rules"),
    ("python", rollout(stickiness='a"b'), "part of its rules"),
    ("python", strategy("default", constraint("NUM_EQ", "5 or true")), "part of its rules"),
    ("python", strategy("default", constraint("REGEX", r"\pL")), "is not taken here"),
    ("node", strategy("default", constraint("IN")), "no values"),
    ("node", strategy("default", constraint("IN", ["a"], field="toString")), "in every context"),
    ("node", strategy("default", constraint("DATE_AFTER", "1 Jan 2024")), "not ISO 8601"),
    ("node", {"name": "flexibleRollout"}, "fails on flexibleRollout without parameters"),
    ("node", {"name": "default", "variants": [variant("v")]}, "fails on default without parameters"),
]


@pytest.mark.parametrize(
    ("dialect", "given", "says"), IMPOSSIBLE, ids=[f"{row[0]}-{number}" for number, row in enumerate(IMPOSSIBLE)]
)
def test_what_cannot_be_carried_says_why(dialect: str, given: dict[str, Any], says: str) -> None:
    found = plan(feature("a", given), dialect=dialect)
    assert planned(found, "a").fidelity is Fidelity.IMPOSSIBLE
    assert planned(found, "a").flag is None
    assert says in said(found, "a")[0][1]


OFF: list[tuple[dict[str, Any], str]] = [
    (rollout("150"), "cannot read 150 %"),
    (strategy("default", constraint("DATE_AFTER", "2020-01-01")), "cannot compare with '2020-01-01'"),
    (strategy("default", constraint("NUM_EQ")), "has no value"),
    (strategy("default", constraint("STR_CONTAINS", [])), "has no values"),
    (strategy(segments=[9]), "there is no segment 9"),
    (strategy(segments=[1]), "has no values"),
]


@pytest.mark.parametrize(("given", "says"), OFF, ids=[row[1] for row in OFF])
def test_what_the_rust_core_cannot_read_is_off_for_everybody(given: dict[str, Any], says: str) -> None:
    segments = [{"id": 1, "constraints": [constraint("STR_CONTAINS", [])]}]
    found = plan(feature("a", strategy(), given, variants=[variant("v")]), segments=segments)
    assert any(says in message for _, message in said(found, "a"))
    assert value(rules(found), "a") is False
    assert value(rules(found), "a.variant") == {"name": "disabled", "enabled": False, "feature_enabled": False}


@pytest.mark.parametrize("given", [strategy(segments=[9]), rollout("abc")], ids=["segment", "percentage"])
def test_to_node_it_is_the_strategy_alone_that_never_holds(given: dict[str, Any]) -> None:
    found = rules(plan(feature("a", given), feature("b", given, strategy()), dialect="node", segments=[]))
    assert (value(found, "a", userId="u"), value(found, "b", userId="u")) == (False, True)


@pytest.mark.parametrize(
    ("share", "python", "node"),
    [("33.5", None, 33), ("150", None, 100), ("+50", 50, 50), ("-1", None, 0), ("abc", None, 0), ("99.9", None, 99)],
)
def test_percentages_are_read_as_each_reads_them(share: str, python: int | None, node: int) -> None:
    for dialect, expected in (("python", python), ("node", node)):
        flag = planned(plan(feature("a", rollout(share)), dialect=dialect), "a").flag
        assert flag is not None
        assert [condition.to for rule in flag.rules for condition in rule.conditions] == (
            [] if expected is None else [expected]
        )


@pytest.mark.parametrize(("dialect", "salt"), [("python", "a"), ("node", "")])
def test_without_a_group_each_hashes_something_else(dialect: str, salt: str) -> None:
    given = strategy("flexibleRollout", parameters={"rollout": "50", "stickiness": "userId"})
    flag = planned(plan(feature("a", given), dialect=dialect), "a").flag
    assert flag is not None
    assert flag.rules[0].conditions[0].salt == salt


@pytest.mark.parametrize(("dialect", "by"), [("python", ""), ("node", "default")])
def test_an_empty_stickiness_is_the_default_to_node_alone(dialect: str, by: str) -> None:
    flag = planned(plan(feature("a", rollout("50", stickiness="")), dialect=dialect), "a").flag
    assert flag is not None
    assert flag.rules[0].conditions[0].by == by


def test_legacy_strategies() -> None:
    features = [
        feature("user", strategy("gradualRolloutUserId", parameters={"percentage": "100", "groupId": "g"})),
        feature("groupless", strategy("gradualRolloutUserId", parameters={"percentage": "100"})),
        feature("session", strategy("gradualRolloutSessionId", parameters={"percentage": "100", "groupId": "g"})),
        feature("all", strategy("gradualRolloutRandom", parameters={"percentage": "100"})),
        feature("none", strategy("gradualRolloutRandom", parameters={"percentage": "0"})),
        feature("listed", strategy("userWithId", parameters={"userIds": "u, v"})),
        feature("unlisted", strategy("userWithId")),
        feature("address", strategy("remoteAddress", parameters={"IPs": "10.0.0.0/8"})),
        feature("machine", strategy("applicationHostname", parameters={"hostNames": "web"})),
    ]
    expected = {
        "user": {"python": True, "node": True},
        "groupless": {"python": False, "node": True},
        "session": {"python": True, "node": True},
        "all": {"python": True, "node": True},
        "none": {"python": False, "node": False},
        "listed": {"python": True, "node": True},
        "unlisted": {"python": False, "node": False},
        "address": {"python": True, "node": True},
        "machine": {"python": False, "node": True},
    }
    for dialect in ("python", "node"):
        found = plan(*features, dialect=dialect)
        context = {"userId": "u", "sessionId": "s", "remoteAddress": "10.1.1.1", "hostname": "web"}
        assert {key: value(rules(found), key, **context) for key in expected} == {
            key: each[dialect] for key, each in expected.items()
        }
    assert "asks the machine itself" in said(found, "machine")[0][1]


@BOTH
def test_segments_become_segments(dialect: str) -> None:
    segments = [{"id": 3, "name": "beta", "constraints": [constraint("IN", ["DE"])]}, {"id": 4, "constraints": []}]
    found = plan(feature("a", strategy(segments=[3, 4])), segments=segments, dialect=dialect)
    assert [(each.key, each.source) for each in found.segments] == [("unleash-3", "3"), ("unleash-4", "4")]
    assert [value(rules(found), "a", x=country) for country in ("DE", "FR")] == [True, False]


def test_what_is_said_about_a_segment_is_said_about_who_uses_it() -> None:
    segments = [
        {"id": 1, "constraints": [constraint("REGEX", r"\bcat\b")]},
        {"id": 2, "constraints": [constraint("REGEX", r"\pL")]},
    ]
    found = plan(feature("a", strategy(segments=[1])), feature("b", strategy(segments=[2])), segments=segments)
    assert planned(found, "a").fidelity is Fidelity.CONDITIONAL
    assert said(found, "a")[0][0] == "/segments/0/constraints/0/value"
    assert planned(found, "b").fidelity is Fidelity.IMPOSSIBLE
    assert [segment.key for segment in found.segments] == ["unleash-1"]


@pytest.mark.parametrize("dialect", ["python", "node"])
def test_an_unknown_operator_is_read_as_the_sdk_reads_it_if_one_says_so(dialect: str) -> None:
    odd = strategy("default", constraint("SOUNDS", "x"))
    segments = [{"id": 1, "constraints": [constraint("SOUNDS", "x")]}]
    data = file(feature("a", odd, strategy()), feature("b", strategy(segments=[1])), segments=segments)
    found = unleash.plan(data, dialect, {"unknownOperators": "sdk"})
    assert value(rules(found), "a") is (dialect == "node")
    assert value(rules(found), "b") is False
    assert any("'SOUNDS' is not known here" in message for _, message in said(found, "a"))


@BOTH
def test_dates_say_what_must_be_so(dialect: str) -> None:
    later = strategy("default", constraint("DATE_AFTER", "2024-01-01T00:00:00Z", field="currentTime"))
    local = strategy("default", constraint("DATE_AFTER", "2024-01-01T00:00:00", field="currentTime"))
    missing = strategy("default", constraint("DATE_AFTER", field="currentTime"))
    found = plan(feature("a", later), feature("b", local), feature("c", missing), dialect=dialect)
    assert value(rules(found), "a", currentTime="2025-01-01T00:00:00Z") is True
    assert planned(found, "a").fidelity is (Fidelity.EXACT if dialect == "python" else Fidelity.CONDITIONAL)
    if dialect == "node":
        assert any("runs in UTC" in message for _, message in said(found, "b"))
        assert planned(found, "c").fidelity is Fidelity.CONDITIONAL


@BOTH
def test_stale_and_impressions_are_noted(dialect: str) -> None:
    found = plan(feature("a", stale=True, impressionData=True, description="what it is"), dialect=dialect)
    assert [path for path, _ in said(found, "a")] == ["/features/0/stale", "/features/0/impressionData"]
    assert planned(found, "a").description == "what it is"
    assert planned(found, "a").fidelity is Fidelity.EXACT


@pytest.mark.parametrize("name", ["", "x" * 257, "a\nb"], ids=["empty", "long", "control"])
def test_a_name_that_is_no_key_cannot_be_carried(name: str) -> None:
    found = unleash.plan(file(feature(name)), "python")
    assert found.flags[0].fidelity is Fidelity.IMPOSSIBLE


PARENT = feature("p", strategy("userWithId", parameters={"userIds": "u1"}), variants=[variant("v"), variant("w", 0)])


def child(**dependency: Any) -> dict[str, Any]:
    return feature("c", strategy(), dependencies=[{"feature": "p", **dependency}])


@BOTH
@pytest.mark.parametrize(
    ("dependency", "u1", "u2"),
    [
        ({}, True, False),
        ({"enabled": True}, True, False),
        ({"enabled": False}, False, True),
        ({"variants": ["v"]}, True, False),
        ({"variants": ["w"]}, False, False),
        ({"variants": ["gone"]}, False, False),
        ({"variants": []}, True, False),
    ],
    ids=str,
)
def test_a_child_asks_its_parent(dialect: str, dependency: dict[str, Any], u1: bool, u2: bool) -> None:
    found = rules(plan(PARENT, child(**dependency), dialect=dialect))
    assert (value(found, "c", userId="u1"), value(found, "c", userId="u2")) == (u1, u2)


@BOTH
def test_a_child_of_an_off_parent_that_must_be_off_is_on(dialect: str) -> None:
    found = rules(plan(PARENT | {"enabled": False}, child(enabled=False), dialect=dialect))
    assert value(found, "c", userId="u1") is True


@BOTH
def test_an_unknown_parent_and_a_grandparent_shut_a_child(dialect: str) -> None:
    found = plan(
        PARENT,
        child(),
        feature("g", strategy(), dependencies=[{"feature": "c", "enabled": False}]),
        feature("o", strategy(), dependencies=[{"feature": "gone", "enabled": False}]),
        dialect=dialect,
    )
    assert (value(rules(found), "g", userId="u2"), value(rules(found), "o")) == (False, False)
    assert "has parents itself" in said(found, "g")[0][1]
    assert "there is no feature 'gone'" in said(found, "o")[0][1]


@BOTH
def test_to_ask_a_parent_without_variants_for_one(dialect: str) -> None:
    plain = feature("p", strategy("userWithId", parameters={"userIds": "u1"}))
    for names, node in ((["v"], False), (["disabled"], True)):
        found = rules(plan(plain, child(variants=names), dialect=dialect))
        assert value(found, "c", userId="u1") is (node or dialect == "python")
        assert value(found, "c", userId="u2") is False


def test_what_a_parent_needs_its_child_needs() -> None:
    parent = feature("p", rollout(stickiness="default"))
    assert planned(plan(parent, child()), "c").fidelity is Fidelity.CONDITIONAL
    lots = feature("p", strategy(), variants=[variant("v"), variant("w")])
    assert planned(plan(lots, child()), "c").fidelity is Fidelity.EXACT
    assert planned(plan(lots, child(variants=["v"])), "c").fidelity is Fidelity.CONDITIONAL
    lost = feature("p", rollout(stickiness="random"))
    assert planned(plan(lost, child()), "c").fidelity is Fidelity.IMPOSSIBLE


CHILDREN: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (PARENT, {"enabled": False, "variants": ["v"]}, "nobody is served"),
    (feature("p", strategy(), variants=[variant("v", 0)]), {}, "sum to 0"),
    (feature("p", strategy("flexibleRollout", parameters={"rollout": "50"})), {}, "hashes the child's name"),
]


@pytest.mark.parametrize(("parent", "dependency", "says"), CHILDREN, ids=[row[2] for row in CHILDREN])
def test_a_child_that_the_rust_core_reads_oddly_cannot_be_carried(
    parent: dict[str, Any], dependency: dict[str, Any], says: str
) -> None:
    found = plan(parent, child(**dependency))
    assert planned(found, "c").fidelity is Fidelity.IMPOSSIBLE
    assert any(says in message for _, message in said(found, "c"))
    assert planned(plan(parent, child(**dependency), dialect="node"), "c").flag is not None


def test_a_parents_variant_is_asked_by_the_second_flag() -> None:
    flag = planned(plan(PARENT, child(variants=["v"]), dialect="node"), "c").flag
    assert flag is not None
    assert flag.prerequisites == (Prerequisite("p.variant", ("v",)),)


_MANY = [constraint("IN", [f"v{number}"]) for number in range(101)]


@BOTH
@pytest.mark.parametrize(
    "found",
    [
        pytest.param(feature("a", *[strategy("default", each) for each in _MANY]), id="rules"),
        pytest.param(feature("a", strategy("default", *_MANY)), id="conditions"),
        pytest.param(feature("a", strategy("default", constraint("IN", ["x" * 300_000]))), id="bytes"),
        pytest.param(feature("a", rollout(groupId="g\0")), id="NUL"),
    ],
)
def test_what_pennon_does_not_take_cannot_be_carried_and_says_why(dialect: str, found: dict[str, Any]) -> None:
    made = plan(found, dialect=dialect)
    assert planned(made, "a").fidelity is Fidelity.IMPOSSIBLE
    assert planned(made, "a").flag is None
    assert said(made, "a")[0][0] == "/features/0"
    assert said(made, "a")[0][1].startswith("Pennon would not take it: ")


@BOTH
def test_variants_that_pennon_does_not_take_leave_the_feature_itself(dialect: str) -> None:
    large = variant("v", payload={"type": "string", "value": "x" * 100_000})
    made = plan(feature("a", variants=[large]), dialect=dialect)
    assert [flag.fidelity for flag in made.flags] == [Fidelity.EXACT, Fidelity.IMPOSSIBLE]
    assert "over the limit of 65536" in said(made, "a.variant")[0][1]


@BOTH
def test_who_uses_a_segment_that_pennon_does_not_take_cannot_be_carried(dialect: str) -> None:
    made = plan(feature("a", strategy(segments=[1])), dialect=dialect, segments=[{"id": 1, "constraints": _MANY}])
    assert made.segments == ()
    assert planned(made, "a").fidelity is Fidelity.IMPOSSIBLE
    assert "101 conditions" in said(made, "a")[0][1]
