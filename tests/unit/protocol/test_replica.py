from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.model import Delta, Position, Snapshot
from pennon.protocol import AskSnapshot, Frame, Replica, digest
from tests.unit.protocol.builders import (
    after,
    by_kind,
    damaged,
    delta_frame,
    flag,
    heartbeat_frame,
    heartbeat_of,
    replica_of,
    said,
    segment,
    snapshot,
    snapshot_frame,
    step,
    told,
)

WRONG = "f" * 64
FIRST = snapshot("1.5", flag("a"), flag("b"))
CHANGE = step(FIRST, 6, flag("a", 2))
SECOND = after(FIRST, CHANGE)
MISMATCH = ("reported", "digest mismatch")


def test_replica_knows_nothing_at_first() -> None:
    replica = Replica()
    assert (replica.snapshot, replica.position, replica.known_at, replica.age(5.0)) == (None, None, None, None)


def test_first_snapshot_is_adopted_whole() -> None:
    replica = Replica()
    assert told(replica.receive(snapshot_frame(FIRST), 0.0)) == [("adopted", "1.5", None)]
    assert (replica.snapshot, replica.position) == (FIRST, Position(1, 5))


@pytest.mark.parametrize("frame", [delta_frame(CHANGE), heartbeat_of(FIRST)])
def test_replica_that_knows_nothing_asks_for_a_snapshot(frame: Frame) -> None:
    replica = Replica()
    assert told(replica.receive(frame, 0.0)) == ["ask snapshot"]
    assert replica.snapshot is None


def test_delta_that_fits_is_applied() -> None:
    replica = replica_of(FIRST)
    [adopted] = replica.receive(delta_frame(CHANGE), 1.0)
    assert told([adopted]) == [("adopted", "1.6", [("flag", "a")])]
    assert adopted.previous == Position(1, 5)  # type: ignore[union-attr]
    assert replica.snapshot == SECOND
    assert replica.snapshot.to_json() == SECOND.to_json()


def test_snapshot_held_before_a_delta_stays_as_it_was() -> None:
    known = Snapshot.from_json(FIRST.to_json())
    replica = replica_of(known)
    replica.receive(delta_frame(step(FIRST, 6, flag("c"), deleted=("b",))), 1.0)
    assert known == FIRST


def test_empty_delta_moves_the_revision_only() -> None:
    replica = replica_of(FIRST)
    assert told(replica.receive(delta_frame(step(FIRST, 6)), 1.0)) == [("adopted", "1.6", [])]
    assert replica.snapshot is not None
    assert replica.snapshot.flags == FIRST.flags


def test_delta_deletes_and_creates() -> None:
    replica = replica_of(FIRST)
    delta = step(FIRST, 6, flag("c"), deleted=("b",))
    assert told(replica.receive(delta_frame(delta), 1.0)) == [("adopted", "1.6", [("flag", "b"), ("flag", "c")])]
    assert replica.snapshot == after(FIRST, delta)


def test_deleting_what_is_not_known_does_no_harm_and_touches_nothing() -> None:
    replica = replica_of(FIRST)
    assert told(replica.receive(delta_frame(step(FIRST, 6, deleted=("gone",))), 1.0)) == [("adopted", "1.6", [])]


def test_touched_leaves_out_items_that_are_the_same() -> None:
    replica = replica_of(FIRST)
    delta = step(FIRST, 6, flag("a"), flag("b", 2))
    assert told(replica.receive(delta_frame(delta), 1.0)) == [("adopted", "1.6", [("flag", "b")])]


def test_delta_from_an_earlier_revision_fits_too() -> None:
    replica = replica_of(SECOND)
    merged = msgspec.structs.replace(step(SECOND, 9, flag("a", 2), flag("b", 2)), from_=4)
    assert told(replica.receive(delta_frame(merged), 1.0)) == [("adopted", "1.9", [("flag", "b")])]


def test_gap_asks_for_what_is_missing_and_changes_nothing() -> None:
    replica = replica_of(FIRST)
    assert told(replica.receive(delta_frame(step(SECOND, 7, flag("b", 2))), 1.0)) == [("ask since", "1.5")]
    assert replica.snapshot == FIRST


