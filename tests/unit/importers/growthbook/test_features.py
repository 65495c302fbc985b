"""Features as flags: forced values, shares, prerequisites, kinds; each trap of the two SDKs a test."""

from typing import Any

import pytest

from pennon.importers import Fidelity
from pennon.model import Condition, Serve, Variation
from tests.conformance.growthbook import flag_of, planned, rules_of, served

Rule = dict[str, Any]


def _document(*rules: Rule, default: Any = 0, **others: Any) -> dict[str, Any]:
    return {"features": {"f": {"defaultValue": default, "rules": list(rules)}, **others}}


# The whole flag


def test_a_feature_is_a_flag_that_is_on() -> None:
    found = flag_of(planned(_document({"id": "r", "force": 1, "name": "Test", "phase": "2"}))).flag
    assert found is not None
    assert (found.key, found.on, found.kind, found.salt, found.off_variation) == ("f", True, "number", "f", None)
    assert found.variations == (Variation("0", 0), Variation("1", 1))
    assert (found.fallthrough, found.rules[0].serve) == (Serve("0"), Serve("1"))
    assert (found.rules[0].id, found.rules[0].description) == ("r", "Test (phase 2)")
    assert found.compat is not None
    assert (found.compat.vendor, found.compat.dialect) == ("growthbook", "javascript")


def test_null_is_the_callers_default() -> None:
    assert served({"features": {"f": {}}}, {}) == "default"
    assert served({"features": {"f": {"defaultValue": None}}}, {}, "python") == "default"


def test_a_null_that_is_forced_is_served_by_javascript_and_skipped_by_python() -> None:
    document = _document({"force": None}, {"force": 2})
    assert served(document, {}) == "default"
    assert served(document, {}, "python") == 2


def test_a_rule_with_a_null_forced_is_an_experiment_in_python() -> None:
    document = _document({"force": None, "variations": [3, 3]})
    assert (served(document, {"id": "u"}), served(document, {"id": "u"}, "python")) == ("default", 3)


def test_values_of_two_kinds_cannot_be_carried() -> None:
    found = flag_of(planned(_document({"force": "x"})))
    assert (found.fidelity, found.flag) == (Fidelity.IMPOSSIBLE, None)
    assert found.notes[0].path == "/features/f"
    assert "several kinds (number, string)" in found.notes[0].message


def test_a_key_that_no_flag_has_cannot_be_carried() -> None:
    plan = planned({"features": {"a\nb": {"defaultValue": True}, "x" * 257: {"defaultValue": True}}})
    assert [flag.fidelity for flag in plan.flags] == [Fidelity.IMPOSSIBLE] * 2


def test_keys_of_free_text_are_carried() -> None:
    key = "\u0141 a/b ~ \U0001f600"
    document = {"features": {key: {"defaultValue": 0, "rules": [{"force": 1, "coverage": 1}]}}}
    assert served(document, {"id": "u"}, key=key) == 1


def test_rules_have_ids_of_their_own() -> None:
    found = flag_of(planned(_document({"id": "a", "force": 1}, {"id": "a", "force": 2}, {"id": "\n", "force": 3}))).flag
    assert found is not None
    assert [rule.id for rule in found.rules] == ["a", "a-2", "rule-3"]


def test_an_empty_rule_serves_nobody() -> None:
    assert served(_document({}, {"condition": {}}), {}) == 0


# Shares


def test_javascript_has_who_is_exactly_on_the_coverage() -> None:
    # On seed roll u423 is exactly at one half.
    document = _document({"force": 1, "coverage": 0.5, "seed": "roll"})
    assert served(document, {"id": "u423"}) == 1
    assert served(document, {"id": "u423"}, "python") == 0


