"""LaunchDarkly's operators, value by literal, in each dialect."""

from typing import Any

import pytest

from pennon.engine.dialects.launchdarkly.operators import GO, NAMES, NODE, OPERATORS, PYTHON

READINGS = {"python": PYTHON, "node": NODE, "go": GO}


def _holds(op: str, value: Any, literals: list[Any]) -> dict[str, bool]:
    return {name: OPERATORS[op](literals, reading)(value) for name, reading in READINGS.items()}


@pytest.mark.parametrize(
    ("value", "literal", "python", "node", "go"),
    [
        ("a", "a", True, True, True),
        ("a", "A", False, False, False),
        ("99", 99, False, False, False),
        (99, "99", False, False, False),
        (True, 1, False, False, False),
        (1, True, False, False, False),
        (True, True, True, True, True),
        (1, 1.0, True, True, True),
        (None, None, True, True, False),
        ([1], [1], True, False, False),
        ({"a": 1}, {"a": True}, True, False, False),
        (2**53 + 1, 2.0**53, False, True, True),
        (10**400, 1, False, False, False),
    ],
)
def test_equality(value: Any, literal: Any, python: bool, node: bool, go: bool) -> None:
    assert _holds("in", value, [literal]) == {"python": python, "node": node, "go": go}
    assert _holds("in", value, []) == dict.fromkeys(READINGS, False)


@pytest.mark.parametrize(
    ("op", "value", "literals", "expected"),
    [
        ("startsWith", "abc", ["x", "a"], True),
        ("startsWith", "abc", ["A", 5], False),
        ("startsWith", 5, ["5"], False),
        ("endsWith", "abc", ["bc"], True),
        ("contains", "abc", ["b"], True),
        ("contains", ["abc"], ["abc"], False),
        ("matches", "abc", ["^b", "c$"], True),
        ("matches", 5, ["5"], False),
        ("matches", "5", [5], False),
        ("lessThan", 5, [5, 6], True),
        ("lessThan", 5, [5], False),
        ("lessOrEqual", 5, [5.0], True),
        ("greaterThan", 5, [4.5], True),
        ("greaterOrEqual", 5, [5], True),
        ("greaterThan", "5", [4], False),
        ("greaterThan", 5, ["4"], False),
        ("greaterThan", True, [0], False),
        ("before", 5, [6], True),
        ("before", "2020-01-01T00:00:00Z", ["2020-01-01T00:00:00.001Z"], True),
        ("before", 1577836800000, ["2020-01-01T00:00:00Z"], False),
        ("after", 1577836800001, ["2020-01-01T00:00:00Z"], True),
        ("after", "2020-01-01", [0], False),
        ("after", "1577836800001", [0], False),
        ("versionEqual", "2", ["2.0.0"], True),
        ("versionLess", "2.0.0-rc", ["2"], True),
        ("versionGreater", "2.1", ["2.0.9"], True),
        ("versionEqual", "v2", ["2"], False),
        ("versionEqual", 2, ["2"], False),
        ("versionEqual", "2", [2], False),
    ],
)
def test_operators_agree(op: str, value: Any, literals: list[Any], expected: bool) -> None:
    assert _holds(op, value, literals) == dict.fromkeys(READINGS, expected)


def test_a_number_that_no_double_holds_fails_in_python_and_is_infinite_elsewhere() -> None:
    with pytest.raises(OverflowError):
        OPERATORS["greaterThan"]([1], PYTHON)(10**400)
    assert OPERATORS["greaterThan"]([1], NODE)(10**400) is True


def test_every_operator_of_the_vendors_has_a_name_here() -> None:
    assert set(NAMES.values()) == set(OPERATORS)
    assert len(NAMES) == 14