def test_duplicate_and_reordered_deltas_change_nothing() -> None:
    replica = replica_of(FIRST)
    later = step(SECOND, 7, flag("b", 2))
    assert told(replica.receive(delta_frame(later), 1.0)) == [("ask since", "1.5")]
    assert told(replica.receive(delta_frame(CHANGE), 1.0)) == [("adopted", "1.6", [("flag", "a")])]
    assert told(replica.receive(delta_frame(later), 1.0)) == [("adopted", "1.7", [("flag", "b")])]
    assert replica.receive(delta_frame(later), 1.0) == []
    assert replica.receive(delta_frame(CHANGE), 1.0) == []
    assert replica.snapshot == after(SECOND, later)


def test_duplicate_with_another_digest_asks_for_a_snapshot() -> None:
    replica = replica_of(SECOND)
    frame = delta_frame(msgspec.structs.replace(CHANGE, digest=WRONG))
    assert told(replica.receive(frame, 1.0)) == [MISMATCH, "ask snapshot"]
    assert replica.snapshot == SECOND


@pytest.mark.parametrize("wrong", [WRONG, "", "nonsense", digest.EMPTY])
def test_delta_that_gives_another_digest_is_refused_whole(wrong: str) -> None:
    replica = replica_of(FIRST)
    frame = delta_frame(msgspec.structs.replace(CHANGE, digest=wrong))
    for _ in range(2):
        assert told(replica.receive(frame, 1.0)) == [MISMATCH, "ask snapshot"]
    assert replica.snapshot == FIRST


def test_damaged_item_of_a_delta_is_found() -> None:
    replica = replica_of(FIRST)
    frame = delta_frame(msgspec.structs.replace(CHANGE, flags={"a": damaged(flag("a", 2))}))
    assert told(replica.receive(frame, 1.0)) == [MISMATCH, "ask snapshot"]
    assert told(replica.receive(delta_frame(CHANGE), 1.0)) == [("adopted", "1.6", [("flag", "a")])]


def test_snapshot_of_a_later_revision_touches_only_what_differs() -> None:
    replica = replica_of(FIRST)
    other = by_kind(("segment", segment("s")))
    later = snapshot("1.9", flag("a"), flag("c"), others=other)
    touched = [("flag", "b"), ("flag", "c"), ("segment", "s")]
    assert told(replica.receive(snapshot_frame(later), 1.0)) == [("adopted", "1.9", touched)]


def test_snapshot_equal_to_the_known_one_does_nothing() -> None:
    replica = replica_of(FIRST)
    assert replica.receive(snapshot_frame(FIRST), 1.0) == []
    assert replica.age(1.0) == 0.0


def test_snapshot_with_the_same_items_at_a_later_revision_touches_nothing() -> None:
    replica = replica_of(FIRST)
    later = snapshot("1.9", flag("a"), flag("b"))
    assert told(replica.receive(snapshot_frame(later), 1.0)) == [("adopted", "1.9", [])]


def test_snapshot_from_a_store_is_known_and_only_the_rest_is_touched() -> None:
    replica = Replica(snapshot=FIRST)
    assert (replica.position, replica.age(3.0)) == (Position(1, 5), None)
    assert told(replica.receive(delta_frame(CHANGE, age=2.0), 3.0)) == [("adopted", "1.6", [("flag", "a")])]
    assert replica.age(4.0) == 3.0


def test_snapshot_from_a_store_may_say_when_it_was_current() -> None:
    assert Replica(snapshot=FIRST, known_at=-60.0).age(3.0) == 63.0


# A snapshot that does not match itself


def test_snapshot_that_another_process_read_is_taken_with_its_age() -> None:
    replica = replica_of(FIRST)
    assert told(replica.receive_snapshot(SECOND, age=2.0, now=10.0)) == [("adopted", "1.6", [("flag", "a")])]
    assert (replica.position, replica.age(10.0)) == (Position(1, 6), 2.0)
    assert told(replica.receive_snapshot(FIRST, age=0.0, now=11.0)) == [("reported", "lagging upstream")]
    assert (replica.position, replica.age(11.0)) == (Position(1, 6), 3.0)


