"""Accepting batches: once each, on disk first, and still known after a restart."""

import asyncio
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from pennon.events import Counter, EventBatch, Way
from pennon.ingest import Accepted, BatchTooOld, Ingest, IngestSettings, IngestUnavailable, SpoolInUse, SpoolSettings
from pennon.ingest.accept import LONGEST_WAIT_MS, spooled
from pennon.model import Reason

NOW = 1_760_000_000.0
ENVIRONMENT = "shop/production"


def batch(sequence: int, *, instance: str = "i1", count: int = 1) -> EventBatch:
    counter = Counter(
        flag="checkout", variation="on", reason=Reason.SPLIT, count=count, from_=1_760_000_000_000, to=1_760_000_000_001
    )
    return EventBatch(instance=instance, sequence=sequence, counters=(counter,))


@asynccontextmanager
async def ingesting(folder: Path, settings: IngestSettings | None = None) -> AsyncIterator[Ingest]:
    ingest = Ingest(folder, lambda: NOW, settings or IngestSettings())
    await ingest.start()
    try:
        yield ingest
    finally:
        await ingest.stop()


async def sequences(ingest: Ingest) -> list[int]:
    found = [spooled(record.payload or b"") for record in await ingest.read(10_000)]
    return [entry.batch.sequence for entry in found if entry is not None]


