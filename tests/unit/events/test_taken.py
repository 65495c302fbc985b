"""Which batches were taken."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.events import Standing, Taken

SOURCE = ("key", "instance")


@given(st.lists(st.integers(0, 60), max_size=120))
def test_a_batch_is_taken_exactly_if_it_was_added(sequences: list[int]) -> None:
    taken = Taken()
    for sequence in sequences:
        taken.add(SOURCE, sequence)
    known = {sequence for sequence in range(70) if taken.standing(SOURCE, sequence) is Standing.TAKEN}
    assert known == set(sequences)
    assert all(taken.standing(SOURCE, s) is Standing.NEW for s in set(range(70)) - known)


def test_sources_do_not_know_of_each_other() -> None:
    taken = Taken()
    taken.add(("key", "a"), 1)
    assert taken.standing(("key", "b"), 1) is Standing.NEW
    assert taken.standing(("other", "a"), 1) is Standing.NEW


def test_consecutive_numbers_are_kept_as_one_range_whatever_their_order() -> None:
    taken = Taken()
    for sequence in (3, 1, 2, 5, 4):
        taken.add(SOURCE, sequence)
    assert msgspec.json.decode(taken.to_json()) == [["key", "instance", {"pairs": [[1, 5]], "floor": 0}]]


def test_what_is_too_far_behind_to_be_told_is_neither_new_nor_taken() -> None:
    taken = Taken(gaps=2)
    for sequence in (10, 20, 30):
        taken.add(SOURCE, sequence)
    assert taken.standing(SOURCE, 10) is Standing.TOO_OLD
    assert taken.standing(SOURCE, 5) is Standing.TOO_OLD
    assert taken.standing(SOURCE, 15) is Standing.NEW
    assert taken.standing(SOURCE, 20) is Standing.TAKEN


def test_source_that_was_silent_longest_is_forgotten_first() -> None:
    taken = Taken(sources=2)
    taken.add(("k", "a"), 1)
    taken.add(("k", "b"), 1)
    taken.add(("k", "a"), 2)
    taken.add(("k", "c"), 1)
    assert len(taken) == 2
    assert taken.standing(("k", "a"), 1) is Standing.TAKEN
    assert taken.standing(("k", "b"), 1) is Standing.NEW


def test_what_is_written_remembers_the_same() -> None:
    taken = Taken(gaps=2)
    for sequence in (10, 20, 30):
        taken.add(SOURCE, sequence)
    taken.add(("k2", "i2"), 0)
    read = Taken.from_json(taken.to_json(), gaps=2)
    assert read.to_json() == taken.to_json()
    assert read.standing(SOURCE, 30) is Standing.TAKEN
    assert read.standing(SOURCE, 10) is Standing.TOO_OLD


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'[["k","i",{}]]'])
def test_what_was_not_written_by_it_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Taken.from_json(data)
