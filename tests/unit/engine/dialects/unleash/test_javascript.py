"""What JavaScript makes of values, each answer as Node gives it."""

import math
from typing import Any

import pytest

from pennon.engine.dialects.unleash.javascript import is_local, is_true, milliseconds, number, text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", "a"),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (12, "12"),
        (12.0, "12"),
        (-0.0, "0"),
        (-1.5, "-1.5"),
        (1e21, "1e+21"),
        (1.5e22, "1.5e+22"),
        (123e18, "123000000000000000000"),
        (0.000001, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (5e-324, "5e-324"),
        (10**400, "Infinity"),
        (-(10**400), "-Infinity"),
        (math.nan, "NaN"),
        ([1, None, ["a", True]], "1,,a,true"),
        ([], ""),
        ({"a": 1}, "[object Object]"),
    ],
    ids=repr,
)
def test_texts(value: Any, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize("value", [1, -1.5, "0", [], {}, True, [0]], ids=repr)
def test_truths(value: Any) -> None:
    assert is_true(value)


@pytest.mark.parametrize("value", [0, 0.0, -0.0, "", None, False, math.nan], ids=repr)
def test_falsehoods(value: Any) -> None:
    assert not is_true(value)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", 0.0),
        (" 5 ", 5.0),
        ("\ufeff5", 5.0),
        ("5.", 5.0),
        (".5", 0.5),
        ("+1e3", 1000.0),
        ("0x1F", 31.0),
        ("0b11", 3.0),
        ("0O17", 15.0),
        ("-Infinity", -math.inf),
        ("0x" + "f" * 300, math.inf),
    ],
    ids=repr,
)
def test_numbers(written: str, expected: float) -> None:
    assert number(written) == expected


@pytest.mark.parametrize("written", [None, "abc", "1_0", "inf", "nan", "-0x5", "5 5", "٥", "\x855"], ids=repr)
def test_what_is_no_number(written: str | None) -> None:
    assert math.isnan(number(written))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970", 0),
        ("1970-02", 31 * 86_400_000),
        ("1970-01-02", 86_400_000),
        ("1970-01-01T01:00+01:00", 0),
        ("1970-01-01T00:00:00.1239Z", 123),
        ("1969-12-31T24:00:00Z", 0),
        ("2024-02-30T00:00:00Z", 1_709_251_200_000),
        ("-000001-01-01", -62_198_755_200_000),
        (5.7, 5),
        (True, 1),
        (["1970"], 0),
    ],
    ids=repr,
)
def test_times(value: Any, expected: int) -> None:
    assert milliseconds(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "-000000-01-01",
        "1970-13-01",
        "1970-01-32",
        "1970-01-01T24:00:01Z",
        "1970-01-01T00:60Z",
        "1970-01-01T00:00:00+24:00",
        "+275760-09-13T00:00:00.001Z",
        "abc",
        9e15,
        10**400,
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_time(value: Any) -> None:
    assert math.isnan(milliseconds(value))


def test_a_time_without_a_zone_is_local_and_a_date_is_not() -> None:
    assert is_local("2024-01-01T00:00")
    assert not is_local("2024-01-01")
    assert not is_local("2024-01-01T00:00Z")
    assert not is_local("abc")
