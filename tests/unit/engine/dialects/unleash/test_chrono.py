"""Numbers and dates as Rust reads them."""

import math

import pytest

from pennon.engine.dialects.unleash.chrono import Moment, at, days, moment, number

MIDNIGHT = 1_704_067_200  # 2024-01-01


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-01T00:00:00Z", (MIDNIGHT, 0)),
        ("2024-01-01 00:00:00.5+00:00", (MIDNIGHT, 500_000_000)),
        ("2024-1-1T0:0:0Z", (MIDNIGHT, 0)),
        ("2024-01-01T01:00:00+0100", (MIDNIGHT, 0)),
        ("2023-12-31T23:00:00−01:00", (MIDNIGHT, 0)),
        ("2024-01-01T00:00:00 UTC", (MIDNIGHT, 0)),
        ("2023-12-31T23:59:60Z", (MIDNIGHT - 1, 1_000_000_000)),
        ("2024-01-01T00:00:00.0000000019Z", (MIDNIGHT, 1)),
        ("2024-02-29T00:00:00Z", (MIDNIGHT + 59 * 86_400, 0)),
        ("+2024-01-01T00:00:00Z", (MIDNIGHT, 0)),
    ],
    ids=str,
)
def test_moments(text: str, expected: Moment) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:61Z",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+01",
        "+262143-01-01T00:00:00Z",
        "None",
    ],
)
def test_what_is_no_moment(text: str) -> None:
    assert moment(text) is None


def test_moments_of_years_long_gone() -> None:
    assert moment("-0001-03-01T00:00:00Z") == (days(-1, 3, 1) * 86_400, 0)
    assert days(1970, 1, 1) == 0
    assert days(2000, 3, 1) == 11_017


def test_a_leap_second_comes_after_the_one_before() -> None:
    one, leap, other = (moment(f"2016-12-31T23:59:{second}Z") for second in ("59.9", "60", "60.5"))
    assert one is not None
    assert leap is not None
    assert other is not None
    assert one < leap < other < (1_483_228_800, 0)


def test_now_is_a_moment_to_the_microsecond() -> None:
    assert at(1.5) == (1, 500_000_000)
    assert at(-0.25) == (-1, 750_000_000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5", 5.0), (".5", 0.5), ("5.", 5.0), ("-1E3", -1e3), ("+INF", math.inf), ("1e999", math.inf)],
)
def test_numbers(text: str, expected: float) -> None:
    assert number(text) == expected


@pytest.mark.parametrize("text", ["", ".", " 5", "5_0", "0x5", "infinit", "٥", "e5"])
def test_what_is_no_number(text: str) -> None:
    assert number(text) is None


def test_nan_is_a_number_that_is_none() -> None:
    found = number("nan")
    assert found is not None
    assert math.isnan(found)
