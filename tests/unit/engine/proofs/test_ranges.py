"""Ranges hold what they say: a number lies in what two have in common if it lies in both."""

from hypothesis import given
from hypothesis import strategies as st

from pennon.engine.proofs.ranges import EVERYTHING, Ranges, above, below, common, only_values, points, spans, without

NUMBERS = st.integers(-5, 5)
RANGES = (
    st.builds(below, NUMBERS, inclusive=st.booleans())
    | st.builds(above, NUMBERS, inclusive=st.booleans())
    | st.lists(NUMBERS, max_size=4).map(points)
    | st.lists(st.tuples(NUMBERS, NUMBERS), max_size=4).map(spans)
    | st.just(EVERYTHING)
)


def holds(ranges: Ranges, value: float) -> bool:
    return any(start <= (1, value, 0) and (1, value, 1) <= end for start, end in ranges)


@given(RANGES, RANGES, NUMBERS | st.floats(-6, 6))
def test_common_and_without_are_what_they_say(one: Ranges, other: Ranges, value: float) -> None:
    assert holds(common(one, other), value) == (holds(one, value) and holds(other, value))
    assert holds(without(one, other), value) == (holds(one, value) and not holds(other, value))


@given(NUMBERS, st.booleans(), NUMBERS)
def test_a_side_has_its_own_bound_if_it_is_inclusive(bound: int, inclusive: bool, value: int) -> None:
    assert holds(below(bound, inclusive=inclusive), value) == (value < bound or (inclusive and value == bound))
    assert holds(above(bound, inclusive=inclusive), value) == (value > bound or (inclusive and value == bound))


def test_spans_that_touch_are_one() -> None:
    assert spans([(5, 9), (0, 5), (7, 8), (3, 3)]) == spans([(0, 9)])
    assert without(spans([(0, 9)]), spans([(0, 4), (4, 9)])) == ()


def test_what_is_left_may_be_single_values() -> None:
    left = common(below(5, inclusive=True), above(5, inclusive=True))
    assert only_values(left) == [5]
    assert only_values(points([1, 2])) == [1, 2]
    assert only_values(below(5, inclusive=True)) is None
    assert only_values(spans([(1, 2)])) is None
    assert only_values(()) == []
