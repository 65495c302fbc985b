"""What nodes report to a process of the origin, on its way to the storage."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pennon.bus import MemoryBus
from pennon.control.publishing.collecting import OWN_S, Collecting
from pennon.control.publishing.metrics import PropagationMetrics
from pennon.control.publishing.propagation import Arrivals, NodeReport
from pennon.control.publishing.standing import NodeStanding
from pennon.model import Position
from pennon.stream import StreamNode
from pennon.stream.acks import Ack
from tests.clock import HandClock
from tests.integration.nodes import ENVIRONMENT, KEYS, Batches, MemoryLog, boolean

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
COMMITS = {revision: NOON + timedelta(seconds=revision) for revision in range(1, 100)}


class Kept:
    """A store in memory, as another server may have written to it."""

    def __init__(self) -> None:
        self.writes: list[tuple[Sequence[NodeReport], Sequence[Arrivals]]] = []
        self.known: list[NodeReport] = []
        self.asked = 0
        self.is_away = False

    def keep(self, reports: Sequence[NodeReport], arrived: Sequence[Arrivals]) -> None:
        if self.is_away:
            raise ConnectionError("the database is away")
        self.writes.append((reports, arrived))

    def reports(self, environment: str | None = None) -> list[NodeReport]:
        return [report for report in self.known if environment in (None, report.environment)]

    def arrivals(self, environment: str, *, revision: int | None = None) -> list[Arrivals]:
        raise AssertionError("nobody asks")

    def commits(self, environment: str, epoch: int, *, limit: int = 100) -> Mapping[int, datetime]:
        self.asked += 1
        return COMMITS if (environment, epoch) == (ENVIRONMENT, 1) else {}


class Views:
    """Nobody stands anywhere: what is looked at here is the way to the store."""

    def everywhere(self) -> dict[str, list[NodeStanding]]:
        return {}


class World:
    def __init__(self, node: StreamNode, clock: HandClock) -> None:
        self.node, self.clock, self.store = node, clock, Kept()
        self.metrics = PropagationMetrics()
        self.collecting = Collecting(node, self.store, Views(), self.metrics, clock)  # type: ignore[arg-type]

    def report(self, name: str, revision: str, **fields: Any) -> None:
        self.node.acks.take(ENVIRONMENT, Ack(name, revision, 0, **fields), self.node.now())

    async def arrivals(self) -> dict[int, Mapping[str, float]]:
        """Collect once, and return the delays that were written, by revision."""
        before = len(self.store.writes)
        await self.collecting.collect()
        written = [each for _, arrived in self.store.writes[before:] for each in arrived]
        return {each.position.revision: each.delays for each in written}


def run(test: Callable[[World], Awaitable[None]]) -> None:
    async def body() -> None:
        log = MemoryLog()
        log.write(ENVIRONMENT, *KEYS, boolean("a"))
        async with StreamNode(log, MemoryBus(), Batches(), time) as node:
            await test(World(node, HandClock(NOON + timedelta(seconds=10))))

    asyncio.run(body())


def test_reports_of_many_nodes_are_one_write_and_nothing_new_is_none() -> None:
    async def test(world: World) -> None:
        for number in range(50):
            world.report(f"n{number}", "1.9")
        await world.collecting.collect()
        ((reports, _),) = world.store.writes
        assert len([report for report in reports if not report.writer]) == 50
        (own,) = [report for report in reports if report.writer]
        assert (own.ack.node, own.ack.position) == ("origin", Position(1, 1))
        await world.collecting.collect()
        assert len(world.store.writes) == 1

    run(test)


def test_process_that_ends_takes_its_own_word_back_if_it_can() -> None:
    async def test(world: World) -> None:
        await world.collecting.leave()
        assert world.store.writes == []
        await world.collecting.collect()
        await world.collecting.leave()
        ((said,), _), ((left,), _) = world.store.writes
        assert (left.environment, left.ack.node, left.writer) == (said.environment, said.ack.node, said.writer)
        assert (said.ack.gone, left.ack.gone) == (False, True)
        await world.collecting.collect()
        world.store.is_away = True
        await world.collecting.leave()

    run(test)


def test_node_that_was_heard_of_is_timed_from_commit_to_applied() -> None:
    async def test(world: World) -> None:
        world.report("fra-1", "1.8", waited=5.0)
        await world.collecting.collect()
        world.report("fra-1", "1.9", applied={"1.9": 0.5}, waited=0.25)
        delays = (await world.arrivals())[9]
        assert delays["fra-1"] == pytest.approx(0.25, abs=0.2), "from 9 s to what was applied 0.75 s before 10 s"

    run(test)


def test_node_that_was_heard_of_elsewhere_begins_where_it_stood_there() -> None:
    async def test(world: World) -> None:
        ack = Ack("fra-1", "1.7", 0)
        world.store.known = [NodeReport(environment=ENVIRONMENT, ack=ack, heard_at=world.clock.now())]
        world.report("fra-1", "1.9", applied={"1.9": 0.0})
        assert set(await world.arrivals()) == {8, 9}

    run(test)


def test_node_that_is_new_or_was_away_says_nothing_of_how_fast_changes_travel() -> None:
    async def test(world: World) -> None:
        ack = Ack("away-1", "1.2", 0)
        long_ago = world.clock.now() - timedelta(hours=3)
        world.store.known = [NodeReport(environment=ENVIRONMENT, ack=ack, heard_at=long_ago)]
        world.report("away-1", "1.9", applied={"1.9": 0.0})
        world.report("new-1", "1.9", applied={"1.9": 0.0})
        assert await world.arrivals() == {}

    run(test)


def test_what_could_not_be_kept_is_kept_when_it_can_be() -> None:
    async def test(world: World) -> None:
        world.report("fra-1", "1.8")
        await world.collecting.collect()
        world.store.is_away = True
        world.report("fra-1", "1.9", applied={"1.9": 0.5})
        for _ in range(2):
            with pytest.raises(ConnectionError):
                await world.collecting.collect()
        world.store.is_away = False
        assert set(await world.arrivals()) == {9}
        assert [report.ack.revision for report in world.store.writes[-1][0] if not report.writer] == ["1.9"]
        count = [
            sample.value for metric in world.metrics.collect() for sample in metric.samples if "count" in sample.name
        ]
        assert count == [1.0], "it arrived once"

    run(test)


def test_revisions_that_nobody_committed_cost_one_question() -> None:
    async def test(world: World) -> None:
        for number in range(20):
            world.report(f"n{number}", "1.5")
        await world.collecting.collect()
        world.store.asked = 0
        for number in range(20):
            world.report(f"n{number}", f"1.{5000 + number}", applied={f"1.{5000 + number}": 0.0})
        assert await world.arrivals() == {}
        assert world.store.asked == 1

    run(test)


def test_origin_says_now_and_then_that_it_is_there() -> None:
    async def test(world: World) -> None:
        await world.collecting.collect()
        world.collecting._own = {name: (at - OWN_S, ack) for name, (at, ack) in world.collecting._own.items()}
        await world.collecting.collect()
        assert len(world.store.writes) == 2
        world.node.environments[ENVIRONMENT].census.reported("i1", "1.1", world.node.now())
        await world.collecting.collect()
        assert [report.ack.sdks for report in world.store.writes[2][0]] == [{"1.1": 1}], "at once, if it changes"

    run(test)
