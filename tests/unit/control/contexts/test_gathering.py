"""Contexts taken out of the batches that come in."""

import asyncio
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pennon.control.contexts.gathering import Gathering
from pennon.control.contexts.keeping import KEPT, PURPOSE, SealedContext, opened
from pennon.control.errors import Unavailable
from pennon.control.signing.sealing import Box, Secret
from pennon.events import DIRECT, Counter, EventBatch, SampledContext, Way
from pennon.ingest.accept import Accepted
from pennon.model import Reason
from tests.clock import HandClock

BOX = Secret("x" * 32, Path("unused")).box(PURPOSE)
SHOP = "shop/production"


class Below:
    """The sink behind: it writes to a disk what it is given."""

    passes_on = False

    def __init__(self) -> None:
        self.batches: list[EventBatch] = []
        self.is_duplicate = False

    async def accept(self, environment: str, key_hash: str, batch: EventBatch, way: Way = DIRECT) -> Accepted:
        self.batches.append(batch)
        return Accepted(batch.entries, self.is_duplicate)


class Kept:
    """A store in memory."""

    def __init__(self) -> None:
        self.contexts: list[SealedContext] = []
        self.is_away = False

    def keep(self, contexts: Iterable[SealedContext]) -> None:
        if self.is_away:
            raise Unavailable("away")
        self.contexts += contexts

    def find(self, environment: str, *, since: datetime, limit: int) -> list[SealedContext]:
        raise AssertionError("not asked here")

    def environments(self) -> list[str]:
        raise AssertionError("not asked here")

    def forget(self, *, before: datetime | None = None, environments: Collection[str] = ()) -> None:
        raise AssertionError("not asked here")


class Bench:
    def __init__(self, *, is_on: bool = True) -> None:
        self.clock, self.below, self.kept = HandClock(), Below(), Kept()
        self.gathering = Gathering(self.below, self.kept, lambda: BOX, self.clock, is_on=is_on)

    @property
    def now_ms(self) -> int:
        return int(self.clock.now().timestamp() * 1000)

    def accept(self, *contexts: SampledContext, way: Way = DIRECT, sent_at: int | None = None) -> Accepted:
        counter = Counter(flag="f", reason=Reason.OFF, count=1, from_=self.now_ms, to=self.now_ms)
        batch = EventBatch(instance="i", sequence=1, counters=(counter,), contexts=contexts, sent_at=sent_at)
        return asyncio.run(self.gathering.accept(SHOP, "k", batch, way))

    def hours(self) -> list[tuple[int, object]]:
        """Return by how many hours each context is older than this hour, and who it is."""
        now = int(self.clock.now().timestamp()) // 3600
        return [(now - hour // 3600, context["targetingKey"]) for hour, context in opened(BOX, self.kept.contexts)]

    def user(self, name: str, ago: timedelta = timedelta(0)) -> SampledContext:
        time = int((self.clock.now() - ago).timestamp() * 1000)
        return SampledContext(time=time, context={"targetingKey": name})


def test_contexts_reach_the_store_sealed_and_no_disk() -> None:
    bench = Bench()
    assert bench.accept(bench.user("u1"), bench.user("u2")) == Accepted(3)
    assert [len(batch.counters) for batch in bench.below.batches] == [1]
    assert not bench.below.batches[0].contexts
    bench.gathering.flush()
    assert sorted(bench.hours()) == [(0, "u1"), (0, "u2")]
    assert all(b"u1" not in each.sealed for each in bench.kept.contexts)


def test_a_context_is_written_once_an_hour() -> None:
    bench = Bench()
    for _ in range(3):
        bench.accept(bench.user("u1"))
        bench.gathering.flush()
    assert bench.hours() == [(0, "u1")]
    bench.clock.move(timedelta(hours=1))
    bench.accept(bench.user("u1"))
    bench.gathering.flush()
    assert sorted(bench.hours()) == [(0, "u1"), (1, "u1")]


def test_the_hour_is_that_of_the_evaluation_by_our_clock() -> None:
    bench = Bench()
    bench.accept(bench.user("before", timedelta(hours=2)))
    bench.accept(bench.user("old", KEPT + timedelta(hours=2)))
    bench.accept(bench.user("to come", timedelta(hours=-5)))
    wrong_ms = bench.now_ms - 10 * 3_600_000
    bench.accept(bench.user("slow clock", timedelta(hours=10)), sent_at=wrong_ms)
    bench.accept(bench.user("waited", timedelta(0)), way=Way(waited_ms=3 * 3_600_000))
    bench.gathering.flush()
    assert sorted(bench.hours()) == [(0, "slow clock"), (0, "to come"), (2, "before"), (3, "waited")]


def test_a_batch_that_was_there_brings_nothing() -> None:
    bench = Bench()
    bench.below.is_duplicate = True
    assert bench.accept(bench.user("u1")) == Accepted(2, duplicate=True)
    bench.gathering.flush()
    assert bench.kept.contexts == []


def test_where_no_sample_is_wanted_contexts_are_dropped() -> None:
    bench = Bench(is_on=False)
    assert bench.accept(bench.user("u1")) == Accepted(2)
    assert not bench.below.batches[0].contexts
    bench.gathering.flush()
    assert bench.kept.contexts == []


def test_who_comes_again_after_the_store_was_away_is_kept() -> None:
    bench = Bench()
    bench.kept.is_away = True
    bench.accept(bench.user("u1"))
    with pytest.raises(Unavailable):
        bench.gathering.flush()
    bench.kept.is_away = False
    bench.accept(bench.user("u1"))
    bench.gathering.flush()
    assert bench.hours() == [(0, "u1")]


def test_a_batch_without_contexts_goes_as_it_is() -> None:
    bench = Bench()
    assert bench.accept() == Accepted(1)
    bench.gathering.flush()
    assert bench.kept.contexts == []
    assert not bench.gathering.passes_on


def test_what_goes_wrong_ends_nothing_and_quotes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    monkeypatch.setattr("pennon.control.contexts.gathering.INTERVAL_S", 0.01)
    opened_once: list[bool] = []
    whom = "anna@example.org"

    def box() -> Box:
        if not opened_once:
            opened_once.append(True)
            raise ValueError(whom)
        return BOX

    bench.gathering = Gathering(bench.below, bench.kept, box, bench.clock, is_on=True)

    async def run(logged: Collection[object]) -> None:
        running = asyncio.create_task(bench.gathering.run())
        async with asyncio.timeout(60):
            while len(logged) < 2:
                await bench.gathering.accept(SHOP, "k", batch)
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    batch = EventBatch(instance="i", sequence=1, contexts=(bench.user("u1"),))
    with capture_logs() as logged:
        asyncio.run(run(logged))
    assert bench.kept.contexts
    [line, again] = logged
    assert line["problem"].startswith("ValueError, whose words are left out")
    assert "in box" in line["trace"], "it says where it happened"
    assert line["left_out"] > 0
    assert whom not in str(line)
    assert again["event"] == "sampled contexts are kept again"