def test_a_coverage_of_nothing_is_nobody_and_null_is_not_the_same_in_both() -> None:
    for coverage in (0, -0.5):
        for dialect in ("javascript", "python"):
            assert served(_document({"force": 1, "coverage": coverage}), {"id": "1"}, dialect) == 0
    null = _document({"force": 1, "coverage": None})
    assert (served(null, {"id": "1"}), served(null, {}, "python")) == (0, 1)


@pytest.mark.parametrize("version", [3, 99, 1.5])
def test_a_version_of_the_hash_that_there_is_not_is_for_nobody(version: float) -> None:
    rule = {"hashVersion": version}
    assert served(_document({**rule, "force": 1, "coverage": 1}), {"id": "1"}) == 0
    assert served(_document({**rule, "variations": [1, 2]}), {"id": "1"}) == 0
    assert served(_document({"force": 1, "filters": [{"seed": "s", "ranges": [[0, 1]], **rule}]}), {"id": "1"}) == 0


def test_a_range_wins_over_coverage() -> None:
    document = _document({"force": 1, "coverage": 0.01, "range": [0, 0.99]})
    found = flag_of(planned(document)).flag
    assert found is not None
    expected = Condition("inBucket", by="targetingKey", salt="f", hash="fnv1a-v1", from_=0, to=990)
    assert found.rules[0].conditions == (expected,)
    assert served(_document({"force": 1, "range": [0.5, 0.5]}), {"id": "1"}) == 0


@pytest.mark.parametrize(
    ("value", "javascript", "python"),
    [(True, 1, 0), (0, 0, 0), ("", 0, 0), (1.5, 1, 1), (["a"], 1, 0), (None, 0, 0)],
    ids=str,
)
def test_who_has_a_unit(value: Any, javascript: int, python: int) -> None:
    document = _document({"force": 1, "coverage": 1, "hashAttribute": "company"})
    assert served(document, {"company": value}) == javascript
    assert served(document, {"company": value}, "python") == python


@pytest.mark.parametrize("name", ["targetingKey", "/a", "a.b"])
def test_attributes_of_any_name_are_hashed(name: str) -> None:
    document = _document({"force": 1, "coverage": 1, "hashAttribute": name})
    assert served(document, {name: "u"}) == 1
    assert served(document, {"id": "u"}) == 0


def test_what_cannot_be_hashed_the_same_is_not_carried() -> None:
    nameless = _document({"force": 1, "coverage": 1, "hashAttribute": ""})
    assert served(nameless, {"id": "u"}) == 1
    assert flag_of(planned(nameless, "python")).fidelity is Fidelity.IMPOSSIBLE
    of_all = _document({"force": 1, "coverage": 1, "hashAttribute": "constructor"})
    assert flag_of(planned(of_all)).fidelity is Fidelity.IMPOSSIBLE
    assert flag_of(planned(of_all, "python")).fidelity is Fidelity.EXACT


def test_only_python_falls_back_where_nothing_is_stored() -> None:
    document = _document({"force": 1, "coverage": 1, "hashAttribute": "company", "fallbackAttribute": "id"})
    assert served(document, {"id": "u"}, sticky="off") == 0
    assert served(document, {"id": "u"}, sticky="[]") == 1
    assert served(document, {"id": "u"}, "python") == 1
    disabled = _document({**document["features"]["f"]["rules"][0], "disableStickyBucketing": True})
    assert [served(disabled, {"id": "u"}, dialect) for dialect in ("javascript", "python")] == [0, 0]
    assert flag_of(planned(document)).fidelity is Fidelity.CONDITIONAL
    assert flag_of(planned(document, sticky="off")).fidelity is Fidelity.EXACT


def test_filters_must_all_have_the_unit() -> None:
    inside = {"seed": "s", "ranges": [[0, 0.4], [0.6, 1]]}
    contexts = [{"id": f"u{number}"} for number in range(40)]
    for dialect in ("javascript", "python"):
        found = [served(_document({"force": 1, "filters": [inside]}), context, dialect) for context in contexts]
        assert {0, 1} == set(found)
    none = _document({"force": 1, "filters": [{"seed": "s", "ranges": []}]})
    assert served(none, {"id": "u"}) == 0


