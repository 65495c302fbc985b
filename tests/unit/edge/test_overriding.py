"""A node's overrides: from a file that people write, into what it serves, and out again when it is time."""

import asyncio
import json
import threading
from pathlib import Path

import msgspec
import pytest
import structlog.testing

from pennon.edge.override_file import FILE, OverrideFile, OverridesUnreadable
from pennon.edge.overrides import Override
from pennon.edge.overriding import SAY_S, Overrides
from pennon.edge.replicas import Feed, Replicas
from pennon.model import Flag, Item, Position, Serve, Snapshot, Variation
from pennon.protocol import digest
from pennon.sdk.config import Clock

SHOP = "shop/production"


def checkout(version: int = 1, *, on: bool = True) -> Flag:
    variations = (Variation("on", True), Variation("off", False))
    fallthrough = Serve(variation="on")
    return Flag(
        key="checkout", version=version, on=on, variations=variations, off_variation="off", fallthrough=fallthrough
    )


class World:
    """A node with one environment, whose origin says what `hear` is given."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.clock = Clock(lambda: self.now, lambda: self.now)
        self.folder = folder
        self.told: list[Position] = []
        self.replicas = Replicas(key_ttl_s=86400)
        self.feed = Feed(SHOP, self.clock, lambda _, position: self.told.append(position))
        self.replicas.feeds[SHOP] = self.feed
        self.hear(checkout())
        self.start()

    def start(self) -> None:
        self.overrides = Overrides(self.folder, node="fra-1", replicas=self.replicas, clock=self.clock)
        self.replicas.overlay = self.overrides

    def hear(self, *flags: Flag, revision: int = 1) -> None:
        items = {"flag": {each.key: Item.of(each) for each in flags}}
        digest_ = digest.combined(items)  # type: ignore[arg-type]
        state = Snapshot.of(items, environment=SHOP, position=Position(1, revision), digest=digest_)  # type: ignore[arg-type]
        self.feed.perform(self.feed.replica.receive_snapshot(state, age=0.0, now=self.now))

    def ask(self, **fields: object) -> None:
        override = msgspec.convert(
            {"environment": SHOP, "flag": "checkout", "at": self.now, "by": "ann", "why": "it burns"} | fields,
            Override,
        )
        OverrideFile(self.folder).edit(lambda before: (*before, override))

    def tick(self, *, after: float = 1.0) -> None:
        self.now += after
        asyncio.run(self.overrides.tick())

    @property
    def on(self) -> bool:
        return asyncio.run(self.replicas.snapshot(SHOP)).flags["checkout"].on


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "data")


def test_node_takes_what_the_file_says_and_serves_it_anew(world: World) -> None:
    asyncio.run(world.replicas.snapshot(SHOP))
    world.ask()
    world.told.clear()
    world.tick()
    assert world.told == [Position(1, 1)], "who serves it is told, although it stands where it stood"
    assert asyncio.run(world.replicas.since(SHOP, Position(1, 1))) is None, "only the whole will do"
    assert not world.on
    assert world.overrides.of(SHOP) == ("checkout=off",)
    assert world.overrides.of("shop/staging") == ()


def test_header_names_the_flags_that_are_overridden_and_stays_short(world: World) -> None:
    assert world.overrides.overridden(SHOP) == ""
    world.ask(flag="über, alles\n")
    for number in range(12):
        world.ask(flag=f"f{number:02}")
    world.tick()
    named = world.overrides.overridden(SHOP)
    assert named.isascii()
    assert named.startswith("f00, f01")
    assert named.endswith(", +3")
    assert world.overrides.overridden("shop/staging") == ""


def test_override_survives_a_restart_of_the_node(world: World) -> None:
    world.ask()
    world.start()
    assert not world.on, "before anything else is done"


def test_node_says_what_it_made_of_the_file(world: World) -> None:
    world.ask()
    world.ask(flag="gone")
    world.ask(variation="purple", environment="shop/staging")
    world.tick()
    seen = OverrideFile(world.folder).seen()
    assert seen is not None
    assert (seen.node, seen.ages) == ("fra-1", {SHOP: 1.0})
    assert [one.state for one in seen.overrides] == [
        "in force",
        "no such flag",
        "this node does not serve the environment",
    ]
    assert seen.of == OverrideFile(world.folder).read()[1]


def test_override_ends_when_the_origin_is_back_and_serves_the_same(world: World) -> None:
    world.ask()
    world.tick()
    world.tick(after=600)
    assert not world.on, "as long as nothing is heard"
    world.hear(checkout(2, on=False), revision=2)
    with structlog.testing.capture_logs() as logs:
        world.tick()
    assert world.overrides.shown() == ()
    assert OverrideFile(world.folder).read()[0] == ()
    (ended,) = [log for log in logs if log["event"] == "an override is ended"]
    assert (ended["flag"], ended["because"], ended["by"]) == ("checkout", "the origin serves the same", "ann")
    assert [one.because for one in world.overrides.dropped] == ["the origin serves the same"]


def test_flag_that_was_changed_while_the_node_was_cut_off_stays_overridden_until_it_is_changed_again(
    world: World,
) -> None:
    world.ask()
    world.tick()
    world.now += 600
    world.hear(checkout(2), revision=2)
    world.tick(after=0)
    (shown,) = world.overrides.shown()
    assert (shown.state, shown.differs) == ("in force", True)
    assert not world.on
    world.start()
    world.tick()
    assert not world.on, "a restart forgets nothing of it"
    world.hear(checkout(3), revision=3)
    world.tick()
    assert world.on
    assert [one.because for one in world.overrides.dropped] == ["the flag was changed at the origin"]


def test_hearing_of_the_origin_does_not_make_everybody_fetch_the_same_again(world: World) -> None:
    world.ask()
    world.tick()
    asyncio.run(world.replicas.snapshot(SHOP))
    world.now += 10
    world.hear(checkout())
    world.told.clear()
    world.tick(after=0)
    assert OverrideFile(world.folder).read()[0][0].base, "it is noted"
    world.tick()
    assert world.told == []


def test_override_that_is_to_be_kept_only_a_person_removes(world: World) -> None:
    world.ask(keep=True)
    world.tick()
    for version in (2, 3):
        world.now += 10
        world.hear(checkout(version), revision=version)
        world.tick(after=0)
    assert not world.on
    OverrideFile(world.folder).edit(lambda _: ())
    world.tick()
    assert world.on


def test_override_is_logged_each_minute(world: World) -> None:
    world.ask()
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            world.tick(after=SAY_S / 2)
    said = [log for log in logs if log["event"] == "a flag is overridden on this node"]
    assert len(said) == 2
    assert said[0]["flag"] == "checkout"
    assert said[0]["end_it_with"] == "pennon edge override checkout --remove"


def test_file_that_cannot_be_read_changes_nothing_and_is_said(world: World) -> None:
    world.ask()
    world.tick()
    (world.folder / FILE).write_text("{ not json at all")
    with structlog.testing.capture_logs() as logs:
        world.tick()
    assert not world.on
    assert [log["log_level"] for log in logs if "cannot be read" in log["event"]] == ["error"]
    seen = OverrideFile(world.folder).seen()
    assert seen is not None
    assert FILE in seen.problem
    with pytest.raises(OverridesUnreadable):
        OverrideFile(world.folder).edit(lambda before: before)


def test_many_who_write_at_once_lose_nothing(tmp_path: Path) -> None:
    def add(number: int) -> None:
        override = Override(environment=SHOP, flag=f"f{number}", at=1.0)
        OverrideFile(tmp_path).edit(lambda before: (*before, override))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {override.flag for override in OverrideFile(tmp_path).read()[0]}
    assert found == {f"f{number}" for number in range(16)}
    assert len(json.loads((tmp_path / FILE).read_text())["overrides"]) == 16
