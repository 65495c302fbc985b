import json
from time import perf_counter

import msgspec
import pytest

from pennon.model import Delta, InvalidItem, Item, Position, Snapshot
from pennon.protocol import (
    PROJECTIONS,
    DeltaDoesNotFit,
    Frame,
    Hub,
    NotLoaded,
    Projection,
    Replica,
    digest,
)
from pennon.protocol.state import changes_of, items_of
from tests.unit.protocol.builders import (
    ENVIRONMENT,
    after,
    by_kind,
    flag,
    hub_of,
    layer,
    record,
    replica_of,
    said,
    segment,
    snapshot,
    step,
    told,
)

OTHERS = by_kind(
    ("segment", segment("s", included=("u1",))),
    ("segment", segment("t")),
    ("layer", layer("l")),
    ("key", record("k", origins=("https://shop.example",))),
)
FIRST = snapshot("1.5", flag("seen", client_side=True, segments=("s",)), flag("hidden"), others=OTHERS)


def change(
    before: Snapshot, *flags: Item, deleted: tuple[str, ...] = (), keys: dict[str, Item | None] | None = None
) -> Delta:
    delta = msgspec.structs.replace(step(before, before.revision + 1, *flags, deleted=deleted), keys=keys or {})
    return msgspec.structs.replace(delta, digest=after(before, delta).digest)


def keys_of(of: Snapshot) -> dict[str, list[str]]:
    return {kind: sorted(records) for kind, records in items_of(of).items() if records}


def data(frame: Frame) -> dict[str, object]:
    decoded: dict[str, object] = json.loads(frame.data)
    return decoded


def test_hub_holds_nothing_at_first() -> None:
    hub = Hub()
    assert hub.position is None
    for ask in (
        lambda: hub.keys,
        lambda: hub.snapshot_json("server"),
        lambda: hub.digest("edge"),
        lambda: hub.etag("client"),
        lambda: hub.opening("server", None, 0.0),
        lambda: hub.document("server", None),
        lambda: hub.heartbeat(0.0, "server"),
        lambda: hub.advance(step(FIRST, 6), known_at=0.0),
    ):
        with pytest.raises(NotLoaded, match="load a snapshot first"):
            ask()


def test_each_projection_shows_what_it_may() -> None:
    hub = hub_of(FIRST)
    server = {"flag": ["hidden", "seen"], "segment": ["s", "t"], "layer": ["l"]}
    assert keys_of(hub.snapshot("server")) == server
    assert keys_of(hub.snapshot("edge")) == {**server, "key": ["k"]}
    assert keys_of(hub.snapshot("client")) == {"flag": ["seen"], "segment": ["s"]}
    assert b"u1" in hub.snapshot_json("server")
    assert b"u1" not in hub.snapshot_json("client")


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_digest_of_each_projection_is_that_of_its_items(projection: Projection) -> None:
    hub = hub_of(said(FIRST, "wrong"))
    hub.advance(msgspec.structs.replace(change(FIRST, flag("seen"), keys={"k": None}), digest=""), known_at=0.0)
    shown = hub.snapshot(projection)
    assert hub.digest(projection) == shown.digest == digest.combined(items_of(shown))


def test_edge_snapshot_is_what_was_loaded_byte_for_byte() -> None:
    assert hub_of(FIRST).snapshot_json("edge") == FIRST.to_json()


def test_snapshot_bytes_are_made_once_at_a_revision() -> None:
    hub = hub_of(FIRST)
    first = hub.snapshot_json("server")
    assert hub.snapshot_json("server") is first
    hub.advance(change(FIRST), known_at=0.0)
    assert Snapshot.from_json(hub.snapshot_json("server")).revision == 6


def test_key_records_can_be_looked_up() -> None:
    hub = hub_of(FIRST)
    assert hub.keys["k"].origins == ("https://shop.example",)
    assert "other" not in hub.keys
    hub.advance(change(FIRST, keys={"k": None, "broken": Item.from_text("broken", b"{}")}), known_at=0.0)
    assert list(hub.keys) == ["broken"]
    with pytest.raises(InvalidItem):
        hub.keys["broken"]


