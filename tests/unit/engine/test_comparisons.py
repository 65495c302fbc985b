"""What an operator means for one value, for arrays, and under negation."""

from typing import Any

import pytest

from pennon.engine.comparisons import before_negation, comparisons, none, some
from pennon.engine.values import Memo, version_rank

COMPARISONS = comparisons(Memo(version_rank))
SCALARS = (frozenset({"a", "5"}), frozenset({1, 2.5}), frozenset({True}))


@pytest.mark.parametrize(
    ("name", "literals", "value", "expected"),
    [
        ("scalar", SCALARS, "a", True),
        ("scalar", SCALARS, "A", False),
        ("scalar", SCALARS, 1, True),
        ("scalar", SCALARS, 1.0, True),
        ("scalar", SCALARS, 5, False),
        ("scalar", SCALARS, True, True),
        ("scalar", SCALARS, False, False),
        ("scalar", SCALARS, None, None),
        ("scalar", SCALARS, {"a": 1}, None),
        ("scalar_any_case", SCALARS, "A", True),
        ("scalar_any_case", SCALARS, 2.5, True),
        ("starts", "ab", "abc", True),
        ("starts", ("x", "a"), "abc", True),
        ("starts", "ab", 5, None),
        ("starts_any_case", "ab", "ABC", True),
        ("ends", "bc", "abc", True),
        ("ends", ("x", "b"), "abc", False),
        ("ends_any_case", "bc", "ABC", True),
        ("has", ("x", "b"), "abc", True),
        ("has", (), "abc", False),
        ("has_any_case", ("b",), "ABC", True),
        ("found", lambda text: text == "x" or None, "x", True),
        ("found", lambda text: text == "x" or None, "y", False),
        ("found", lambda text: text == "x" or None, 1, None),
        ("listed", frozenset({"5"}), 5, True),
        ("listed", frozenset({"5"}), 5.5, None),
        ("number_less", 5, 4, True),
        ("number_less", 5, 5, False),
        ("number_less", 5, "4", None),
        ("number_less", None, 4, False),
        ("number_less_or_equal", 5, 5, True),
        ("number_greater", 5, 6, True),
        ("number_greater_or_equal", 5, 4, False),
        ("date_less", 10**9, 999, True),
        ("date_greater", 10**9, "1970-01-01T00:00:02Z", True),
        ("date_less", 10**9, "soon", None),
        ("version_less", version_rank("2"), "1.9", True),
        ("version_greater_or_equal", version_rank("2"), "2.0", True),
        ("version_equal", frozenset({version_rank("2")}), "2.0", True),
        ("version_equal", frozenset({version_rank("2")}), "two", None),
        ("version_equal", frozenset({version_rank("2")}), 2, None),
        ("in_networks", ((32, 24, 10),), "10.1.1.1", True),
        ("in_networks", ((32, 24, 10),), "::10", False),
        ("in_networks", ((32, 24, 10),), 10, None),
        ("in_share", (b"s1.checkout.", 20845, 20846), "user-2", True),
        ("in_share", (b"s1.checkout.", 0, 20845), "user-2", False),
        ("in_share", (b"s1.checkout.", 0, 100000), None, None),
    ],
)
def test_a_comparison(name: str, literals: Any, value: Any, expected: bool | None) -> None:
    assert COMPARISONS[name](literals, value) is expected


@pytest.mark.parametrize(
    ("value", "raw", "positive", "negative"),
    [
        ("abc", True, True, False),
        ("xyz", False, False, True),
        (5, None, False, False),
        ([], None, False, False),
        (["xyz", "abc"], True, True, False),
        (("xyz",), False, False, True),
        ([5, None], None, False, False),
        ([5, "xyz"], False, False, True),
        ([["abc"]], None, False, False),
    ],
)
def test_an_array_compares_if_any_element_does(value: Any, raw: bool | None, positive: bool, negative: bool) -> None:
    starts = COMPARISONS["starts"]
    assert before_negation(starts, "a", value) is raw
    assert some(starts, "a", value) is positive
    assert none(starts, "a", value) is negative
