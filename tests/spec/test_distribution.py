"""Buckets are even, and those of two flags or two salts have nothing to do with each other."""

from collections import Counter
from collections.abc import Iterable

import pytest

from pennon.bucketing import bucket

UNITS = 50_000
BINS = 50
# Chi-squared with 49 degrees of freedom lies between these in 99.8 % of even draws; the draws here are fixed ones.
LEAST, MOST = 24.0, 86.0


def chi_squared(counts: Iterable[int], expected: float) -> float:
    return sum((count - expected) ** 2 / expected for count in counts)


@pytest.mark.parametrize("salt", ["s1", "k3v9x0", ""])
@pytest.mark.parametrize("name", ["user-{}", "{}", "00000000-0000-4000-8000-{:012d}", "user{}@example.com"])
def test_buckets_are_even(salt: str, name: str) -> None:
    counts = Counter(bucket(salt, "checkout", name.format(number)) * BINS // 100_000 for number in range(UNITS))
    assert len(counts) == BINS
    assert LEAST < chi_squared(counts.values(), UNITS / BINS) < MOST


@pytest.mark.parametrize(("one", "other"), [(("s1", "a"), ("s1", "b")), (("s1", "a"), ("s2", "a"))])
def test_a_place_in_one_flag_says_nothing_of_that_in_another(one: tuple[str, str], other: tuple[str, str]) -> None:
    units = [f"user-{number}" for number in range(UNITS)]
    pairs = Counter((bucket(*one, unit) // 20_000, bucket(*other, unit) // 20_000) for unit in units)
    assert len(pairs) == 25
    assert 6.0 < chi_squared(pairs.values(), UNITS / 25) < 56.0
