"""Tests for FNV-1a over UTF-16 code units, with values that GrowthBook's own SDKs gave."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.bucketing.fnv import OFFSET, fnv1a_32, place_v1, place_v2


@pytest.mark.parametrize(
    ("unit", "expected", "place"),
    [
        ("1", 4259145390, 390),
        ("2", 1489836491, 491),
        ("alice", 1221175837, 837),
        ("bob", 343388630, 630),
        ("\u0141ukasz", 654719744, 744),
        ("\U0001f600", 3249712130, 130),
    ],
    ids=["one", "two", "alice", "bob", "not-ascii", "two-units"],
)
def test_version_1_hashes_the_unit_before_the_seed(unit: str, expected: int, place: int) -> None:
    assert fnv1a_32(unit + "exp1") == expected
    assert place_v1("exp1", unit) == place


@pytest.mark.parametrize(
    ("unit", "expected", "place"),
    [("1", 4059725637, 5637), ("2", 1171131378, 1378), ("bob", 41679584, 9584)],
    ids=["one", "two", "bob"],
)
def test_version_2_hashes_the_digits_of_the_hash_of_seed_and_unit(unit: str, expected: int, place: int) -> None:
    assert fnv1a_32(str(fnv1a_32("s-exp2" + unit))) == expected
    assert place_v2("s-exp2", unit) == place


def test_the_hash_of_no_text_is_the_offset() -> None:
    assert fnv1a_32("") == OFFSET


def test_a_lone_surrogate_is_a_unit_like_any_other() -> None:
    assert fnv1a_32("\ud83d") != fnv1a_32("\ufffd")
    assert fnv1a_32("\ud83d\ude00") == fnv1a_32("\U0001f600")


@given(st.text(), st.text())
def test_a_text_can_be_hashed_in_parts(start: str, rest: str) -> None:
    assert fnv1a_32(rest, fnv1a_32(start)) == fnv1a_32(start + rest)
