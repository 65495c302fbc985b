"""Which folder whose spool has, and that nothing of what a dead worker left stays uncounted."""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from pennon.events import EventBatch
from pennon.ingest import CountedBatch, Ingest, SpoolInUse
from pennon.ingest.folders import adopt_leftovers, folder_of, held, leftovers

NOW = 1_700_000_000.0


class Counted:
    """Counts nothing, but notes what it was given."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, int]] = []

    def add(self, batches: Sequence[CountedBatch]) -> None:
        self.batches += [(batch.instance, batch.sequence) for batch in batches]


async def _take(folder: Path, *sequences: int) -> None:
    """Take batches in a process that dies before it counts them."""
    ingest = Ingest(folder, lambda: NOW)
    await ingest.start()
    for sequence in sequences:
        await ingest.accept("shop/production", "hash", EventBatch(instance=folder.name, sequence=sequence, sent_at=0))
    await ingest.stop()


async def _adopted(base: Path, counts: Counted, until: int) -> None:
    adopting = asyncio.create_task(adopt_leftovers(base, counts))
    async with asyncio.timeout(60):
        while len(counts.batches) < until or leftovers(base):
            await asyncio.sleep(0.01)
    adopting.cancel()
    await asyncio.gather(adopting, return_exceptions=True)


def test_worker_0_has_the_folder_of_a_server_of_one_process(tmp_path: Path) -> None:
    assert folder_of(tmp_path, 0) == tmp_path
    assert folder_of(tmp_path, 3) == tmp_path / "worker-3"


def test_what_workers_left_is_counted_wherever_it_lies(tmp_path: Path) -> None:
    counts = Counted()

    async def main() -> None:
        for number in (0, 1, 17):
            await _take(folder_of(tmp_path, number), 1, 2)
        assert leftovers(tmp_path) == [tmp_path, tmp_path / "worker-1", tmp_path / "worker-17"]
        await _adopted(tmp_path, counts, 6)

    asyncio.run(main())
    names = [tmp_path.name, "worker-1", "worker-17"]
    assert counts.batches == [(name, sequence) for name in names for sequence in (1, 2)]
    assert leftovers(tmp_path) == []


def test_a_folder_whose_worker_lives_is_left_to_it(tmp_path: Path) -> None:
    counts = Counted()

    async def main() -> None:
        alive = Ingest(folder_of(tmp_path, 1), lambda: NOW)
        await alive.start()
        await alive.accept("shop/production", "hash", EventBatch(instance="alive", sequence=1, sent_at=0))
        await _take(folder_of(tmp_path, 2), 1)
        adopting = asyncio.create_task(adopt_leftovers(tmp_path, counts))
        async with asyncio.timeout(60):
            while leftovers(tmp_path) != [tmp_path / "worker-1"]:
                await asyncio.sleep(0.01)
        adopting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await adopting
        await alive.stop()

    asyncio.run(main())
    assert counts.batches == [("worker-2", 1)]


def test_a_folder_that_cannot_be_opened_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    counts = Counted()

    async def main() -> None:
        for number in (1, 2):
            await _take(folder_of(tmp_path, number), 1)
        lock = folder_of(tmp_path, 1) / "lock"
        lock.unlink()
        lock.mkdir()
        adopting = asyncio.create_task(adopt_leftovers(tmp_path, counts))
        async with asyncio.timeout(60):
            while not counts.batches:
                await asyncio.sleep(0.01)
        adopting.cancel()
        await asyncio.gather(adopting, return_exceptions=True)

    asyncio.run(main())
    assert counts.batches == [("worker-2", 1)]


def test_one_server_at_a_time_has_the_folder(tmp_path: Path) -> None:
    with held(tmp_path / "events"), pytest.raises(SpoolInUse), held(tmp_path / "events"):
        pass
    with held(tmp_path / "events"):
        pass
