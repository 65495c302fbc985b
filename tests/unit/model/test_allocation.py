"""Reallocation: who moves when weights change. The worked cases are vectors; here are the laws."""

from collections import Counter
from collections.abc import Mapping
from functools import cache
from itertools import combinations, pairwise, permutations, product
from operator import mul

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.model import Weight, reallocate

TOTAL = 60
Slices = tuple[Weight, ...]


def owners(slices: Slices) -> list[str]:
    """Return the variation of each bucket."""
    return [slice_.variation for slice_ in slices for _ in range(int(slice_.weight))]


def shares(slices: Slices) -> Counter[str]:
    return Counter(owners(slices))


@st.composite
def allocations(draw: st.DrawFn, variations: str) -> dict[str, int]:
    cuts = sorted(draw(st.lists(st.integers(0, TOTAL), min_size=len(variations) - 1, max_size=len(variations) - 1)))
    edges = [0, *cuts, TOTAL]
    return {variation: edges[i + 1] - edges[i] for i, variation in enumerate(variations)}


@st.composite
def walks(draw: st.DrawFn, *, least: int = 2, most: int = 6) -> list[Slices]:
    """Return a random walk: each allocation of two to six variations, made from the one before."""
    variations = "abcdef"[: draw(st.integers(least, most))]
    slices = tuple(Weight(variation, share) for variation, share in draw(allocations(variations)).items())
    walk = [slices]
    for wanted in draw(st.lists(allocations(variations), min_size=1, max_size=8)):
        walk.append(slices := reallocate(slices, wanted))
        assert shares(slices) == Counter({variation: share for variation, share in wanted.items() if share})
    return walk


def moved(before: Slices, after: Slices) -> list[tuple[str, str]]:
    return [(was, now) for was, now in zip(owners(before), owners(after), strict=True) if was != now]


@given(walks())
def test_a_bucket_leaves_only_a_variation_that_shrank_and_only_for_one_that_grew(walk: list[Slices]) -> None:
    for before, after in pairwise(walk):
        for was, now in moved(before, after):
            assert shares(after)[was] < shares(before)[was]
            assert shares(after)[now] > shares(before)[now]


@given(walks())
def test_no_more_buckets_move_than_the_shares_differ_by(walk: list[Slices]) -> None:
    for before, after in pairwise(walk):
        assert len(moved(before, after)) == (shares(after) - shares(before)).total()


@given(walks())
def test_while_a_share_does_not_fall_nobody_loses_it(walk: list[Slices]) -> None:
    for (first, before), (last, after) in combinations(enumerate(walk), 2):
        for variation in shares(before):
            between = [shares(slices)[variation] for slices in walk[first : last + 1]]
            if between == sorted(between):
                assert all(
                    now == variation for was, now in zip(owners(before), owners(after), strict=True) if was == variation
                )


@given(walks(most=2))
def test_of_two_variations_the_users_at_a_smaller_share_are_among_those_at_a_larger_one(walk: list[Slices]) -> None:
    for one, other in combinations(walk, 2):
        for variation in "ab":
            small, large = sorted((one, other), key=lambda slices: shares(slices)[variation])
            pairs = zip(owners(small), owners(large), strict=True)
            assert all(now == variation for was, now in pairs if was == variation)


@st.composite
def walks_about_a_centre(draw: st.DrawFn) -> list[Slices]:
    """Three variations, of which the middle one gives to and takes from the others, one after the other."""
    slices: Slices = (Weight("a", 20), Weight("b", 20), Weight("c", 20))
    walk = [slices]
    for outer, share in draw(st.lists(st.tuples(st.sampled_from("ac"), st.integers(0, TOTAL)), max_size=10)):
        held = shares(slices)
        free = held["b"] + held[outer]
        wanted = {**{key: held[key] for key in "abc"}, outer: min(share, free), "b": free - min(share, free)}
        walk.append(slices := reallocate(slices, wanted))
    return walk


@given(walks_about_a_centre())
def test_about_a_centre_any_two_allocations_keep_the_law(walk: list[Slices]) -> None:
    for one, other in combinations(walk, 2):
        for was, now in moved(one, other):
            assert shares(other)[was] < shares(one)[was] or shares(other)[now] > shares(one)[now]