def test_a_filter_of_version_0_is_of_version_2_in_javascript_and_of_none_in_python() -> None:
    document = _document({"force": 1, "filters": [{"seed": "s", "ranges": [[0, 1]], "hashVersion": 0}]})
    assert (served(document, {"id": "u"}), served(document, {"id": "u"}, "python")) == (1, 0)


def test_the_answer_to_one_user_is_doubted() -> None:
    document = _document({"force": 1, "tracks": [{"experiment": {"key": "e"}, "result": {}}]})
    assert "remote evaluation" in flag_of(planned(document)).notes[0].message


# Prerequisites


def _child(parent: dict[str, Any], condition: Any, *, gate: bool = False) -> dict[str, Any]:
    asked = {"id": "parent", "condition": condition, "gate": gate}
    return _document({"parentConditions": [asked], "force": 1}, {"force": 2}, parent=parent)


PARENT = {"defaultValue": "silver", "rules": [{"condition": {"country": "DE"}, "force": "red"}]}


@pytest.mark.parametrize("dialect", ["javascript", "python"])
def test_a_prerequisite_asks_for_the_values_that_meet_it(dialect: str) -> None:
    document = _child(PARENT, {"value": "red"})
    assert [served(document, {"country": country}, dialect) for country in ("DE", "FR")] == [1, 2]
    found = flag_of(planned(document, dialect)).flag
    assert found is not None
    assert found.rules[0].conditions == (Condition("serves", "parent", ("red",)),)


@pytest.mark.parametrize("dialect", ["javascript", "python"])
def test_a_gate_that_is_not_met_is_the_callers_default(dialect: str) -> None:
    document = _child(PARENT, {"value": "red"}, gate=True)
    assert [served(document, {"country": country}, dialect) for country in ("DE", "FR")] == [1, "default"]


def test_what_any_value_meets_is_not_asked() -> None:
    document = _child(PARENT, {"value": {"$exists": True}}, gate=True)
    found = flag_of(planned(document)).flag
    assert found is not None
    assert found.rules[0].conditions == ()
    assert [variation.key for variation in found.variations] == ["0", "1", "2"]


@pytest.mark.parametrize(("gate", "expected"), [(False, 2), (True, "default")], ids=["rule", "gate"])
def test_what_no_value_meets_is_never_met(gate: bool, expected: Any) -> None:
    assert served(_child(PARENT, {"value": "gold"}, gate=gate), {}) == expected
    missing = _document(
        {"parentConditions": [{"id": "gone", "condition": {"value": "x"}, "gate": gate}], "force": 1}, {"force": 2}
    )
    assert served(missing, {}) == expected


def test_a_feature_that_there_is_not_has_the_value_null() -> None:
    document = _document({"parentConditions": [{"id": "gone", "condition": {"value": None}}], "force": 1})
    assert [served(document, {}, dialect) for dialect in ("javascript", "python")] == [1, 1]
    assert served(_document({"parentConditions": [{"id": "gone"}], "force": 1}), {}) == 1


def test_earlier_prerequisites_stand_before_a_gate() -> None:
    first = {"id": "parent", "condition": {"value": "red"}}
    gate = {"id": "other", "condition": {"value": True}, "gate": True}
    other = {"defaultValue": False}
    document = _document({"parentConditions": [first, gate], "force": 1}, {"force": 2}, parent=PARENT, other=other)
    assert [served(document, {"country": country}) for country in ("DE", "FR")] == ["default", 2]


def test_a_feature_needs_what_can_be_carried() -> None:
    mixed = {"defaultValue": 1, "rules": [{"force": "x"}]}
    found = flag_of(planned(_child(mixed, {"value": 1})))
    assert found.fidelity is Fidelity.IMPOSSIBLE
    assert found.notes[0].message == "it needs 'parent', which cannot be carried"


