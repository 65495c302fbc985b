"""The composition root of an edge node: upstream by the SDK's loops, downstream by a stream node, a store between."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Self

import msgspec
import structlog

from pennon._version import __version__
from pennon.bus import MemoryBus
from pennon.edge.circuits import CircuitCalls, Circuits
from pennon.edge.config import Settings
from pennon.edge.discovery import Discovery
from pennon.edge.events import EdgeEvents
from pennon.edge.following import Following
from pennon.edge.keeping import Keeping
from pennon.edge.known import KnownEnvironments
from pennon.edge.listing import Listed, Listing, Membership
from pennon.edge.metrics import StatusCollector
from pennon.edge.overriding import Overrides
from pennon.edge.parts import (
    CannotStart,
    Tuning,
    config_of,
    defaults_of,
    made_folder,
    name_of,
    publishing_of,
    state_store_of,
    stream_settings_of,
    tiers_of,
    tracing_of,
)
from pennon.edge.replicas import Feed, Replicas
from pennon.edge.reporting import Reporter
from pennon.edge.standing import environments_of, hash_of, upstreams_of, what_is_wrong
from pennon.edge.status import Status
from pennon.ingest import SpoolError
from pennon.model import Position, Snapshot
from pennon.protocol import Trust
from pennon.sdk import Level
from pennon.sdk._async.transport import AsyncTransport
from pennon.sdk.config import system_clock
from pennon.sdk.receiver import AnyCall, Calls
from pennon.sdk.trust import trust_of
from pennon.stream import StreamNode

__all__ = ["CannotStart", "EdgeNode", "Tuning", "name_of"]

_log = structlog.get_logger(__name__)
LEAVE_S = 1.0
"""How long a stop waits for the upstream to hear of it."""
CURRENT_S = 10.0
"""What was not confirmed for longer than this may not be all that there is."""


class EdgeNode:
    """Serves what its upstreams serve, and goes on when they are dead. Use it as an async context manager.

    `stream` is the node that SDKs call, `replicas` what is known. Raises `CannotStart` for settings that cannot work.
    """

    def __init__(
        self,
        settings: Settings,
        tuning: Tuning = Tuning(),  # noqa: B008  # immutable
        *,
        shared_folder: Path | None = None,
    ) -> None:
        self.settings = settings
        self.clock = system_clock()
        self._tuning = tuning
        folder = made_folder(settings.data_folder)
        self.name = name_of(settings)
        self.key_hash = hash_of(settings.key)
        self.replicas = Replicas(key_ttl_s=float(settings.key_ttl))
        self.replicas.is_current = self._is_current
        self.overrides = Overrides(folder, node=self.name, replicas=self.replicas, clock=self.clock)
        self.replicas.overlay = self.overrides
        self.followings: dict[str, Following] = {}
        self.on_applied: list[Callable[[str, Position, float], None]] = []
        """Each is told of an environment, where it stands now, and when that was, in seconds since 1970."""
        self.config = config_of(settings, tuning)
        self.tracing = tracing_of(settings)
        watch: Callable[[], Calls] = AnyCall if self.tracing is None else self.tracing.calls
        self.circuits = Circuits(
            self.name, self.config.urls, self.clock.monotonic, settings=tuning.breaker, watch=watch
        )
        self.bus = MemoryBus()
        waiting = msgspec.structs.replace(tuning.forwarding, spool_bytes=settings.events_mib * 1024 * 1024)
        self.events = EdgeEvents(folder / "events", settings.upstreams, settings.key, waiting, watch=watch)
        self._known = KnownEnvironments(folder)
        self.tiers = tiers_of(settings, folder, environments=len(self._known.load() or ()))
        self._read = Snapshot.from_json if self.tiers is None else self.tiers.housing.read
        stream_settings = stream_settings_of(settings, tuning)
        if self.tiers is not None:
            stream_settings = self.tiers.settings(stream_settings)
        stream_settings = msgspec.structs.replace(stream_settings, shared_folder=shared_folder)
        self.stream = StreamNode(self.replicas, self.bus, self.events, self.clock, stream_settings, name=self.name)
        self.keeping = Keeping(state_store_of(settings, self._read), self.replicas.feeds, self.clock)
        self.publishing = publishing_of(settings, self.replicas, self.stream)
        self.stream.metrics.registry.register(self.events.metrics)
        if self.tiers is not None:
            self.stream.metrics.registry.register(self.tiers)
        self.stream.metrics.registry.register(
            StatusCollector(self.status, lambda: self.keeping.saved, lambda: self.keeping.failed)
        )
        self._defaults = defaults_of(settings)
        self._discovery: Discovery | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def level(self) -> Level:
        """The worst rung of all environments."""
        return max((following.level for following in self.followings.values()), default=Level.DEFAULTS)

    @property
    def is_ready(self) -> bool:
        """Whether something can be served."""
        return self.stream.is_ready and any(each.is_loaded for each in self.stream.environments.values())

    def opens(self, secret: str) -> bool:
        """Whether *secret* is the node's own key: who has it may see how the node is."""
        return hash_of(secret) == self.key_hash

    def status(self) -> Status:
        """Return how the node stands."""
        failure = None if self._discovery is None else self._discovery.failure
        return Status(
            name=self.name,
            version=__version__,
            level=self.level,
            ready=self.is_ready,
            upstreams=upstreams_of(self.circuits, self.clock.monotonic()),
            environments=tuple(environments_of(self.replicas, self.followings, self.stream, self.key_hash)),
            overrides=self.overrides.shown(),
            dropped=self.overrides.dropped,
            problems=tuple(
                filter(
                    None,
                    (
                        failure.message if failure else "",
                        self.keeping.problem,
                        self.overrides.problem,
                        self.publishing.problem if self.publishing is not None else "",
                        *(() if self.tiers is None else self.tiers.problems),
                    ),
                )
            ),
        )

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        if self.tracing is not None:
            stack.callback(self.tracing.close)
        try:
            await stack.enter_async_context(self.events)
        except (SpoolError, OSError) as error:
            raise CannotStart(f"The folder {self.settings.data} cannot be used: {error}.") from error
        stack.push_async_callback(self.keeping.close)
        known = await self._restore()
        self.keeping.start(shared_with=self._is_cut_off if self.settings.kv else None)
        stack.push_async_callback(self._stop_following)
        for name in known:
            self._follow(name)
        membership, every_s = Membership(self.config.urls, known), self._tuning.list_s
        self._discovery = Discovery(self.config, self.circuits, membership, self._took, every_s=every_s)
        stack.push_async_callback(self._discovery.close)
        self.replicas.ask = self._discovery.refresh
        if not self.replicas.is_listed:
            await self._first_word(self._discovery)
        self._begin_with_defaults()
        await stack.enter_async_context(_running(self.overrides.run()))
        await stack.enter_async_context(self.stream)
        await stack.enter_async_context(self._reporting())
        if self.publishing is not None:
            self.publishing.start()
            stack.push_async_callback(self.publishing.close)
        if self.tiers is not None:
            tending = self.tiers.begin(self.replicas.feeds, self.stream, self.keeping)
            await stack.enter_async_context(_running(tending.run(self.clock.monotonic)))

    @contextlib.asynccontextmanager
    async def _reporting(self) -> AsyncIterator[None]:
        """Tell the upstream what was applied here and below, and at the end that the node stops."""
        transport = AsyncTransport(self.config, CircuitCalls(self.circuits))
        reporter = Reporter(self.stream, self.status, transport.post, overrides=self.overrides.of)
        self.on_applied.append(reporter.on_applied)
        try:
            async with _running(reporter.run()):
                yield
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await reporter.leave()
        finally:
            self.on_applied.remove(reporter.on_applied)
            await transport.close()

    async def _restore(self) -> list[str]:
        """Take what the store kept of the environments that the key opens; return the names of all to follow."""
        listed = await asyncio.to_thread(self._known.load)
        client_rules = {each.key: each.client_rules for each in listed or ()}
        known, restored = [], []
        for name in client_rules or await self.keeping.names():
            state = await self.keeping.load(name)
            if state is not None and what_is_wrong(state.snapshot, self.key_hash, self.clock.time()):
                continue
            feed = self._feed(name)
            feed.client_rules = client_rules.get(name, False)
            known.append(name)
            if state is not None:
                feed.restore(state.snapshot, state.known_at)
                restored.append(name)
        if restored:
            self.replicas.is_listed = True
            _log.info("what was kept is served until an upstream answers", environments=restored)
        return known

    async def _first_word(self, discovery: Discovery) -> None:
        """Wait until an upstream has said what there is, or none answers; for a while at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._tuning.first_s):
                await discovery.is_tried.wait()
                for following in tuple(self.followings.values()):
                    await following.is_tried.wait()

    def _begin_with_defaults(self) -> None:
        """Serve the defaults under the name that they have, where nobody has said which environments there are."""
        if self._defaults is None:
            return
        if not self._defaults.has_keys:
            _log.warning(
                "the defaults hold no key records, and by themselves admit nobody", file=self.settings.defaults
            )
        if all(feed.served is None for feed in self.replicas.feeds.values()):
            self._feed(self._defaults.environment)
            self.replicas.is_listed = True
            _log.warning("only the defaults are known", environment=self._defaults.environment)

    def _feed(self, name: str) -> Feed:
        if (feed := self.replicas.feeds.get(name)) is None:
            feed = self.replicas.feeds[name] = Feed(name, self.clock, self._hears, self._trust(name), read=self._read)
            feed.defaults = None if self._defaults is None else self._defaults.of(name)
        return feed

    def _trust(self, name: str) -> Trust | None:
        return trust_of(msgspec.structs.replace(self.config, environment=name), "edge")

    def _follow(self, name: str) -> None:
        if name not in self.followings:
            feed = self._feed(name)
            self.followings[name] = Following(feed, self.config, self.circuits, self._tuning.following, self._stood)

    def _took(self, listing: Listing) -> None:
        """Follow what an upstream has listed, and leave what is gone."""
        assert self._discovery is not None  # it is who calls
        names = self._discovery.membership.names
        for each in listing.environments:
            self._follow(each.key)
            self.replicas.feeds[each.key].client_rules = each.client_rules
        for name in self.replicas.feeds.keys() - names:
            # The defaults stay until somebody knows better.
            if listing.complete or not self.replicas.feeds[name].is_on_defaults:
                self._leave(name)
        if not self.replicas.is_listed:
            self.replicas.is_listed = True
            for name in names:
                self.bus.announce(name, Position(0, 0))
        kept = [Listed(name, self.replicas.feeds[name].client_rules) for name in names]
        try:
            self._known.keep(kept)
        except OSError as error:
            _log.warning("the list of environments cannot be kept", problem=str(error))

    def _leave(self, name: str) -> None:
        """Serve *name* no more: every upstream that may have it says that there is no such environment."""
        _log.info("an environment is gone", environment=name)
        self.replicas.feeds.pop(name)
        leaving = [self.keeping.forget(name)] if not self.settings.kv else []
        if (following := self.followings.pop(name, None)) is not None:
            leaving.append(following.close())
        for work in leaving:
            task = asyncio.create_task(work)
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _stop_following(self) -> None:
        await asyncio.gather(*(following.close() for following in self.followings.values()), *self._leaving)

    def _hears(self, name: str, position: Position) -> None:
        """Take note that *name* is to be served anew."""
        self.bus.announce(name, position)
        environment = self.stream.environments.get(name)
        if environment is not None and environment.position == position:
            environment.grown.set()  # the bus tells of new positions, and what is served at this one is another now
        self.keeping.changed(name)
        if self.publishing is not None:
            self.publishing.changed(name)
        for tell in self.on_applied:
            tell(name, position, self.clock.time())

    def _stood(self, following: Following) -> None:
        """Take note of another rung, path or failure."""
        path = dict.fromkeys(name for each in self.followings.values() for name in each.link.path)
        self.stream.path = (self.name, *path)
        if following.link.failure is not None and self._discovery is not None:
            self._discovery.ask_soon()

    def _is_current(self) -> bool:
        """Whether an upstream has lately confirmed everything that is known."""
        is_listed = self._discovery is not None and self._discovery.is_current
        is_followed = not any(map(self._is_cut_off, self.replicas.feeds.values()))
        return is_listed and is_followed and all(feed.age() < CURRENT_S for feed in self.replicas.feeds.values())

    def _is_cut_off(self, feed: Feed) -> bool:
        following = self.followings.get(feed.name)
        return following is None or following.level is not Level.STREAMING


@contextlib.asynccontextmanager
async def _running(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Do *work* meanwhile, which has no end of its own."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