# Advancing


def test_advance_tells_each_projection_its_own_delta() -> None:
    hub = hub_of(FIRST)
    delta = change(FIRST, flag("seen", 2, client_side=True), flag("hidden", 2), keys={"k": None})
    deltas = hub.advance(delta, known_at=0.0)
    assert deltas["edge"] == delta
    assert changes_of(deltas["server"]) == {"flag": dict(delta.flags)}
    assert changes_of(deltas["client"]) == {"flag": {"seen": flag("seen", 2, client_side=True)}, "segment": {"s": None}}
    assert {each.to for each in deltas.values()} == {6}
    assert {projection: each.digest for projection, each in deltas.items()} == {p: hub.digest(p) for p in PROJECTIONS}


def test_change_outside_a_projection_is_an_empty_delta_there() -> None:
    hub = hub_of(FIRST)
    deltas = hub.advance(change(FIRST, keys={"k": record("k", 2)}), known_at=0.0)
    assert [sorted(changes_of(deltas[projection])) for projection in PROJECTIONS] == [[], ["key"], []]
    before = hub_of(FIRST).digest("server")
    assert (deltas["server"].from_, deltas["server"].to, deltas["server"].digest) == (5, 6, before)


@pytest.mark.parametrize(
    "delta",
    [
        step(FIRST, 5),
        msgspec.structs.replace(step(FIRST, 7, flag("seen")), from_=6),
        msgspec.structs.replace(step(FIRST, 4), from_=3),
        msgspec.structs.replace(step(FIRST, 6, flag("seen")), epoch=2),
        msgspec.structs.replace(step(FIRST, 6, flag("seen")), epoch=0),
        msgspec.structs.replace(step(FIRST, 6, flag("seen")), digest=digest.EMPTY),
    ],
    ids=["own revision", "gap", "past", "higher epoch", "lower epoch", "digest"],
)
def test_delta_that_does_not_fit_is_refused_and_changes_nothing(delta: Delta) -> None:
    hub = hub_of(FIRST)
    with pytest.raises(DeltaDoesNotFit):
        hub.advance(delta, known_at=9.0)
    assert hub.position == Position(1, 5)
    assert hub.snapshot_json("edge") == FIRST.to_json()
    assert hub.snapshot_json("client") == hub_of(FIRST).snapshot_json("client")
    assert hub.age(9.0) == 9.0


def test_merged_delta_from_an_earlier_revision_advances_too() -> None:
    hub = hub_of(FIRST)
    merged = msgspec.structs.replace(step(FIRST, 9, flag("seen"), flag("hidden", 2)), from_=2)
    deltas = hub.advance(merged, known_at=0.0)
    assert (deltas["server"].from_, deltas["server"].to) == (5, 9)
    assert hub.position == Position(1, 9)


def test_items_that_do_not_change_are_not_told_on_but_deletions_are() -> None:
    hub = hub_of(FIRST)
    delta = change(FIRST, flag("hidden"), flag("new"), deleted=("gone",), keys={"lost": None})
    deltas = hub.advance(delta, known_at=0.0)
    assert changes_of(deltas["edge"]) == {"flag": {"new": flag("new"), "gone": None}, "key": {"lost": None}}
    assert changes_of(deltas["server"]) == {"flag": {"new": flag("new"), "gone": None}}
    assert changes_of(deltas["client"]) == {}


def test_clients_are_not_told_of_the_deletion_of_what_they_never_saw() -> None:
    hub = hub_of(FIRST)
    deltas = hub.advance(change(FIRST, deleted=("hidden", "gone")), known_at=0.0)
    assert changes_of(deltas["client"]) == {}
    assert b"hidden" not in (hub.document("client", Position(1, 5)) or b"")


