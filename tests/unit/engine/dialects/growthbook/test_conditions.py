"""How both SDKs read the structure of conditions, and in what they differ, trap by trap."""

import math
from typing import Any

import pytest

from pennon.engine.dialects.growthbook import DIALECTS
from pennon.engine.dialects.growthbook.membership import is_one_of, padded, without_build

JAVASCRIPT, PYTHON = "javascript", "python"


def holds(condition: Any, context: dict[str, Any], dialect: str = JAVASCRIPT) -> bool:
    return DIALECTS[dialect].conditions.expression(condition)(context)


def both(condition: Any, context: dict[str, Any]) -> tuple[bool, bool]:
    """Return what the condition answers in JavaScript and in Python."""
    return holds(condition, context, JAVASCRIPT), holds(condition, context, PYTHON)


# Where the SDKs differ


@pytest.mark.parametrize(
    ("literal", "value"),
    [("1", 1), (1, "1"), (True, 1), (0, None), ("null", None), ("a,b", ["a", "b"]), (5, ["5"]), (True, [])],
    ids=str,
)
def test_javascript_compares_literals_loosely(literal: Any, value: Any) -> None:
    assert both({"a": literal}, {"a": value}) == (True, False)


def test_only_javascript_orders_values_of_two_types() -> None:
    assert both({"a": {"$gt": 5}}, {"a": "8"}) == (True, False)
    assert both({"a": {"$lt": 5}}, {}) == (True, False)
    assert both({"a": {"$gt": True}}, {"a": 2}) == (True, False)
    assert both({"a": {"$lt": "b"}}, {"a": "a"}) == (True, True)
    assert both({"a": {"$gte": 1, "$lte": 1}}, {"a": 1.0}) == (True, True)
    assert both({"a": {"$lte": 1}}, {"a": math.nan}) == (False, False)


def test_a_missing_version_is_version_0_to_javascript() -> None:
    assert both({"a": {"$vlt": "1.0.0"}}, {}) == (True, False)
    assert both({"a": {"$veq": "0"}}, {"a": [1]}) == (True, False)
    assert both({"a": {"$vne": "1.0.0"}}, {}) == (True, True)
    assert both({"a": {"$vgt": True}}, {"a": "1.0.0"}) == (True, False)


def test_an_object_without_keys_is_a_literal_to_javascript_and_holds_always_in_python() -> None:
    assert both({"a": {}}, {"a": {}}) == (True, True)
    assert both({"a": {}}, {"a": 1}) == (False, True)
    assert both({"a": {"$not": {}}}, {"a": 1}) == (True, False)


def test_a_pattern_is_searched_for_in_any_value_as_text_by_javascript() -> None:
    assert both({"a": {"$regex": "^1"}}, {"a": 12}) == (True, False)
    assert both({"a": {"$regex": "null"}}, {}) == (True, False)
    assert both({"a": {"$regex": "Object"}}, {"a": {"b": 1}}) == (True, False)
    assert both({"a": {"$regex": "a"}}, {"a": {"toString": 1}}) == (False, False)
    assert both({"a": {"$regex": 1}}, {"a": "1"}) == (False, False)


def test_only_python_has_negated_patterns() -> None:
    assert both({"a": {"$notRegex": "b"}}, {"a": "abc"}) == (False, False)
    assert both({"a": {"$notRegex": "x"}}, {"a": "abc"}) == (False, True)
    assert both({"a": {"$notRegexi": "B"}}, {"a": "abc"}) == (False, False)
    assert both({"a": {"$notRegex": "x"}}, {}) == (False, True)
    assert both({"a": {"$notRegex": 1}}, {"a": "abc"}) == (False, True)


def test_elements_are_tested_by_conditions_in_python_only() -> None:
    condition = {"a": {"$elemMatch": {"$or": [{"b": 1}]}}}
    assert both(condition, {"a": [{"b": 1}]}) == (False, True)
    assert both({"a": {"$elemMatch": {"b": 1}}}, {"a": [None, {"b": 1}]}) == (True, True)
    assert both({"a": {"$elemMatch": {}}}, {"a": [0]}) == (True, True)
    assert both({"a": {"$elemMatch": {"$exists": False}}}, {"a": [None]}) == (False, False)


def test_empty_arrays_exist_to_javascript_and_not_to_python_as_an_operand() -> None:
    assert both({"a": {"$exists": []}}, {"a": 1}) == (True, False)
    assert both({"a": {"$exists": 0}}, {}) == (True, True)