def test_the_same_state_may_be_held_elsewhere_and_no_other() -> None:
    assert not Replica().rehouse(FIRST)
    replica = Replica(snapshot=FIRST, known_at=1.0)
    elsewhere = Snapshot.from_json(FIRST.to_json())
    assert replica.rehouse(elsewhere)
    assert replica.snapshot is elsewhere
    assert replica.age(3.0) == 2.0
    assert not replica.rehouse(SECOND)
    assert not replica.rehouse(msgspec.structs.replace(SECOND, revision=5, digest=FIRST.digest))
    assert replica.snapshot is elsewhere
    assert told(replica.receive(delta_frame(CHANGE), 4.0)) == [("adopted", "1.6", [("flag", "a")])]


def test_snapshot_that_mismatches_itself_is_used_and_reported_and_asked_for_again() -> None:
    replica = Replica()
    bad = said(FIRST, WRONG)
    assert told(replica.receive(snapshot_frame(bad), 0.0)) == [("adopted", "1.5", None), MISMATCH, "ask snapshot"]
    assert replica.snapshot == bad


@pytest.mark.parametrize("missing", ["", "nonsense"])
def test_snapshot_without_a_digest_mismatches_itself(missing: str) -> None:
    actions = told(Replica().receive(snapshot_frame(said(FIRST, missing)), 0.0))
    assert actions == [("adopted", "1.5", None), MISMATCH, "ask snapshot"]


def test_snapshot_that_mismatches_itself_is_asked_for_at_most_once_a_minute() -> None:
    replica = Replica()
    bad = snapshot_frame(said(FIRST, WRONG))
    asked = [now for now in range(200) if AskSnapshot() in replica.receive(bad, float(now))]
    assert asked == [0, 60, 120, 180]


def test_heartbeats_of_a_sender_that_mismatches_itself_ask_at_most_once_a_minute() -> None:
    replica = Replica()
    bad = said(FIRST, WRONG)
    replica.receive(snapshot_frame(bad), 0.0)
    answers = {now: told(replica.receive(heartbeat_of(bad), float(now))) for now in range(1, 130)}
    assert {now: answer for now, answer in answers.items() if answer} == {60: ["ask snapshot"], 120: ["ask snapshot"]}
    assert replica.age(130.0) == 1.0


def test_deltas_are_applied_upon_a_snapshot_that_mismatches_itself() -> None:
    replica = Replica()
    replica.receive(snapshot_frame(said(FIRST, WRONG)), 0.0)
    drift = int(WRONG, 16) ^ int(FIRST.digest, 16)
    delta = msgspec.structs.replace(CHANGE, digest=digest.text(int(CHANGE.digest, 16) ^ drift))
    assert told(replica.receive(delta_frame(delta), 1.0)) == [("adopted", "1.6", [("flag", "a")])]
    further = step(SECOND, 7, flag("b", 2))
    wrong = msgspec.structs.replace(further, digest=digest.text(int(further.digest, 16) ^ drift))
    assert told(replica.receive(delta_frame(wrong), 61.0)) == [("adopted", "1.7", [("flag", "b")]), "ask snapshot"]


def test_delta_with_the_right_digest_heals_a_snapshot_that_mismatched_itself() -> None:
    replica = Replica()
    replica.receive(snapshot_frame(said(FIRST, WRONG)), 0.0)
    assert told(replica.receive(delta_frame(CHANGE), 1.0)) == [("adopted", "1.6", [("flag", "a")])]
    assert replica.receive(heartbeat_of(SECOND), 100.0) == []


def test_heartbeat_with_the_digest_of_the_items_mends_a_snapshot_that_said_another() -> None:
    replica = Replica()
    replica.receive(snapshot_frame(said(FIRST, WRONG)), 0.0)
    assert told(replica.receive(heartbeat_of(FIRST, age=2.0), 5.0)) == [("adopted", "1.5", [])]
    assert (replica.snapshot, replica.known_at) == (FIRST, 3.0)
    assert replica.receive(heartbeat_of(FIRST), 100.0) == []


