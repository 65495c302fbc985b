"""JSON Schemas for values: what they refuse, and that no schema can keep the server busy."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pennon.control.flags.schemas import DIALECT, MOST_BYTES, schema_problems, value_problems

OBJECT = {"type": "object", "properties": {"retries": {"type": "integer"}}, "required": ["retries"]}
BOUND_S = 20.0


def paths(schema: Any, value: Any) -> list[str]:
    assert list(schema_problems(schema)) == []
    return [problem.path for problem in value_problems(schema, value)]


def refused(schema: Any) -> list[str]:
    return [problem.path for problem in schema_problems(schema)]


def doubling(keyword: str, leaf: Any, depth: int = 14) -> dict[str, Any]:
    """A small schema that takes 2^depth times as long as its leaf."""
    named: dict[str, Any] = {f"a{level}": {keyword: [{"$ref": f"#/$defs/a{level + 1}"}] * 2} for level in range(depth)}
    return {"$ref": "#/$defs/a0", "$defs": {**named, f"a{depth}": leaf}}


def test_a_value_that_satisfies_its_schema_has_no_problems() -> None:
    assert paths(OBJECT, {"retries": 3}) == []


def test_a_broken_value_is_told_with_the_path_into_it() -> None:
    assert paths({"type": "object", "additionalProperties": OBJECT}, {"eu": {"retries": "3"}}) == ["/eu/retries"]


def test_every_break_is_told_up_to_a_bound() -> None:
    problems = list(value_problems({"items": {"type": "integer"}}, ["x"] * 100))
    assert [problem.path for problem in problems] == [*(f"/{index}" for index in range(20)), ""]
    assert problems[-1].message == "breaks the schema in more places"


def test_long_values_are_not_repeated_in_full() -> None:
    (problem,) = value_problems({"type": "integer"}, "x" * 10_000)
    assert len(problem.message) < 400


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ([], "/valueSchema"),
        ("string", "/valueSchema"),
        ({"type": "strin"}, "/valueSchema/type"),
        ({"properties": [1]}, "/valueSchema/properties"),
        ({"allOf": 5}, "/valueSchema/allOf"),
        ({"$ref": "https://example.org/schema.json"}, "/valueSchema/$ref"),
        ({"properties": {"a": {"$ref": "other.json#/x"}}}, "/valueSchema/properties/a/$ref"),
        ({"$ref": "#/$defs/missing"}, "/valueSchema/$ref"),
        ({"x": {"type": "string"}, "$ref": "#/x"}, "/valueSchema/$ref"),
        ({"$id": "https://example.org/"}, "/valueSchema/$id"),
        ({"$dynamicRef": "#a"}, "/valueSchema/$dynamicRef"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/valueSchema/$schema"),
        ({"allOf": [{"$schema": DIALECT}]}, "/valueSchema/allOf/0/$schema"),
        ({"pattern": "(?=look)"}, "/valueSchema/pattern"),
        ({"patternProperties": {"(a)\\1": {}}}, "/valueSchema/patternProperties/(a)\\1"),
        ({"unevaluatedProperties": False, "patternProperties": {"a": True}}, "/valueSchema"),
        ({"enum": ["x" * MOST_BYTES]}, "/valueSchema"),
        ({"enum": list(range(3000))}, "/valueSchema"),
    ],
)
def test_a_schema_that_may_not_be_used_is_refused_with_its_path(schema: Any, path: str) -> None:
    assert refused(schema) == [path]


def test_a_deep_schema_is_refused() -> None:
    deep: Any = {}
    for _ in range(100):
        deep = {"not": deep}
    assert refused(deep) == ["/valueSchema"]


def test_a_property_may_be_called_as_a_keyword_is() -> None:
    schema = {"properties": {"$ref": {"type": "string"}, "$schema": {"type": "string"}, "pattern": {"type": "string"}}}
    assert paths(schema, {"$ref": "x", "$schema": 3, "pattern": "(?=x)"}) == ["/$schema"]


@pytest.mark.parametrize("reference", ["#/$defs/a~1b%20c", "#name", "#/properties/x"])
def test_references_within_the_schema_are_followed(reference: str) -> None:
    parts = {"a/b c": {"type": "string"}, "named": {"$anchor": "name", "type": "string"}}
    schema = {"$defs": parts, "properties": {"x": {"type": "string"}, "y": {"$ref": reference}}}
    assert paths(schema, {"y": 3}) == ["/y"]


def test_the_dialect_may_be_named() -> None:
    assert paths({"$schema": DIALECT, "type": "string"}, 3) == [""]


def test_a_recursive_schema_describes_a_tree() -> None:
    tree = {"properties": {"children": {"items": {"$ref": "#"}}, "name": {"type": "string"}}}
    assert paths(tree, {"children": [{"children": [{"name": 3}]}]}) == ["/children/0/children/0/name"]


HUNDREDS = [{"type": "integer"}] * 200


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (doubling("allOf", {"allOf": HUNDREDS}), 3),
        (doubling("anyOf", {"allOf": HUNDREDS}), "x"),
        ({"unevaluatedProperties": False, **doubling("allOf", {"minProperties": 1})}, {"a": 1}),
        ({"items": {"enum": ["y" * 30_000, "x"]}}, ["x"] * 500_000),
    ],
)
def test_a_check_that_takes_too_long_is_given_up(schema: Any, value: Any) -> None:
    started = time.process_time()
    problems = list(value_problems(schema, value)) if not refused(schema) else []
    assert "takes more than 100000 steps" in problems[-1].message
    assert time.process_time() - started < BOUND_S


def test_a_check_that_goes_too_deep_is_given_up() -> None:
    value: Any = {}
    for _ in range(500):
        value = {"a": value}
    (problem,) = value_problems({"properties": {"a": {"$ref": "#"}}}, value)
    assert problem.message == "checking it against the schema goes too deep"


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"$ref": "#"}, "/valueSchema"),
        ({"unevaluatedItems": False, "$ref": "#"}, "/valueSchema"),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"not": {"$ref": "#b"}}, "b": {"$anchor": "b", "$ref": "#"}}},
            "/valueSchema/$defs/b",
        ),
        ({"properties": {"x": {"if": {"$ref": "#/properties/x"}}}}, "/valueSchema/properties/x/if"),
        (doubling("allOf", {}, depth=40), "/valueSchema"),
        (
            {
                "$ref": "#/$defs/a0",
                "$defs": {f"a{n}": {"$ref": f"#/$defs/a{min(n + 1, 600)}"} for n in range(600)} | {"a600": {}},
            },
            "/valueSchema",
        ),
    ],
)
def test_schemas_that_lead_nowhere_or_too_far_are_refused(schema: Any, path: str) -> None:
    assert refused(schema) == [path]


def test_a_pattern_that_explodes_elsewhere_is_searched_in_linear_time() -> None:
    text = "a" * 60_000 + "!"
    schema = {
        "type": "object",
        "patternProperties": {"(a+)+$": False},
        "additionalProperties": {"pattern": "(a+)+$"},
    }
    started = time.process_time()
    assert paths(schema, {text: text}) == ["/" + text]
    assert time.process_time() - started < BOUND_S


def test_many_different_elements_are_unique_in_good_time() -> None:
    elements = [[index] for index in range(9000)] + [{"a": index} for index in range(2000)]
    started = time.process_time()
    assert paths({"uniqueItems": True}, elements) == []
    assert paths({"uniqueItems": True}, [*elements, {"a": 1999.0}]) == [""]
    assert time.process_time() - started < BOUND_S


@pytest.mark.parametrize(("elements", "unique"), [([1, True], True), ([1, 1.0], False), ([{"a": 1}, {"a": 1}], False)])
def test_elements_are_unique_as_json_is_equal(elements: list[Any], unique: bool) -> None:
    assert (paths({"uniqueItems": True}, elements) == []) is unique


def test_numbers_beyond_reason_are_refused_and_not_raised() -> None:
    assert paths({"multipleOf": 0.5}, 10**400) == [""]


def test_a_format_is_a_remark() -> None:
    assert paths({"format": "email"}, "no address") == []


SCHEMAS = st.recursive(
    st.sampled_from(
        [True, False, {}, {"type": "integer"}, {"type": "string"}, {"minimum": 3}, {"pattern": "^a"}, {"const": "ab"}]
    ),
    lambda inner: st.one_of(
        st.builds(lambda a, b: {"allOf": [a, b]}, inner, inner),
        st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
        st.builds(lambda a: {"not": a}, inner),
        st.builds(lambda a: {"items": a, "uniqueItems": True}, inner),
        st.builds(lambda a, b: {"properties": {"a": a}, "additionalProperties": b}, inner, inner),
        st.builds(lambda a, b: {"patternProperties": {"^a": a}, "additionalProperties": b}, inner, inner),
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    st.sampled_from([None, True, 1, 3, 2.0, 3.5, "", "ab", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "ab", "b"]), inner, max_size=3),
    max_leaves=6,
)


@given(schema=SCHEMAS, value=VALUES)
def test_answers_are_those_of_the_draft(schema: Any, value: Any) -> None:
    assert (paths(schema, value) == []) is Draft202012Validator(schema).is_valid(value)