def test_letters_of_either_case_are_texts_to_javascript() -> None:
    assert both({"a": {"$alli": ["TRUE"]}}, {"a": [True]}) == (True, False)
    assert both({"a": {"$alli": ["A"]}}, {"a": ["a", 1]}) == (True, True)
    assert both({"a": {"$alli": ["A", 1]}}, {"a": ["a", 1]}) == (True, True)


# Where they agree


def test_an_array_is_in_a_list_if_any_element_is() -> None:
    assert both({"a": {"$in": ["x", 1]}}, {"a": ["y", 1.0]}) == (True, True)
    assert both({"a": {"$nin": ["x", 1]}}, {"a": ["y", 1]}) == (False, False)
    assert both({"a": {"$in": [1]}}, {"a": True}) == (False, False)
    assert both({"a": {"$in": [None]}}, {}) == (True, True)
    assert both({"a": {"$in": [["x"]]}}, {"a": ["x"]}) == (False, False)
    assert both({"a": {"$ini": ["X"]}}, {"a": ["x"]}) == (True, True)
    assert both({"a": {"$nini": ["X"]}}, {"a": "x"}) == (False, False)


@pytest.mark.parametrize("operator", ["$in", "$nin", "$ini", "$nini", "$all", "$alli"])
def test_what_is_no_list_has_nobody_in_it_and_nobody_outside(operator: str) -> None:
    assert both({"a": {operator: "x"}}, {"a": "x"}) == (False, False)


def test_strict_equality_knows_no_arrays() -> None:
    assert both({"a": {"$eq": 1}}, {"a": 1.0}) == (True, True)
    assert both({"a": {"$eq": "x"}}, {"a": ["x"]}) == (False, False)
    assert both({"a": {"$eq": [1]}}, {"a": [1]}) == (False, False)
    assert both({"a": {"$ne": {}}}, {"a": {}}) == (True, True)


def test_literal_arrays_and_objects_are_compared_as_json() -> None:
    assert both({"a": [1, {"b": 2}]}, {"a": [1.0, {"b": 2}]}) == (True, True)
    assert both({"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "b": 1}}) == (False, False)
    assert both({"a": {"$x": 1, "b": 2}}, {"a": {"$x": 1, "b": 2}}) == (True, True)


def test_a_null_literal_is_for_what_is_missing() -> None:
    assert both({"a": None}, {}) == (True, True)
    assert both({"a": None}, {"a": 0}) == (False, False)


def test_empty_lists_of_conditions_hold() -> None:
    assert both({"$or": []}, {}) == (True, True)
    assert both({"$and": []}, {}) == (True, True)
    assert both({"$nor": []}, {}) == (False, False)
    assert both({}, {}) == (True, True)


def test_conditions_combine() -> None:
    condition = {"$and": [{"a": 1}, {"$or": [{"b": 1}, {"$not": {"c": 1}}]}], "$nor": [{"d": 1}]}
    assert both(condition, {"a": 1, "c": 2}) == (True, True)
    assert both(condition, {"a": 1, "c": 1}) == (False, False)
    assert both(condition, {"a": 1, "b": 1, "d": 1}) == (False, False)


def test_sizes_and_types_and_all() -> None:
    assert both({"a": {"$size": {"$gt": 1}}}, {"a": [1, 2]}) == (True, True)
    assert both({"a": {"$size": 0}}, {"a": "x"}) == (False, False)
    assert both({"a": {"$type": "array"}}, {"a": []}) == (True, True)
    assert both({"a": {"$all": ["x", {"$gt": 1}]}}, {"a": ["x", 2]}) == (True, True)
    assert both({"a": {"$all": ["x"]}}, {"a": "x"}) == (False, False)


def test_logic_beside_an_attribute_holds_for_nobody() -> None:
    assert both({"a": {"$or": [{"b": 1}]}}, {"a": {"b": 1}}) == (False, False)
    assert both({"a": {"$not": {"$savedGroup": {"id": "g"}}}}, {"a": 1}) == (True, True)


def test_paths_are_dotted_and_lead_into_arrays() -> None:
    assert both({"a.b": 1}, {"a": {"b": 1}}) == (True, True)
    assert both({"a.b": 1}, {"a.b": 1}) == (False, False)
    assert both({"a.1": "y"}, {"a": ["x", "y"]}) == (True, True)
    assert both({"a.length": 2}, {"a": ["x", "y"]}) == (True, True)
    assert both({"a.01": None}, {"a": ["x", "y"]}) == (True, True)
    assert both({"a.b.c": None}, {"a": "x"}) == (True, True)


def test_the_attribute_id_is_the_targeting_key_unless_there_is_one() -> None:
    assert both({"id": "u1"}, {"targetingKey": "u1"}) == (True, True)
    assert both({"id": "u1"}, {"targetingKey": "u1", "id": "u2"}) == (False, False)
    assert both({"id": "u1"}, {"targetingKey": "u1", "id": None}) == (True, True)
    assert both({"id.a": 1}, {"id": {"a": 1}}) == (True, True)
    assert both({"a": {"$elemMatch": {"id": "u1"}}}, {"targetingKey": "u1", "a": [{}]}) == (False, False)


# Versions


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        *(("1.2.3", "1.10.0"), ("1.2.3-beta", "1.2.3"), ("1.2.3-rc.1", "1.2.3-rc.2"), ("v1.2.3", "1.2.4")),
        *(("1.2", "1.2.0"), ("100000.0.0", "99999.0.0")),
    ],
    ids=str,
)
def test_versions_compare_as_padded_text(lower: str, higher: str) -> None:
    assert both({"a": {"$vlt": higher}}, {"a": lower}) == (True, True)
    assert both({"a": {"$vgte": higher}}, {"a": lower}) == (False, False)
    assert both({"a": {"$vlte": higher, "$vgt": "0"}}, {"a": lower}) == (True, True)