def test_delta_that_moves_a_wrong_digest_elsewhere_is_refused() -> None:
    replica = Replica()
    replica.receive(snapshot_frame(said(FIRST, WRONG)), 0.0)
    frame = delta_frame(msgspec.structs.replace(CHANGE, digest="e" * 64))
    assert told(replica.receive(frame, 1.0)) == [MISMATCH]
    assert told(replica.receive(frame, 60.0)) == [MISMATCH, "ask snapshot"]
    assert replica.position == Position(1, 5)


def test_sound_snapshot_replaces_one_that_mismatched_itself() -> None:
    replica = Replica()
    broken = Snapshot.of(
        {"flag": {"a": damaged(flag("a")), "b": flag("b")}}, position=Position(1, 5), digest=FIRST.digest
    )
    assert told(replica.receive(snapshot_frame(broken), 0.0))[1:] == [MISMATCH, "ask snapshot"]
    assert told(replica.receive(snapshot_frame(FIRST), 1.0)) == [("adopted", "1.5", [("flag", "a")])]
    assert replica.receive(heartbeat_of(FIRST), 2.0) == []


def test_damaged_snapshot_from_a_store_is_found_at_the_first_heartbeat() -> None:
    damage = Snapshot.of(
        {"flag": {"a": damaged(flag("a")), "b": flag("b")}},
        environment=FIRST.environment,
        position=FIRST.position,
        digest=FIRST.digest,
    )
    replica = Replica(snapshot=damage)
    assert told(replica.receive(heartbeat_of(FIRST), 0.0)) == ["ask snapshot"]


# Heartbeats


def test_heartbeat_at_the_same_place_says_nothing_new() -> None:
    replica = replica_of(FIRST)
    assert replica.receive(heartbeat_of(FIRST), 25.0) == []
    assert replica.receive(heartbeat_frame("1.5", FIRST.digest, environment=None), 25.0) == []


def test_heartbeat_ahead_asks_for_what_is_missing() -> None:
    replica = replica_of(FIRST)
    assert told(replica.receive(heartbeat_of(SECOND), 25.0)) == [("ask since", "1.5")]
    assert replica.age(30.0) == 30.0


def test_heartbeat_with_another_digest_asks_for_a_snapshot() -> None:
    replica = replica_of(FIRST)
    for now in (1.0, 2.0):
        assert told(replica.receive(heartbeat_frame("1.5", WRONG), now)) == [MISMATCH, "ask snapshot"]
    assert replica.age(2.0) == 2.0


# Lagging and restored upstreams


@pytest.mark.parametrize("frame", [snapshot_frame(FIRST), heartbeat_of(FIRST)])
def test_lagging_upstream_takes_nothing_away(frame: Frame) -> None:
    replica = replica_of(SECOND)
    assert told(replica.receive(frame, 10.0)) == [("reported", "lagging upstream")]
    assert (replica.snapshot, replica.age(10.0)) == (SECOND, 10.0)


RESTORED = snapshot("2.1", flag("a", 9))


def test_snapshot_of_a_higher_epoch_is_taken_whatever_its_revision() -> None:
    replica = replica_of(SECOND)
    touched = [("flag", "a"), ("flag", "b")]
    assert told(replica.receive(snapshot_frame(RESTORED), 1.0)) == [("adopted", "2.1", touched)]


@pytest.mark.parametrize("frame", [heartbeat_of(RESTORED), delta_frame(step(RESTORED, 2, flag("a", 10)))])
def test_step_in_a_higher_epoch_asks_for_a_snapshot(frame: Frame) -> None:
    replica = replica_of(SECOND)
    assert told(replica.receive(frame, 1.0)) == ["ask snapshot"]
    assert replica.snapshot == SECOND


@pytest.mark.parametrize("frame", [heartbeat_of(SECOND), snapshot_frame(SECOND), delta_frame(CHANGE)])
def test_upstream_in_a_lower_epoch_is_ignored(frame: Frame) -> None:
    replica = replica_of(RESTORED)
    assert told(replica.receive(frame, 1.0)) == [("reported", "upstream in an old epoch")]
    assert (replica.snapshot, replica.age(1.0)) == (RESTORED, 1.0)


