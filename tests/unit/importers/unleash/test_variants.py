"""Variants: the second flag, whose value is what `get_variant` answers."""

from typing import Any

import pytest

from pennon.importers import Fidelity
from pennon.model import Reason
from tests.unit.importers.unleash.build import NOW, feature, plan, planned, rules, said, strategy, value, variant

BOTH = pytest.mark.parametrize("dialect", ["python", "node"])
OFF = {"name": "disabled", "enabled": False, "feature_enabled": False}
NONE = {"name": "disabled", "enabled": False, "feature_enabled": True}


def payload(text: str) -> dict[str, Any]:
    return {"type": "string", "value": text}


def listed(*users: str, **more: Any) -> dict[str, Any]:
    return strategy("userWithId", parameters={"userIds": ",".join(users)}, **more)


@BOTH
def test_a_feature_with_variants_becomes_two_flags(dialect: str) -> None:
    found = plan(feature("a", listed("u"), variants=[variant("v", payload=payload("x"))]), dialect=dialect)
    second = planned(found, "a.variant")
    assert (second.source, second.fidelity) == ("a.variant", Fidelity.EXACT)
    assert second.identities == {"disabled": "disabled", "disabled-on": "disabled-on", "v": "v"}
    served = {"name": "v", "enabled": True, "feature_enabled": True, "payload": payload("x")}
    assert [value(rules(found), "a.variant", userId=user) for user in ("u", "w")] == [served, OFF]


@BOTH
def test_a_disabled_feature_has_no_variant(dialect: str) -> None:
    found = plan(feature("a", variants=[variant("v")]) | {"enabled": False}, dialect=dialect)
    assert rules(found).evaluate("a.variant", {}).reason is Reason.OFF
    assert value(rules(found), "a.variant") == OFF


@BOTH
def test_the_first_strategy_that_holds_decides(dialect: str) -> None:
    strategies = [
        listed("alice"),
        listed("alice", "bob", variants=[variant("B")]),
        listed("never", variants=[]),
        strategy(variants=[variant("C")]),
        listed("dora"),
    ]
    found = rules(plan(feature("a", *strategies, variants=[variant("own")]), dialect=dialect))
    names = [value(found, "a.variant", userId=user)["name"] for user in ("alice", "bob", "never", "carol")]
    assert names == ["own", "B", "own", "C"]


@BOTH
def test_a_strategy_without_variants_in_a_feature_without_them_serves_none(dialect: str) -> None:
    found = rules(plan(feature("a", listed("u"), strategy(variants=[variant("v")])), dialect=dialect))
    assert value(found, "a.variant", userId="u") == NONE
    assert value(found, "a.variant", userId="w")["name"] == "v"


@BOTH
def test_overrides_come_first_and_the_first_of_them(dialect: str) -> None:
    variants = [
        variant("A", overrides=[{"contextName": "userId", "values": ["u1"]}, {"contextName": "x", "values": ["DE"]}]),
        variant("B", 0, overrides=[{"contextName": "userId", "values": ["u1", " u2 "]}]),
        variant("C", 0, overrides=[]),
    ]
    found = rules(plan(feature("a", strategy(), variants=variants), dialect=dialect))
    served = [
        value(found, "a.variant", **context)["name"] for context in ({"userId": "u1"}, {"userId": " u2 "}, {"x": "DE"})
    ]
    assert served == ["A", "B", "A"]


@BOTH
def test_overrides_hold_within_the_strategy_that_decides(dialect: str) -> None:
    own = [variant("A"), variant("B", 0, overrides=[{"contextName": "x", "values": ["DE"]}])]
    found = rules(plan(feature("a", listed("u"), strategy(variants=[variant("C")]), variants=own), dialect=dialect))
    assert value(found, "a.variant", userId="u", x="DE")["name"] == "B"
    assert value(found, "a.variant", userId="w", x="DE")["name"] == "C"


def test_an_override_of_the_static_context_is_a_condition() -> None:
    variants = [variant("A", overrides=[{"contextName": "appName", "values": ["shop"]}])]
    found = plan(feature("a", strategy(), variants=variants))
    assert planned(found, "a").fidelity is Fidelity.EXACT
    assert planned(found, "a.variant").fidelity is Fidelity.CONDITIONAL


def test_an_override_that_cannot_be_carried() -> None:
    variants = [variant("A", overrides=[{"contextName": 'a"b', "values": ["x"]}])]
    found = plan(feature("a", strategy(), variants=variants))
    assert planned(found, "a").flag is not None
    assert planned(found, "a.variant").flag is None


@pytest.mark.parametrize(
    ("dialect", "own", "group"),
    [("python", "sessionId", "a"), ("node", "userId", "undefined")],
)
def test_a_strategys_stickiness_and_group_are_read_as_each_reads_them(dialect: str, own: str, group: str) -> None:
    variants = [variant("A", stickiness="userId"), variant("B")]
    given = strategy(parameters={"stickiness": "sessionId"}, variants=variants)
    flag = planned(plan(feature("a", given), dialect=dialect), "a.variant").flag
    assert flag is not None
    split = flag.rules[1].serve.split
    assert split is not None
    assert (split.by, split.salt) == (own, group)


