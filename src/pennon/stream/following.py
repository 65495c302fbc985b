"""Follows the logs: keeps every environment that a node serves where its log is, by the bus and by looking.

What cannot be read is asked for again; meanwhile the node serves what it has.
"""

import asyncio
import contextlib
import random
from collections.abc import Collection, Coroutine
from typing import Any, Protocol

import structlog

from pennon.bus.base import Bus, Notice
from pennon.bus.base import Subscription as Notices
from pennon.model import Delta, Position, Snapshot
from pennon.protocol import DeltaDoesNotFit, Hub
from pennon.stream.documents import Documents
from pennon.stream.environment import Environment
from pennon.stream.http import StreamError
from pennon.stream.keys import KeyRing, is_good
from pennon.stream.metrics import NodeMetrics
from pennon.stream.ports import Clock, LogReader, NotKnownYet
from pennon.stream.pushed import step_of
from pennon.stream.settings import StreamSettings

_log = structlog.get_logger(__name__)
_CATCH_UP_S = 0.25


class Node(Protocol):
    """What a node has that its environments come from, or that goes with them."""

    reader: LogReader
    clock: Clock
    settings: StreamSettings
    metrics: NodeMetrics
    keys: KeyRing
    documents: Documents
    path: tuple[str, ...]

    def now(self) -> float:
        """Return the time that ages are counted in."""

    def until_next(self, interval_s: float) -> float:
        """Return how long to wait, *interval_s* at the most or a tenth more, for what is done so often."""

    def made(self, name: str) -> Environment:
        """Return a new environment."""


