"""What JavaScript makes of JSON values, each answer as Node gives it."""

import math
from typing import Any

import pytest

from pennon.engine.dialects.growthbook.coercion import (
    double,
    is_index,
    is_true,
    json_text,
    key_order,
    number,
    number_text,
    order,
    text,
    type_name,
    units_order,
    written,
)

NUMBERS: list[tuple[float, str]] = [
    *((42, "42"), (1.5, "1.5"), (1.0, "1"), (-0.0, "0"), (0, "0"), (-7, "-7"), (0.1, "0.1"), (1e21, "1e+21")),
    *(
        (1e20, "100000000000000000000"),
        (1.5e-7, "1.5e-7"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (123.456, "123.456"),
    ),
    *((2**53 + 1, "9007199254740992"), (10**400, "Infinity"), (-(10**400), "-Infinity"), (math.nan, "NaN")),
    *((-1.25e25, "-1.25e+25"), (5e-324, "5e-324")),
]


@pytest.mark.parametrize(("value", "expected"), NUMBERS, ids=[expected for _, expected in NUMBERS])
def test_numbers_are_printed_as_javascript_prints_them(value: float, expected: str) -> None:
    assert number_text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        ([1, None, ["a", 2.0]], "1,,a,2"),
        ([], ""),
        ({"a": 1}, "[object Object]"),
        ("x", "x"),
    ],
    ids=["null", "true", "false", "nested", "empty", "object", "text"],
)
def test_anything_has_a_text(value: Any, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize("value", [{"toString": 1}, object(), {1, 2}], ids=["own", "object", "set"])
def test_what_has_no_text_raises(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be made text"):
        text(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((None, 0), (True, 1), (False, 0), ("", 0), (" \n\ufeff", 0), (" 12 ", 12), ("0x1f", 31), ("0b101", 5)),
        *(("0O17", 15), ("1e3", 1000), (".5", 0.5), ("5.", 5), ("+3", 3), ("-Infinity", -math.inf), ([], 0), ([5], 5)),
        *((2.5, 2.5), ("0x20000000000001", 2**53)),
    ],
    ids=str,
)
def test_many_things_are_numbers(value: Any, expected: float) -> None:
    assert number(value) == expected


@pytest.mark.parametrize("value", ["a", "1_0", "\u0661", "-0x1f", "1e", "infinity", [1, 2], {}, "1 2", "."], ids=str)
def test_the_rest_is_no_number(value: Any) -> None:
    assert math.isnan(number(value))


def test_a_long_text_that_is_no_number_takes_linear_time() -> None:
    assert math.isnan(number("1" * 200_000 + "x"))
    assert math.isnan(number(" " * 200_000 + "x"))


def test_json_is_written_as_javascript_writes_it() -> None:
    value = {"b": [1.0, 1e21, math.inf, None, True], "1": "\n\u0141\x7f\x1f", "a": "\ud83d\ude00\ud83d"}
    expected = '{"1":"\\n\u0141\x7f\\u001f","b":[1,1e+21,null,null,true],"a":"\U0001f600\\ud83d"}'
    assert json_text(value) == expected


def test_truth_is_javascripts() -> None:
    true: list[Any] = [[], {}, "0", -1, True]
    assert all(map(is_true, true))
    assert not any(map(is_true, [0, -0.0, "", None, False, math.nan]))


def test_types_have_names() -> None:
    values: list[Any] = [None, True, 1, 1.5, "a", [], {}, object()]
    names = ["null", "boolean", "number", "number", "string", "array", "object", "unknown"]
    assert [type_name(value) for value in values] == names


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        *(("8", 5, 1), (None, 5, -1), (True, 1, 0), ("10", "9", -1), (["5"], "6", -1), ([2], 10, -1)),
        *(("a", 1, None), ({}, 1, None), ({}, "[object Objecu", -1), ("", 0, 0)),
    ],
    ids=str,
)
def test_order_is_that_of_numbers_but_for_two_texts(one: Any, other: Any, expected: int | None) -> None:
    assert order(one, other) == expected


def test_texts_compare_by_utf_16_units() -> None:
    assert units_order("\U0001f600", "\ue000") < 0
    assert units_order("a", "\U0001f600") < 0
    assert units_order("\u0142", "\u0141") > 0


def test_what_is_written_tells_what_json_would() -> None:
    assert written({"a": [1, True, None]}) == written({"a": [1.0, True, None]})
    assert written([math.nan]) == written([None])
    assert written([1]) != written([True])
    assert written(["1"]) != written([1])
    assert written({"b": 1, "a": 2}) != written({"a": 2, "b": 1})
    assert written({"2": 1, "10": 2, "x": 3}) == written({"10": 2, "2": 1, "x": 3})
    assert written({}) != written([])


def test_keys_that_are_indices_come_first() -> None:
    assert key_order({"b": 1, "10": 1, "2": 1, "01": 1}) == ["2", "10", "b", "01"]
    assert [is_index(key) for key in ("0", "00", "4294967294", "4294967295", "-1", "\u0661", 1)] == [
        *(True, False, True, False, False, False, False)
    ]


def test_integers_beyond_doubles_are_rounded() -> None:
    assert double(2**53 + 1) == 2**53
    assert (double(10**400), double(-(10**400))) == (math.inf, -math.inf)