def test_receiver_between_the_ends_of_a_merged_delta_loses_what_it_alone_knows() -> None:
    between = snapshot("1.6", flag("hidden"), flag("brief"), others=OTHERS)
    replica = replica_of(msgspec.structs.replace(between, keys=FIRST.keys))
    hub = hub_of(snapshot("1.5", flag("hidden"), others=OTHERS))
    merged = step(hub.snapshot("edge"), 7, deleted=("brief",))
    hub.advance(merged, known_at=0.0)
    frame = hub.opening("edge", Position(1, 6), 0.0)
    assert told(replica.receive(frame, 0.0)) == [("adopted", "1.7", [("flag", "brief")])]


def test_client_between_the_ends_of_a_merged_delta_gets_the_snapshot() -> None:
    hub = hub_of(snapshot("1.5", flag("hidden")))
    hub.advance(step(hub.snapshot("edge"), 7, flag("hidden", 3)), known_at=0.0)
    assert hub.opening("client", Position(1, 6), 0.0).event == "snapshot"
    assert hub.opening("client", Position(1, 5), 0.0).event == "delta"


def test_advancing_copies_no_items() -> None:
    hub = hub_of(FIRST)
    before = hub.snapshot("edge")
    hub.advance(change(FIRST, flag("new")), known_at=0.0)
    shown = hub.snapshot("server")
    assert shown.flags.records["hidden"] is before.flags.records["hidden"]
    assert shown.segments.records is before.segments.records
    assert "new" not in before.flags


# Opening a stream


def advanced(steps: int, *, history_bytes: int = 10**6) -> Hub:
    """A hub that has followed *steps* changes since FIRST; each deletes the flag that the one before created."""
    hub, known = hub_of(FIRST, history_bytes=history_bytes), FIRST
    for revision in range(6, 6 + steps):
        delta = change(known, flag(f"f{revision}", revision, client_side=True), deleted=(f"f{revision - 1}",))
        hub.advance(delta, known_at=0.0)
        known = after(known, delta)
    return hub


def test_stranger_gets_the_snapshot() -> None:
    frame = advanced(3).opening("server", None, 2.0)
    assert (frame.event, frame.id) == ("snapshot", "1.8")
    assert frame.data == b'{"age":2.000,' + advanced(3).snapshot_json("server")[1:]


def test_receiver_behind_gets_one_delta_of_all_it_missed() -> None:
    frame = advanced(3).opening("server", Position(1, 6), 2.0)
    assert (frame.event, frame.id) == ("delta", "1.8")
    delta = Delta.from_json(frame.data)
    assert (delta.from_, delta.to) == (6, 8)
    assert delta.flags == {"f6": None, "f7": None, "f8": flag("f8", 8, client_side=True)}


def test_receiver_at_the_same_place_gets_a_heartbeat() -> None:
    hub = advanced(3)
    assert hub.opening("server", Position(1, 8), 2.0) == hub.heartbeat(2.0, "server")


@pytest.mark.parametrize("since", [Position(1, 9), Position(2, 0)])
def test_receiver_ahead_gets_a_heartbeat_and_keeps_what_it_has(since: Position) -> None:
    frame = advanced(3).opening("server", since, 2.0)
    assert (frame.event, frame.id) == ("heartbeat", "1.8")


@pytest.mark.parametrize("since", [Position(1, 4), Position(0, 8)])
def test_receiver_from_before_the_history_gets_the_snapshot(since: Position) -> None:
    assert advanced(3).opening("server", since, 2.0).event == "snapshot"


def test_history_is_bounded_by_bytes() -> None:
    hub = advanced(30, history_bytes=4_000)
    events = [hub.opening("server", Position(1, revision), 0.0).event for revision in range(5, 35)]
    kept = events.count("delta")
    assert 1 < kept < 15
    assert events == ["snapshot"] * (30 - kept) + ["delta"] * kept