def test_what_a_prerequisite_is_not_sure_of_nor_is_its_child() -> None:
    parent = {"defaultValue": 1, "rules": [{"force": 2, "new": 1}]}
    found = flag_of(planned(_child(parent, {"value": 1})))
    assert found.fidelity is Fidelity.CONDITIONAL
    assert found.notes[0].message == "'parent' is exact"
    assert found.notes[0].path == "/features/f/rules/0/parentConditions/0"


def test_a_prerequisites_condition_has_its_own_doubts_and_errors() -> None:
    doubted = flag_of(planned(_child(PARENT, {"value": {"$regex": "\\d"}}), "python"))
    assert doubted.notes[0].path == "/features/f/rules/0/parentConditions/0/condition"
    broken = flag_of(planned(_child(PARENT, {"value": {"$regex": "(?=x)"}})))
    assert "the condition on 'parent' cannot be read" in broken.notes[0].message


@pytest.mark.parametrize("dialect", ["javascript", "python"])
def test_cyclic_prerequisites_are_the_callers_default_for_all_who_need_them(dialect: str) -> None:
    def needing(key: str) -> dict[str, Any]:
        return {
            "defaultValue": 1,
            "rules": [{"parentConditions": [{"id": key, "condition": {"value": 1}}], "force": 2}],
        }

    document = {"features": {"f": needing("g"), "g": needing("h"), "h": needing("g"), "self": needing("self")}}
    plan = planned(document, dialect)
    assert plan.is_exact
    assert [rules_of(plan).evaluate(key, {}, "default").value for key in ("f", "g", "h", "self")] == ["default"] * 4


def test_a_chain_of_prerequisites_is_as_deep_as_flags_may_be() -> None:
    asked = {"condition": {"value": 1}, "gate": True}
    features = {
        f"f{i}": {"defaultValue": 1, "rules": [{"parentConditions": [{**asked, "id": f"f{i + 1}"}]}]}
        for i in range(3000)
    }
    features["f3000"] = {"defaultValue": 1, "rules": [{"condition": {"a": 1}, "force": 2}]}
    plan = planned({"features": features})
    rules = rules_of(plan)
    assert [rules.evaluate("f2968", context, "default").value for context in ({}, {"a": 1})] == [1, "default"]
    below, deepest, above = (flag_of(plan, key) for key in ("f2968", "f2967", "f0"))
    assert [flag.fidelity for flag in (below, deepest, above)] == [
        Fidelity.EXACT,
        Fidelity.IMPOSSIBLE,
        Fidelity.IMPOSSIBLE,
    ]
    assert deepest.notes[0].message == "its chain of prerequisites is more than 32 deep"


def test_two_rules_may_have_cyclic_prerequisites() -> None:
    asked = {"parentConditions": [{"id": "f", "condition": {}}], "force": 1}
    document = _document({**asked, "condition": {"a": 1}}, asked)
    found = flag_of(planned(document)).flag
    assert found is not None
    assert [variation.key for variation in found.variations] == ["0", "cyclic"]
    assert served(document, {}) == "default"


def test_a_ring_that_may_end_early_is_a_condition() -> None:
    asked = {"parentConditions": [{"id": "f", "condition": {"value": 1}}], "force": 2}
    parent = {"defaultValue": 1, "rules": [{"condition": {"a": 1}, "force": 3}, asked]}
    document = _document({"parentConditions": [{"id": "parent", "condition": {}}], "force": 1}, parent=parent)
    plan = planned(document)
    assert {flag.key: flag.fidelity for flag in plan.flags} == {
        "f": Fidelity.CONDITIONAL,
        "parent": Fidelity.EXACT,
    }
    assert "needs this feature in turn" in flag_of(plan).notes[0].message
    assert served(document, {}) == "default"
    assert served(document, {"a": 1}, key="parent") == 3