def elsewhere(known: Snapshot) -> Snapshot:
    return msgspec.structs.replace(known, environment="shop/staging")


def test_snapshot_of_another_environment_is_taken_for_positions_do_not_compare() -> None:
    replica = replica_of(SECOND)
    other = elsewhere(snapshot("1.1", flag("a")))
    actions = told(replica.receive(snapshot_frame(other), 1.0))
    assert actions == [("adopted", "1.1", [("flag", "a"), ("flag", "b")]), ("reported", "other environment")]


@pytest.mark.parametrize(
    "frame",
    [
        heartbeat_of(elsewhere(SECOND)),
        heartbeat_frame("1.1", WRONG, environment="shop/staging"),
        delta_frame(step(elsewhere(FIRST), 6)),
    ],
)
def test_step_in_another_environment_asks_for_a_snapshot(frame: Frame) -> None:
    frame = msgspec.structs.replace(frame, data=frame.data.replace(b"shop/production", b"shop/staging"))
    replica = replica_of(FIRST)
    assert told(replica.receive(frame, 1.0)) == [("reported", "other environment"), "ask snapshot"]
    assert replica.snapshot == FIRST


def test_environment_without_a_name_takes_the_name_of_a_delta() -> None:
    nameless = msgspec.structs.replace(FIRST, environment="")
    replica = replica_of(nameless)
    replica.receive(delta_frame(CHANGE), 1.0)
    assert replica.snapshot == SECOND


# Age


def test_age_is_what_the_sender_said_and_the_waiting_since() -> None:
    replica = Replica()
    replica.receive(snapshot_frame(FIRST, age=1.5), 10.0)
    assert [replica.age(now) for now in (10.0, 12.0)] == [1.5, 3.5]
    assert replica.known_at == 8.5


def test_heartbeats_keep_the_age_down() -> None:
    replica = replica_of(FIRST)
    replica.receive(heartbeat_of(FIRST, age=0.25), 25.0)
    assert replica.age(26.0) == 1.25


def test_late_confirmation_does_not_make_the_state_older() -> None:
    replica = replica_of(FIRST, now=100.0)
    replica.receive(heartbeat_of(FIRST, age=50.0), 101.0)
    assert replica.receive(snapshot_frame(FIRST, age=50.0), 101.0) == []
    assert replica.receive_unchanged(age=50.0, now=101.0) == []
    assert replica.age(101.0) == 1.0


def test_new_state_has_its_own_age() -> None:
    replica = replica_of(FIRST, now=100.0)
    replica.receive(delta_frame(CHANGE, age=7.0), 101.0)
    assert replica.age(101.0) == 7.0


def test_age_is_not_below_zero_though_the_clock_went_back() -> None:
    assert replica_of(FIRST, now=100.0).age(90.0) == 0.0


def test_duplicate_delta_confirms_the_state() -> None:
    replica = replica_of(SECOND)
    assert replica.receive(delta_frame(CHANGE, age=1.0), 60.0) == []
    assert replica.age(60.0) == 1.0


# Answers of the snapshot endpoint


def test_document_may_be_a_snapshot_or_a_delta() -> None:
    replica = Replica()
    assert told(replica.receive_document(FIRST.to_json(), age=1.0, now=5.0)) == [("adopted", "1.5", None)]
    assert replica.age(5.0) == 1.0
    assert told(replica.receive_document(CHANGE.to_json(), age=0.5, now=6.0)) == [("adopted", "1.6", [("flag", "a")])]
    assert replica.age(6.0) == 0.5


def test_empty_delta_of_a_lagging_upstream_changes_nothing() -> None:
    replica = replica_of(SECOND)
    assert replica.receive_document(step(FIRST, 5).to_json(), age=0.0, now=9.0) == []
    assert (replica.snapshot, replica.age(9.0)) == (SECOND, 9.0)


def test_not_modified_confirms_what_is_known() -> None:
    replica = replica_of(FIRST)
    assert replica.receive_unchanged(age=2.0, now=30.0) == []
    assert replica.age(30.0) == 2.0


def test_not_modified_without_anything_known_asks_for_a_snapshot() -> None:
    assert Replica().receive_unchanged(age=0.0, now=0.0) == [AskSnapshot()]


