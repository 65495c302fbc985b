"""What an override makes of a flag, what whoever is below makes of that, and when it is over."""

from typing import Any

import msgspec
import pytest

from pennon.edge.overrides import Applied, Override, is_overridden, overridden, reconciled, serves_the_same
from pennon.engine import compile_snapshot
from pennon.model import Condition, Delta, Flag, Item, Position, Rule, Serve, Snapshot, Staleness, Target, Variation
from pennon.protocol import HEARTBEAT, AskSnapshot, Frame, Hub, Replica, digest
from pennon.protocol.state import delta_of
from pennon.testing import flag

SHOP = "shop/production"
VARIATIONS = (Variation("on", True), Variation("off", False), Variation("third", "3"))


def checkout(version: int = 5, **fields: Any) -> Flag:
    known: dict[str, Any] = {
        "key": "checkout",
        "version": version,
        "changed_at": 7,
        "on": True,
        "variations": VARIATIONS,
        "off_variation": "off",
        "salt": "s1",
        "fallthrough": Serve(variation="on"),
        "targets": (Target(variation="third", values=("u9",)),),
        "rules": (Rule(id="r1", conditions=(Condition("in", "country", ("DE",)),), serve=Serve(variation="third")),),
        "staleness": Staleness(60, Serve(variation="third")),
    }
    return Flag(**(known | fields))


def override(variation: str | None = None, **fields: Any) -> Override:
    known: dict[str, Any] = {"environment": SHOP, "flag": "checkout", "variation": variation, "at": 1000.0}
    return Override(**(known | fields))


def snapshot(*flags: Flag, revision: int = 7) -> Snapshot:
    items = {"flag": {each.key: Item.of(each) for each in flags}}
    at = Position(1, revision)
    return Snapshot.of(items, environment=SHOP, position=at, digest=digest.combined(items))  # type: ignore[arg-type]


def served(state: Snapshot, **context: Any) -> Any:
    rules = compile_snapshot(state)
    return rules.evaluate("checkout", {"targetingKey": "u1", **context}, None).value


def test_flag_that_is_overridden_off_serves_its_off_variation_to_everybody() -> None:
    other = Applied("fra-1", [override()]).applied(snapshot(checkout()))
    assert [served(other), served(other, targetingKey="u9"), served(other, country="DE")] == [False, False, False]


def test_flag_that_is_overridden_to_a_variation_serves_it_to_everybody_even_if_it_is_off() -> None:
    for state in (checkout(), checkout(on=False)):
        other = Applied("fra-1", [override("third")]).applied(snapshot(state))
        assert [served(other), served(other, targetingKey="u9"), served(other, country="DE")] == ["3", "3", "3"]


def test_overridden_item_keeps_its_version_is_sound_and_says_what_it_is() -> None:
    item = Item.of(checkout())
    other = overridden(item, override(), "fra-1")
    assert other is not None
    assert (other.key, other.version, other.changed_at) == (item.key, item.version, item.changed_at)
    assert other.is_intact
    assert other.hash != item.hash
    assert Item.from_text("checkout", other.text) == other
    assert (is_overridden(other), is_overridden(item), is_overridden(None)) == (True, False, False)
    assert msgspec.json.decode(other.text)["override"] == {"node": "fra-1", "serves": "off", "at": 1000.0}
    assert overridden(item, override(), "fra-1") == other, "the same override makes the same text"


def test_flag_that_cannot_be_compiled_can_be_turned_off() -> None:
    broken = checkout(rules=(Rule(id="r1", conditions=(Condition("unheard-of", "a", (1,)),), serve=Serve("third")),))
    assert served(snapshot(broken)) is None
    assert served(Applied("fra-1", [override()]).applied(snapshot(broken))) is False


def test_bound_on_staleness_does_not_end_what_was_said_for_a_dead_origin() -> None:
    other = Applied("fra-1", [override()]).applied(snapshot(checkout()))
    rules = compile_snapshot(other).aged(10_000.0)
    assert rules.evaluate("checkout", {"targetingKey": "u1"}, None).value is False


@pytest.mark.parametrize(
    ("item", "wanted"),
    [
        (Item.of(checkout()), override("gone")),
        (Item.from_text("checkout", b"not json"), override()),
    ],
    ids=["no such variation", "unreadable"],
)
def test_override_that_cannot_be_leaves_the_flag_as_it_is(item: Item, wanted: Override) -> None:
    assert overridden(item, wanted, "fra-1") is None
    state = Snapshot.of({"flag": {"checkout": item}}, environment=SHOP, position=Position(1, 7))
    after = Applied("fra-1", [wanted]).applied(state)
    assert after.flags.records["checkout"] is item


def test_environments_and_flags_that_nobody_overrides_are_passed_on_as_they_are() -> None:
    applied = Applied("fra-1", [override(environment="shop/staging"), override(flag="other", environment="x/y")])
    state = snapshot(checkout())
    assert applied.applied(state) is state
    delta = delta_of({}, position=Position(1, 8), since=7, digest_after="", environment=SHOP)
    assert applied.applied(delta) is delta


def hub_of(state: Snapshot) -> Hub:
    hub = Hub()
    hub.load(state, known_at=0.0)
    return hub


def beat(hub: Hub, now: float = 1.0) -> Frame:
    frame = hub.heartbeat(now, "server")
    assert frame.event == HEARTBEAT
    return frame


def follow(replica: Replica, hub: Hub, frame: Frame) -> list[str]:
    """Give *frame* to *replica*, answer what it asks by *hub*, and return the names of its actions."""
    actions = replica.receive(frame, 1.0)
    for action in tuple(actions):
        if isinstance(action, AskSnapshot):
            actions += replica.receive_document(hub.document("server", None), age=0.0, now=1.0)
    return [type(action).__name__ for action in actions]


