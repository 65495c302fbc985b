"""What a node reports of itself and of those below: at once, then now and then, and never a backlog."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from pennon.bus import MemoryBus
from pennon.edge.reporting import Reporter
from pennon.edge.status import EnvironmentStatus, Status
from pennon.model import Position
from pennon.sdk.failures import UpstreamFailed
from pennon.sdk.ladder import Failure, FailureKind
from pennon.stream import StreamNode
from pennon.stream.acks import Ack
from tests.integration.nodes import ENVIRONMENT, KEYS, Batches, MemoryLog, boolean

ABOVE = "http://above"


class Above:
    """The far end: takes what is posted, or fails."""

    def __init__(self) -> None:
        self.asked = 0
        self.taken: list[tuple[str, list[dict[str, Any]]]] = []
        self.is_dead = False

    async def post(self, url: str, body: bytes, *, timeout_s: float | None = None) -> None:
        self.asked += 1
        assert timeout_s is not None
        if self.is_dead:
            raise UpstreamFailed(Failure(FailureKind.UNREACHABLE, "nobody there"))
        self.taken.append((url, msgspec.json.decode(body)["acks"]))

    @property
    def last(self) -> list[dict[str, Any]]:
        return self.taken[-1][1]


class World:
    def __init__(self, node: StreamNode, above: Above) -> None:
        self.node = node
        self.above = above
        self.level = 0
        self.reporter = Reporter(node, self.status, above.post, overrides=lambda _: ("checkout=off",), interval_s=1e6)

    def status(self) -> Status:
        standing = EnvironmentStatus(
            environment=ENVIRONMENT, level=self.level, upstream=ABOVE, path=("hub", "origin"), revision="1.1"
        )
        return Status(name="fra-1", version="0", level=self.level, ready=True, upstreams=(), environments=(standing,))

    def below(self, name: str, revision: str = "1.1", **fields: Any) -> None:
        self.node.acks.take(ENVIRONMENT, Ack(name, revision, 0, **fields), self.node.now())


def run(test: Callable[[World], Awaitable[None]]) -> None:
    async def body() -> None:
        log = MemoryLog()
        log.write(ENVIRONMENT, *KEYS, boolean("a"))
        async with StreamNode(log, MemoryBus(), Batches(), time, name="fra-1") as node:
            await test(World(node, Above()))

    asyncio.run(body())


def test_report_says_how_the_node_stands() -> None:
    async def test(world: World) -> None:
        world.node.environments[ENVIRONMENT].census.reported("i1", "1.1", world.node.now())
        await world.reporter.report()
        ((url, (own,)),) = world.above.taken
        assert url == "http://above/sdk/v1/acks?environment=shop%2Fproduction"
        assert (own["node"], own["revision"], own["level"], own["path"]) == ("fra-1", "1.1", 0, ["hub", "origin"])
        assert (own["sdks"], own["overrides"]) == ({"1.1": 1}, ["checkout=off"])
        assert own["digest"] == world.node.environments[ENVIRONMENT].hub.digest("edge")[:16]
        assert msgspec.convert(own, Ack).position == Position(1, 1)

    run(test)


def test_what_was_applied_is_told_once_with_how_long_ago() -> None:
    async def test(world: World) -> None:
        await world.reporter.report()
        world.reporter.on_applied(ENVIRONMENT, Position(1, 1), time.time() - 2.0)
        world.reporter.on_applied(ENVIRONMENT, Position(1, 2), time.time())
        await world.reporter.report()
        own = world.above.last[0]
        assert own["revision"] == "1.2"
        assert own["applied"]["1.1"] >= 2.0
        assert own["applied"]["1.2"] < own["applied"]["1.1"]
        await world.reporter.report()
        assert len(world.above.taken) == 2, "nothing new, nothing due"

    run(test)


def test_reports_of_nodes_below_are_handed_on_once() -> None:
    async def test(world: World) -> None:
        world.below("lon-1", sdks={"1.1": 3})
        await world.reporter.report()
        assert [ack["node"] for ack in world.above.last] == ["fra-1", "lon-1"]
        assert world.above.last[1]["sdks"] == {"1.1": 3}
        world.below("lon-2")
        await world.reporter.report()
        assert [ack["node"] for ack in world.above.last] == ["lon-2"]

    run(test)


def test_node_with_very_many_below_sends_them_in_parts() -> None:
    async def test(world: World) -> None:
        for number in range(1200):
            world.below(f"n{number}")
        await world.reporter.report()
        assert [len(acks) for _, acks in world.above.taken] == [500, 500, 201]
        assert len({ack["node"] for _, acks in world.above.taken for ack in acks}) == 1201

    run(test)


def test_upstream_that_takes_nothing_gets_the_newest_state_later_and_no_backlog() -> None:
    async def test(world: World) -> None:
        world.above.is_dead = True
        for revision in range(2, 200):
            world.reporter.on_applied(ENVIRONMENT, Position(1, revision), time.time())
        world.below("lon-1", "1.5", applied={"1.5": 0.0})
        await world.reporter.report()
        world.below("lon-1", "1.6", applied={"1.6": 0.0})
        await world.reporter.report()
        assert world.above.taken == []
        world.above.is_dead = False
        await world.reporter.report()
        own, below = world.above.last
        assert (own["revision"], below["revision"]) == ("1.199", "1.6")
        assert 0 < len(own["applied"]) <= 32
        assert set(below["applied"]) == {"1.5", "1.6"}
        assert world.above.asked == 3

    run(test)


@pytest.mark.parametrize("level", [2, 3])
def test_upstream_that_is_known_to_be_dead_is_asked_no_more_often_than_is_due(level: int) -> None:
    async def test(world: World) -> None:
        world.above.is_dead = True
        world.level = level
        for revision in range(2, 10):
            world.below("lon-1", f"1.{revision}")
            world.reporter.on_applied(ENVIRONMENT, Position(1, revision), time.time())
            await world.reporter.report()
        assert world.above.asked == 1

    run(test)


def test_node_that_stops_says_so() -> None:
    async def test(world: World) -> None:
        await world.reporter.leave()
        assert [(ack["node"], ack["gone"]) for ack in world.above.last] == [("fra-1", True)]

    run(test)


def test_change_is_reported_without_waiting_for_the_next_time() -> None:
    async def test(world: World) -> None:
        running = asyncio.create_task(world.reporter.run())
        async with asyncio.timeout(60):
            while not world.above.taken:
                await asyncio.sleep(0.01)
            world.reporter.on_applied(ENVIRONMENT, Position(1, 2), time.time())
            while world.above.last[0]["revision"] != "1.2":
                await asyncio.sleep(0.01)
            world.below("lon-1")
            while world.above.last[0]["node"] != "lon-1":
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run(test)