@given(walks(most=2))
def test_one_step_back_restores_two_variations(walk: list[Slices]) -> None:
    for before, after in combinations(walk, 2):
        assert owners(reallocate(after, {key: shares(before)[key] for key in "ab"})) == owners(before)


@given(walks())
def test_slices_are_merged_and_few(walk: list[Slices]) -> None:
    for slices in walk:
        assert all(one.variation != other.variation for one, other in pairwise(slices))
    variations = len({slice_.variation for slice_ in walk[0]})
    assert len(walk[-1]) <= 2 * variations * variations


def test_ramping_five_arms_in_steps_of_a_percent_keeps_the_slices_few() -> None:
    arms = "bcdef"
    slices: Slices = (Weight("a", 100_000),)
    for percent in range(1, 20):
        slices = reallocate(slices, {"a": 100_000 - 5_000 * percent, **dict.fromkeys(arms, 1_000 * percent)})
    assert len(slices) <= 25


@pytest.mark.parametrize(
    ("current", "wanted", "message"),
    [
        ((Weight("on", 100_000),), {"on": 99_999}, "sum to 99999"),
        ((Weight("on", 0.5), Weight("off", 0.5)), {"on": 1, "off": 0}, "integer"),
        ((Weight("on", 1),), {"on": 2, "off": -1}, "integer"),
        ((Weight("on", 1),), {"on": True}, "integer"),
    ],
)
def test_shares_that_are_none_are_refused(current: Slices, wanted: Mapping[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reallocate(current, wanted)


def test_the_first_allocation_is_as_it_is_named() -> None:
    assert reallocate((), {"on": 10, "off": 90, "gone": 0}) == (Weight("on", 10), Weight("off", 90))


def test_the_order_of_what_is_wanted_does_not_matter() -> None:
    current = (Weight("a", 20), Weight("b", 20), Weight("c", 20))
    wanted = {"a": 5, "b": 10, "c": 25, "d": 20}
    assert reallocate(current, wanted) == reallocate(current, dict(reversed(wanted.items())))


def dealt(shares: tuple[int, ...]) -> list[str]:
    """Return every way to deal the shares out to buckets."""
    return sorted({"".join(order) for order in permutations("".join(map(mul, "abcde", shares)))})


@cache
def keeps_the_weaker_law(one: str, other: str) -> bool:
    def count(variation: str) -> int:
        return other.count(variation) - one.count(variation)

    return all(was == now or count(was) < 0 or count(now) > 0 for was, now in zip(one, other, strict=True))


def can_be_dealt(ways: list[list[str]]) -> bool:
    """Return whether one way of each list can be chosen so that any two keep the law."""
    if not ways:
        return True
    first = min(ways, key=len)  # the narrowest choice first: few are left to try
    others = [way for way in ways if way is not first]

    def keep(one: str, other: str) -> bool:
        return keeps_the_weaker_law(one, other) and keeps_the_weaker_law(other, one)

    return any(can_be_dealt([[deal for deal in way if keep(chosen, deal)] for way in others]) for chosen in first)


def test_no_rule_keeps_a_law_for_any_two_allocations_of_five_variations() -> None:
    allocations = [shares for shares in product(range(4), repeat=5) if sum(shares) == 3]
    assert len(allocations) == 35
    assert can_be_dealt([dealt(shares) for shares in allocations if not shares[4]])
    assert not can_be_dealt([dealt(shares) for shares in allocations])


def test_the_law_of_the_step_brings_a_walk_back_swapped() -> None:
    walk: list[Slices] = [(Weight("a", 30), Weight("b", 30))]
    for wanted in ({"a": 30, "b": 0, "c": 30}, {"a": 0, "b": 30, "c": 30}, {"a": 30, "b": 30, "c": 0}):
        walk.append(reallocate(walk[-1], wanted))
    assert owners(walk[0]) == ["a"] * 30 + ["b"] * 30
    assert owners(walk[-1]) == ["b"] * 30 + ["a"] * 30
