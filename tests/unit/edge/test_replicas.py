import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from pennon.edge.defaults import bundled
from pennon.edge.replicas import Defaults, Feed, NothingKnown, Replicas
from pennon.model import Delta, Position, Snapshot
from pennon.protocol import Action, AskSince, Frame, Hub, Reported
from pennon.sdk import Level
from pennon.sdk.config import Clock
from pennon.sdk.errors import InvalidFile
from pennon.testing import InMemorySource, flag


class Times:
    def __init__(self) -> None:
        self.now, self.day = 100.0, 1_000_000.0

    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.day)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.day += seconds


class World:
    """A feed, and a hub that it hears of."""

    def __init__(self) -> None:
        self.times = Times()
        self.heard: list[tuple[str, Position]] = []
        self.feed = Feed("shop/p", self.times.clock(), lambda name, position: self.heard.append((name, position)))
        self.source = InMemorySource(flag("a").on(), environment="shop/p")
        self.hub = Hub()
        self.hub.load(self.source.snapshot, known_at=self.times.now)

    def open(self) -> list[Action]:
        return self.take(self.hub.opening("edge", self.feed.position, self.times.now))

    def take(self, frame: Frame) -> list[Action]:
        return self.feed.perform(self.feed.replica.receive(frame, self.times.now))

    def change(self, key: str) -> Frame:
        before = self.source.snapshot
        self.source.put(flag(key).on())
        after = self.source.snapshot
        item = after.flags.records[key]
        delta = Delta(epoch=1, from_=before.revision, to=after.revision, digest="", flags={key: item})
        step = self.hub.advance(delta, known_at=self.times.now)["edge"]
        return self.hub.delta_frame("edge", step, self.times.now)


def test_nothing_is_known_at_first() -> None:
    world = World()
    assert world.feed.served is None
    assert world.feed.level(Level.STREAMING) is Level.DEFAULTS
    with pytest.raises(NothingKnown):
        world.feed.whole()


def test_the_whole_is_wanted_after_a_first_snapshot_and_steps_after_that() -> None:
    world = World()
    world.open()
    position = world.feed.whole().position
    assert world.heard == [("shop/p", position)]
    assert world.feed.since(position) == []
    world.take(world.change("b"))
    world.take(world.change("c"))
    steps = world.feed.since(position)
    assert steps is not None
    assert [step.to for step in steps] == [position.revision + 1, position.revision + 2]
    assert [sorted(step.flags) for step in steps] == [["b"], ["c"]]
    assert world.feed.since(Position(1, position.revision + 1)) == steps[1:]


def test_a_follower_from_elsewhere_gets_the_whole() -> None:
    world = World()
    world.open()
    here = world.feed.whole().position
    assert world.feed.since(Position(here.epoch, here.revision + 1)) is None
    assert world.feed.since(Position(here.epoch + 1, here.revision)) is None
    assert world.feed.since(Position(here.epoch, here.revision - 1)) is None


def test_steps_that_were_given_are_forgotten() -> None:
    world = World()
    world.open()
    start = world.feed.whole().position
    world.take(world.change("b"))
    assert world.feed.since(Position(1, start.revision + 1)) == []
    assert world.feed.since(start) is None


def test_another_state_at_the_same_position_is_wanted_whole() -> None:
    world = World()
    world.open()
    snapshot = world.feed.whole()
    other = Hub()
    source = InMemorySource(flag("z").on(), environment="shop/p")
    other.load(msgspec.structs.replace(source.snapshot, revision=snapshot.revision), known_at=world.times.now)
    actions = world.feed.replica.receive(other.opening("edge", None, world.times.now), world.times.now)
    world.feed.perform(actions)
    assert world.feed.since(snapshot.position) is None
    assert set(world.feed.whole().flags) == {"z"}


def test_reload_has_the_whole_served_anew_where_it_stands() -> None:
    world = World()
    world.open()
    position = world.feed.whole().position
    world.feed.reload()
    assert world.heard[-1] == ("shop/p", position)
    assert world.feed.since(position) is None
    world.feed.whole()
    assert world.feed.since(position) == []


def test_age_is_that_of_the_origin_and_grows() -> None:
    world = World()
    world.times.wait(3)
    world.open()
    assert world.feed.age() == pytest.approx(3, abs=0.01)
    world.times.wait(4)
    assert world.feed.age() == pytest.approx(7, abs=0.01)
    assert world.feed.known_at() == pytest.approx(world.times.day - 7, abs=0.01)


def test_what_was_kept_is_as_old_as_it_says() -> None:
    world = World()
    world.feed.restore(world.source.snapshot, world.times.day - 60)
    assert world.feed.age() == pytest.approx(60)
    assert world.feed.level(Level.LAST_KNOWN) is Level.LAST_KNOWN


def test_a_kept_state_from_the_future_is_current() -> None:
    world = World()
    world.feed.restore(world.source.snapshot, world.times.day + 60)
    assert world.feed.age() == 0


