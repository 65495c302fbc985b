"""CBOR against RFC 8949's examples and what flagd's own SDK hashes."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.bucketing.cbor import cbor

# RFC 8949, appendix A, as far as JSON has it; floats without a fraction are integers here.
KNOWN: list[tuple[str, Any, str]] = [
    ("zero", 0, "00"),
    ("twenty-three", 23, "17"),
    ("twenty-four", 24, "1818"),
    ("hundred", 100, "1864"),
    ("thousand", 1000, "1903e8"),
    ("million", 1_000_000, "1a000f4240"),
    ("trillion", 1_000_000_000_000, "1b000000e8d4a51000"),
    ("largest-of-64-bits", 18446744073709551615, "1bffffffffffffffff"),
    ("beyond-64-bits", 18446744073709551616, "c249010000000000000000"),
    ("least-of-64-bits", -18446744073709551616, "3bffffffffffffffff"),
    ("below-64-bits", -18446744073709551617, "c349010000000000000000"),
    ("minus-one", -1, "20"),
    ("minus-thousand", -1000, "3903e7"),
    ("zero-float", 0.0, "00"),
    ("negative-zero", -0.0, "00"),
    ("one-float", 1.0, "01"),
    ("one-tenth", 1.1, "fb3ff199999999999a"),
    ("half-float", 1.5, "f93e00"),
    ("largest-half", 65504.0, "19ffe0"),
    ("smallest-half", 5.960464477539063e-8, "f90001"),
    ("single", 3.4028234663852886e38, "fa7f7fffff"),
    ("beyond-single", 1.0e300, "fb7e37e43c8800759c"),
    ("whole-float-of-2-to-the-63", 2.0**63, "1b8000000000000000"),
    ("whole-float-of-2-to-the-64", 2.0**64, "fa5f800000"),
    ("whole-float-of-minus-2-to-the-63", -(2.0**63), "3b7fffffffffffffff"),
    ("whole-float-below-minus-2-to-the-63", -(2.0**64), "fadf800000"),
    ("negative-half", -4.1, "fbc010666666666666"),
    ("infinity", math.inf, "f97c00"),
    ("minus-infinity", -math.inf, "f9fc00"),
    ("not-a-number", math.nan, "f97e00"),
    ("false", False, "f4"),
    ("true", True, "f5"),
    ("null", None, "f6"),
    ("empty-text", "", "60"),
    ("text", "IETF", "6449455446"),
    ("umlaut", "ü", "62c3bc"),
    ("chinese", "水", "63e6b0b4"),
    ("astral", "\U00010151", "64f0908591"),
    ("text-of-24", "a" * 24, "7818" + "61" * 24),
    ("empty-array", [], "80"),
    ("nested-array", [1, [2, 3], [4, 5]], "8301820203820405"),
    ("tuple", (1, 2), "820102"),
    ("array-of-25", list(range(1, 26)), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
    ("empty-map", {}, "a0"),
    ("map", {"a": 1, "b": [2, 3]}, "a26161016162820203"),
    ("map-in-array", ["a", {"b": "c"}], "826161a161626163"),
    ("shorter-keys-first", {"aa": 1, "b": 2, "": 3, "a": 4}, "a4600361610461620262616101"),
    ("keys-by-bytes-not-characters", {"zz": 1, "ü": 2}, "a2627a7a0162c3bc02"),
    ("shorthand-of-flagd", ["frac", "alice"], "82646672616365616c696365"),
    ("shorthand-beyond-ascii", ["frac", "Łukasz"], "82646672616367c581756b61737a"),
]


@pytest.mark.parametrize(("value", "expected"), [pytest.param(*case, id=name) for name, *case in KNOWN])
def test_known_values(value: Any, expected: str) -> None:
    assert cbor(value).hex() == expected


def test_the_encoding_is_one_for_numbers_that_json_writes_differently() -> None:
    assert cbor(json.loads('{"b": 2.0, "a": [1e2, -0]}')) == cbor({"a": [100, 0], "b": 2})


def test_a_long_text_has_its_length_in_front() -> None:
    assert cbor("a" * 70_000)[:5].hex() == "7a00011170"


def test_half_a_surrogate_pair_has_no_encoding() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        cbor(["ok", "\ud800"])


def test_what_is_no_json_has_no_encoding() -> None:
    with pytest.raises(TypeError, match="set is no JSON"):
        cbor({"a": {1}})


def test_a_cycle_has_no_encoding() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(RecursionError):
        cbor(ring)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), values),
    max_leaves=8,
)


@given(_VALUES)
def test_the_order_of_members_is_no_part_of_the_value(value: Any) -> None:
    assert cbor({"x": value, "y": 1}) == cbor({"y": 1, "x": value})


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_different_numbers_have_different_encodings(one: float, other: float) -> None:
    assert (cbor(one) == cbor(other)) == (one == other)
