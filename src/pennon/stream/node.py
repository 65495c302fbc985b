"""A node: what answers the requests of SDKs, from the environments that `following` keeps up to date.

It knows no database and no control plane.
"""

import asyncio
import random
from collections.abc import Iterator, Mapping
from typing import Self

import structlog

from pennon.bus.base import Bus
from pennon.events import Pace, Sampler
from pennon.ingest.accept import EventSink
from pennon.stream.acks import AckBook
from pennon.stream.admission import Admission
from pennon.stream.channels import SLICE
from pennon.stream.documents import Documents
from pennon.stream.environment import Environment
from pennon.stream.fanout import Fanout
from pennon.stream.following import Following, Unreadable, end_unauthorised
from pennon.stream.keys import KeyRing
from pennon.stream.metrics import NodeMetrics
from pennon.stream.ports import Clock, LogReader
from pennon.stream.reports import Report
from pennon.stream.settings import StreamSettings
from pennon.stream.shelf import Shelf
from pennon.stream.subscribers import Ended, Subscriber

_log = structlog.get_logger(__name__)
_SWEEP_S = 1.0


class StreamNode:
    """Serves what SDKs call; `pennon.stream.routes` are its endpoints. Use it as an async context manager.

    `start` never fails for want of the log: environments that cannot be loaded are tried again, the others serve.
    """

    def __init__(
        self,
        reader: LogReader,
        bus: Bus,
        sink: EventSink,
        clock: Clock,
        settings: StreamSettings = StreamSettings(),  # noqa: B008  # immutable
        *,
        name: str = "origin",
    ) -> None:
        self.reader = reader
        self.sink = sink
        self.clock = clock
        self.settings = settings
        self.name = name
        self.path: tuple[str, ...] = (name,)
        """This node and all that its state comes by, the origin last. An edge sets it when its upstream changes."""
        self.metrics = NodeMetrics()
        self.fanout = Fanout(self.metrics, self.now)
        self.admission = Admission(
            count=settings.snapshots_at_once,
            size=settings.snapshots_bytes,
            longest_s=settings.retry_after_max_s,
            now=self.now,
        )
        folder = settings.shared_folder
        self.documents = Documents(limit=settings.documents_bytes, shelf=None if folder is None else Shelf(folder))
        self.keys = KeyRing()
        self.acks = AckBook()
        # One for all environments, or many of them would be looked at as often each.
        self._pace = Pace(chance=random.random)
        self.is_draining = False
        self.metrics.ready.set_function(lambda: float(self.is_ready))
        # Of its own, or all processes of a machine would wake together.
        self._phase = random.random()
        self._following = Following(self, bus)
        self.environments: Mapping[str, Environment] = self._following.environments
        self._tasks: list[asyncio.Task[None]] = []
        self._allowed: dict[str, tuple[float, bool]] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Load every environment once, and follow the log and the bus from then on."""
        await self._following.start()
        self._tasks += [asyncio.create_task(self._sweep()), asyncio.create_task(self._report_on())]

    async def stop(self) -> None:
        """Drain, and stop following."""
        await self.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, self._following.stop(), return_exceptions=True)
        self._tasks.clear()
        await self.report()

    async def drain(self) -> None:
        """Send every stream a `goodbye`, refuse new ones, and return when all have ended (or after `drain_s`)."""
        self.is_draining = True
        for number, stream in enumerate(self.subscribers()):
            stream.channel.end(stream, Ended.DRAINED)
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        until = self.clock.monotonic() + self.settings.drain_s
        while self.streams and self.clock.monotonic() < until:
            await asyncio.sleep(0.01)
        self.fanout.cut()

    async def catch_up(self) -> None:
        """Read the log once from now on, for what was written a moment ago. At most four times a second."""
        await self._following.catch_up()

    async def look(self) -> None:
        """Learn of new environments now, where others have to be asked for them."""
        await self._following.look()

    @property
    def is_complete(self) -> bool:
        """Whether every environment is loaded, so that a key that is not known is wrong."""
        return self._following.is_complete

    @property
    def is_ready(self) -> bool:
        """Whether the node can serve: it knows its environments, and has one of them at least if there are any."""
        loaded = [environment.is_loaded for environment in self.environments.values()]
        return self._following.is_listed and not self.is_draining and (not loaded or any(loaded))

    def has_room(self) -> bool:
        """Whether one more stream may be opened."""
        return self.room(1) > 0

    def room(self, wanted: int) -> int:
        """Return how many more streams may be opened of those that are *wanted*."""
        most = self.settings.max_streams
        if self.is_draining:
            return 0
        return wanted if most is None else max(0, min(wanted, most - self.streams))

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return self.fanout.streams

    async def allows_client_rules(self, environment: str) -> bool:
        """Whether browsers may have *environment*'s client-side rules. Asked for anew every few seconds."""
        known = self._allowed.get(environment)
        if known is not None and self.now() - known[0] < self.settings.rules_check_s:
            return known[1]
        try:
            answer = await self._following.read(environment, self.reader.allows_client_rules(environment))
        except Unreadable:
            return known is not None and known[1]
        self._allowed[environment] = (self.now(), answer)
        return bool(answer)

    async def report(self) -> None:
        """Give the sink what the node counted itself."""
        for environment in tuple(self.environments.values()):
            await environment.report.send(self.sink)

    def subscribers(self) -> Iterator[Subscriber]:
        """Yield every open stream."""
        for environment in tuple(self.environments.values()):
            yield from environment.listeners

    def made(self, name: str) -> Environment:
        """Return a new environment, with nothing in it yet."""
        return Environment(name, self.fanout, self.settings, Report(name, self.clock, self._sampler()))

    def now(self) -> float:
        """Return the time that ages are counted in."""
        return self.clock.monotonic()

    def until_next(self, interval_s: float) -> float:
        """Return how long to wait, *interval_s* at the most or a tenth more, for what is done so often.

        What is done as often is done at one time: an idle process that wakes costs more than most of what it does then.
        """
        left = interval_s - (self.now() - self._phase) % interval_s
        return left if left > interval_s / 10 else left + interval_s

    def _sampler(self) -> Sampler | None:
        """Return what samples the contexts of requests; None where nobody wants that."""
        if self.settings.sample_requests == "none":
            return None
        return Sampler(time=self.clock.time, pace=self._pace, private=self.settings.private_attributes)

    async def _sweep(self) -> None:
        """End streams whose key's time is over, and those whose reader takes nothing."""
        while True:
            await asyncio.sleep(self.until_next(_SWEEP_S))
            now = self.now()
            self._pace.tick()
            for environment in tuple(self.environments.values()):
                end_unauthorised(environment, self.keys, self.clock.time())
                if environment.report.sampler is not None:
                    environment.report.sampler.tick()
                if environment.is_loaded:
                    self.metrics.age.labels(environment.name).set(environment.hub.age(now))
                    environment.listeners.notice(urgent=())
                environment.tidy(now)
            self.fanout.sweep(self.settings.stuck_s)

    async def _report_on(self) -> None:
        while True:
            await asyncio.sleep(self.settings.counts_flush_s)
            try:
                await self.report()
            except Exception:  # noqa: BLE001  # the background loop must survive any sink
                _log.warning("the node's own counts wait", exc_info=True)