@contextmanager
def full_disk() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_batch_is_in_the_spool_when_it_is_acknowledged(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ingesting(tmp_path) as ingest:
            assert await ingest.accept(ENVIRONMENT, "k1", batch(1)) == Accepted(1)
            record = (await ingest.read(10))[0]
            found = spooled(record.payload or b"")
            assert found is not None
            assert (found.environment, found.key_hash, found.received_at) == (ENVIRONMENT, "k1", 1_760_000_000_000)
            assert found.batch == batch(1)

    asyncio.run(scenario())


def test_repeated_batch_is_acknowledged_and_kept_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ingesting(tmp_path) as ingest:
            await ingest.accept(ENVIRONMENT, "k1", batch(1))
            assert await ingest.accept(ENVIRONMENT, "k1", batch(1)) == Accepted(1, duplicate=True)
            assert await ingest.accept(ENVIRONMENT, "k2", batch(1)) == Accepted(1)
            assert await ingest.accept(ENVIRONMENT, "k1", batch(1, instance="i2")) == Accepted(1)
            assert await sequences(ingest) == [1, 1, 1]

    asyncio.run(scenario())


def test_batch_sent_twice_at_once_is_kept_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ingesting(tmp_path) as ingest:
            answers = await asyncio.gather(*(ingest.accept(ENVIRONMENT, "k1", batch(1)) for _ in range(5)))
            assert sorted(answer.duplicate for answer in answers) == [False, True, True, True, True]
            assert await sequences(ingest) == [1]

    asyncio.run(scenario())


def test_batch_taken_before_a_restart_is_known_after_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ingesting(tmp_path) as ingest:
            await ingest.accept(ENVIRONMENT, "k1", batch(1))
        async with ingesting(tmp_path) as ingest:
            assert (await ingest.accept(ENVIRONMENT, "k1", batch(1))).duplicate
            assert not (await ingest.accept(ENVIRONMENT, "k1", batch(2))).duplicate

    asyncio.run(scenario())


@pytest.mark.parametrize("retain", [False, True])
def test_batch_whose_segment_is_gone_is_still_known_after_a_restart(tmp_path: Path, retain: bool) -> None:
    settings = IngestSettings(spool=SpoolSettings(segment_bytes=100, retain=retain))

    async def scenario() -> None:
        async with ingesting(tmp_path, settings) as ingest:
            for sequence in range(1, 11):
                await ingest.accept(ENVIRONMENT, "k1", batch(sequence))
            records = await ingest.read(100)
            for record in records:
                await ingest.release(record.after)
            assert await ingest.read(100) == []
        assert len(list(tmp_path.glob("*.seg"))) == (10 if retain else 1)
        async with ingesting(tmp_path, settings) as ingest:
            for sequence in range(1, 11):
                assert (await ingest.accept(ENVIRONMENT, "k1", batch(sequence))).duplicate
            assert await ingest.read(100) == []

    asyncio.run(scenario())


def test_batches_that_come_together_share_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    fdatasync = os.fdatasync

    def noted(file: int) -> None:
        synced.append(file)
        fdatasync(file)

    monkeypatch.setattr(os, "fdatasync", noted)

    async def scenario() -> None:
        async with ingesting(tmp_path) as ingest:
            await asyncio.gather(*(ingest.accept(ENVIRONMENT, "k1", batch(number)) for number in range(200)))
            assert sorted(await sequences(ingest)) == list(range(200))

    asyncio.run(scenario())
    assert 1 <= len(synced) <= 5


def test_full_disk_refuses_and_the_same_batch_is_new_when_there_is_room(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ingesting(tmp_path) as ingest:
            with full_disk(), pytest.raises(IngestUnavailable):
                await ingest.accept(ENVIRONMENT, "k1", batch(1))
            assert await ingest.read(10) == []
            assert await ingest.accept(ENVIRONMENT, "k1", batch(1)) == Accepted(1)
            assert await sequences(ingest) == [1]

    asyncio.run(scenario())


def test_caller_who_leaves_takes_nothing_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ingesting(tmp_path) as ingest:
            leaving = asyncio.ensure_future(ingest.accept(ENVIRONMENT, "k1", batch(1)))
            await asyncio.sleep(0)
            leaving.cancel()
            assert (await ingest.accept(ENVIRONMENT, "k1", batch(1))).duplicate
            assert await sequences(ingest) == [1]

    asyncio.run(scenario())


def test_number_far_behind_is_refused_rather_than_acknowledged_unseen(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ingesting(tmp_path) as ingest:
            await asyncio.gather(*(ingest.accept(ENVIRONMENT, "k1", batch(2 * number)) for number in range(300)))
            with pytest.raises(BatchTooOld):
                await ingest.accept(ENVIRONMENT, "k1", batch(1))
            assert not (await ingest.accept(ENVIRONMENT, "k1", batch(599))).duplicate

    asyncio.run(scenario())


def test_more_than_may_wait_for_the_disk_is_refused(tmp_path: Path) -> None:
    settings = IngestSettings(waiting_bytes=600)

    async def scenario() -> None:
        async with ingesting(tmp_path, settings) as ingest:
            answers = await asyncio.gather(
                *(ingest.accept(ENVIRONMENT, "k1", batch(number)) for number in range(50)), return_exceptions=True
            )
            refused = [answer for answer in answers if isinstance(answer, IngestUnavailable)]
            assert refused
            assert len(await sequences(ingest)) == 50 - len(refused) > 0

    asyncio.run(scenario())


def test_nothing_is_taken_before_start_or_after_stop(tmp_path: Path) -> None:
    async def scenario() -> None:
        ingest = Ingest(tmp_path, lambda: NOW)
        with pytest.raises(IngestUnavailable):
            await ingest.accept(ENVIRONMENT, "k1", batch(1))
        await ingest.start()
        await ingest.stop()
        with pytest.raises(IngestUnavailable):
            await ingest.accept(ENVIRONMENT, "k1", batch(1))

    asyncio.run(scenario())


def test_folder_of_another_process_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ingesting(tmp_path):
            second = Ingest(tmp_path, lambda: NOW)
            with pytest.raises(SpoolInUse):
                await second.start()
            await second.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize("note", [b"", b"{}", b'{"upto":{"segment":1,"offset":0},"taken":{}}'])
def test_spoiled_note_of_taken_batches_costs_what_it_told_and_no_more(tmp_path: Path, note: bytes) -> None:
    async def scenario() -> None:
        async with ingesting(tmp_path) as ingest:
            await ingest.accept(ENVIRONMENT, "k1", batch(1))
        (tmp_path / "taken").write_bytes(note)
        async with ingesting(tmp_path) as ingest:
            assert (await ingest.accept(ENVIRONMENT, "k1", batch(1))).duplicate

    asyncio.run(scenario())


def test_batch_that_waited_elsewhere_is_of_the_time_at_which_it_came_there(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ingesting(tmp_path) as ingest:
            await ingest.accept(ENVIRONMENT, "k1", batch(1), Way(5000, ("a",)))
            found = spooled((await ingest.read(1))[0].payload or b"")
            assert found is not None
            assert (found.received_at, found.via) == (1_759_999_995_000, ("a",))

    asyncio.run(scenario())


@pytest.mark.parametrize("passes_on", [True, False])
def test_batch_that_waited_for_weeks_is_refused_by_who_counts(tmp_path: Path, passes_on: bool) -> None:
    async def scenario() -> None:
        async with ingesting(tmp_path, IngestSettings(passes_on=passes_on)) as ingest:
            await ingest.accept(ENVIRONMENT, "k1", batch(1), Way(LONGEST_WAIT_MS))
            if passes_on:
                await ingest.accept(ENVIRONMENT, "k1", batch(2), Way(LONGEST_WAIT_MS + 1))
            else:
                with pytest.raises(BatchTooOld, match="three weeks"):
                    await ingest.accept(ENVIRONMENT, "k1", batch(2), Way(LONGEST_WAIT_MS + 1))

    asyncio.run(scenario())


@pytest.mark.parametrize("passes_on", [True, False])
def test_who_counts_takes_a_batch_once_and_who_passes_it_on_once_a_way(tmp_path: Path, passes_on: bool) -> None:
    settings = IngestSettings(passes_on=passes_on)
    ways = [Way(), Way(0, ("a",)), Way(9, ("b", "a"))]

    async def scenario() -> None:
        async with ingesting(tmp_path, settings) as ingest:
            for way in ways:
                await ingest.accept(ENVIRONMENT, "k1", batch(1), way)
            assert len(await sequences(ingest)) == (3 if passes_on else 1)
        async with ingesting(tmp_path, settings) as ingest:  # it knows after a restart, too
            for way in ways:
                assert (await ingest.accept(ENVIRONMENT, "k1", batch(1), way)).duplicate

    asyncio.run(scenario())


def test_spool_of_a_limited_size_refuses_more_until_some_of_it_was_read(tmp_path: Path) -> None:
    settings = IngestSettings(spool=SpoolSettings(segment_bytes=500, max_bytes=3000))

    async def scenario() -> None:
        async with ingesting(tmp_path, settings) as ingest:
            offers = (ingest.accept(ENVIRONMENT, "k1", batch(sequence)) for sequence in range(40))
            answers = [(await asyncio.gather(offer, return_exceptions=True))[0] for offer in offers]
            taken = sum(isinstance(answer, Accepted) for answer in answers)
            assert "at most 3000 bytes" in str(answers[-1])
            assert 0 < ingest.spool_bytes <= 3000
            records = await ingest.read(100)
            assert len(records) == taken
            await ingest.release(records[-1].after)
            assert ingest.spool_bytes <= 1000
            await ingest.accept(ENVIRONMENT, "k1", batch(40))
        async with ingesting(tmp_path, settings) as ingest:
            assert ingest.spool_bytes == sum(path.stat().st_size for path in tmp_path.glob("*.seg"))

    asyncio.run(scenario())


def test_reading_goes_on_where_it_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ingesting(tmp_path) as ingest:
            for sequence in range(4):
                await ingest.accept(ENVIRONMENT, "k1", batch(sequence))
            first = await ingest.read(2)
            rest = await ingest.read(10, after=first[-1].after)
            assert [found.batch.sequence for record in rest if (found := spooled(record.payload or b""))] == [2, 3]

    asyncio.run(scenario())


@pytest.mark.parametrize("passes_on", [True, False])
def test_number_far_behind_is_for_who_counts_to_refuse(tmp_path: Path, passes_on: bool) -> None:
    async def scenario() -> None:
        async with ingesting(tmp_path, IngestSettings(passes_on=passes_on)) as ingest:
            for way in (Way(), Way(0, ("a",))):
                who = f"by {len(way.via)}"
                sent = [batch(sequence, instance=who) for sequence in range(10, 610, 2)]
                await asyncio.gather(*(ingest.accept(ENVIRONMENT, "k1", each, way) for each in sent))
                if passes_on and way.via:
                    assert await ingest.accept(ENVIRONMENT, "k1", batch(1, instance=who), way) == Accepted(1)
                else:
                    with pytest.raises(BatchTooOld, match="new name"):
                        await ingest.accept(ENVIRONMENT, "k1", batch(1, instance=who), way)

    asyncio.run(scenario())
