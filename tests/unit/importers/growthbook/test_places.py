"""Shares as places: the same users, whatever floats round to."""

from hypothesis import given
from hypothesis import strategies as st

from pennon.importers.growthbook.places import Hashing, Slice, bucket_ranges, first_after, first_from, slices, within

SHARES = st.one_of(st.floats(-0.5, 1.5), st.integers(0, 10_000).map(lambda place: place / 10_000))
SCALES = st.sampled_from([1000, 10_000])
HASHING = Hashing("targetingKey", "s", "fnv1a-v1")


@given(SHARES, SCALES)
def test_the_first_place_from_a_share_is_the_first(share: float, scale: int) -> None:
    found = first_from(share, scale)
    assert found == next((place for place in range(scale) if place / scale >= share), scale)


@given(SHARES, SCALES)
def test_the_first_place_after_a_share_is_the_first(share: float, scale: int) -> None:
    found = first_after(share, scale)
    assert found == next((place for place in range(scale) if place / scale > share), scale)


@given(st.lists(st.tuples(SHARES, SHARES), max_size=4), SCALES)
def test_slices_give_each_place_what_the_first_range_gives_it(ranges: list[tuple[float, float]], scale: int) -> None:
    found = slices(ranges, scale)
    assert [found[0].start, found[-1].end] == [0, scale]
    for part in found:
        for place in {part.start, part.end - 1}:
            number = place / scale
            expected = next((i for i, (low, high) in enumerate(ranges) if low <= number < high), None)
            assert part.variation == expected


def test_raising_the_coverage_moves_nobody() -> None:
    low = bucket_ranges(2, 0.4, [0.5, 0.5], negative=False)
    high = bucket_ranges(2, 0.8, [0.5, 0.5], negative=False)
    assert (low, high) == ([(0.0, 0.2), (0.5, 0.7)], [(0.0, 0.4), (0.5, 0.9)])


def test_weights_that_make_no_sense_are_equal_ones() -> None:
    equal = [(0.0, 0.5), (0.5, 1.0)]
    for weights in ([0.5], [0.4, 0.4], None, [0.9, 0.9]):
        assert bucket_ranges(2, 1, weights, negative=True) == equal
    assert bucket_ranges(2, 1, [1.5, -0.5], negative=False) == equal
    assert bucket_ranges(2, 1, [1.5, -0.5], negative=True) == [(0.0, 1.5), (1.5, 1.0)]
    assert bucket_ranges(2, 7, None, negative=True) == equal
    assert bucket_ranges(2, -7, None, negative=True) == [(0.0, 0.0), (0.5, 0.5)]


def test_one_stretch_of_places_is_one_condition() -> None:
    found = within([Slice(0, 100, None), Slice(100, 200, 0), Slice(200, 300, 1), Slice(300, 1000, None)], HASHING)
    assert found is not None
    assert [(each.from_, each.to, each.negate) for each in found] == [(100, 300, False)]


def test_gaps_are_kept_out_one_by_one() -> None:
    found = within([Slice(0, 100, 0), Slice(100, 500, None), Slice(500, 600, 1), Slice(600, 1000, None)], HASHING)
    assert found is not None
    assert [(each.from_, each.to, each.negate) for each in found] == [(100, 500, True), (600, 1000, True)]


def test_all_places_ask_for_a_unit_and_none_for_nobody() -> None:
    everybody = within([Slice(0, 1000, 0)], HASHING)
    assert everybody is not None
    assert [(each.op, each.by) for each in everybody] == [("exists", "targetingKey")]
    assert within([Slice(0, 1000, None)], HASHING) is None
