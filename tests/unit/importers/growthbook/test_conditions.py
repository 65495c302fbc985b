"""Conditions as Pennon's: operators that people can read where they carry the whole meaning, expressions else."""

from typing import Any

import pytest

from pennon.importers import Fidelity, Plan
from pennon.model import Condition
from tests.conformance.growthbook import flag_of, planned, rules_of, served

GROUPS: dict[str, Any] = {
    "bare": ["u1", 2],
    "plans": {"type": "list", "attributeKey": "plan", "values": ["gold"]},
    "paying": {"type": "condition", "condition": {"$savedGroup": {"id": "plans"}, "country": "DE"}},
    "ring": {"type": "condition", "condition": {"$or": [{"$savedGroup": {"id": "back"}}, {"country": "DE"}]}},
    "back": {"type": "condition", "condition": {"$not": {"$savedGroup": {"id": "ring"}}}},
}


def _plan(condition: Any, dialect: str = "javascript") -> Plan:
    rules = [{"condition": condition, "force": True}]
    return planned({"features": {"f": {"defaultValue": False, "rules": rules}}, "savedGroups": GROUPS}, dialect)


def _conditions(condition: Any, dialect: str = "javascript") -> list[Condition]:
    planned_flag = flag_of(_plan(condition, dialect))
    assert planned_flag.flag is not None, planned_flag.notes
    return list(planned_flag.flag.rules[0].conditions)


def _holds(condition: Any, context: dict[str, Any], dialect: str = "javascript") -> Any:
    rules = [{"condition": condition, "force": True}]
    document = {"features": {"f": {"defaultValue": False, "rules": rules}}, "savedGroups": GROUPS}
    return served(document, context, dialect)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"a": "x"}, [Condition("equals", "a", ("x",))]),
        ({"a": True, "b.c": 1.5}, [Condition("equals", "a", (True,)), Condition("equals", "b.c", (1.5,))]),
        ({"a": None}, [Condition("exists", "a", negate=True)]),
        ({"a": {"$exists": True}}, [Condition("exists", "a")]),
        ({"a": {"$exists": 0}}, [Condition("exists", "a", negate=True)]),
        ({"a": {"$in": ["x", 1, None]}}, [Condition("in", "a", ("x", 1, None))]),
        ({"a": {"$nini": ["x"]}}, [Condition("in", "a", ("x",), negate=True, ignore_case=True)]),
        (
            {"a": {"$gte": 1, "$lt": 5}},
            [Condition("greaterOrEqual", "a", (1,)), Condition("lessThan", "a", (5,))],
        ),
        ({"a": {"$veq": "1.2"}}, [Condition("versionEqual", "a", ("1.2",))]),
        ({"a": {"$regexi": "x+"}}, [Condition("matches", "a", ("x+",), ignore_case=True)]),
        (
            {"$and": [{"a": "x"}, {"$and": [{"b": "y"}]}]},
            [Condition("equals", "a", ("x",)), Condition("equals", "b", ("y",))],
        ),
        ({}, []),
        ({"a": {"$eq": 1}}, [Condition("expression", value={"a": {"$eq": 1}})]),
        ({"a": {"$in": "x"}}, [Condition("expression", value={"a": {"$in": "x"}})]),
        ({"a": {"$gt": [1]}}, [Condition("expression", value={"a": {"$gt": [1]}})]),
        ({"a": [1]}, [Condition("expression", value={"a": [1]})]),
        ({"a": {}}, [Condition("expression", value={"a": {}})]),
        ({"": "x"}, [Condition("expression", value={"": "x"})]),
        ({"$or": [{"a": 1}]}, [Condition("expression", value={"$or": [{"a": 1}]})]),
        ({"a": {"$notRegex": "x"}}, [Condition("expression", value={"a": {"$notRegex": "x"}})]),
    ],
    ids=[
        *("text", "two", "null", "exists", "missing", "in", "nini", "between", "version", "pattern", "and", "empty"),
        *("eq", "no-list", "odd-order", "array", "object", "no-name", "or", "not-regex"),
    ],
)
def test_conditions_become_operators_where_they_can(condition: Any, expected: list[Condition]) -> None:
    assert _conditions(condition) == expected


def test_python_has_negated_patterns_and_no_empty_literals() -> None:
    assert _conditions({"a": {"$notRegex": "x"}}, "python") == [Condition("matches", "a", ("x",), negate=True)]
    insensitive = Condition("matches", "a", ("x",), ignore_case=True, negate=True)
    assert _conditions({"a": {"$notRegexi": "x"}}, "python") == [insensitive]
    assert _conditions({"a": {}}, "python") == []
    assert _conditions({"a": {"$exists": []}}, "python") == [Condition("exists", "a", negate=True)]
    assert _conditions({"a": {"$exists": []}}) == [Condition("exists", "a")]