def test_not_modified_confirms_a_snapshot_from_a_store() -> None:
    replica = Replica(snapshot=FIRST)
    replica.receive_unchanged(age=2.0, now=30.0)
    assert replica.age(31.0) == 3.0


@pytest.mark.parametrize("age", [-1.0, float("nan"), float("inf")])
def test_age_that_is_none_is_refused_before_it_is_believed(age: float) -> None:
    replica = replica_of(FIRST)
    assert told(replica.receive_document(SECOND.to_json(), age=age, now=5.0)) == [("reported", "malformed")]
    assert told(replica.receive_unchanged(age=age, now=5.0)) == [("reported", "malformed")]
    assert (replica.snapshot, replica.age(5.0)) == (FIRST, 5.0)


# Goodbye, unknown events, malformed frames


def test_goodbye_says_when_to_reconnect() -> None:
    replica = replica_of(FIRST)
    assert told(replica.receive(Frame("goodbye", b'{"age":0,"retryMs":1500}'), 1.0)) == [("draining", 1500)]


def test_events_of_a_later_protocol_are_ignored() -> None:
    assert replica_of(FIRST).receive(Frame("hint", b"\xff"), 1.0) == []


@dataclass
class Malformed:
    event: str
    data: bytes


def without(document: bytes, **changes: Any) -> bytes:
    members = msgspec.json.decode(document)
    return msgspec.json.encode({name: value for name, value in {**members, **changes}.items() if value is not ...})


GOOD_SNAPSHOT, GOOD_DELTA = snapshot_frame(SECOND).data, delta_frame(CHANGE).data
MALFORMED = [
    *(Malformed(event, data) for event in ("snapshot", "delta", "heartbeat", "goodbye") for data in
      (b"", b"null", b"[]", b'"x"', b"{", b'{"age":0', b"\xff\xfe", b"[" * 50_000, b'{"age":0} x')),
    Malformed("snapshot", without(GOOD_SNAPSHOT, age=...)),
    Malformed("snapshot", without(GOOD_SNAPSHOT, age=-1)),
    Malformed("snapshot", without(GOOD_SNAPSHOT, spec=2)),
    Malformed("snapshot", without(GOOD_SNAPSHOT, flags=[])),
    Malformed("snapshot", without(GOOD_SNAPSHOT, revision=2**53)),
    Malformed("snapshot", without(GOOD_SNAPSHOT, epoch=-1)),
    Malformed("snapshot", without(GOOD_SNAPSHOT, revision="6")),
    Malformed("snapshot", GOOD_SNAPSHOT[:-2]),
    Malformed("snapshot", GOOD_SNAPSHOT.replace(b'"variations"', b'"variation\xff"')),
    Malformed("delta", without(GOOD_DELTA, age=...)),
    Malformed("delta", without(GOOD_DELTA, **{"from": ...})),
    Malformed("delta", without(GOOD_DELTA, to=...)),
    Malformed("delta", without(GOOD_DELTA, epoch=...)),
    Malformed("delta", without(GOOD_DELTA, digest=...)),
    Malformed("delta", without(GOOD_DELTA, digest=5)),
    Malformed("delta", without(GOOD_DELTA, to=4)),
    Malformed("delta", without(GOOD_DELTA, to=2**53)),
    Malformed("delta", without(GOOD_DELTA, **{"from": -1})),
    Malformed("delta", without(GOOD_DELTA, spec=2)),
    Malformed("delta", GOOD_DELTA[:-2]),
    Malformed("heartbeat", b'{"age":0,"epoch":1,"revision":6}'),
    Malformed("heartbeat", b'{"epoch":1,"revision":6,"digest":""}'),
    Malformed("heartbeat", b'{"age":0,"epoch":1,"revision":1e3,"digest":""}'),
    Malformed("goodbye", b'{"age":0,"retryMs":-5}'),
]  # fmt: skip