def test_a_number_is_a_version() -> None:
    assert both({"a": {"$veq": "1.5"}}, {"a": 1.5}) == (True, False)
    assert both({"a": {"$veq": 1.5}}, {"a": 1.50}) == (True, True)
    assert both({"a": {"$veq": "0"}}, {"a": ""}) == (True, True)


def test_build_and_sign_do_not_count() -> None:
    assert both({"a": {"$veq": "1.2.3"}}, {"a": "v1.2.3+build.7"}) == (True, True)
    assert both({"a": {"$veq": "1.2.3"}}, {"a": "1.2.3+b\n"}) == (False, False)
    assert without_build("+a\nv1+b", "\n") == "+a\nv1"
    assert padded("1.2", str.isdigit) == "    1-    2"


def test_a_long_version_takes_linear_time() -> None:
    assert both({"a": {"$veq": "1"}}, {"a": "+" * 100_000 + "\n"}) == (False, False)


def test_only_python_pads_the_digits_of_other_scripts() -> None:
    assert both({"a": {"$vlt": "1.10"}}, {"a": "1.\u0662"}) == (False, True)
    assert both({"a": {"$veq": "1.\u0662"}}, {"a": "1.\u0662"}) == (True, True)
    assert both({"a": {"$vlt": "1.z"}}, {"a": "1.\u0662"}) == (False, True)


def test_what_is_listed_is_told_by_type() -> None:
    test = is_one_of(["a", 1, None, False])
    assert [test(value) for value in ("a", 1.0, None, False, True, "1", 0, {}, object())] == [
        *(True, True, True, True, False, False, False, False, False)
    ]


# What is not known


@pytest.mark.parametrize("dialect", [JAVASCRIPT, PYTHON])
@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"a": {"$regx": "x"}}, "is not known here"),
        ({"a": {"$inGroup": "g"}}, "saved group"),
        ({"$savedGroup": {"id": "g"}}, "saved group"),
        ({"$or": {"a": 1}}, "takes a list"),
        ({"$not": 1}, "is an object"),
        ([], "is an object"),
        ({"a": {"$elemMatch": 1}}, "is an object"),
    ],
    ids=["operator", "in-group", "group", "no-list", "no-condition", "list", "element"],
)
def test_what_is_not_known_is_an_error(condition: Any, message: str, dialect: str) -> None:
    with pytest.raises(ValueError, match=message):
        DIALECTS[dialect].conditions.expression(condition)


def test_operators_are_told() -> None:
    assert {"$eq", "$in", "$regex", "$notRegex"} <= DIALECTS[JAVASCRIPT].conditions.operators
    assert DIALECTS[JAVASCRIPT].conditions.operators == DIALECTS[PYTHON].conditions.operators