def test_saved_groups_that_stand_alone_are_segments() -> None:
    plan = _plan({"id": {"$inGroup": "bare"}, "plan": {"$notInGroup": "plans"}, "$savedGroup": {"id": "paying"}})
    flag = flag_of(plan).flag
    assert flag is not None
    assert flag.rules[0].conditions == (
        Condition("inSegment", values=("bare.id",)),
        Condition("inSegment", values=("plans",), negate=True),
        Condition("inSegment", values=("paying",)),
    )
    segments = {each.key: each.segment.rules[0].conditions for each in plan.segments}
    assert segments == {
        "bare.id": (Condition("in", "id", ("u1", 2)),),
        "plans": (Condition("in", "plan", ("gold",)),),
        "paying": (Condition("inSegment", values=("plans",)), Condition("equals", "country", ("DE",))),
    }
    assert {each.source for each in plan.segments} == {"bare", "plans", "paying"}


@pytest.mark.parametrize("dialect", ["javascript", "python"])
@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        ({"id": {"$inGroup": "bare"}}, {"targetingKey": "u1"}, True),
        ({"id": {"$inGroup": "bare"}}, {"id": 2}, True),
        ({"id": {"$inGroup": "bare"}}, {"id": "2"}, False),
        ({"id": {"$notInGroup": "bare"}}, {}, True),
        ({"id": {"$inGroup": "nowhere"}}, {"id": "u1"}, False),
        ({"id": {"$notInGroup": "nowhere"}}, {"id": "u1"}, True),
        ({"id": {"$inGroup": "paying"}}, {"id": "u1"}, False),
        ({"id": {"$notInGroup": "paying"}}, {"id": "u1"}, False),
        ({"id": {"$not": {"$inGroup": "paying"}}}, {"id": "u1"}, True),
        ({"$savedGroup": {"id": "plans"}}, {"plan": ["gold"]}, True),
        ({"$savedGroup": {"id": "plans", "attributeKey": "other"}}, {"other": "gold"}, True),
        ({"$not": {"$savedGroup": {"id": "plans"}}}, {"plan": "gold"}, False),
        ({"$savedGroup": {"id": "nowhere"}}, {}, False),
        ({"$not": {"$savedGroup": {"id": "nowhere"}}}, {}, True),
        ({"$savedGroup": {"id": "bare"}}, {"id": "u1"}, False),
        ({"$savedGroup": {"id": "paying"}}, {"plan": "gold", "country": "DE"}, True),
        ({"$or": [{"$savedGroup": {"id": "paying"}}]}, {"plan": "gold", "country": "DE"}, True),
        ({"$or": [{"$and": [{"a": 1}], "$savedGroup": {"id": "plans"}}]}, {"plan": "gold", "a": 1}, True),
        ({"$savedGroup": {"id": "ring"}}, {"country": "FR"}, True),
        ({"$not": {"$savedGroup": {"id": "ring"}}}, {"country": "FR"}, False),
        ({"a": {"$elemMatch": {"$not": {"$in": ["x"]}}}}, {"a": ["x", "y"]}, True),
        ({"a": {"$elemMatch": {"$inGroup": "bare"}}}, {"a": ["u1"]}, True),
        ({"a": {"$elemMatch": {"b": {"$inGroup": "bare"}}}}, {"a": [{"b": 2}]}, True),
        ({"a": {"$all": [{"$inGroup": "bare"}]}}, {"a": [2, 3]}, True),
        ({"a": {"$size": {"$inGroup": "bare"}}}, {"a": [0, 0]}, True),
        ({"": {"$inGroup": "bare"}}, {"": "u1"}, True),
    ],
    ids=str,
)
def test_saved_groups_hold_for_whom_they_hold(
    condition: Any, context: dict[str, Any], expected: bool, dialect: str
) -> None:
    assert _holds(condition, context, dialect) is expected


def test_elements_are_in_groups_by_their_attributes_in_python_only() -> None:
    condition = {"a": {"$elemMatch": {"$savedGroup": {"id": "plans"}}}}
    assert _holds(condition, {"a": [{"plan": "gold"}]}, "python") is True
    assert _holds(condition, {"a": [{"plan": "gold"}]}) is False


def test_the_same_name_for_two_segments_gets_a_number() -> None:
    groups = {"a.b": {"type": "list", "attributeKey": "x", "values": [1]}, "a": [2]}
    rules = [{"condition": {"$savedGroup": {"id": "a.b"}, "b": {"$inGroup": "a"}}, "force": True}]
    plan = planned({"features": {"f": {"defaultValue": False, "rules": rules}}, "savedGroups": groups})
    assert [each.key for each in plan.segments] == ["a.b", "a.b-2"]


def test_a_group_is_one_segment_however_often_it_is_asked_for() -> None:
    plan = _plan({"$and": [{"$savedGroup": {"id": "paying"}}, {"$not": {"$savedGroup": {"id": "paying"}}}]})
    assert [each.key for each in plan.segments] == ["paying", "plans"]


def test_a_group_of_an_attribute_without_a_name_is_carried() -> None:
    groups = {"g": {"type": "list", "attributeKey": "", "values": ["x"]}}
    rules = [{"condition": {"$savedGroup": {"id": "g"}}, "force": True}]
    document = {"features": {"f": {"defaultValue": False, "rules": rules}}, "savedGroups": groups}
    assert [served(document, {"": value}) for value in ("x", "y")] == [True, False]