@pytest.mark.parametrize("malformed", MALFORMED, ids=lambda malformed: f"{malformed.event} {malformed.data[:40]!r}")
def test_malformed_frame_is_reported_and_changes_nothing(malformed: Malformed) -> None:
    replica = replica_of(FIRST)
    for known in (replica, Replica()):
        before = known.snapshot, known.known_at
        actions = known.receive(Frame(malformed.event, malformed.data), 7.0)
        assert told(actions) == [("reported", "malformed")]
        assert (known.snapshot, known.known_at) == before
    assert told(replica.receive(delta_frame(CHANGE), 8.0)) == [("adopted", "1.6", [("flag", "a")])]


@pytest.mark.parametrize("data", [b"", b"[]", b'{"from":1}', b'{"from":"1"}', GOOD_DELTA[:-1], b'{"spec":9}', b"\xff"])
def test_malformed_document_is_reported_and_changes_nothing(data: bytes) -> None:
    replica = replica_of(FIRST)
    assert told(replica.receive_document(data, age=0.0, now=7.0)) == [("reported", "malformed")]
    assert (replica.snapshot, replica.age(7.0)) == (FIRST, 7.0)


EVENTS = st.sampled_from(["snapshot", "delta", "heartbeat", "goodbye", "message", ""])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
MEMBERS = st.sampled_from(
    [
        "age",
        "epoch",
        "revision",
        "from",
        "to",
        "digest",
        "environment",
        "heads",
        "flags",
        "segments",
        "keys",
        "spec",
        "retryMs",
    ]
)
OBJECTS = st.dictionaries(MEMBERS, JSON | st.dictionaries(st.text(), JSON))


def encoded(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):
        return repr(value).encode(errors="surrogatepass")


@given(EVENTS, st.binary() | (OBJECTS | JSON).map(encoded), st.floats(), st.booleans())
def test_nothing_that_is_received_raises_or_loses_what_is_known(
    event: str, data: bytes, age: float, empty: bool
) -> None:
    replica = Replica() if empty else replica_of(FIRST)
    replica.receive(Frame(event, data), 1.0)
    replica.receive_document(data, age=age, now=1.0)
    if not empty:
        assert replica.snapshot is not None
        is_other = replica.snapshot.environment not in ("", FIRST.environment)
        assert is_other or replica.snapshot.position >= FIRST.position


@given(st.data())
def test_bytes_cut_or_changed_on_the_way_never_leave_half_of_a_delta(data: st.DataObject) -> None:
    frame = data.draw(st.sampled_from([delta_frame(CHANGE), heartbeat_of(SECOND)]))
    at = data.draw(st.integers(0, len(frame.data) - 1))
    changed = frame.data[:at] + data.draw(st.binary(max_size=2)) + frame.data[at + data.draw(st.integers(0, 2)) :]
    replica = replica_of(FIRST)
    replica.receive(Frame(frame.event, changed), 1.0)
    assert replica.snapshot is not None
    assert replica.snapshot.flags in (FIRST.flags, SECOND.flags)


def test_delta_of_an_unknown_kind_of_item_is_taken_for_what_is_known() -> None:
    replica = replica_of(FIRST)
    data = without(GOOD_DELTA, gadgets={"g": {"key": "g"}})
    assert told(replica.receive(Frame("delta", data), 1.0)) == [("adopted", "1.6", [("flag", "a")])]


def test_delta_may_be_built_by_hand() -> None:
    delta = Delta(epoch=1, from_=5, to=6, digest=SECOND.digest, flags={"a": flag("a", 2)})
    assert told(replica_of(FIRST).receive(delta_frame(delta), 1.0)) == [("adopted", "1.6", [("flag", "a")])]


def test_snapshots_are_read_by_whoever_keeps_their_items() -> None:
    read: list[bytes] = []

    def keep(data: bytes) -> Snapshot:
        read.append(data)
        return Snapshot.over(data)

    replica = Replica(read=keep)
    assert told(replica.receive(snapshot_frame(FIRST), 0.0)) == [("adopted", "1.5", None)]
    assert told(replica.receive_document(SECOND.to_json(), age=0.0, now=0.0)) == [("adopted", "1.6", [("flag", "a")])]
    assert replica.snapshot is not None
    assert replica.snapshot.to_json() == SECOND.to_json()
    assert len(read) == 2
