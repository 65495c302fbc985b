from typing import Any

import msgspec

from pennon.model import Delta, Position
from pennon.protocol import Adopted, Hub, Replica
from tests.unit.protocol.builders import after, by_kind, delta_frame, flag, record, said, snapshot, snapshot_frame, step

FIRST = snapshot("1.5", flag("a"), flag("b"), others=by_kind(("key", record("k"))))


def adopted(actions: list[Any]) -> Adopted:
    [first, *_] = actions
    assert isinstance(first, Adopted)
    return first


def test_first_snapshot_is_no_step() -> None:
    assert adopted(Replica().receive(snapshot_frame(FIRST), 0.0)).as_delta() is None


def test_delta_is_the_step_again_without_a_digest() -> None:
    delta = step(FIRST, 6, flag("a", 2), deleted=("b",))
    action = adopted(Replica(snapshot=FIRST).receive(delta_frame(delta), 0.0))
    assert action.as_delta() == msgspec.structs.replace(delta, digest="")


def test_deletion_of_what_is_not_known_is_passed_on() -> None:
    action = adopted(Replica(snapshot=FIRST).receive(delta_frame(step(FIRST, 6, deleted=("brief",))), 0.0))
    assert action.touched == ()
    assert action.as_delta() == step(FIRST, 6, deleted=("brief",), digest="")


def test_later_snapshot_is_a_step_over_all_that_differs() -> None:
    later = snapshot("1.9", flag("b"), flag("c"), others=by_kind(("key", record("k", 2))))
    action = adopted(Replica(snapshot=FIRST).receive(snapshot_frame(later), 0.0))
    assert action.as_delta() == Delta(
        environment=FIRST.environment,
        epoch=1,
        from_=5,
        to=9,
        digest="",
        flags={"a": None, "c": flag("c")},
        keys={"k": record("k", 2)},
    )


def test_snapshot_of_another_epoch_is_no_step() -> None:
    action = adopted(Replica(snapshot=FIRST).receive(snapshot_frame(snapshot("2.9", flag("a"))), 0.0))
    assert action.previous == Position(1, 5)
    assert action.as_delta() is None


def test_other_snapshot_at_the_same_place_is_no_step() -> None:
    action = adopted(Replica(snapshot=FIRST).receive(snapshot_frame(said(FIRST, "")), 0.0))
    assert action.as_delta() is None


def test_hub_below_a_replica_follows_it_even_with_a_wrong_digest() -> None:
    replica, hub = Replica(), Hub()
    hub.load(adopted(replica.receive(snapshot_frame(said(FIRST, "")), 0.0)).snapshot, known_at=0.0)
    later = snapshot("1.9", flag("b"), flag("c"))
    step_below = adopted(replica.receive(snapshot_frame(said(later, "")), 1.0)).as_delta()
    assert step_below is not None
    hub.advance(step_below, known_at=1.0)
    assert hub.snapshot("edge") == later
    assert after(FIRST, step_below).flags == later.flags
