"""Reads the spool and hands what it holds to whoever counts.

Exactly once: the counter keeps each batch's mark in the transaction that adds its sums, and the spool moves on after
it. A crash in between hands the batch over again, and the mark is there.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Protocol

import msgspec
import structlog

from pennon.events import HourlyCount, hourly
from pennon.ingest.accept import Ingest, spooled
from pennon.ingest.spool import Record

_log = structlog.get_logger(__name__)
_GROUP = 500
_RETRY_S = 0.5
_RETRY_MAX_S = 30.0


class CountedBatch(msgspec.Struct, frozen=True):
    """A batch as it is counted. (`key_hash`, `instance`, `sequence`) is its mark."""

    environment: str
    key_hash: str
    instance: str
    sequence: int
    received_at: int
    """Milliseconds since 1970."""
    counts: tuple[HourlyCount, ...]
    sdk: str = ""
    """What the instance says that it is."""


class Counts(Protocol):
    """Where evaluations are counted."""

    def add(self, batches: Sequence[CountedBatch]) -> None:
        """Add the sums of *batches* and keep their marks, in one transaction; leave out those whose mark is there.

        Called in a thread. Marks may go after some days: nobody sends a batch again so late.
        """


class Counting:
    """Moves batches from an `Ingest` to a `Counts`, for as long as `run` runs."""

    def __init__(self, ingest: Ingest, counts: Counts) -> None:
        self._ingest = ingest
        self._counts = counts

    async def run(self) -> None:
        """Count whatever is in the spool, and whatever comes, until cancelled."""
        while True:
            await self._ingest.wait_for_more()
            while await self.count_some():
                pass

    async def count_some(self) -> int:
        """Count the next records of the spool, and return how many there were. Waits for a counter that fails."""
        records = await self._ingest.read(_GROUP)
        if records:
            batches = [batch for record in records if (batch := _counted(record)) is not None]
            await self._add(batches)
            await self._ingest.release(records[-1].after)
        return len(records)

    async def _add(self, batches: list[CountedBatch]) -> None:
        delay = _RETRY_S
        while True:
            try:
                await asyncio.to_thread(self._counts.add, batches)
            except Exception:  # noqa: BLE001  # the background loop must survive a storage that is away: the spool keeps
                _log.warning("counting is delayed: the storage does not take it", exc_info=True)
                await asyncio.sleep(random.uniform(0, delay))
                delay = min(delay * 2, _RETRY_MAX_S)
            else:
                return


def _counted(record: Record) -> CountedBatch | None:
    found = None if record.payload is None else spooled(record.payload)
    if found is None:
        _log.error("a damaged record of the spool is not counted", after=record.after)
        return None
    batch = found.batch
    return CountedBatch(
        found.environment,
        found.key_hash,
        batch.instance,
        batch.sequence,
        found.received_at,
        hourly(batch, found.received_at),
        batch.sdk,
    )
