from pennon.protocol.history import Entry, History
from pennon.protocol.state import Changes
from tests.unit.protocol.builders import flag, segment


def entry(since: int, to: int, changes: Changes, client: Changes | None = None) -> Entry:
    return Entry(since, to, {"server": changes, "edge": changes, "client": client or {}})


def history(*entries: Entry, limit: int = 10**6) -> History:
    made = History(limit)
    for each in entries:
        made.add(each)
    return made


THREE = (
    entry(1, 2, {"flag": {"a": flag("a", 1), "b": flag("b", 1)}}, {"flag": {"a": flag("a", 1)}}),
    entry(2, 3, {"flag": {"a": flag("a", 2)}, "segment": {"s": segment("s")}}),
    entry(3, 4, {"flag": {"b": None}}),
)


def test_several_steps_become_one_with_the_last_word_on_each_item() -> None:
    merged = {"flag": {"a": flag("a", 2), "b": None}, "segment": {"s": segment("s")}}
    assert history(*THREE).since("server", 1) == (1, merged)


def test_only_what_came_after_is_told() -> None:
    assert history(*THREE).since("server", 3) == (3, {"flag": {"b": None}})


def test_projections_are_told_apart() -> None:
    assert history(*THREE).since("client", 1) == (1, {"flag": {"a": flag("a", 1)}})
    assert history(*THREE).since("client", 2) == (2, {})


def test_item_created_and_deleted_in_between_is_deleted() -> None:
    made = history(entry(1, 2, {"flag": {"a": flag("a")}}), entry(2, 3, {"flag": {"a": None}}))
    assert made.since("server", 1) == (1, {"flag": {"a": None}})


JUMP = (entry(1, 5, {"flag": {"a": flag("a")}}, {"flag": {"a": flag("a")}}), entry(5, 6, {}))


def test_revision_that_was_jumped_over_is_served_from_before_the_jump() -> None:
    assert history(*JUMP).since("server", 3) == (1, {"flag": {"a": flag("a")}})
    assert history(*JUMP).since("server", 5) == (5, {})


def test_client_at_a_revision_that_was_jumped_over_is_served_nothing() -> None:
    assert history(*JUMP).since("client", 3) is None
    assert history(*JUMP).since("client", 1) == (1, {"flag": {"a": flag("a")}})


def test_what_came_before_the_history_is_gone() -> None:
    assert history(*THREE).since("server", 0) is None
    assert history().since("server", 0) is None


def test_oldest_steps_leave_when_there_is_no_room() -> None:
    made = history(*THREE, limit=THREE[1].size + THREE[2].size)
    assert made.since("server", 1) is None
    assert made.since("server", 2) is not None
    made.add(entry(4, 5, {}))
    assert made.since("server", 2) is None
    assert made.since("server", 3) == (3, {"flag": {"b": None}})


def test_step_larger_than_the_room_leaves_nothing() -> None:
    made = history(*THREE, limit=100)
    assert made.since("server", 3) is None


def test_item_that_projections_share_is_counted_once() -> None:
    shared = {"flag": {"a": flag("a")}}
    apart = entry(1, 2, {"flag": {"a": flag("a")}}, {"flag": {"a": flag("a")}})
    assert entry(1, 2, shared, shared).size < apart.size  # type: ignore[arg-type]


def test_cleared_history_is_empty() -> None:
    made = history(*THREE)
    made.clear()
    assert made.since("server", 3) is None
    made.add(entry(9, 10, {}))
    assert made.since("server", 9) == (9, {})
