"""Samples of distinct things by their priorities."""

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pennon.events import BITS, Lowest, priority


def _sample(ranks: "list[int]", most: int) -> list[int]:
    lowest = Lowest(most)
    for rank in ranks:
        lowest.offer(rank)
    return sorted(rank for rank in set(ranks) if lowest.holds(rank))


def test_each_choice_is_made_as_often_as_any_other() -> None:
    # All orders of priorities are equally likely: then every pair of five things must be chosen equally often.
    chosen = Counter(
        tuple(sorted(order.index(rank) for rank in _sample(list(order), 2)))
        for order in itertools.permutations(range(5))
    )
    assert len(chosen) == 10
    assert set(chosen.values()) == {12}


@given(st.lists(st.integers(0, 2**BITS - 1)), st.integers(1, 10))
def test_the_sample_does_not_depend_on_order_or_repetition(ranks: list[int], most: int) -> None:
    assert _sample(ranks, most) == sorted(set(ranks))[:most]
    assert _sample([*reversed(ranks), *ranks], most) == _sample(ranks, most)


@given(st.lists(st.integers(0, 1000)), st.lists(st.integers(0, 1000)), st.integers(1, 10))
def test_samples_of_parts_make_the_sample_of_the_whole(one: list[int], other: list[int], most: int) -> None:
    assert _sample(_sample(one, most) + _sample(other, most), most) == _sample(one + other, most)


@given(st.lists(st.integers(0, 100)), st.integers(1, 5))
def test_what_is_said_to_be_new_is_what_was_not_there(ranks: list[int], most: int) -> None:
    lowest = Lowest(most)
    for rank in ranks:
        was_there = lowest.holds(rank)
        assert lowest.offer(rank) == (lowest.holds(rank) and not was_there)
    assert len(lowest) <= most


def test_each_hour_draws_anew() -> None:
    texts = [b"%d" % each for each in range(100)]
    orders = [sorted(texts, key=lambda text, hour=hour: priority(hour, text)) for hour in (1, 2)]  # type: ignore[misc]
    assert orders[0] != orders[1]
    assert all(0 <= priority(1, text) < 2**BITS for text in texts)
