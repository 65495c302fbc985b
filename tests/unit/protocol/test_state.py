import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pennon.model import Item, Position
from pennon.protocol import digest
from pennon.protocol.state import State, changes_of, delta_of, difference, differs, items_of
from tests.unit.protocol.builders import by_kind, damaged, flag, record, segment, snapshot, step

FLAGS = {"a": flag("a"), "b": flag("b")}
STATE = State.of({"flag": FLAGS, "segment": {}})


def test_change_makes_a_new_state_and_leaves_the_old_one() -> None:
    after, touched = STATE.after({"flag": {"a": flag("a", 2), "b": None, "c": flag("c")}})
    assert sorted(touched) == [("flag", "a"), ("flag", "b"), ("flag", "c")]
    assert after.items["flag"] == {"a": flag("a", 2), "c": flag("c")}
    assert STATE.items["flag"] == {"a": flag("a"), "b": flag("b")}


def test_kinds_that_do_not_change_are_shared() -> None:
    after, _ = STATE.after({"segment": {"s": segment("s")}})
    assert after.items["flag"] is FLAGS


def test_kind_that_was_not_there_is_made() -> None:
    after, touched = State.of({}).after({"key": {"k": record("k")}})
    assert (after.items, touched) == ({"key": {"k": record("k")}}, (("key", "k"),))


def test_change_that_changes_nothing_touches_nothing() -> None:
    after, touched = STATE.after({"flag": {"a": flag("a"), "gone": None}})
    assert (after, touched) == (STATE, ())
    assert after.items["flag"] is FLAGS


def test_items_are_looked_up_by_kind_and_key() -> None:
    assert STATE.get(("flag", "a")) == flag("a")
    assert STATE.get(("flag", "z")) is None
    assert STATE.get(("layer", "a")) is None


def test_damaged_item_differs_from_the_sound_one_with_the_same_hash() -> None:
    assert differs(flag("a"), damaged(flag("a")))
    assert not differs(flag("a"), msgspec.structs.replace(flag("a")))
    assert differs(None, flag("a"))
    assert differs(flag("a"), None)
    assert not differs(None, None)


def test_difference_of_snapshots_is_by_kind_then_key() -> None:
    before = snapshot("1.1", flag("b"), flag("c"), flag("d"), others=by_kind(("segment", segment("a"))))
    after = snapshot("1.2", flag("d"), flag("c", 2), flag("a"))
    assert difference(before, after) == (("flag", "a"), ("flag", "b"), ("flag", "c"), ("segment", "a"))


def test_delta_carries_its_changes_there_and_back() -> None:
    delta = step(snapshot("1.1", flag("a")), 2, flag("b"), deleted=("a",))
    position = Position(delta.epoch, delta.to)
    made = delta_of(
        changes_of(delta), position=position, since=1, digest_after=delta.digest, environment=delta.environment
    )
    assert made == delta


EDITS = st.dictionaries(st.sampled_from("abcd"), st.none() | st.integers(1, 3).map(lambda version: version))


@given(st.lists(st.tuples(st.sampled_from(["flag", "segment"]), EDITS)))
def test_digest_and_touched_are_exact_after_any_changes(changes: list[tuple[str, dict[str, int | None]]]) -> None:
    state = State.of({})
    for kind, versions in changes:
        build = flag if kind == "flag" else segment
        edits: dict[str, Item | None] = {key: None if v is None else build(key, v) for key, v in versions.items()}
        before, (state, touched) = state, state.after({kind: edits})  # type: ignore[dict-item]
        assert state.digest == digest.combined(state.items)
        whole = [snapshot("1.1", others=each.items) for each in (before, state)]
        assert sorted(touched) == sorted(difference(*whole))
        assert items_of(whole[1]).keys() == {"flag", "segment", "layer", "key"}
