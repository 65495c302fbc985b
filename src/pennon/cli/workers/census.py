"""What all workers of a server have counted, those that ended too: a counter that fell would look like a restart."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Collection
from enum import StrEnum

from pennon.cli.workers.process import Worker
from pennon.stream.families import Family, added_up, counted, counter, gauge

_PATIENCE_S = 2.0


class Why(StrEnum):
    """Why a worker was followed by another."""

    DIED = "died"
    RENEWED = "renewed"


class Census:
    """Adds up for whoever asks one of the workers for metrics."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._past: list[Family] = []
        self._replaced: Counter[Why] = Counter(dict.fromkeys(Why, 0))

    def leave(self, worker: Worker) -> None:
        """Keep what *worker*, which has ended, is known to have counted."""
        self._past = added_up([self._past, counted(worker.known)])

    def replace(self, why: Why) -> None:
        """Note that a worker was followed by another."""
        self._replaced[why] += 1

    async def of_others(self, asking: Worker, alive: Collection[Worker]) -> list[list[Family]]:
        """Return what was counted apart from the worker that asks: by each other one, by the dead, by the supervisor.

        Of one that does not answer, what it last said.
        """
        others = [worker for worker in alive if worker is not asking]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await asyncio.gather(*(worker.ask() for worker in others))
        return [self._past, self._own(alive), *(worker.known for worker in others)]

    def _own(self, alive: Collection[Worker]) -> list[Family]:
        serving = {worker.number for worker in alive if worker.is_serving}
        return [
            gauge(
                "pennon_worker_serving",
                "Whether a worker serves, by its number.",
                {(("worker", str(at)),): float(at in serving) for at in range(self._workers)},
            ),
            counter(
                "pennon_worker_replacements",
                "Times that a worker was followed by another, by why.",
                {(("reason", why.value),): float(times) for why, times in self._replaced.items()},
            ),
        ]
