"""Counting what is in the spool: each batch once, whatever fails in between."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog

from pennon.events import HourlyCount
from pennon.ingest import CountedBatch, Counting, Ingest, counting
from pennon.ingest.frames import framed
from tests.unit.ingest.test_accept import ENVIRONMENT, batch, ingesting


class Ledger:
    """A `Counts` as a storage is one: marks and sums change together. Fails when told to, before or after."""

    def __init__(self) -> None:
        self.marks: set[tuple[str, str, int]] = set()
        self.total = 0
        self.fail_before = 0
        self.fail_after = 0
        self.calls = 0

    def add(self, batches: Sequence[CountedBatch]) -> None:
        self.calls += 1
        if self.fail_before:
            self.fail_before -= 1
            raise ConnectionError("the database is away")
        for found in batches:
            mark = (found.key_hash, found.instance, found.sequence)
            if mark not in self.marks:
                self.marks.add(mark)
                self.total += sum(count.count for count in found.counts)
        if self.fail_after:
            self.fail_after -= 1
            raise ConnectionError("the answer of the database was lost")


async def drained(ingest: Ingest, ledger: Ledger) -> None:
    counted = Counting(ingest, ledger)
    while await counted.count_some():
        pass


def test_what_was_accepted_is_counted(tmp_path: Path) -> None:
    async def scenario() -> None:
        ledger = Ledger()
        async with ingesting(tmp_path) as ingest:
            for sequence in range(5):
                await ingest.accept(ENVIRONMENT, "k1", batch(sequence, count=10))
            await drained(ingest, ledger)
            assert (ledger.total, len(ledger.marks)) == (50, 5)
            assert await ingest.read(10) == []

    asyncio.run(scenario())


def test_batch_is_handed_over_with_its_mark_and_its_sums(tmp_path: Path) -> None:
    seen: list[CountedBatch] = []

    class Keeping(Ledger):
        def add(self, batches: Sequence[CountedBatch]) -> None:
            seen.extend(batches)

    async def scenario() -> None:
        async with ingesting(tmp_path) as ingest:
            await ingest.accept(ENVIRONMENT, "k1", batch(7, count=3))
            await drained(ingest, Keeping())

    asyncio.run(scenario())
    sums = (HourlyCount("checkout", "on", 1_760_000_000 // 3600 * 3600, 3),)
    assert seen == [CountedBatch(ENVIRONMENT, "k1", "i1", 7, 1_760_000_000_000, sums)]


@pytest.mark.parametrize(("before", "after"), [(2, 0), (0, 2), (1, 1)])
def test_failing_storage_delays_counting_and_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int, after: int
) -> None:
    monkeypatch.setattr(counting, "_RETRY_S", 0.001)

    async def scenario() -> None:
        ledger = Ledger()
        ledger.fail_before, ledger.fail_after = before, after
        async with ingesting(tmp_path) as ingest:
            await ingest.accept(ENVIRONMENT, "k1", batch(1, count=10))
            with structlog.testing.capture_logs() as logs:
                await drained(ingest, ledger)
            assert ledger.total == 10
            assert ledger.calls == before + after + 1
            assert {entry["log_level"] for entry in logs} == {"warning"}

    asyncio.run(scenario())


def test_crash_between_counting_and_the_note_of_it_counts_nothing_twice(tmp_path: Path) -> None:
    async def scenario() -> None:
        ledger = Ledger()
        async with ingesting(tmp_path) as ingest:
            await ingest.accept(ENVIRONMENT, "k1", batch(1, count=10))
            await drained(ingest, ledger)
        (tmp_path / "consumed").unlink()
        async with ingesting(tmp_path) as ingest:
            await drained(ingest, ledger)
        assert ledger.total == 10
        assert ledger.calls == 2

    asyncio.run(scenario())


def test_what_comes_while_counting_runs_is_counted(tmp_path: Path) -> None:
    async def scenario() -> None:
        ledger = Ledger()
        async with ingesting(tmp_path) as ingest:
            running = asyncio.create_task(Counting(ingest, ledger).run())
            for sequence in range(20):
                await ingest.accept(ENVIRONMENT, "k1", batch(sequence))
                await asyncio.sleep(0)
            async with asyncio.timeout(60):
                while ledger.total < 20:
                    await asyncio.sleep(0.001)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())


def test_what_was_left_uncounted_is_counted_after_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        ledger = Ledger()
        async with ingesting(tmp_path) as ingest:
            await ingest.accept(ENVIRONMENT, "k1", batch(1))
        async with ingesting(tmp_path) as ingest:
            running = asyncio.create_task(Counting(ingest, ledger).run())
            async with asyncio.timeout(60):
                while not ledger.total:
                    await asyncio.sleep(0.001)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())


def test_record_that_cannot_be_read_is_reported_and_holds_up_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        ledger = Ledger()
        async with ingesting(tmp_path) as ingest:
            await ingest.accept(ENVIRONMENT, "k1", batch(1))
        segment = next(tmp_path.glob("*.seg"))
        damaged = bytearray(framed(b"damaged"))
        damaged[-1] ^= 1
        segment.write_bytes(bytes(damaged) + framed(b"not ours") + segment.read_bytes())
        with structlog.testing.capture_logs() as logs:
            async with ingesting(tmp_path) as ingest:
                await drained(ingest, ledger)
                assert await ingest.read(10) == []
        assert ledger.total == 1
        assert sum(entry["log_level"] == "error" for entry in logs) == 4  # found on opening, and again when counting

    asyncio.run(scenario())
