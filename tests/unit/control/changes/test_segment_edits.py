"""Edits of segments and layers."""

import time

from pennon.model import Layer, Segment, Slot
from tests.unit.control.changes.build import apply


def test_added_keys_are_listed_once_and_no_longer_as_the_other() -> None:
    before = Segment("beta", included=("u1",), excluded=("u2", "u3"))
    after = apply(before, do="addToSegment", keys=["u1", "u2", "u4", "u4"])
    assert (after.included, after.excluded) == (("u1", "u2", "u4"), ("u3",))


def test_excluded_keys_are_no_longer_included() -> None:
    after = apply(Segment("beta", included=("u1", "u2")), do="addToSegment", keys=["u2"], list="excluded")
    assert (after.included, after.excluded) == (("u1",), ("u2",))


def test_removed_keys_leave_the_named_list_or_both() -> None:
    before = Segment("beta", included=("u1", "u2"), excluded=("u2", "u3"))
    both = apply(before, do="removeFromSegment", keys=["u2", "u9"])
    assert (both.included, both.excluded) == (("u1",), ("u3",))
    one = apply(before, do="removeFromSegment", keys=["u2"], list="excluded")
    assert (one.included, one.excluded) == (("u1", "u2"), ("u3",))


def test_a_large_segment_is_edited_in_good_time() -> None:
    keys = tuple(f"user-{number}" for number in range(100_000))
    started = time.process_time()
    after = apply(Segment("beta", included=keys), do="addToSegment", keys=[*keys[::2], "new"])
    after = apply(after, do="removeFromSegment", keys=list(keys[1:]))
    assert after.included == (keys[0], "new")
    assert time.process_time() - started < 5


def test_slots_are_set_as_a_whole() -> None:
    after = apply(
        Layer("checkout", slots=(Slot(0, 10, "a"),)), do="setSlots", slots=[{"from": 5, "to": 9, "experiment": "b"}]
    )
    assert after.slots == (Slot(5, 9, "b"),)
