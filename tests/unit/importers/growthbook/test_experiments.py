"""Experiments as splits: who is in, what they get, bandits, and what the two SDKs make of odd ones."""

from typing import Any

import pytest

from pennon.importers import Fidelity
from pennon.model import Condition, Experiment, Rule, Weight
from tests.conformance.growthbook import flag_of, planned, rules_of, served

UNITS = [f"u{number}" for number in range(200)]


def _rules(rule: dict[str, Any], dialect: str = "javascript", **members: Any) -> tuple[Rule, ...]:
    document = {"features": {"f": {"defaultValue": 0, "rules": [rule]}}, **members}
    flag = flag_of(planned(document, dialect)).flag
    assert flag is not None
    return flag.rules


def _answers(rule: dict[str, Any], dialect: str = "javascript", **members: Any) -> list[Any]:
    """Return what a feature with this one rule serves to many."""
    document = {"features": {"f": {"defaultValue": 0, "rules": [rule]}}, **members}
    rules = rules_of(planned(document, dialect))
    return [rules.evaluate("f", {"targetingKey": unit}).value for unit in UNITS]


def test_an_experiment_is_a_split_with_its_key() -> None:
    (rule,) = _rules({"key": "exp1", "variations": [1, 2, 3], "weights": [0.334, 0.333, 0.333], "id": "r"})
    split = rule.serve.split
    assert split is not None
    assert (split.by, split.salt, split.hash) == ("targetingKey", "exp1", "fnv1a-v1")
    assert split.experiment == Experiment("exp1")
    assert split.weights == (Weight("1", 334), Weight("2", 333), Weight("3", 333))
    assert rule.conditions == (Condition("exists", by="targetingKey"),)


def test_worked_values_of_the_sdks() -> None:
    document = {"features": {"f": {"defaultValue": "out", "rules": [{}]}}}
    document["features"]["f"]["rules"] = [
        {"key": "exp1", "variations": ["control", "a", "b"], "weights": [0.334, 0.333, 0.333]}
    ]
    assert [served(document, {"id": unit}) for unit in ("1", "2", "alice", "bob")] == ["a", "a", "b", "a"]
    rule = {"seed": "s-exp2", "hashVersion": 2, "variations": ["control", "a"], "coverage": 0.4}
    document["features"]["f"]["rules"] = [rule]
    assert [served(document, {"id": unit}) for unit in ("1", "2", "alice", "bob")] == ["a", "control", "out", "out"]


def test_gaps_are_no_part_of_an_experiment() -> None:
    (rule,) = _rules({"variations": [1, 2], "coverage": 0.5})
    assert [(each.op, each.from_, each.to, each.negate) for each in rule.conditions] == [
        ("inBucket", 250, 500, True),
        ("inBucket", 750, 1000, True),
    ]
    assert rule.serve.split is not None
    assert sum(weight.weight for weight in rule.serve.split.weights) == 1000
    assert set(_answers({"variations": [1, 2], "coverage": 0.5})) == {0, 1, 2}


def test_ranges_win_over_weights_and_the_first_over_the_next() -> None:
    ranges = [[0.5, 1], [0.4, 1], [2, 3], [0, 0.2]]
    (rule,) = _rules({"variations": [1, 2], "ranges": ranges, "weights": [0.1, 0.9], "coverage": 0})
    assert rule.serve.split is not None
    assert rule.serve.split.weights == (Weight("2", 500), Weight("1", 500))
    assert [(each.from_, each.to) for each in rule.conditions] == [(400, 1000)]


def test_no_ranges_at_all_are_nobodys_in_javascript_and_as_not_there_in_python() -> None:
    rule = {"variations": [1, 2], "ranges": []}
    assert set(_answers(rule)) == {0}
    assert set(_answers(rule, "python")) == {1, 2}


@pytest.mark.parametrize(
    ("members", "javascript", "python"),
    [
        ({"coverage": None}, {0}, {1, 2}),
        ({"coverage": 0}, {0}, {0}),
        ({"coverage": 5}, {1, 2}, {1, 2}),
        ({"weights": [1.2, -0.2]}, {1}, {1, 2}),
        ({"weights": [0.2, 0.2]}, {1, 2}, {1, 2}),
        ({"weights": [1, 0]}, {1}, {1}),
        ({"variations": [1]}, {0}, {0}),
        ({"variations": None}, {0}, {0}),
        ({"hashAttribute": "company"}, {0}, {0}),
        ({"filters": [], "namespace": ["n", 0, 0]}, {1, 2}, {0}),
        ({"namespace": ["n", 0, 0]}, {0}, {0}),
        ({"namespace": ["n", 0, 1]}, {1, 2}, {1, 2}),
        ({"coverage": 0.2, "weights": [0, 1]}, {0, 2}, {0, 2}),
    ],
    ids=[
        *(
            "null-coverage",
            "no-coverage",
            "too-much-coverage",
            "negative",
            "short-weights",
            "all-for-one",
            "one-variation",
        ),
        *("no-variations", "no-unit", "filters-without-any", "empty-namespace", "whole-namespace", "one-share"),
    ],
)
def test_who_is_in(members: dict[str, Any], javascript: set[int], python: set[int]) -> None:
    rule = {"variations": [1, 2], **members}
    assert set(_answers(rule)) == javascript
    assert set(_answers(rule, "python")) == python


