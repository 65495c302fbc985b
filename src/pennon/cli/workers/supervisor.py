"""Starts workers, replaces those that die, renews all one after the other on SIGHUP, and ends them in good order.

It never serves: it keeps the listening sockets, relays the workers' bus, and adds up what they count.
"""

import asyncio
import contextlib
import itertools
import random
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import msgspec
import structlog

from pennon.bus.workers import SOCKET, Relay
from pennon.cli.workers.census import Census, Why
from pennon.cli.workers.channel import Program, Start
from pennon.cli.workers.process import Worker, WorkerFailed

_log = structlog.get_logger(__name__)
_GRACE_S = 5.0
"""How long a worker may take to end when its streams and requests have."""
_SOUND_S = 30.0
"""A worker that served for so long was sound: the next is started at once."""
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 10.0
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class CannotRenew(Exception):
    """What workers are to be started with cannot be used. The text says why."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the workers are. `settings` returns theirs as JSON, for each round anew; it raises `CannotRenew`."""

    program: Program
    settings: Callable[[], bytes]
    drain_timeout_s: int
    asked_every_s: float = 10.0
    hangs_after_s: float = 60.0
    """A worker that says nothing for so long hangs, and is killed."""
    hub: socket.socket | None = None
    """Where the first worker listens besides, for the others to follow it.

    They start after it then. Each is renewed when the one before it on its listener has ended, as it has the same
    folder; who connects meanwhile waits.
    """


def supervise(plan: Plan, listeners: Sequence[socket.socket], *, ready: Callable[[bytes], None]) -> None:
    """Run a worker on each of *listeners* until SIGTERM or SIGINT. *ready* is told by the first when all serve.

    Raises `WorkerFailed` where one cannot start at all, in its own words.
    """
    asyncio.run(Supervisor(plan, listeners, ready=ready).run())


