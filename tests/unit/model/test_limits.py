"""Contexts as servers take them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.model import Json
from pennon.model.limits import Limits, context_problem

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"deep": 1}
    for _ in range(depth - 1):
        value = {"a/b": value}
    return value


@pytest.mark.parametrize("context", [{}, {"targetingKey": "u1"}, {"a": None, "b": [1, {"c": 1.5}]}, nested(16)])
def test_a_context_is_an_object_of_json(context: Json) -> None:
    assert context_problem(context) is None


@pytest.mark.parametrize(
    ("context", "found"),
    [(None, "null"), (True, "a boolean"), (3, "a number"), ("u1", "a string"), ([], "an array"), (set(), "set")],
)
def test_what_is_no_object_is_no_context(context: Json, found: str) -> None:
    problem = context_problem(context)
    assert problem is not None
    assert problem.message == f"a context is a JSON object, not {found}"


def test_a_context_is_at_most_sixteen_deep() -> None:
    problem = context_problem(nested(17))
    assert problem is not None
    assert problem.path == "/a~1b" * 16


def test_a_context_that_holds_itself_is_too_deep() -> None:
    context: dict[str, Any] = {}
    context["self"] = context
    problem = context_problem(context)
    assert problem is not None
    assert problem.message == "nested deeper than 16"


def test_a_context_is_at_most_sixty_four_kibibytes() -> None:
    assert context_problem({"a": "x" * (65_536 - 8)}) is None
    problem = context_problem({"a": "x" * (65_536 - 7)})
    assert problem is not None
    assert "65537 bytes" in problem.message
    assert context_problem({"a": 1}, Limits(context_bytes=5)) is not None


@pytest.mark.parametrize("value", ["\ud800", object(), {"x": object()}])
def test_what_is_no_json_is_refused(value: Json) -> None:
    problem = context_problem({"a": value})
    assert problem is not None
    assert problem.message.startswith("not JSON")


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_no_json_object_raises(context: dict[str, Json]) -> None:
    problem = context_problem(context)
    assert problem is None or problem.mend