def held(replica: Replica) -> Any:
    assert replica.snapshot is not None
    return served(replica.snapshot)


def test_replica_below_takes_the_override_and_comes_back_at_the_same_revision_without_a_fight() -> None:
    state = snapshot(checkout(), flag("other").on().build())
    origin, edge = hub_of(state), hub_of(Applied("fra-1", [override()]).applied(state))
    replica = Replica()
    replica.receive_document(origin.document("server", None), age=0.0, now=0.0)
    assert held(replica) is True
    assert follow(replica, edge, beat(edge)) == ["Reported", "AskSnapshot", "Adopted"]
    assert held(replica) is False
    assert follow(replica, edge, beat(edge)) == [], "once is enough"
    back = hub_of(state)
    assert follow(replica, back, beat(back)) == ["Reported", "AskSnapshot", "Adopted"]
    assert held(replica) is True
    assert follow(replica, back, beat(back)) == []
    assert replica.snapshot == back.snapshot("server")


def test_poll_finds_an_override_at_the_same_revision() -> None:
    state = snapshot(checkout())
    edge = hub_of(Applied("fra-1", [override()]).applied(state))
    replica = Replica(snapshot=state, known_at=0.0)
    actions = replica.receive_document(edge.document("server", state.position), age=0.0, now=1.0)
    assert AskSnapshot() in actions


def change(*flags: Flag, since: int = 7, says: str = "") -> Delta:
    items = {each.key: Item.of(each) for each in flags}
    return delta_of({"flag": items}, position=Position(1, since + 1), since=since, digest_after=says, environment=SHOP)


@pytest.mark.parametrize("changed", [checkout(6, off_variation="third"), checkout(6, on=False)], ids=["rules", "off"])
def test_changes_go_on_beside_an_override_and_replicas_below_follow_by_deltas(changed: Flag) -> None:
    applied = Applied("fra-1", [override("third")])
    state = snapshot(checkout(), flag("other").on().build())
    edge = hub_of(applied.applied(state))
    replica = Replica()
    replica.receive_document(edge.document("server", None), age=0.0, now=0.0)
    for delta in (change(flag("other").off().build(), says="f" * 64), change(changed, since=8)):
        step = edge.advance(applied.applied(delta), known_at=1.0)["server"]
        actions = replica.receive(edge.delta_frame("server", step, 1.0), 1.0)
        assert [type(action).__name__ for action in actions] == ["Adopted"]
    assert held(replica) == "3"
    assert replica.snapshot == edge.snapshot("server")


def test_replica_that_goes_over_to_a_node_that_is_ahead_finds_the_origins_item_there() -> None:
    state = snapshot(checkout())
    origin = hub_of(state)
    edge = hub_of(Applied("fra-1", [override()]).applied(state))
    replica = Replica()
    replica.receive_document(edge.document("server", None), age=0.0, now=0.0)
    origin.advance(change(flag("other").on().build()), known_at=1.0)
    assert follow(replica, origin, origin.opening("server", replica.position, 1.0)) == [
        "Reported",
        "AskSnapshot",
        "Adopted",
    ]
    assert replica.snapshot == origin.snapshot("server")
    assert follow(replica, edge, beat(edge)) == ["Reported"], "an edge that lags does not take it back"
    assert held(replica) is True


BASE = Item.of(checkout())
OFF = Item.of(checkout(6, on=False))
OTHER = Item.of(checkout(6, off_variation="third"))


@pytest.mark.parametrize(
    ("item", "current_at", "fields", "dropped", "base"),
    [
        (BASE, None, {}, "", ""),
        (OFF, 1000.0, {}, "", ""),
        (BASE, 1001.0, {}, "", BASE.hash),
        (OFF, 1001.0, {}, "the origin serves the same", ""),
        (None, 1001.0, {}, "the flag is not there at the origin", ""),
        (OTHER, 1001.0, {}, "", OTHER.hash),
        (BASE, 1001.0, {"base": BASE.hash}, "", BASE.hash),
        (OTHER, 1001.0, {"base": BASE.hash}, "the flag was changed at the origin", BASE.hash),
        (OTHER, 900.0, {"base": BASE.hash}, "", BASE.hash),
        (OFF, 1001.0, {"keep": True}, "", ""),
        (None, 1001.0, {"keep": True}, "", ""),
        (overridden(BASE, override(), "above"), 1001.0, {}, "", ""),
    ],
    ids=[
        "nothing heard",
        "heard before it only",
        "back and as before",
        "back and off there",
        "back and gone there",
        "back and changed while cut off",
        "still as it was",
        "changed since",
        "old news",
        "kept although off there",
        "kept although gone there",
        "overridden above",
    ],
)
def test_override_ends_when_the_origin_has_had_its_say_and_not_before(
    item: Item | None, current_at: float | None, fields: dict[str, Any], dropped: str, base: str
) -> None:
    outcome = reconciled(override(**fields), item, current_at=current_at)
    assert (outcome.dropped, outcome.override.base) == (dropped, base)


@pytest.mark.parametrize(
    ("state", "wanted", "same"),
    [
        (checkout(on=False), override(), True),
        (checkout(), override(), False),
        (checkout(on=False), override("off"), True),
        (checkout(on=False), override("on"), False),
        (checkout(targets=(), rules=()), override("on"), True),
        (checkout(targets=()), override("on"), False),
        (checkout(rules=()), override("on"), False),
    ],
    ids=["off", "on", "off by its variation", "off is not on", "on for all", "rules decide", "targets decide"],
)
def test_origin_says_the_same_only_if_everybody_gets_the_same(state: Flag, wanted: Override, same: bool) -> None:
    assert serves_the_same(Item.of(state), wanted) is same
