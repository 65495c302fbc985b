"""Takes the contexts out of the batches that come in, before those are written to any disk, and keeps a sample of them.

What waits in memory is lost with the process, and what is too much is left out: it is a sample.
"""

import asyncio
import traceback
from collections import deque

import msgspec
import structlog

from pennon.control.clock import Clock
from pennon.control.contexts.keeping import (
    HOUR_S,
    KEPT,
    MOST,
    ContextStore,
    OpenBox,
    SealedContext,
    hour_at,
    sealed,
)
from pennon.control.errors import PennonError
from pennon.events import DIRECT, EventBatch, Lowest, SampledContext, Way, skew_ms
from pennon.events.batches import milliseconds
from pennon.ingest.accept import Accepted, EventSink

_log = structlog.get_logger(__name__)
INTERVAL_S = 2.0
WAITING = 20_000
"""So many contexts wait to be sealed at most."""
_HOURS = 1000
"""So many hours, of all environments, are gathered for at once: others are left to the store to bound."""


class Gathering:
    """An `EventSink` before another one, and what takes the contexts on for as long as `run` runs.

    Where it is not on, it drops them.
    """

    def __init__(self, sink: EventSink, store: ContextStore, box: OpenBox, clock: Clock, *, is_on: bool) -> None:
        self._sink = sink
        self._store = store
        self._box = box
        self._clock = clock
        self._is_on = is_on
        self._waiting: deque[tuple[str, int, SampledContext]] = deque(maxlen=WAITING)
        self._lowest: dict[tuple[str, int], Lowest] = {}
        self._is_failing = False

    @property
    def passes_on(self) -> bool:
        """See `EventSink`."""
        return self._sink.passes_on

    async def accept(self, environment: str, key_hash: str, batch: EventBatch, way: Way = DIRECT) -> Accepted:
        """Take *batch*, once: its contexts into the sample, the rest as the other sink does. Raises `IngestError`."""
        if not batch.contexts:
            return await self._sink.accept(environment, key_hash, batch, way)
        rest = msgspec.structs.replace(batch, contexts=())
        accepted = await self._sink.accept(environment, key_hash, rest, way)
        if self._is_on and not accepted.duplicate:
            self._gather(environment, batch, way)
        return Accepted(accepted.accepted + len(batch.contexts), accepted.duplicate)

    async def run(self) -> None:
        """Take on what waits, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            if not (waiting := len(self._waiting)):
                continue
            try:
                await asyncio.to_thread(self.flush)
            except Exception as error:  # noqa: BLE001  # the boundary of a background loop, which must survive anything
                if not self._is_failing:
                    said = _told(error)
                    _log.warning("sampled contexts cannot be kept now, and are left out", left_out=waiting, **said)
                self._is_failing = True
            else:
                if self._is_failing:
                    _log.info("sampled contexts are kept again")
                self._is_failing = False

    def flush(self) -> None:
        """Seal what waits, and keep what belongs to the sample. Raises `Unavailable`."""
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        box = self._box()
        fresh: list[SealedContext] = []
        for environment, hour, each in waiting:
            kept = sealed(box, environment, hour, each.context)
            if self._lowest_of(environment, hour).offer(kept.priority):
                fresh.append(kept)
        try:
            if fresh:
                self._store.keep(sorted(fresh))
        except BaseException:  # nothing is swallowed
            self._lowest.clear()  # they are offered again by whoever sees them again
            raise

    def _gather(self, environment: str, batch: EventBatch, way: Way) -> None:
        received_ms = max(0, int(self._clock.now().timestamp() * 1000) - way.waited_ms)
        skew = skew_ms(batch, received_ms)
        oldest = hour_at(self._clock.now() - KEPT)
        for each in batch.contexts:
            at_s = min(milliseconds(each.time) + skew, received_ms) // 1000
            if (hour := at_s // HOUR_S * HOUR_S) >= oldest:
                self._waiting.append((environment, hour, each))

    def _lowest_of(self, environment: str, hour: int) -> Lowest:
        found = self._lowest.get((environment, hour))
        if found is None:
            if len(self._lowest) >= _HOURS:
                self._lowest.clear()
            found = self._lowest[environment, hour] = Lowest(MOST)
        return found


def _told(error: Exception) -> dict[str, str]:
    """Return what is logged of an error: one that nobody foresaw might quote a context, so it is told by its trace."""
    if isinstance(error, PennonError):
        return {"problem": str(error)}
    trace = "".join(traceback.format_tb(error.__traceback__))
    return {
        "problem": f"{type(error).__name__}, whose words are left out as they might quote a context",
        "trace": trace,
    }