class Supervisor:
    """Keeps the sockets open that it hands to its workers: what waits in them outlives each."""

    def __init__(self, plan: Plan, listeners: Sequence[socket.socket], *, ready: Callable[[bytes], None]) -> None:
        self._plan = plan
        self._listeners = listeners
        self._ready = ready
        self._settings = plan.settings()
        self._folder = Path()
        self._serving: dict[int, Worker] = {}
        self._alive: dict[Worker, asyncio.Task[None]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._census = Census(len(listeners))
        self._stopping = asyncio.Event()
        self._renewing = asyncio.Event()
        # Held while one worker follows another, so that one that dies while it is renewed is followed once.
        self._seats = [asyncio.Lock() for _ in listeners]

    async def run(self) -> None:
        """See `supervise`."""
        with tempfile.TemporaryDirectory(prefix="pennon-") as folder, self._hearing_signals():
            self._folder = Path(folder)
            async with Relay(self._folder / SOCKET):
                work = asyncio.create_task(self._work())
                stopping = asyncio.create_task(self._stopping.wait())
                try:
                    await asyncio.wait((work, stopping), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    self._stopping.set()
                    for task in (work, stopping):
                        task.cancel()
                    failed = (await asyncio.gather(work, stopping, return_exceptions=True))[0]
                    await self._end(tuple(self._alive))
        if isinstance(failed, ExceptionGroup):  # of those that started at once
            failed = failed.exceptions[0]
        if isinstance(failed, Exception):
            raise failed

    @contextlib.contextmanager
    def _hearing_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._renewing.set)
        try:
            yield
        finally:
            for number in (*_STOP_SIGNALS, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _stop(self, number: signal.Signals) -> None:
        if self._stopping.is_set():  # who asks twice does not want to wait
            for worker in self._alive:
                worker.tell(number)
        self._stopping.set()

    async def _work(self) -> None:
        seats = range(len(self._listeners))
        if self._plan.hub is not None:
            await self._seat(0)
        async with asyncio.TaskGroup() as starting:
            for at in seats:
                if at not in self._serving:
                    starting.create_task(self._seat(at))
        self._ready(await self._serving[0].serves())
        await asyncio.gather(self._renew_on(), *(self._keep(at) for at in seats))

    async def _seat(self, at: int) -> None:
        self._serving[at] = await self._started(at)

    async def _started(self, at: int) -> Worker:
        """Return a new worker, which serves, on the listener *at*. Raises `WorkerFailed`."""
        start = Start(
            program=self._plan.program,
            settings=self._settings,
            number=at,
            workers=len(self._listeners),
            events=self._free_events(at),
            folder=str(self._folder),
            listeners=[listener.fileno() for listener in self._listeners_of(at)],
            hub_url="" if self._plan.hub is None else f"http://127.0.0.1:{self._plan.hub.getsockname()[1]}",
            drain_timeout_s=self._plan.drain_timeout_s,
        )
        worker = await Worker.started(start)
        self._alive[worker] = asyncio.create_task(self._watch(worker))
        try:
            await worker.serves()
        except WorkerFailed:
            await self._end([worker])
            raise
        attending = asyncio.create_task(self._attend(worker))
        self._background.add(attending)
        attending.add_done_callback(self._background.discard)
        return worker

    async def _attend(self, worker: Worker) -> None:
        """Ask *worker* what it has counted, now and then, until it ends. Whoever hangs cannot say."""
        while not worker.has_ended.is_set():
            try:
                async with asyncio.timeout(self._plan.hangs_after_s):
                    await worker.ask()
            except TimeoutError:
                _log.error("a worker hangs and is killed", worker=worker.number, pid=worker.pid)
                worker.tell(signal.SIGKILL)
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._plan.asked_every_s):
                    await worker.has_ended.wait()

    def _listeners_of(self, at: int) -> list[socket.socket]:
        hub = self._plan.hub
        return [self._listeners[at], *([hub] if hub is not None and at == 0 else [])]

    def _free_events(self, at: int) -> int:
        """Return the folder of events for a new worker: its own, unless the one that it follows still has that."""
        taken = {worker.events for worker in self._alive}
        numbers = itertools.chain((at,), itertools.count(len(self._listeners)))
        return next(number for number in numbers if number not in taken)

    async def _watch(self, worker: Worker) -> None:
        try:
            await worker.run(self._answer)
        finally:
            del self._alive[worker]
            self._census.leave(worker)

    def _answer(self, asking: Worker, number: int) -> None:
        async def answer() -> None:
            asking.answer(number, await self._census.of_others(asking, tuple(self._alive)))

        task = asyncio.create_task(answer())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _keep(self, at: int) -> None:
        """Have a worker on the listener *at*, whatever becomes of it."""
        pause = 0.0
        while True:
            worker = self._serving[at]
            await worker.has_ended.wait()
            async with self._seats[at]:
                if self._serving[at] is not worker:
                    continue
                pause = 0.0 if time.monotonic() - worker.started_at > _SOUND_S else pause
                _log.warning("a worker died and is replaced", worker=at, pid=worker.pid, status=worker.status)
                while True:
                    await asyncio.sleep(random.uniform(pause / 2, pause))
                    pause = min(max(pause * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
                    try:
                        self._serving[at] = await self._started(at)
                    except (WorkerFailed, OSError) as error:
                        _log.error("a worker cannot start and is tried again", worker=at, problem=str(error))
                    else:
                        self._census.replace(Why.DIED)
                        break

    async def _renew_on(self) -> None:
        while True:
            await self._renewing.wait()
            self._renewing.clear()
            try:
                before, self._settings = self._settings, self._plan.settings()
            except CannotRenew as error:
                _log.error("the workers are not renewed: these settings cannot be used", problem=str(error))
                continue
            try:
                for at in range(len(self._listeners)):
                    await self._renew(at)
            except (WorkerFailed, OSError) as error:
                self._settings = before
                _log.error("the workers are not all renewed: a new one cannot start", problem=str(error))
            else:
                _log.info("all workers are renewed")

    async def _renew(self, at: int) -> None:
        """Start another worker on the listener *at*, and end the one there was; before, if both cannot be."""
        async with self._seats[at]:
            old = self._serving[at]
            if self._plan.hub is not None:
                old.leave()
                await self._ended([old])
            self._serving[at] = await self._started(at)
        self._census.replace(Why.RENEWED)
        if self._plan.hub is None:
            old.leave()
            await self._ended([old])

    async def _end(self, workers: Collection[Worker]) -> None:
        """End *workers*: in good order, and by force where that takes too long."""
        for worker in workers:
            worker.tell(signal.SIGTERM)
        await self._ended(workers)

    async def _ended(self, workers: Collection[Worker]) -> None:
        """Wait for *workers* to end, and no longer than that may take."""
        watching = [self._alive[worker] for worker in workers if worker in self._alive]
        if not watching:
            return
        _, late = await asyncio.wait(watching, timeout=self._plan.drain_timeout_s + _GRACE_S)
        if late:
            stuck = [worker for worker in workers if worker in self._alive]
            _log.error("workers do not end and are killed", workers=[worker.number for worker in stuck])
            for worker in stuck:
                worker.tell(signal.SIGKILL)
            await asyncio.wait(late)