@pytest.mark.parametrize("projection", PROJECTIONS)
@pytest.mark.parametrize("since", range(5, 10))
def test_every_receiver_ends_where_the_hub_is(projection: Projection, since: int) -> None:
    replica = Replica(snapshot=advanced(since - 5).snapshot(projection))
    hub = advanced(5)
    replica.receive(hub.opening(projection, Position(1, since), 0.0), 0.0)
    assert replica.snapshot is not None
    assert replica.snapshot.to_json() == hub.snapshot_json(projection)


def test_merged_deltas_are_kept_while_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = advanced(3)
    one = hub.document("server", Position(1, 6))
    assert hub.document("server", Position(1, 6)) is one
    monkeypatch.setattr("pennon.protocol.hub._KEPT_STEPS_BYTES", 100)
    assert hub.document("server", Position(1, 7)) is not None
    again = hub.document("server", Position(1, 6))
    assert again == one
    assert again is not one


# The snapshot endpoint


def test_document_is_a_snapshot_a_delta_or_an_empty_one_where_nothing_is_new() -> None:
    hub = advanced(3)
    assert hub.document("server", None) == hub.snapshot_json("server")
    assert hub.document("server", Position(1, 4)) == hub.snapshot_json("server")
    assert hub.document("server", Position(0, 9)) == hub.snapshot_json("server")
    assert Delta.from_json(hub.document("server", Position(1, 7))).to == 8
    same = Delta.from_json(hub.document("server", Position(1, 8)))
    assert (same.from_, same.to, same.digest, changes_of(same)) == (8, 8, hub.digest("server"), {})


@pytest.mark.parametrize("since", [Position(1, 9), Position(2, 0)])
def test_document_for_a_receiver_ahead_changes_nothing_there(since: Position) -> None:
    hub = advanced(3)
    delta = Delta.from_json(hub.document("server", since) or b"")
    assert (delta.epoch, delta.from_, delta.to, changes_of(delta)) == (1, 8, 8, {})
    replica = replica_of(msgspec.structs.replace(FIRST, epoch=since.epoch, revision=since.revision))
    replica.receive_document(delta.to_json(), age=0.0, now=1.0)
    assert replica.position == since


def test_entity_tag_tells_places_and_contents_apart() -> None:
    tags = {hub.etag(projection) for hub in (advanced(0), advanced(1), advanced(2)) for projection in PROJECTIONS}
    assert len(tags) == 9
    other = hub_of(snapshot("1.5", flag("seen")))
    assert other.etag("server") not in tags
    assert hub_of(FIRST).etag("edge") == f'"1.5-{FIRST.digest[:16]}"'


# Heartbeats, goodbyes, age


def test_heartbeat_says_place_digest_and_age() -> None:
    frame = hub_of(FIRST, known_at=10.0).heartbeat(12.5, "edge")
    place = {"epoch": 1, "revision": 5, "digest": FIRST.digest, "environment": ENVIRONMENT}
    assert (frame.event, frame.id, data(frame)) == ("heartbeat", "1.5", {"age": 2.5, **place})


def test_goodbye_says_when_to_come_back() -> None:
    frame = hub_of(FIRST).goodbye(1500, 1.0)
    assert (frame.event, frame.retry_ms, data(frame)) == ("goodbye", 1500, {"age": 1.0, "retryMs": 1500})
    assert told(replica_of(FIRST).receive(frame, 0.0)) == [("draining", 1500)]


def test_age_grows_until_it_is_confirmed_and_late_news_do_not_raise_it() -> None:
    hub = hub_of(FIRST, known_at=10.0)
    assert hub.age(15.0) == 5.0
    hub.confirm(14.0)
    assert hub.age(15.0) == 1.0
    hub.confirm(11.0)
    hub.advance(change(FIRST), known_at=12.0)
    assert hub.age(15.0) == 1.0
    hub.advance(change(hub.snapshot("edge")), known_at=14.5)
    assert hub.age(15.0) == 0.5
    assert hub.age(9.0) == 0.0


