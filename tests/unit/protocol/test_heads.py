"""Heads and what they are worth: tampering, depths, rotations. The vectors in spec/heads have the rest."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pennon.model import Head, Position, Snapshot
from pennon.protocol import (
    PROJECTIONS,
    Adopted,
    DeltaDoesNotFit,
    Endorsed,
    Frame,
    Hub,
    Ledger,
    Lines,
    Replica,
    VerifyingReplica,
    heads,
)
from pennon.protocol.heads import encoded, fitting, from_header, merged, signed, signed_rotation, to_header
from pennon.protocol.state import items_of
from tests.unit.protocol.builders import (
    ENVIRONMENT,
    after,
    by_kind,
    delta_frame,
    flag,
    heartbeat_of,
    layer,
    record,
    segment,
    snapshot,
    snapshot_frame,
    step,
    told,
)
from tests.unit.protocol.origin import Log, snapshot_of
from tests.unit.protocol.signing import NOW, Clock, Signer, strict, trust
from tests.unit.protocol.test_convergence import EDITS, body

FIRST = Signer("first")
ONE = snapshot("1.1", flag("a"), flag("b"))
D2 = step(ONE, 2, flag("a", 2))
TWO = after(ONE, D2)


def beat(known: Snapshot, *said: Head, age: float = 0.0) -> Frame:
    frame = heartbeat_of(known, age)
    data = msgspec.json.decode(frame.data)
    return replace(frame, data=msgspec.json.encode({**data, "heads": said}))


# Whatever is changed on the way is not adopted.

WIRE = snapshot_frame(FIRST.signed(TWO)).data
SIGNED_MEMBERS = ("environment", "projection", "epoch", "revision", "time", "root", "key", "signature")


@given(st.integers(WIRE.index(b'"flags"'), len(WIRE) - 1), st.integers(1, 255))
def test_a_byte_changed_in_any_item_is_refused(at: int, by: int) -> None:
    data = bytearray(WIRE)
    data[at] ^= by
    replica = strict(FIRST.key)
    replica.receive(Frame("snapshot", bytes(data)), 0.0)
    held = replica.snapshot
    # What is not an item's text, white space between items, may come out as the same state.
    assert held is None or {**items_of(held)} == {**items_of(TWO)}


@given(st.data())
def test_a_byte_changed_in_any_signed_member_of_a_head_is_refused(data: st.DataObject) -> None:
    head = FIRST.head(TWO)
    name = data.draw(st.sampled_from(SIGNED_MEMBERS))
    text = msgspec.json.encode(getattr(head, name)).strip(b'"')
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(sorted(set(b"0123456789abcdefXYZ_-:/") - {text[at]})))
    changed = text[:at] + bytes([other]) + text[at + 1 :]
    wire = WIRE.replace(b'"%b":"%b"' % (name.encode(), text), b'"%b":"%b"' % (name.encode(), changed))
    if isinstance(getattr(head, name), int):
        start, _, rest = WIRE.partition(b'"heads":[{')
        rest = rest.replace(b'"%b":%b' % (name.encode(), text), b'"%b":%b' % (name.encode(), changed), 1)
        wire = start + b'"heads":[{' + rest
    assert wire != WIRE
    replica = strict(FIRST.key, environment=ENVIRONMENT)
    replica.receive(Frame("snapshot", wire), 0.0)
    assert replica.snapshot is None


@given(st.integers(0, len(WIRE)), st.binary(max_size=3))
def test_nothing_that_is_received_raises_or_takes_away_what_is_proved(at: int, put: bytes) -> None:
    replica = strict(FIRST.key)
    replica.receive(snapshot_frame(FIRST.signed(ONE)), 0.0)
    replica.receive(Frame("snapshot", WIRE[:at] + put + WIRE[at + len(put) :]), 1.0)
    replica.receive_document(WIRE[:at], age=0.0, now=1.0)
    assert replica.snapshot is not None
    assert {**items_of(replica.snapshot)} in ({**items_of(ONE)}, {**items_of(TWO)})


# The root is the same at every depth.


@settings(max_examples=40)
@given(st.lists(st.tuples(EDITS, st.integers(1, 3)), min_size=1, max_size=6))
def test_roots_are_those_of_the_folded_log_at_every_depth(
    changes: list[tuple[list[tuple[str, str, int]], int]],
) -> None:
    log = Log()
    log.append({("flag", "a"): body("flag", "a", 63), ("segment", "b"): body("segment", "b", 3)}, 0.0)
    ledger, hub, pop = Ledger(log.snapshot()), Hub(), Hub()
    hub.load(log.snapshot(), known_at=0.0)
    pop.load(hub.snapshot("edge"), known_at=0.0)
    for edits, steps in changes:
        before = log.head
        for _ in range(steps):
            log.append({(kind, key): body(kind, key, shape) for kind, key, shape in edits}, 0.0)
        for revision in range(before.revision, log.head.revision):
            ledger.advance(log.delta(revision, revision + 1))
        jumped = hub.advance(log.delta(before.revision, log.head.revision), known_at=0.0)
        pop.advance(replace(jumped["edge"], digest=""), known_at=0.0)
        truth = {each: Lines.of(items_of(snapshot_of(log.texts(log.head, each)))).root() for each in PROJECTIONS}
        assert ledger.roots() == truth == Ledger(log.snapshot()).roots()
        for node in (hub, pop):
            assert {each: Lines.of(items_of(node.snapshot(each))).root() for each in PROJECTIONS} == truth


def test_a_ledger_takes_no_delta_from_elsewhere_and_gives_no_root_of_an_unfit_key() -> None:
    ledger = Ledger(ONE)
    with pytest.raises(ValueError, match=r"the ledger is at 1\.1"):
        ledger.advance(replace(D2, from_=3))
    with pytest.raises(ValueError, match=r"from 2\.1"):
        ledger.advance(replace(D2, epoch=2))
    ledger.advance(replace(D2, flags={"a\nb": flag("a\nb")}))
    assert ledger.roots().keys() == {"client"}
    ledger.advance(replace(D2, from_=2, to=3, flags={"a\nb": None, "gone": None}))
    assert ledger.roots() == Ledger(ONE).roots()


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c\n", "ä"]), st.none() | st.integers(1, 4)), max_size=12))
def test_lines_that_follow_changes_are_those_of_the_result(edits: list[tuple[str, int | None]]) -> None:
    records = dict(ONE.flags.records)
    lines = Lines.of({"flag": records})
    for key, version in edits:
        item = None if version is None else flag(key, version)
        lines = lines.after({"flag": records}, {"flag": {key: item}})
        records = {each: known for each, known in records.items() if each != key}
        if item is not None:
            records[key] = item
        assert (lines.root(), lines) == (Lines.of({"flag": records}).root(), Lines.of({"flag": records}))


# What a hub does with heads.


def all_heads(hub_like: Snapshot, time: float = NOW) -> tuple[Head, ...]:
    roots = Ledger(hub_like).roots()
    return tuple(FIRST.sign(ENVIRONMENT, hub_like.position, each, roots[each], time=time) for each in PROJECTIONS)


WHOLE = snapshot(
    "1.1",
    flag("a", client_side=True, segments=("s",)),
    flag("b"),
    others=by_kind(("segment", segment("s", included=("u1",))), ("layer", layer("l")), ("key", record("k"))),
)


def test_a_hub_passes_on_the_heads_that_fit_its_position_to_whom_they_concern() -> None:
    hub = Hub()
    hub.load(replace(WHOLE, heads=all_heads(WHOLE)), known_at=0.0)
    assert {each: [head.projection for head in hub.heads(each)] for each in PROJECTIONS} == {
        "server": ["server"],
        "client": ["client"],
        "edge": ["client", "edge", "server"],
    }
    for each in PROJECTIONS:
        assert hub.snapshot(each).heads == hub.heads(each)
        assert Snapshot.from_json(hub.snapshot_json(each)).heads == hub.heads(each)
        lines = Lines.of(items_of(hub.snapshot(each)))
        verdict = trust(FIRST.key, projections=(each,)).judged(hub.snapshot(each), lines)
        assert (verdict,) == tuple(head for head in hub.heads(each) if head.projection == each)
    advanced = hub.advance(replace(step(WHOLE, 2, flag("b", 2)), heads=()), known_at=0.0)
    assert [delta.heads for delta in advanced.values()] == [(), (), ()]
    assert hub.heads("edge") == ()
    assert b"heads" not in hub.heartbeat(0.0, "edge").data


def test_a_merged_delta_has_the_head_of_where_it_leads() -> None:
    hub, known = Hub(), WHOLE
    hub.load(replace(WHOLE, heads=all_heads(WHOLE)), known_at=0.0)
    for version in (2, 3, 4):
        delta = step(known, version, flag("b", version))
        known = after(known, delta)
        hub.advance(replace(delta, heads=all_heads(known)), known_at=0.0)
    replica = strict(FIRST.key)
    server = {"flag", "segment", "layer"}
    shown = Snapshot.of(
        {kind: records for kind, records in items_of(WHOLE).items() if kind in server},
        environment=ENVIRONMENT,
        position=WHOLE.position,
    )
    replica.receive_snapshot(FIRST.signed(shown), age=0.0, now=0.0)
    merged_delta = hub.document("server", Position(1, 1))
    assert merged_delta is not None
    assert told(replica.receive_document(merged_delta, age=0.0, now=1.0))[0] == ("adopted", "1.4", [("flag", "b")])


def test_a_hub_says_whether_heads_are_news_to_those_below() -> None:
    hub = Hub()
    hub.load(WHOLE, known_at=0.0)
    old = hub.snapshot_json("server")
    assert not hub.endorse(all_heads(replace(WHOLE, revision=2)))
    assert hub.endorse(all_heads(WHOLE))
    assert hub.snapshot_json("server") != old
    assert not hub.endorse(all_heads(WHOLE, time=NOW + 60))
    assert {head.time for head in hub.heads("edge")} == {round((NOW + 60) * 1000)}
    with pytest.raises(DeltaDoesNotFit):
        hub.advance(replace(D2, digest="0" * 64), known_at=0.0)
    assert len(hub.heads("edge")) == 3


# What a replica does with them, beyond the vectors.


def test_an_edge_passes_on_what_is_good_and_drops_the_rest() -> None:
    evil = Signer("evil")
    said = {head.projection: head for head in all_heads(WHOLE)}
    said["client"] = evil.sign(ENVIRONMENT, WHOLE.position, "client", said["client"].root)
    replica = strict(FIRST.key, projections=("edge",))
    known = replace(WHOLE, heads=tuple(said.values()))
    adopted, report = replica.receive(snapshot_frame(known), 0.0)
    assert isinstance(adopted, Adopted)
    assert [head.projection for head in adopted.snapshot.heads] == ["edge", "server"]
    assert told([report]) == [("reported", "signature not trusted")]
    younger = all_heads(WHOLE, time=NOW + 60)
    [endorsed] = replica.receive(beat(WHOLE, *younger), 1.0)
    assert isinstance(endorsed, Endorsed)
    assert endorsed.heads == merged((), younger)
    assert replica.snapshot is not None
    assert replica.snapshot.heads == endorsed.heads
    as_step = endorsed.as_step(replica.snapshot)
    assert (as_step.touched, as_step.as_delta()) == ((), replace(as_step.step, digest=""))  # type: ignore[type-var]
    # The same ones again, or older ones, say nothing.
    assert replica.receive(beat(WHOLE, *younger), 2.0) == []
    assert replica.receive(beat(WHOLE, *all_heads(WHOLE)), 3.0) == []
    assert replica.head == next(head for head in younger if head.projection == "edge")


def test_a_false_head_for_what_is_proved_is_refused_and_changes_nothing() -> None:
    replica = strict(FIRST.key)
    replica.receive(snapshot_frame(FIRST.signed(ONE)), 0.0)
    assert told(replica.receive(beat(ONE, Signer("evil").head(ONE)), 1.0)) == [("refused", "signature not trusted")]
    assert replica.head == FIRST.head(ONE)
    assert replica.age(1.0) == 1.0
    replica.receive(beat(ONE), 2.0)
    assert replica.age(2.0) == 0.0


def test_a_chain_of_unproved_deltas_may_be_left_for_another_way() -> None:
    replica = strict(FIRST.key)
    replica.receive(snapshot_frame(FIRST.signed(ONE)), 0.0)
    assert replica.receive(delta_frame(D2), 1.0) == []
    assert told(replica.receive_unchanged(age=0.0, now=2.0)) == [("refused", "no signature")]
    assert replica.receive_unchanged(age=0.0, now=3.0) == []
    assert replica.age(3.0) == 0.0
    assert replica.position == ONE.position


def test_what_is_proved_is_a_copy_that_nobody_else_can_change() -> None:
    records = {"a": flag("a"), "b": flag("b")}
    shared = FIRST.signed(Snapshot.of({"flag": records}, environment=ENVIRONMENT, position=ONE.position))
    replica = strict(FIRST.key, snapshot=shared)
    other = strict(FIRST.key)
    other.receive_snapshot(shared, age=0.0, now=0.0)
    records["a"] = flag("a", 9)
    for each in (replica, other):
        assert each.snapshot is not None
        assert each.snapshot.flags.records["a"].version == 1
        assert each.rehouse(shared)
        assert each.snapshot.flags.records["a"].version == 1
        assert not each.rehouse(TWO)
    assert not strict(FIRST.key).rehouse(shared)


def test_an_old_state_under_a_later_position_is_refused_from_a_store_too() -> None:
    later = replace(FIRST.signed(ONE), revision=5)
    assert strict(FIRST.key, snapshot=later).snapshot is None
    replica = strict(FIRST.key, snapshot=FIRST.signed(TWO))
    assert told(replica.receive_snapshot(later, age=0.0, now=0.0)) == [("refused", "no signature")]
    assert replica.position == TWO.position


def test_a_step_has_only_those_heads_that_are_good() -> None:
    replica = strict(FIRST.key, projections=("edge",))
    replica.receive(snapshot_frame(replace(WHOLE, heads=all_heads(WHOLE))), 0.0)
    delta = step(WHOLE, 2, flag("b", 2))
    known = after(WHOLE, delta)
    evil = Signer("evil").sign(ENVIRONMENT, known.position, "client", "0" * 64)
    adopted, _ = replica.receive(delta_frame(replace(delta, heads=(evil, *all_heads(known)[:2]))), 1.0)
    assert isinstance(adopted, Adopted)
    passed_on = adopted.as_delta()
    assert passed_on is not None
    assert [head.projection for head in passed_on.heads] == ["edge", "server"]


def test_what_lies_where_nobody_can_change_it_is_not_copied() -> None:
    records = {"a": flag("a")}
    known = FIRST.signed(Snapshot.of({"flag": records}, environment=ENVIRONMENT, position=ONE.position))
    replica = VerifyingReplica(trust(FIRST.key), snapshot=known, read=Snapshot.over)
    assert replica.snapshot is not None
    assert replica.snapshot.flags.records is records


def test_what_lies_where_nobody_can_change_it_moves_elsewhere_if_it_is_what_was_proved() -> None:
    replica = VerifyingReplica(trust(FIRST.key), snapshot=FIRST.signed(ONE), known_at=0.0, read=Snapshot.over)
    elsewhere = Snapshot.of({"flag": dict(ONE.flags.records)}, environment=ENVIRONMENT, position=ONE.position)
    said = replace(elsewhere, digest=ONE.digest)
    other = Snapshot.of({"flag": {"a": flag("a", 9)}}, environment=ENVIRONMENT, position=ONE.position)
    assert not replica.rehouse(replace(other, digest=ONE.digest))
    assert replica.rehouse(said)
    assert replica.snapshot is not None
    assert replica.snapshot.flags.records is elsewhere.flags.records
    assert replica.snapshot.heads == FIRST.signed(ONE).heads
    assert told(replica.receive(delta_frame(D2), 1.0)) == []
    assert not replica.rehouse(said)
    assert told(replica.receive(beat(TWO, FIRST.head(TWO)), 2.0)) == [("adopted", "1.2", [("flag", "a")])]
    assert replica.position == TWO.position


def test_a_store_that_is_not_proved_is_not_held_and_said() -> None:
    refused = strict(FIRST.key, snapshot=ONE)
    assert (refused.snapshot, refused.position, refused.head, refused.age(0.0)) == (None, None, None, None)
    assert refused.refused is not None
    lenient = VerifyingReplica(trust(FIRST.key, is_strict=False), snapshot=Signer("evil").signed(ONE), known_at=0.0)
    assert lenient.snapshot is not None
    assert lenient.refused is not None
    unsigned = VerifyingReplica(trust(FIRST.key, is_strict=False), snapshot=ONE, known_at=0.0)
    assert (unsigned.snapshot, unsigned.refused, unsigned.age(2.0)) == (ONE, None, 2.0)


def test_without_strictness_heads_that_come_later_are_looked_at_too() -> None:
    replica = VerifyingReplica(trust(FIRST.key, is_strict=False))
    assert told(replica.receive(snapshot_frame(ONE), 0.0)) == [("adopted", "1.1", None)]
    assert replica.head is None
    assert [type(action) for action in replica.receive(beat(ONE, FIRST.head(ONE)), 1.0)] == [Endorsed]
    assert replica.head == FIRST.head(ONE)
    assert told(replica.receive(beat(ONE, FIRST.head(TWO, "server", revision=1)), 2.0))[1:] == [
        ("reported", "signature not trusted")
    ]
    assert told(replica.receive(delta_frame(D2), 3.0)) == [("adopted", "1.2", [("flag", "a")])]
    assert replica.head is None
    assert replica.receive_unchanged(age=0.0, now=4.0) == []
    assert replica.known_at == 4.0
    assert replica.rehouse(TWO)
    wrong_projection = FIRST.head(TWO, "client")
    assert told(replica.receive(beat(TWO, wrong_projection), 5.0))[1:] == []


def test_a_head_that_is_too_old_is_said_once_until_a_younger_one_comes() -> None:
    clock = Clock()
    replica = strict(FIRST.key, clock=clock, max_head_age_s=60.0)
    replica.receive(snapshot_frame(FIRST.signed(ONE)), 0.0)
    clock.now += 61
    assert told(replica.receive(beat(ONE), 61.0)) == [("reported", "signed too long ago")]
    delta = replace(D2, heads=(FIRST.head(TWO),))
    assert told(replica.receive(delta_frame(delta), 62.0)) == []
    assert replica.position == ONE.position
    renewed = FIRST.head(TWO, time=clock.now)
    assert told(replica.receive(beat(TWO, renewed), 63.0)) == [("adopted", "1.2", [("flag", "a")])]
    assert replica.age(63.0) == 0.0


# Texts of keys and signatures.


@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_what_its_text_says(raw: bytes) -> None:
    assert heads.key_bytes(heads.key_text(raw)) == raw
    assert heads.key_bytes(encoded(raw)) is None


@given(st.text())
def test_any_text_is_a_key_or_none(text: str) -> None:
    for each in (text, f"ed25519:{text}"):
        found = heads.key_bytes(each)
        assert found is None or heads.key_text(found) == each


@given(st.text(), st.binary())
def test_a_header_has_heads_or_none(text: str, data: bytes) -> None:
    assert from_header(text) == from_header(encoded(data)) == ()
    assert from_header(to_header(all_heads(WHOLE))) == all_heads(WHOLE)


def test_an_answer_without_a_body_renews_heads() -> None:
    clock = Clock()
    replica = strict(FIRST.key, clock=clock, max_head_age_s=60.0)
    replica.receive(snapshot_frame(FIRST.signed(ONE)), 0.0)
    clock.now += 61
    assert told(replica.receive_unchanged(age=0.0, now=61.0)) == [("reported", "signed too long ago")]
    assert replica.age(61.0) == 61.0
    younger = FIRST.head(ONE, time=clock.now)
    assert told(replica.receive_unchanged(age=0.0, now=62.0, said=(younger,))) == [
        ("endorsed", [("server", younger.time)])
    ]
    assert replica.age(62.0) == 0.0


def test_what_cannot_be_said_cannot_be_signed() -> None:
    with pytest.raises(ValueError, match="no head can be signed"):
        signed(replace(FIRST.head(ONE), environment="a\nb"), lambda _: b"")
    with pytest.raises(ValueError, match="no head can be signed"):
        signed(replace(FIRST.head(ONE), environment="\ud800"), lambda _: b"")
    with pytest.raises(ValueError, match="no rotation can be signed"):
        signed_rotation(replace(FIRST.rotation("b"), time=-1), lambda _: b"")


def test_one_head_a_projection_is_kept_and_only_of_that_state() -> None:
    server, edge = FIRST.head(ONE), FIRST.head(ONE, "edge")
    other = replace(server, environment="shop/staging")
    assert fitting([server, other, FIRST.head(TWO), edge], ENVIRONMENT, ONE.position) == (edge, server)
    made_up = [replace(server, projection=f"p{number}") for number in range(9)]
    assert fitting(made_up, ENVIRONMENT, ONE.position) == ()
    later = FIRST.head(ONE, time=NOW + 1)
    assert merged([server, edge], [later]) == (edge, later)


def test_who_trusts_nobody_knows_no_head_and_who_is_not_strict_takes_what_it_reads() -> None:
    believing = Replica()
    believing.receive(snapshot_frame(FIRST.signed(ONE)), 0.0)
    assert (believing.head, believing.refused) == (None, None)
    replica = VerifyingReplica(trust(FIRST.key, is_strict=False))
    assert told(replica.receive_snapshot(ONE, age=0.0, now=0.0)) == [("adopted", "1.1", None)]
    assert replica.snapshot is ONE