class Following:
    """The environments of *node*, as the log and *bus* say."""

    def __init__(self, node: Node, bus: Bus) -> None:
        self.environments: dict[str, Environment] = {}
        self.is_listed = False
        """Whether it is known which environments there are."""
        self._node = node
        self._bus = bus
        self._unlisted = asyncio.Event()
        self._unreadable: set[str] = set()
        self._discovering = asyncio.Lock()
        self._catching_up = asyncio.Lock()
        self._begun_at = self._caught_up_at = float("-inf")
        self._tasks: list[asyncio.Task[None]] = []
        self._followers: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Load every environment once, and follow the log and the bus from then on. Never fails for want of the log."""
        subscribed = self._bus.subscribe()
        self._tasks.append(asyncio.create_task(self._listen(subscribed)))
        with contextlib.suppress(Unreadable):
            await self._survey(first=True)
        self._tasks.append(asyncio.create_task(self._watch()))

    async def stop(self) -> None:
        """Follow no more."""
        tasks = [*self._tasks, *self._followers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        self._followers.clear()

    async def catch_up(self) -> None:
        """Read the log once from now on, for what was written a moment ago.

        At most four times a second: all who ask meanwhile wait for the same reading, and strangers with wrong keys,
        however many, cost no more than that.
        """
        asked = self._node.now()
        async with self._catching_up:
            if self._caught_up_at >= asked:
                return
            await asyncio.sleep(max(0.0, self._begun_at + _CATCH_UP_S - asked))
            begun = self._begun_at = self._node.now()
            await self.look()
            with contextlib.suppress(Unreadable):
                await asyncio.gather(*map(self._try_refresh, await self._survey(first=True)))
            # Only now: whoever did it may have left in the middle, and those who wait would be told of nothing new.
            self._caught_up_at = begun

    async def look(self) -> None:
        """Learn of new environments now, where others have to be asked for them."""
        with contextlib.suppress(Unreadable):
            if await self.read("environments", self._node.reader.look()):
                await self._survey()

    @property
    def is_complete(self) -> bool:
        """Whether every environment is loaded, so that a key that is not known is wrong."""
        is_loaded = all(environment.is_loaded for environment in self.environments.values())
        return self.is_listed and is_loaded and self._node.reader.knows_all()

    async def _listen(self, notices: Notices) -> None:
        """Follow the bus. What it says is only when to look; what it does not say, polling finds."""
        while True:
            try:
                async for notice in notices:
                    self._hear(notice)
                return
            except Exception:  # noqa: BLE001  # the background loop must survive any adapter of the bus
                _log.warning("the bus is away, the log is polled", exc_info=True)
                await asyncio.sleep(random.uniform(0, self._node.settings.load_retry_max_s))
                notices = self._bus.subscribe()

    def _hear(self, notice: Notice) -> None:
        environment = self.environments.get(notice.environment)
        if environment is None:
            self._unlisted.set()
        elif (environment.position is None or environment.position < notice.position) and (
            self._node.reader.signs() or not self._take(environment, notice)
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
            is_applied = self._advance(environment, [delta], self._node.now() - environment.hub.age(self._node.now()))
        except Exception:  # noqa: BLE001  # the loop that hears the bus must survive whatever comes by it
            _log.exception("a step that the bus brought cannot be applied", environment=environment.name)
            is_applied = False
        environment.is_doubtful = not is_applied
        return is_applied

    async def _watch(self) -> None:
        """Look now and then where all environments stand: the bus may have been silent."""
        pause = delay = self._node.settings.poll_s
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
                    self._node.metrics.follow_failures.labels(name).inc()
                pause, delay = self._backing_off(delay)
            else:
                delay = self._node.settings.poll_s
                pause = self._node.until_next(delay)

    def _backing_off(self, delay: float) -> tuple[float, float]:
        """Return how long to wait after a failure, given the longest that it may be, and the longest for the next."""
        return random.uniform(0, delay), max(delay, min(delay * 2, self._node.settings.load_retry_max_s))

    async def _survey(self, *, first: bool = False) -> list[Environment]:
        """Learn which environments there are and where they stand. Return those whose log has to be read.

        The others are confirmed: all of them by one look, so that an idle node does next to nothing. *first*: return
        when new ones were tried once, or that takes too long.
        """
        async with self._discovering:
            asked = self._node.now()
            standing = await self.read("environments", self._node.reader.standing())
            names = await self.read("environments", self._node.reader.environments()) if standing is None else standing
            added = self._list(names)
        if first and added:
            tried = [asyncio.create_task(environment.was_tried.wait()) for environment in added]
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*tried), self._node.settings.first_load_s)
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
                environment = self.environments[name] = self._node.made(name)
                self._followers[name] = asyncio.create_task(self._follow(environment))
                added.append(environment)
        for name in self.environments.keys() - set(names):
            self._leave(name)
        self.is_listed = True
        self._count_environments()
        return added

    def _confirm(self, environment: Environment, position: Position | None, asked: float) -> bool:
        """Note that *environment* was current when it was *asked* for, if it stands at the log's *position*."""
        if position is None or environment.position != position or environment.is_doubtful:
            return False
        if not environment.refreshing.locked():
            self._endorse(environment, asked - self._node.reader.age(environment.name))
        return True

    def _endorse(self, environment: Environment, known_at: float) -> None:
        environment.hub.confirm(known_at)
        environment.hub.path = self._node.path
        environment.endorse(self._node.reader.heads(environment.name))

    def _leave(self, name: str) -> None:
        self._followers.pop(name).cancel()
        self.environments.pop(name).close()
        self._node.keys.forget(name)
        self._node.documents.moved_on(name, None)

    async def _follow(self, environment: Environment) -> None:
        """Keep *environment* up to date: when it is said to have grown, and again, ever slower, while that fails."""
        delay = self._node.settings.load_retry_s
        while True:
            pause = None
            if not await self._try_refresh(environment):
                pause, delay = self._backing_off(delay)
            else:
                delay = self._node.settings.load_retry_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await environment.grown.wait()

    async def _try_refresh(self, environment: Environment) -> bool:
        try:
            async with environment.refreshing:
                await self._refresh(environment)
        except Unreadable:
            self._node.metrics.follow_failures.labels(environment.name).inc()
            return False
        except Exception:  # noqa: BLE001  # the background loop must survive: no environment may stop another, or itself
            _log.exception("an environment cannot be brought up to date", environment=environment.name)
            self._node.metrics.follow_failures.labels(environment.name).inc()
            environment.is_doubtful = True
            return False
        finally:
            environment.was_tried.set()
        return True

    async def _refresh(self, environment: Environment) -> None:
        """Bring *environment* to where the log is."""
        environment.grown.clear()
        asked = self._node.now()
        position = environment.position
        if position is None or environment.is_doubtful:
            await self._load(environment)
            return
        deltas = await self.read(environment.name, self._node.reader.since(environment.name, position))
        known_at = asked - self._node.reader.age(environment.name)
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
                self._report(environment, self._node.keys.change(environment.name, delta.keys, environment.keys))
                end_unauthorised(environment, self._node.keys, self._node.clock.time())
        self._node.documents.moved_on(environment.name, environment.position)
        return True

    async def _load(self, environment: Environment) -> None:
        asked = self._node.now()
        snapshot = await self.read(environment.name, self._node.reader.snapshot(environment.name))
        known_at = asked - self._node.reader.age(environment.name)
        hub = await asyncio.to_thread(_loaded, snapshot, known_at, self._node.settings)
        hub.path = self._node.path
        environment.adopt(hub, await asyncio.to_thread(environment.compiled, hub))
        environment.is_doubtful = False
        self._node.documents.moved_on(environment.name, environment.position)
        self._report(environment, self._node.keys.load(environment.name, snapshot.keys))
        end_unauthorised(environment, self._node.keys, self._node.clock.time())
        self._count_environments()

    async def read(self, what: str, answer: Coroutine[Any, Any, Any]) -> Any:
        """Return what a *reader* answers about an environment, or about all. Raises `Unreadable`."""
        try:
            async with asyncio.timeout(self._node.settings.read_timeout_s):
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

    def _count_environments(self) -> None:
        loaded = sum(environment.is_loaded for environment in self.environments.values())
        self._node.metrics.environments.labels("loaded").set(loaded)
        self._node.metrics.environments.labels("loading").set(len(self.environments) - loaded)


class Unreadable(StreamError):
    """The log could not be read now. It was logged."""


def end_unauthorised(environment: Environment, keys: KeyRing, now: float) -> None:
    """End the streams of keys that open *environment* no more, *now* in seconds since 1970."""

    def opens(key_hash: str) -> bool:
        record = keys.record(environment.name, key_hash)
        return record is not None and is_good(record, now)

    environment.listeners.end_holders(opens)


def _loaded(snapshot: Snapshot, known_at: float, settings: StreamSettings) -> Hub:
    hub = Hub(history_bytes=settings.history_bytes, documents_bytes=settings.documents_bytes)
    hub.load(snapshot, known_at=known_at)
    return hub
