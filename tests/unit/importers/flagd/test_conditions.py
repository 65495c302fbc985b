"""JSONLogic that becomes conditions by name, and what stays an expression."""

from typing import Any

import pytest

from pennon.importers.flagd.conditions import attribute_of, conditions, is_true, named
from tests.unit.importers.flagd.build import written

X = {"var": "x"}


def when(op: str, *values: Any, attribute: str = "x", **members: Any) -> dict[str, Any]:
    return {"op": op, "attribute": attribute, "values": list(values), **members}


@pytest.mark.parametrize(
    ("logic", "expected"),
    [
        ({"==": [X, "a"]}, [when("equals", "a")]),
        ({"==": ["a", X]}, [when("equals", "a")]),
        ({"!=": [X, "a"]}, [when("equals", "a", negate=True)]),
        ({"===": [X, "a"]}, [when("in", "a")]),
        ({"===": ["a", X]}, [when("in", "a")]),
        ({"!==": [X, None]}, [when("in", None, negate=True)]),
        ({"in": [X, ["a", 1]]}, [when("in", "a", 1)]),
        ({"in": ["@x.com", X]}, [when("contains", "@x.com")]),
        ({"!": {"in": [X, ["a"]]}}, [when("in", "a", negate=True)]),
        ({"!": [{"!": [{"in": [X, ["a"]]}]}]}, [when("in", "a")]),
        ({"!!": [{"==": [X, 1]}]}, [when("equals", 1)]),
        ({"starts_with": [X, "a"]}, [when("startsWith", "a")]),
        ({"ends_with": [X, "a"]}, [when("endsWith", "a")]),
        ({"<": [X, 5]}, [when("lessThan", 5)]),
        ({"<": [5, X]}, [when("greaterThan", 5)]),
        ({">=": ["5", X]}, [when("lessOrEqual", "5")]),
        ({"<": [1, X, 9]}, [when("greaterThan", 1), when("lessThan", 9)]),
        ({"sem_ver": [X, ">=", "1.2"]}, [when("versionGreaterOrEqual", "1.2")]),
        ({"sem_ver": [X, "=", "1.2"]}, [when("versionEqual", "1.2")]),
        ({"and": [{"==": [X, 1]}, {"and": [{">": [X, 0]}]}]}, [when("equals", 1), when("greaterThan", 0)]),
        ({"or": [{"==": [X, 1]}, {"==": [X, 2]}]}, [when("equals", 1, 2)]),
        ({"or": [{"in": [X, ["a"]]}, {"===": [X, "b"]}]}, [when("in", "a", "b")]),
        ({"==": [{"var": ["org.plan"]}, "pro"]}, [when("equals", "pro", attribute="/org/plan")]),
        ({">": [{"var": "$flagd.timestamp"}, 5]}, [when("greaterThan", 5, attribute="/$flagd/timestamp")]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_has_a_name(logic: Any, expected: list[Any]) -> None:
    assert [written(each) for each in conditions(logic)] == expected


@pytest.mark.parametrize(
    "logic",
    [
        X,
        {"var": ["x", "default"]},
        {"==": [X, {"var": "y"}]},
        {"==": [{"var": ""}, 1]},
        {"==": [X]},
        {"==": [X, 1, 2]},
        {"==": [X, [1]]},
        {"===": ["a", "b"]},
        {"in": [X, ["a", ["b"]]]},
        {"in": [X, "abc"]},
        {"in": ["a", "abc"]},
        {"starts_with": ["abc", X]},
        {"<": [1, X, None]},
        {"<": [1, X, {"var": "y"}]},
        {"<": [1, 2, 3]},
        {"sem_ver": [X, "!=", "1.2"]},
        {"sem_ver": [X, "^", "1.2"]},
        {"sem_ver": [X, {"cat": "="}, "1.2"]},
        {"sem_ver": ["1.2", "=", X]},
        {"and": []},
        {"or": []},
        {"or": [{"==": [X, 1]}, {"==": [{"var": "y"}, 1]}]},
        {"or": [{"!=": [X, 1]}, {"!=": [X, 2]}]},
        {"or": [X, X]},
        {"or": [{"and": [{"==": [X, 1]}, {"==": [X, 2]}]}]},
        {"!": [{"and": [{"==": [X, 1]}, {"==": [X, 2]}]}, 1]},
        {"!": {"and": [{"==": [X, 1]}, {"==": [X, 2]}]}},
        {"!!": [X, 1]},
        {"cat": [X]},
        [1, X],
        {},
    ],
    ids=str,
)
def test_what_stays_an_expression(logic: Any) -> None:
    (only,) = conditions(logic)
    assert only.op == "expression"
    assert only.value == logic
    assert not only.negate


def test_what_no_flag_may_hold_is_kept_as_text() -> None:
    deep: Any = X
    for _ in range(9):
        deep = {"+": [deep]}
    for logic in ({">": [deep, 1]}, {"==": [X, 2**60]}, {"==": [X, "\0"]}, {"==": [{"var": "\0"}, 1]}):
        (only,) = conditions(logic)
        assert only.op == "expression"
        assert [*only.value] == ["$json"]


def test_negation_of_an_expression_is_told_by_the_condition() -> None:
    (only,) = conditions({"!": [X]})
    assert (only.op, only.value, only.negate) == ("expression", X, True)


@pytest.mark.parametrize(
    ("key", "name"),
    [("x", "x"), ("a.b.0", "/a/b/0"), ("/x", "/~1x"), ("a~b.c", "/a~0b/c"), ("x.", "/x/"), (".", "//")],
)
def test_attributes_are_named_as_pennon_does(key: str, name: str) -> None:
    assert named(key) == name
    assert attribute_of({"var": key}) == name


@pytest.mark.parametrize("logic", [{"var": ""}, {"var": 1}, {"var": []}, {"var": ["a", "b"]}, {"x": "a"}, "a"], ids=str)
def test_what_is_no_attribute(logic: Any) -> None:
    assert attribute_of(logic) is None


@pytest.mark.parametrize(
    ("logic", "expected"),
    [(True, True), ("0", True), ({}, True), (0, False), ("", False), (None, False), ([], None), (X, None), ([1], None)],
    ids=str,
)
def test_literals_are_known_beforehand(logic: Any, expected: bool | None) -> None:
    assert is_true(logic) is expected
