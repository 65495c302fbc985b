"""Edits of rules and conditions."""

from typing import Any

import pytest

from pennon.control.changes.editing import EditRefused
from pennon.model import Condition, Rule, Serve
from tests.unit.control.changes.build import BETA, GERMANS, apply, flag

NEW = {"id": "new", "conditions": [{"op": "exists", "attribute": "plan"}], "serve": {"variation": "on"}}
TWO = flag(rules=(GERMANS, BETA))


def ids(edited: Any) -> list[str]:
    return [rule.id for rule in edited.rules]


@pytest.mark.parametrize(
    ("position", "order"), [(None, ["r1", "r2", "new"]), (0, ["new", "r1", "r2"]), (1, ["r1", "new", "r2"])]
)
def test_a_rule_is_added_where_it_belongs(position: int | None, order: list[str]) -> None:
    assert ids(apply(TWO, do="addRule", rule=NEW, position=position)) == order


def test_a_rule_without_id_gets_the_first_that_is_free() -> None:
    assert ids(apply(TWO, do="addRule", rule={**NEW, "id": ""})) == ["r1", "r2", "r3"]
    assert ids(apply(flag(rules=(BETA,)), do="addRule", rule={**NEW, "id": ""})) == ["r2", "r1"]


def test_a_rule_is_replaced_in_its_place() -> None:
    after = apply(TWO, do="replaceRule", rule={**NEW, "id": "r1"})
    assert after.rules == (Rule("r1", (Condition("exists", "plan"),), Serve("on")), BETA)


def test_a_rule_is_removed() -> None:
    assert apply(TWO, do="removeRule", rule="r1").rules == (BETA,)


@pytest.mark.parametrize(("position", "order"), [(0, ["r2", "r1"]), (1, ["r1", "r2"])])
def test_a_moved_rule_stands_at_its_position(position: int, order: list[str]) -> None:
    assert ids(apply(TWO, do="moveRule", rule="r2", position=position)) == order


def test_a_rule_is_described_and_serves_something_else() -> None:
    after = apply(TWO, do="describeRule", rule="r1", description="Germany first")
    after = apply(after, do="setRuleServe", rule="r1", serve={"variation": "off"})
    assert after.rules[0] == Rule("r1", GERMANS.conditions, Serve("off"), "Germany first")


def test_conditions_are_added_replaced_and_removed_by_their_place() -> None:
    plan, age = {"op": "exists", "attribute": "plan"}, {"op": "lessThan", "attribute": "age", "values": [30]}
    after = apply(TWO, do="addCondition", rule="r1", condition=plan)
    after = apply(after, do="addCondition", rule="r1", condition=age, position=0)
    assert [condition.attribute for condition in after.rules[0].conditions] == ["age", "country", "plan"]
    after = apply(after, do="replaceCondition", rule="r1", position=2, condition=age)
    after = apply(after, do="removeCondition", rule="r1", position=0)
    assert [condition.attribute for condition in after.rules[0].conditions] == ["country", "age"]
    assert after.rules[1] == BETA


def test_values_of_a_condition_come_and_go_each_once() -> None:
    after = apply(TWO, do="addConditionValues", rule="r1", position=0, values=["FR", "DE", "FR", 1, True])
    assert after.rules[0].conditions[0].values == ("DE", "FR", 1, True)
    after = apply(after, do="removeConditionValues", rule="r1", position=0, values=["DE", True])
    assert after.rules[0].conditions[0].values == ("FR", 1)


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"do": "addRule", "rule": {**NEW, "id": "r1"}}, "/rule/id"),
        ({"do": "addRule", "rule": NEW, "position": 3}, "/position"),
        ({"do": "addRule", "rule": NEW, "position": -1}, "/position"),
        ({"do": "replaceRule", "rule": NEW}, "/rule/id"),
        ({"do": "removeRule", "rule": "gone"}, "/rule"),
        ({"do": "moveRule", "rule": "r1", "position": 2}, "/position"),
        ({"do": "setRuleServe", "rule": "gone", "serve": {"variation": "on"}}, "/rule"),
        ({"do": "removeCondition", "rule": "r1", "position": 1}, "/position"),
        ({"do": "replaceCondition", "rule": "r1", "position": -1, "condition": {"op": "exists"}}, "/position"),
        ({"do": "addConditionValues", "rule": "r1", "position": 7, "values": []}, "/position"),
    ],
)
def test_what_is_not_there_cannot_be_edited(members: dict[str, Any], path: str) -> None:
    with pytest.raises(EditRefused) as refused:
        apply(TWO, **members)
    assert refused.value.problem.path == path
    assert refused.value.problem.mend


def test_the_mend_names_the_rules_there_are() -> None:
    with pytest.raises(EditRefused) as refused:
        apply(TWO, do="removeRule", rule="gone")
    assert refused.value.problem.mend == "name one of: r1, r2"