def test_a_long_chain_of_groups_is_written_out() -> None:
    groups: dict[str, Any] = {
        f"g{i}": {"type": "condition", "condition": {"$savedGroup": {"id": f"g{i + 1}"}}} for i in range(30)
    }
    groups["g30"] = {"type": "list", "attributeKey": "a", "values": [1]}
    rules = [{"condition": {"$savedGroup": {"id": "g20"}}, "force": True}]
    document = {"features": {"f": {"defaultValue": False, "rules": rules}}, "savedGroups": groups}
    assert served(document, {"a": 1}) is True
    rules[0]["condition"] = {"$savedGroup": {"id": "g0"}}
    note = flag_of(planned(document)).notes[0]
    assert "nested deeper than 16" in note.message


def test_a_chain_of_groups_without_end_keeps_its_flag_out() -> None:
    groups = {f"g{i}": {"type": "condition", "condition": {"$savedGroup": {"id": f"g{i + 1}"}}} for i in range(5000)}
    rules = [{"condition": {"$savedGroup": {"id": "g0"}}, "force": True}]
    plan = planned({"features": {"f": {"defaultValue": False, "rules": rules}}, "savedGroups": groups})
    assert flag_of(plan).fidelity is Fidelity.IMPOSSIBLE
    assert "too deep" in flag_of(plan).notes[0].message


def test_a_list_too_long_for_one_segment_is_several() -> None:
    values = [f"user-{number:060}" for number in range(130_000)]
    groups = {"g": {"type": "list", "attributeKey": "a", "values": values}}
    rules = [{"condition": {"$savedGroup": {"id": "g"}}, "force": True}]
    document = {"features": {"f": {"defaultValue": False, "rules": rules}}, "savedGroups": groups}
    plan = planned(document)
    assert [each.key for each in plan.segments] == ["g", "g-2"]
    rules_found = rules_of(plan)
    assert [rules_found.evaluate("f", {"a": value}).value for value in (values[0], values[-1], "x")] == [
        True,
        True,
        False,
    ]


def test_a_group_that_no_segment_can_be_keeps_its_flag_out() -> None:
    groups = {"g": {"type": "list", "attributeKey": "a", "values": ["\0"]}}
    rules = [{"condition": {"$savedGroup": {"id": "g"}}, "force": True}]
    plan = planned({"features": {"f": {"defaultValue": False, "rules": rules}}, "savedGroups": groups})
    assert flag_of(plan).fidelity is Fidelity.IMPOSSIBLE
    assert "'g' cannot be a segment" in flag_of(plan).notes[0].message


def test_two_operators_that_would_become_one_are_not_carried() -> None:
    flag = flag_of(_plan({"$or": [{"a": {"$in": [1], "$inGroup": "bare"}}]}))
    assert flag.fidelity is Fidelity.IMPOSSIBLE
    assert "split the rule's condition" in flag.notes[0].message


def test_groups_that_nobody_asks_for_are_noted() -> None:
    plan = _plan({"a": 1})
    assert {"/savedGroups/bare", "/savedGroups/ring"} <= {note.path for note in plan.notes}


@pytest.mark.parametrize("operator", ["$regex", "$notRegex"])
def test_a_pattern_that_cannot_be_searched_for_keeps_its_flag_out(operator: str) -> None:
    flag = flag_of(_plan({"a": {operator: "(?=x)"}}, "python"))
    assert (flag.fidelity, flag.flag) == (Fidelity.IMPOSSIBLE, None)
    assert "look-around" in flag.notes[0].message
    within = {"$savedGroup": {"id": "g"}}
    groups = {"g": {"type": "condition", "condition": {"a": {operator: "(?=x)"}}}}
    rules = [{"condition": within, "force": True}]
    plan = planned({"features": {"f": {"defaultValue": False, "rules": rules}}, "savedGroups": groups}, "python")
    assert "look-around" in flag_of(plan).notes[0].message


@pytest.mark.parametrize(
    "condition",
    [
        {"a": {"$regex": "\\d"}},
        {"$not": {"a": {"$notRegexi": "\\w"}}},
        {"$or": [{"a": {"$not": {"$regex": "\\bx"}}}]},
        {"a": {"$elemMatch": {"$regex": "\\d"}}},
        {"a": {"$elemMatch": {"b": {"$regex": "\\d"}}}},
        {"a": {"$all": [{"$regex": "\\d"}]}},
    ],
    ids=["plain", "not", "or", "element", "element-attribute", "all"],
)
def test_pythons_shorthands_are_exact_for_ascii(condition: Any) -> None:
    found = flag_of(_plan(condition, "python"))
    assert found.fidelity is Fidelity.CONDITIONAL
    assert "are ASCII" in found.notes[0].message
    assert flag_of(_plan(condition)).fidelity is Fidelity.EXACT


def test_names_that_javascript_finds_in_all_objects_are_a_condition() -> None:
    flag = flag_of(_plan({"org.constructor": "x"}))
    assert flag.fidelity is Fidelity.CONDITIONAL
    assert "org.constructor" in flag.notes[0].message
    assert flag_of(_plan({"org.constructor": "x"}, "python")).fidelity is Fidelity.EXACT
