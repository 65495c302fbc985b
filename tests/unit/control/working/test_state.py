"""The state that a change would leave, read lazily."""

import pytest

from pennon.control.working.state import WorkingState, same_content
from pennon.model import Flag, Layer, Segment, Serve, Variation
from tests.unit.control.working.sources import CountedItems

ON_OFF = (Variation("on", True), Variation("off", False))


def flag(key: str, *, on: bool = True, version: int = 1) -> Flag:
    return Flag(key, ON_OFF, on, Serve("on"), salt="s1", version=version)


def test_what_is_put_is_read_and_what_is_deleted_is_gone() -> None:
    state = WorkingState(CountedItems(flag("a"), Segment("s"), Layer("l")))
    state.put(flag("a", on=False))
    state.put(flag("b"))
    state.delete(("segment", "s"))
    assert (state.flag("a"), state.flag("b")) == (flag("a", on=False), flag("b"))
    assert (state.segment("s"), state.flag("gone")) == (None, None)
    assert same_content(state.layer("l"), Layer("l"))
    assert sorted(state.snapshot().flags) == ["a", "b"]
    assert len(state.snapshot().segments) == 0


def test_only_what_differs_is_touched() -> None:
    state = WorkingState(CountedItems(flag("a", version=7), flag("b"), flag("c")))
    state.put(flag("a", on=False))
    state.put(flag("a", version=99))
    state.put(flag("b", on=False))
    state.put(Layer("l"))
    state.delete(("flag", "c"))
    state.delete(("flag", "never"))
    assert state.touched() == [("flag", "b"), ("flag", "c"), ("layer", "l")]


def test_one_item_is_read_once_and_its_neighbours_not_at_all() -> None:
    source = CountedItems(*(flag(f"f{number}") for number in range(100)))
    state = WorkingState(source)
    for _ in range(3):
        assert state.snapshot().flags["f7"].on
    assert state.flag("f7") is not None
    assert "f8" in state.snapshot().flags
    assert source.read == [("flag", "f7"), ("flag", "f8")]


def test_a_list_that_was_read_answers_for_each_of_its_items() -> None:
    source = CountedItems(flag("a"), flag("b"))
    state = WorkingState(source)
    assert [record.key for record in state.records("flag")] == ["a", "b"]
    assert state.flag("b") is not None
    assert state.flag("gone") is None
    assert source.read == ["flag"]


def test_what_is_looked_for_is_found_as_it_is_now_and_read_once() -> None:
    source = CountedItems(flag("a"), flag("b"), flag("c"))
    state = WorkingState(source)
    state.put(flag("b", on=False))
    state.delete(("flag", "c"))
    state.put(flag("d"))
    source.read.clear()
    assert [record.key for record in state.records_with("flag", b'"on":true')] == ["a", "d"]
    assert [record.key for record in state.records_with("flag", b'"key":"c"')] == []
    assert state.flag("a") is not None
    assert source.read == ['"on":true', '"key":"c"']


def test_who_looks_for_many_things_reads_all_items_once() -> None:
    source = CountedItems(*(flag(f"f{number}") for number in range(30)))
    state = WorkingState(source)
    for number in range(30):
        assert [record.key for record in state.records_with("flag", b'"f%d"' % number)] == [f"f{number}"]
    assert source.read.count("flag") == 1
    assert len(source.read) == 9


def test_the_state_before_does_not_show_edits() -> None:
    state = WorkingState(CountedItems(flag("a")))
    state.put(flag("a", on=False))
    state.put(flag("b"))
    before = state.before_state()
    assert before.flag("a") is not None
    assert list(before.snapshot().flags) == ["a"]
    assert before.snapshot().flags["a"].on is True
    with pytest.raises(KeyError):
        before.snapshot().flags["b"]


def test_true_and_one_are_not_the_same_content() -> None:
    def of(value: object) -> Flag:
        return Flag("a", (Variation("v", {"x": value}),), on=True, fallthrough=Serve("v"))

    assert not same_content(of(True), of(1))
    assert not same_content(of(1), of(1.0))
    assert same_content(of(1), of(1))
    assert same_content(None, None)
    assert not same_content(None, of(1))