def test_what_was_kept_takes_nothing_later_back() -> None:
    world = World()
    kept = world.source.snapshot
    world.open()
    world.take(world.change("b"))
    world.feed.restore(kept, world.times.day)
    assert "b" in world.feed.whole().flags


def test_defaults_are_served_until_the_origin_is_heard_of_and_then_never() -> None:
    world = World()
    snapshot = msgspec.structs.replace(world.source.snapshot, epoch=0, revision=900)
    world.feed.defaults = Defaults(snapshot, world.times.day - 10)
    assert (world.feed.is_on_defaults, world.feed.age()) == (True, 10)
    assert world.feed.level(Level.POLLING) is Level.DEFAULTS
    assert world.feed.whole().position == Position(0, 900)
    world.open()
    assert not world.feed.is_on_defaults
    assert world.feed.since(Position(0, 900)) is None
    assert world.feed.whole().position == Position(1, world.source.snapshot.revision)


def test_questions_for_the_upstream_are_handed_back() -> None:
    world = World()
    world.open()
    missed = world.change("b")
    assert missed.event == "delta"
    asked = world.take(world.change("c"))
    assert [type(action) for action in asked] == [AskSince]


def test_reports_are_counted_and_handed_back() -> None:
    world = World()
    world.open()
    asked = world.take(Frame("delta", b"{"))
    assert isinstance(asked[0], Reported)
    assert sum(world.feed.reports.values()) == 1
    assert "malformed" in world.feed.problem


def replicas(world: World, key_ttl_s: float = 100.0) -> Replicas:
    made = Replicas(key_ttl_s=key_ttl_s)
    made.feeds["shop/p"] = world.feed
    return made


def test_which_environments_there_are_is_not_known_before_somebody_said() -> None:
    made = replicas(World())
    with pytest.raises(NothingKnown):
        asyncio.run(made.environments())
    made.is_listed = True
    assert asyncio.run(made.environments()) == ["shop/p"]


def test_keys_are_doubted_when_the_state_is_too_old() -> None:
    world = World()
    made = replicas(world)
    world.open()
    world.times.wait(99)
    assert made.doubts("shop/p") is None
    world.times.wait(2)
    assert "cut off" in str(made.doubts("shop/p"))
    world.hub.confirm(world.times.now)
    world.take(world.hub.heartbeat(world.times.now, "edge"))
    assert made.doubts("shop/p") is None


def test_keys_of_the_defaults_are_not_doubted() -> None:
    world = World()
    world.feed.defaults = Defaults(world.source.snapshot, 0.0)
    assert replicas(world).doubts("shop/p") is None


def test_an_environment_that_is_gone_is_known_no_more() -> None:
    made = replicas(World())
    with pytest.raises(NothingKnown):
        asyncio.run(made.snapshot("shop/gone"))
    assert made.doubts("shop/gone") is None
    assert made.age("shop/gone") == 0


def test_what_is_served_goes_through_the_overlay() -> None:
    class Renamed:
        def applied(self, document: Snapshot | Delta) -> Snapshot | Delta:
            return msgspec.structs.replace(document, environment="other")

    world = World()
    made = replicas(world)
    made.overlay = Renamed()  # type: ignore[assignment]  # it does what each of the two is asked for
    world.open()
    position = asyncio.run(made.snapshot("shop/p")).position
    world.take(world.change("b"))
    steps = asyncio.run(made.since("shop/p", position))
    assert steps is not None
    assert steps[0].environment == "other"


def test_bundled_defaults_are_before_every_epoch(tmp_path: Path) -> None:
    file = tmp_path / "flags.json"
    file.write_bytes(b'{"environment": "shop/p", "epoch": 4, "revision": 8, "flags": {"a": true}}')
    made = bundled(file)
    assert made is not None
    assert (made.environment, made.has_keys) == ("shop/p", False)
    found = made.of("shop/p")
    assert found is not None
    assert found.snapshot.position == Position(0, 8)
    assert found.written_at == pytest.approx(time.time(), abs=600)
    assert made.of("shop/other") is None


def test_defaults_that_name_no_environment_are_for_all(tmp_path: Path) -> None:
    file = tmp_path / "flags.yaml"
    file.write_text("flags:\n  a: true\n")
    made = bundled(file)
    assert made is not None
    assert made.environment == "defaults"
    for name in ("shop/p", "shop/q"):
        found = made.of(name)
        assert found is not None
        assert (found.snapshot.environment, set(found.snapshot.flags)) == (name, {"a"})


def test_defaults_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    assert bundled(None) is None
    with pytest.raises(InvalidFile, match="cannot be read"):
        bundled(tmp_path / "none.json")


def test_key_records_may_be_written_into_defaults(tmp_path: Path) -> None:
    file = tmp_path / "defaults.json"
    hash_ = "ab" * 32
    document = {"flags": {"a": True}, "keys": {hash_: {"key": hash_, "kind": "server"}}}
    file.write_bytes(msgspec.json.encode(document))
    made = bundled(file)
    assert made is not None
    assert made.has_keys
    found = made.of("shop/p")
    assert found is not None
    assert found.snapshot.keys[hash_].kind == "server"
