"""A node: every environment it serves, kept up to date from the log, and whose keys open them.

It knows no database and no control plane. What it cannot read it asks for again; meanwhile it serves what it has.
"""

import asyncio
import contextlib
import random
from collections.abc import Collection, Coroutine, Iterator
from typing import Any, Self

import structlog

from pennon.bus.base import Bus, Notice
from pennon.bus.base import Subscription as Notices
from pennon.events import Pace, Sampler
from pennon.ingest.accept import EventSink
from pennon.model import Delta, Position, Snapshot
from pennon.protocol import DeltaDoesNotFit, Hub
from pennon.stream.acks import AckBook
from pennon.stream.admission import Admission
from pennon.stream.channels import SLICE
from pennon.stream.documents import Documents
from pennon.stream.environment import Environment
from pennon.stream.fanout import Fanout
from pennon.stream.http import StreamError
from pennon.stream.keys import KeyRing, is_good
from pennon.stream.metrics import NodeMetrics
from pennon.stream.ports import Clock, LogReader, NotKnownYet
from pennon.stream.pushed import step_of
from pennon.stream.reports import Report
from pennon.stream.settings import StreamSettings
from pennon.stream.shelf import Shelf
from pennon.stream.subscribers import Ended, Subscriber

_log = structlog.get_logger(__name__)
_SWEEP_S = 1.0
_CATCH_UP_S = 0.25


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
        self.environments: dict[str, Environment] = {}
        self.is_draining = False
        self.metrics.ready.set_function(lambda: float(self.is_ready))
        self._bus = bus
        # Of its own, or all processes of a machine would wake together.
        self._phase = random.random()
        self._is_listed = False
        self._unlisted = asyncio.Event()
        self._unreadable: set[str] = set()
        self._discovering = asyncio.Lock()
        self._catching_up = asyncio.Lock()
        self._begun_at = self._caught_up_at = float("-inf")
        self._tasks: set[asyncio.Task[None]] = set()
        self._followers: dict[str, asyncio.Task[None]] = {}
        self._allowed: dict[str, tuple[float, bool]] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Load every environment once, and follow the log and the bus from then on."""
        subscribed = self._bus.subscribe()
        self._spawn(self._listen(subscribed))
        with contextlib.suppress(Unreadable):
            await self._survey(first=True)
        self._spawn(self._watch())
        self._spawn(self._sweep())
        self._spawn(self._report_on())

    async def stop(self) -> None:
        """Drain, and stop following."""
        await self.drain()
        tasks = [*self._tasks, *self._followers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._followers.clear()
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
        """Read the log once from now on, for what was written a moment ago.

        At most four times a second: all who ask meanwhile wait for the same reading, and strangers with wrong keys,
        however many, cost no more than that.
        """
        asked = self.now()
        async with self._catching_up:
            if self._caught_up_at >= asked:
                return
            await asyncio.sleep(max(0.0, self._begun_at + _CATCH_UP_S - asked))
            begun = self._begun_at = self.now()
            await self.look()
            with contextlib.suppress(Unreadable):
                await asyncio.gather(*map(self._try_refresh, await self._survey(first=True)))
            # Only now: whoever did it may have left in the middle, and those who wait would be told of nothing new.
            self._caught_up_at = begun

    async def look(self) -> None:
        """Learn of new environments now, where others have to be asked for them."""
        with contextlib.suppress(Unreadable):
            if await self._read("environments", self.reader.look()):
                await self._survey()

    @property
    def is_complete(self) -> bool:
        """Whether every environment is loaded, so that a key that is not known is wrong."""
        is_loaded = all(environment.is_loaded for environment in self.environments.values())
        return self._is_listed and is_loaded and self.reader.knows_all()

    @property
    def is_ready(self) -> bool:
        """Whether the node can serve: it knows its environments, and has one of them at least if there are any."""
        loaded = [environment.is_loaded for environment in self.environments.values()]
        return self._is_listed and not self.is_draining and (not loaded or any(loaded))

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
            answer = await self._read(environment, self.reader.allows_client_rules(environment))
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

    def now(self) -> float:
        """Return the time that ages are counted in."""
        return self.clock.monotonic()

    def until_next(self, interval_s: float) -> float:
        """Return how long to wait, *interval_s* at the most or a tenth more, for what is done so often.

        What is done as often is done at one time: an idle process that wakes costs more than most of what it does then.
        """
        left = interval_s - (self.now() - self._phase) % interval_s
        return left if left > interval_s / 10 else left + interval_s

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, notices: Notices) -> None:
        """Follow the bus. What it says is only when to look; what it does not say, polling finds."""
        while True:
            try:
                async for notice in notices:
                    self._hear(notice)
                return
            except Exception:  # noqa: BLE001  # the background loop must survive any adapter of the bus
                _log.warning("the bus is away, the log is polled", exc_info=True)
                await asyncio.sleep(random.uniform(0, self.settings.load_retry_max_s))
                notices = self._bus.subscribe()

    def _hear(self, notice: Notice) -> None:
        environment = self.environments.get(notice.environment)
        if environment is None:
            self._unlisted.set()
        elif (environment.position is None or environment.position < notice.position) and (
            self.reader.signs() or not self._take(environment, notice)
        ):
            environment.grown.set()

    def _take(self, environment: Environment, notice: Notice) -> bool:
        """Apply the step that *notice* brings, and return whether the log need not be read for it.

        It confirms nothing: notices may be late, and there may be more in the log. That is looked at now and then.
        """
        if environment.refreshing.locked() or environment.is_doubtful:
            return False
        if (delta := step_of(notice, environment.position)) is None:
            return False
        try:
            is_applied = self._advance(environment, [delta], self.now() - environment.hub.age(self.now()))
        except Exception:  # noqa: BLE001  # the loop that hears the bus must survive whatever comes by it
            _log.exception("a step that the bus brought cannot be applied", environment=environment.name)
            is_applied = False
        environment.is_doubtful = not is_applied
        return is_applied

    async def _watch(self) -> None:
        """Look now and then where all environments stand: the bus may have been silent."""
        pause = delay = self.settings.poll_s
        while True:
            with contextlib.suppress(TimeoutError):
                # Not `wait_for`, which up to Python 3.11 loses a cancellation that comes with what is waited for.
                async with asyncio.timeout(pause):
                    await self._unlisted.wait()
            self._unlisted.clear()
            try:
                for environment in await self._survey():
                    environment.grown.set()
            except Unreadable:
                for name in self.environments:
                    self.metrics.follow_failures.labels(name).inc()
                pause, delay = self._backing_off(delay)
            else:
                delay = self.settings.poll_s
                pause = self.until_next(delay)

    def _backing_off(self, delay: float) -> tuple[float, float]:
        """Return how long to wait after a failure, given the longest that it may be, and the longest for the next."""
        return random.uniform(0, delay), max(delay, min(delay * 2, self.settings.load_retry_max_s))

    async def _survey(self, *, first: bool = False) -> list[Environment]:
        """Learn which environments there are and where they stand. Return those whose log has to be read.

        The others are confirmed: all of them by one look, so that an idle node does next to nothing. *first*: return
        when new ones were tried once, or that takes too long.
        """
        async with self._discovering:
            asked = self.now()
            standing = await self._read("environments", self.reader.standing())
            names = await self._read("environments", self.reader.environments()) if standing is None else standing
            added = self._list(names)
        if first and added:
            tried = [asyncio.create_task(environment.was_tried.wait()) for environment in added]
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*tried), self.settings.first_load_s)
        position_of = {} if standing is None else standing
        return [
            environment
            for environment in tuple(self.environments.values())
            if not self._confirm(environment, position_of.get(environment.name), asked)
        ]

    def _list(self, names: Collection[str]) -> list[Environment]:
        """Leave the environments that are gone, and begin to follow new ones: return those."""
        added = []
        for name in names:
            if name not in self.environments:
                report = Report(name, self.clock, self._sampler())
                environment = Environment(name, self.fanout, self.settings, report)
                self.environments[name] = environment
                self._followers[name] = asyncio.create_task(self._follow(environment))
                added.append(environment)
        for name in self.environments.keys() - set(names):
            self._leave(name)
        self._is_listed = True
        self._count_environments()
        return added

    def _sampler(self) -> Sampler | None:
        """Return what samples the contexts of requests; None where nobody wants that."""
        if self.settings.sample_requests == "none":
            return None
        return Sampler(time=self.clock.time, pace=self._pace, private=self.settings.private_attributes)

    def _confirm(self, environment: Environment, position: Position | None, asked: float) -> bool:
        """Note that *environment* was current when it was *asked* for, if it stands at the log's *position*."""
        if position is None or environment.position != position or environment.is_doubtful:
            return False
        if not environment.refreshing.locked():
            self._endorse(environment, asked - self.reader.age(environment.name))
        return True

    def _endorse(self, environment: Environment, known_at: float) -> None:
        environment.hub.confirm(known_at)
        environment.hub.path = self.path
        environment.endorse(self.reader.heads(environment.name))

    def _leave(self, name: str) -> None:
        self._followers.pop(name).cancel()
        self.environments.pop(name).close()
        self.keys.forget(name)
        self.documents.moved_on(name, None)

    async def _follow(self, environment: Environment) -> None:
        """Keep *environment* up to date: when it is said to have grown, and again, ever slower, while that fails."""
        delay = self.settings.load_retry_s
        while True:
            pause = None
            if not await self._try_refresh(environment):
                pause, delay = self._backing_off(delay)
            else:
                delay = self.settings.load_retry_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await environment.grown.wait()

    async def _try_refresh(self, environment: Environment) -> bool:
        try:
            async with environment.refreshing:
                await self._refresh(environment)
        except Unreadable:
            self.metrics.follow_failures.labels(environment.name).inc()
            return False
        except Exception:  # noqa: BLE001  # the background loop must survive: no environment may stop another, or itself
            _log.exception("an environment cannot be brought up to date", environment=environment.name)
            self.metrics.follow_failures.labels(environment.name).inc()
            environment.is_doubtful = True
            return False
        finally:
            environment.was_tried.set()
        return True

    async def _refresh(self, environment: Environment) -> None:
        """Bring *environment* to where the log is."""
        environment.grown.clear()
        asked = self.now()
        position = environment.position
        if position is None or environment.is_doubtful:
            await self._load(environment)
            return
        deltas = await self._read(environment.name, self.reader.since(environment.name, position))
        known_at = asked - self.reader.age(environment.name)
        if deltas is None or not self._advance(environment, deltas, known_at):
            await self._load(environment)
        else:
            self._endorse(environment, known_at)

    def _advance(self, environment: Environment, deltas: list[Delta], known_at: float) -> bool:
        """Apply *deltas*; False where one does not fit and the whole has to be loaded."""
        for delta in deltas:
            try:
                environment.advance(delta, known_at=known_at)
            except DeltaDoesNotFit as error:
                _log.warning("a delta of the log does not fit", environment=environment.name, problem=str(error))
                return False
            if delta.keys:
                self._report(environment, self.keys.change(environment.name, delta.keys, environment.keys))
                self._end_unauthorised(environment)
        self.documents.moved_on(environment.name, environment.position)
        return True

    async def _load(self, environment: Environment) -> None:
        asked = self.now()
        snapshot = await self._read(environment.name, self.reader.snapshot(environment.name))
        known_at = asked - self.reader.age(environment.name)
        hub = await asyncio.to_thread(_loaded, snapshot, known_at, self.settings)
        hub.path = self.path
        environment.adopt(hub, await asyncio.to_thread(environment.compiled, hub))
        environment.is_doubtful = False
        self.documents.moved_on(environment.name, environment.position)
        self._report(environment, self.keys.load(environment.name, snapshot.keys))
        self._end_unauthorised(environment)
        self._count_environments()

    async def _read(self, what: str, answer: Coroutine[Any, Any, Any]) -> Any:
        try:
            async with asyncio.timeout(self.settings.read_timeout_s):
                found = await answer
        except NotKnownYet as error:
            raise Unreadable from error
        except Exception as error:  # the background loop must survive whatever the log's storage raises
            if what not in self._unreadable:
                # Said once: while it lasts, it is tried again every few seconds.
                self._unreadable.add(what)
                _log.warning("the log cannot be read", what=what, exc_info=True)
            raise Unreadable from error
        if what in self._unreadable:
            self._unreadable.discard(what)
            _log.info("the log is read again", what=what)
        return found

    def _report(self, environment: Environment, unreadable: list[str]) -> None:
        if unreadable:
            _log.error("key records cannot be read and open nothing", environment=environment.name, keys=unreadable)

    def _end_unauthorised(self, environment: Environment) -> None:
        """End the streams of keys that open *environment* no more."""
        now = self.clock.time()

        def opens(key_hash: str) -> bool:
            record = self.keys.record(environment.name, key_hash)
            return record is not None and is_good(record, now)

        environment.listeners.end_holders(opens)

    async def _sweep(self) -> None:
        """End streams whose key's time is over, and those whose reader takes nothing."""
        while True:
            await asyncio.sleep(self.until_next(_SWEEP_S))
            now = self.now()
            self._pace.tick()
            for environment in tuple(self.environments.values()):
                self._end_unauthorised(environment)
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

    def _count_environments(self) -> None:
        loaded = sum(environment.is_loaded for environment in self.environments.values())
        self.metrics.environments.labels("loaded").set(loaded)
        self.metrics.environments.labels("loading").set(len(self.environments) - loaded)


class Unreadable(StreamError):
    """The log could not be read now. It was logged."""


def _loaded(snapshot: Snapshot, known_at: float, settings: StreamSettings) -> Hub:
    hub = Hub(history_bytes=settings.history_bytes, documents_bytes=settings.documents_bytes)
    hub.load(snapshot, known_at=known_at)
    return hub
