"""What a server does by itself, beside answering: chores, each looked at when it is due and when something woke it.

Every process of an installation tends all of them, so that none waits for a process that has died. So a chore does
what it does once by what it keeps (a change and the note that it was made in one transaction, a claimed row), never by
being alone.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Collection, Iterable
from datetime import datetime

import msgspec
import structlog

from pennon.control.clock import Clock
from pennon.control.errors import Unavailable

_log = structlog.get_logger(__name__)
_LONGEST_S = 60.0
"""A chore that goes on failing is tried again after at most so long."""
_DOWN_S = 5.0
"""The same while the database is down: then it costs nothing, and everybody waits for it to be back."""
_FIRST_S = 0.5
_LEAST_S = 0.01


class Chore(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done again and again.

    `run` does what is due now, on a thread, and returns when it wants to be called next, None if it does not know. It
    is called after `every_s` seconds at the latest, and as soon as this process committed a change to an item of one
    of the kinds in `wakes_on`.
    """

    name: str
    run: Callable[[], datetime | None]
    every_s: float
    wakes_on: frozenset[str] = frozenset()


class Chores:
    """Tends chores until it is cancelled. One that fails is logged, and tried again, later each time."""

    def __init__(self, chores: Iterable[Chore], clock: Clock) -> None:
        self._clock = clock
        self._wakes = {chore.name: (chore, asyncio.Event()) for chore in chores}
        self._loop: asyncio.AbstractEventLoop | None = None

    def wake(self, kinds: Collection[str]) -> None:
        """Have those looked at that wait for changes of items of *kinds*. From any thread, before `run` too."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        for chore, woken in self._wakes.values():
            if not chore.wakes_on.isdisjoint(kinds):
                loop.call_soon_threadsafe(woken.set)

    async def run(self) -> None:
        """Tend them until cancelled."""
        self._loop = asyncio.get_running_loop()
        try:
            async with asyncio.TaskGroup() as group:
                for chore, woken in self._wakes.values():
                    group.create_task(self._tend(chore, woken), name=f"chore {chore.name}")
        finally:
            self._loop = None

    async def _tend(self, chore: Chore, woken: asyncio.Event) -> None:
        failures = 0
        while True:
            woken.clear()
            try:
                due = await asyncio.to_thread(chore.run)
            except Exception as error:  # noqa: BLE001  # the boundary of a background loop: the server goes on
                failures += 1
                is_down = isinstance(error, Unavailable)
                wait_s = pause_s(failures, is_down=is_down)
                if failures == 1 or not is_down:  # of a database that is down no trace says more, and once is enough
                    told = {"chore": chore.name, "error": str(error), "again_in_s": wait_s}
                    _log.warning("a chore failed", **told, exc_info=not is_down)
            else:
                failures = 0
                wait_s = chore.every_s
                if due is not None:
                    wait_s = max(_LEAST_S, min(wait_s, (due - self._clock.now()).total_seconds()))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), wait_s)


def pause_s(failures: int, *, is_down: bool) -> float:
    """Return when, in seconds, a chore is tried again that failed so often in a row. *is_down*: the database is."""
    longest = min(_DOWN_S if is_down else _LONGEST_S, _FIRST_S * 2 ** min(failures, 10))
    return round(random.uniform(longest / 2, longest), 1)  # it spreads load, and keeps no secret