@BOTH
def test_the_stickiness_of_the_first_variant_counts(dialect: str) -> None:
    variants = [variant("A"), variant("B", stickiness="sessionId")]
    flag = planned(plan(feature("a", strategy(), variants=variants), dialect=dialect), "a.variant").flag
    assert flag is not None
    assert flag.fallthrough.split is not None
    assert (flag.fallthrough.split.by, flag.fallthrough.split.salt) == ("default", "a")


@BOTH
@pytest.mark.parametrize(
    ("stickiness", "fidelity"),
    [
        ("default", Fidelity.CONDITIONAL),
        ("region", Fidelity.CONDITIONAL),
        ("", Fidelity.IMPOSSIBLE),
        ("random", Fidelity.IMPOSSIBLE),
        ("currentTime", Fidelity.IMPOSSIBLE),
        ('a"b', Fidelity.IMPOSSIBLE),
    ],
)
def test_how_faithful_a_choice_is_hangs_on_its_stickiness(dialect: str, stickiness: str, fidelity: Fidelity) -> None:
    variants = [variant("A", stickiness=stickiness), variant("B")]
    found = plan(feature("a", strategy(), variants=variants), dialect=dialect)
    if dialect == "node" and stickiness == 'a"b':
        fidelity = Fidelity.CONDITIONAL
    assert planned(found, "a.variant").fidelity is fidelity
    assert planned(found, "a").fidelity is Fidelity.EXACT


@BOTH
def test_where_there_is_nothing_to_choose_any_stickiness_will_do(dialect: str) -> None:
    variants = [variant("A", stickiness="random"), variant("B", 0)]
    found = plan(feature("a", strategy(), variants=variants), dialect=dialect)
    assert planned(found, "a.variant").fidelity is Fidelity.EXACT
    assert value(rules(found), "a.variant")["name"] == "A"


@BOTH
def test_without_an_id_a_choice_is_an_error(dialect: str) -> None:
    found = plan(feature("a", strategy(), variants=[variant("A"), variant("B")]), dialect=dialect)
    assert rules(found).evaluate("a.variant", {}, "mine", now=NOW).value == "mine"
    assert "here it is an error" in said(found, "a.variant")[0][1]


@pytest.mark.parametrize(("dialect", "expected"), [("python", OFF), ("node", NONE)])
def test_weights_that_sum_to_nothing(dialect: str, expected: dict[str, Any]) -> None:
    overridden = variant("B", 0, overrides=[{"contextName": "x", "values": ["DE"]}])
    found = plan(feature("a", strategy(), variants=[variant("A", 0), overridden]), dialect=dialect)
    assert value(rules(found), "a.variant", userId="u") == expected
    assert (value(rules(found), "a.variant", x="DE")["name"] == "B") is (dialect == "python")


@pytest.mark.parametrize(("dialect", "expected"), [("python", OFF), ("node", {**NONE, "name": "own", "enabled": True})])
def test_a_strategys_weights_that_sum_to_nothing(dialect: str, expected: dict[str, Any]) -> None:
    given = strategy(variants=[variant("A", 0)])
    found = plan(feature("a", given, variants=[variant("own")]), dialect=dialect)
    assert value(rules(found), "a.variant", userId="u") == expected


@BOTH
def test_variants_of_one_name_are_told_apart_by_number(dialect: str) -> None:
    strategies = [
        listed("u", variants=[variant("A", payload=payload("1"))]),
        listed("v", variants=[variant("A", payload=payload("2"))]),
        listed("w", variants=[variant("A", payload=payload("1"))]),
    ]
    found = plan(feature("a", *strategies, variants=[variant("disabled")]), dialect=dialect)
    flag = planned(found, "a.variant").flag
    assert flag is not None
    assert [each.key for each in flag.variations] == ["disabled", "disabled-on", "disabled (2)", "A", "A (2)"]
    served = [value(rules(found), "a.variant", userId=user)["payload"]["value"] for user in ("u", "v", "w")]
    assert served == ["1", "2", "1"]


def test_a_name_that_is_no_key_cannot_be_carried() -> None:
    found = plan(feature("a", variants=[variant("")]), feature("b" * 250, variants=[variant("v")]))
    assert planned(found, "a.variant").fidelity is Fidelity.IMPOSSIBLE
    assert planned(found, "b" * 250 + ".variant").fidelity is Fidelity.IMPOSSIBLE
    assert planned(found, "b" * 250).flag is not None


def test_to_node_a_stickiness_that_every_context_has_cannot_be_carried() -> None:
    found = plan(feature("a", variants=[variant("A", stickiness="valueOf"), variant("B")]), dialect="node")
    assert planned(found, "a.variant").fidelity is Fidelity.IMPOSSIBLE


@pytest.mark.parametrize(("dialect", "expected"), [("python", {}), ("node", {"payload": None})])
def test_a_payload_that_is_null_is_one_to_node(dialect: str, expected: dict[str, Any]) -> None:
    found = rules(plan(feature("a", variants=[variant("v", payload=None)]), dialect=dialect))
    assert value(found, "a.variant") == {"name": "v", "enabled": True, "feature_enabled": True, **expected}