def test_a_namespace_is_of_the_first_version_whatever_the_experiments() -> None:
    (rule,) = _rules({"variations": [1, 2], "hashVersion": 2, "namespace": ["n", 0, 0.5]})
    first = rule.conditions[0]
    assert (first.salt, first.hash, first.from_, first.to) == ("__n", "fnv1a-v1", 0, 500)


def test_variations_that_are_passed_through_serve_nobody() -> None:
    rule = {"variations": [1, 2], "meta": [{"key": "0"}, {"key": "1", "passthrough": True}]}
    assert set(_answers(rule)) == {0, 1}


def test_variations_of_one_value_stay_apart() -> None:
    rule = {"variations": [True, True, {"a": 1}], "meta": [{"name": "Control"}, {"name": "Same"}, {"key": "k"}]}
    document = {"features": {"f": {"rules": [{**rule, "variations": ["x", "x", "\n"]}]}}}
    flag = flag_of(planned(document)).flag
    assert flag is not None
    assert [variation.key for variation in flag.variations] == ["null", "x", "x-2", "k"]


def test_less_meta_than_variations_fails_in_javascript() -> None:
    document = {"features": {"f": {"defaultValue": 0, "rules": [{"variations": [1, 2], "meta": [{"key": "0"}]}]}}}
    found = flag_of(planned(document))
    assert found.fidelity is Fidelity.IMPOSSIBLE
    assert found.notes[0].path == "/features/f/rules/0/meta"
    assert served(document, {"id": "u"}, "python") in {1, 2}


# Contextual bandits


def _bandit(*leaves: dict[str, Any]) -> dict[str, Any]:
    return {"contextualBandits": {"b": {"banditVersion": 1, "contexts": list(leaves)}}}


BANDIT: dict[str, Any] = {
    "key": "e",
    "contextualVariations": [1, 2],
    "variations": [3, 4],
    "weights": [0.5, 0.5],
    "contextualBanditRef": "b",
    "hashVersion": 2,
}


def _bandit_answers(context: dict[str, Any], *leaves: dict[str, Any], dialect: str = "javascript") -> set[Any]:
    document = {"features": {"f": {"defaultValue": 0, "rules": [BANDIT]}}, **_bandit(*leaves)}
    rules = rules_of(planned(document, dialect))
    return {rules.evaluate("f", {**context, "targetingKey": unit}).value for unit in UNITS}


def test_the_first_leaf_that_holds_gives_the_weights() -> None:
    leaves = [
        {"leafId": 1, "condition": {"plan": "pro"}, "weights": [1, 0]},
        {"leafId": 2, "condition": {"plan": {"$in": ["pro", "free"]}}, "weights": [0, 1]},
    ]
    assert _bandit_answers({"plan": "pro"}, *leaves) == {1}
    assert _bandit_answers({"plan": "free"}, *leaves) == {2}
    assert _bandit_answers({}, *leaves) == {1, 2}
    document = {"features": {"f": {"defaultValue": 0, "rules": [BANDIT]}}, **_bandit(*leaves)}
    flag = flag_of(planned(document)).flag
    assert flag is not None
    assert [rule.id for rule in flag.rules] == ["rule-1-leaf-1", "rule-1-leaf-2", "rule-1-no-leaf"]


def test_who_is_in_a_leafs_gap_is_in_no_other_leaf() -> None:
    narrow = {"leafId": 1, "condition": {"plan": "pro"}, "weights": [0.99, 0]}
    rule = {**BANDIT, "coverage": 0.1}
    document = {"features": {"f": {"defaultValue": 0, "rules": [rule]}}, **_bandit(narrow)}
    rules = rules_of(planned(document))
    assert {rules.evaluate("f", {"plan": "pro", "targetingKey": unit}).value for unit in UNITS} == {0, 1}


def test_a_leaf_without_a_condition_is_everybodys() -> None:
    leaves = [{"leafId": 1, "weights": [1, 0]}, {"leafId": 2, "condition": {}, "weights": [0, 1]}]
    assert _bandit_answers({}, *leaves) == {1}
    assert len(_rules(BANDIT, **_bandit(*leaves))) == 1


def test_without_its_bandit_an_experiment_has_its_own_weights() -> None:
    assert set(_answers(BANDIT)) == {1, 2}
    assert set(_answers({**BANDIT, "weights": [1, 0]}, contextualBandits={"b": {}})) == {1}


@pytest.mark.parametrize(
    "leaf",
    [{"weights": [0, 1]}, {"leafId": 1, "weights": [0, 1, 0]}, {"leafId": 1, "weights": [-0.5, 1.5]}, {"leafId": 1}],
    ids=["no-id", "too-many", "negative", "none"],
)
def test_a_malformed_leaf_has_the_rules_weights_in_python(leaf: dict[str, Any]) -> None:
    assert _bandit_answers({}, leaf, dialect="python") == {1, 2}


def test_a_leafs_condition_may_be_exact_for_some_only() -> None:
    document = {
        "features": {"f": {"defaultValue": 0, "rules": [BANDIT]}},
        **_bandit({"leafId": 1, "condition": {"a": {"$regex": "\\d"}}, "weights": [1, 0]}),
    }
    found = flag_of(planned(document, "python"))
    assert found.notes[0].path == "/features/f/rules/0/contextualBanditRef"
