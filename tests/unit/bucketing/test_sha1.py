"""LaunchDarkly's hash, with the values that its own SDK gave."""

import math
from struct import pack, unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.bucketing.sha1 import bounds_f32, bounds_f64, place_f32, place_f64, sha1_60, share_f32, share_f64, single


@pytest.mark.parametrize(
    ("text", "digits", "place"),
    [
        ("hashKey.saltyA.userKeyA", "6bec658111d6ad9", 0.4215758743392494),
        ("hashKey.saltyA.userKeyB", "abbcba2157240ad", 0.6708484965703435),
        ("hashKey.saltyA.userKeyC", "1a7a754382d1e86", 0.1034310617276969),
        ("61.userKeyA", "19175196da26483", 0.0980120652476667),
        ("61.userKeyB", "2514169d979b419", 0.1448377737757314),
        ("61.userKeyC", "ec9c925acc68fc9", 0.9242640945125551),
        ("hashKey.saltyA.33333", "8c37000519e66b0", 0.5477142345861467),
        ("hashKey.saltyA.Łukasz", "a6fe844325ed7f5", 0.6523211158691335),
    ],
)
def test_the_vendors_own_values(text: str, digits: str, place: float) -> None:
    number = sha1_60(text.encode())
    assert f"{number:x}" == digits
    assert place_f64(number) == pytest.approx(place, abs=1e-16)
    assert place_f32(number) == single(place)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, 0.0),
        (1, 2.0**-60),
        (2**24 - 1, (2**24 - 1) / 2**60),
        (2**60 - 1, 1.0),
        # Half-way between two singles: to the even one. Rounded to a double first, it would be the other.
        ((2**24 + 1) << 35, 2.0**24 * 2**35 / 2**60),
        (((2**24 + 1) << 35) + 1, (2.0**24 + 2) * 2**35 / 2**60),
        ((2**24 + 3) << 35, (2.0**24 + 4) * 2**35 / 2**60),
    ],
)
def test_single_precision_rounds_once_and_half_to_even(number: int, expected: float) -> None:
    assert place_f32(number) == expected


@given(st.integers(0, 2**24))
def test_small_numbers_are_exact_in_both_precisions(number: int) -> None:
    assert place_f32(number) == place_f64(number)


@given(st.integers(0, 2**60 - 1))
def test_single_precision_is_what_a_single_holds(number: int) -> None:
    place = place_f32(number)
    assert unpack("<f", pack("<f", place))[0] == place
    assert abs(place - place_f64(number)) <= 2.0**-24


def test_running_sums_are_rounded_at_each_step() -> None:
    weights = [33_333.0, 33_333.0, 33_334.0]
    assert bounds_f64(weights) == [0.33333, 0.33333 + 0.33333, 0.33333 + 0.33333 + 0.33334]
    assert bounds_f32(weights) == [0.3333300054073334, 0.6666600108146667, 1.0]
    assert share_f64(33_333) == 0.33333
    assert share_f32(33_333) == 0.3333300054073334
    assert bounds_f32([10_000.0] * 10)[-1] == 1.0000001192092896
    assert bounds_f64([10_000.0] * 10)[-1] == 0.9999999999999999


def test_what_no_single_holds_is_infinite() -> None:
    assert (single(1e300), single(-1e300)) == (math.inf, -math.inf)