def test_delta_frame_carries_the_age_of_its_moment() -> None:
    hub = hub_of(FIRST, known_at=10.0)
    deltas = hub.advance(change(FIRST, flag("hidden", 2)), known_at=11.0)
    frame = hub.delta_frame("server", deltas["server"], 11.5)
    assert (frame.event, frame.id) == ("delta", "1.6")
    assert frame.data == b'{"age":0.500,' + deltas["server"].to_json()[1:]


# Starting again


def test_loading_again_forgets_the_history_and_what_was_made() -> None:
    hub = advanced(3)
    hub.snapshot_json("server")
    hub.opening("server", Position(1, 6), 0.0)
    restored = msgspec.structs.replace(FIRST, epoch=2, revision=1)
    hub.load(restored, known_at=-3.0)
    assert hub.position == Position(2, 1)
    assert hub.age(0.0) == 3.0
    assert hub.snapshot_json("edge") == restored.to_json()
    assert hub.opening("server", Position(1, 8), 0.0).event == "snapshot"
    assert hub.opening("server", Position(2, 0), 0.0).event == "snapshot"
    assert keys_of(hub.snapshot("client")) == {"flag": ["seen"], "segment": ["s"]}


def test_created_again_after_deletion_an_item_has_a_new_version() -> None:
    hub = hub_of(FIRST)
    replica = replica_of(hub.snapshot("server"))
    for edit in ((None, 6), (flag("hidden", 2), 7)):
        item, revision = edit
        delta = Delta(epoch=1, from_=revision - 1, to=revision, digest="", flags={"hidden": item})
        frame = hub.delta_frame("server", hub.advance(delta, known_at=0.0)["server"], 0.0)
        assert told(replica.receive(frame, 0.0)) == [("adopted", f"1.{revision}", [("flag", "hidden")])]
    assert replica.snapshot == hub.snapshot("server")


def test_ten_thousand_flags_advance_in_well_under_a_millisecond() -> None:
    flags = [flag(f"f{i}", client_side=i % 50 == 0) for i in range(10_000)]
    hub = hub_of(snapshot("1.0", *flags))

    def advance(revision: int) -> float:
        delta = Delta(epoch=1, from_=revision - 1, to=revision, digest="", flags={"f7": flag("f7", revision)})
        start = perf_counter()
        assert not hub.advance(delta, known_at=0.0)["client"].flags
        return perf_counter() - start

    assert min(advance(revision) for revision in range(1, 30)) < 0.001


def test_loading_another_state_at_the_same_place_leaves_nothing_of_the_old_one() -> None:
    hub = advanced(3)
    old = hub.snapshot_json("server"), hub.opening("server", Position(1, 6), 0.0)
    other = snapshot("1.8", flag("other"))
    hub.load(other, known_at=0.0)
    assert hub.snapshot_json("server") == other.to_json() != old[0]
    assert hub.opening("server", Position(1, 6), 0.0).event == "snapshot"
    assert hub.document("server", Position(1, 7)) == other.to_json()


def test_documents_that_nobody_asks_for_any_more_are_let_go_of_and_made_again() -> None:
    hub = advanced(3)
    wanted, unwanted = hub.snapshot_json("server"), hub.snapshot_json("edge")
    assert not hub.tidy()
    assert hub.snapshot_json("server") is wanted
    assert hub.tidy()
    assert hub.snapshot_json("server") is wanted
    assert hub.snapshot_json("edge") is not unwanted
    assert hub.snapshot_json("edge") == unwanted


def test_a_document_that_is_large_is_not_kept_beside_another() -> None:
    hub = Hub(documents_bytes=10)
    hub.load(FIRST, known_at=0.0)
    server, edge = hub.snapshot_json("server"), hub.snapshot_json("edge")
    assert hub.snapshot_json("edge") is edge
    assert hub.snapshot_json("server") is not server
    assert hub.snapshot_json("server") == server
