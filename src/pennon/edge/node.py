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
from pennon.edge.breaker import BreakerSettings
from pennon.edge.circuits import CircuitCalls, Circuits
from pennon.edge.config import Settings, name_in
from pennon.edge.defaults import BundledDefaults, bundled
from pennon.edge.discovery import LIST_S, Discovery
from pennon.edge.events import EdgeEvents
from pennon.edge.following import Following, FollowingSettings
from pennon.edge.keeping import Keeping
from pennon.edge.known import KnownEnvironments
from pennon.edge.kv import KvUnusable, StateStore, store_at
from pennon.edge.kv.publishing import Publishing
from pennon.edge.lanes import ForwardingSettings
from pennon.edge.listing import Listed, Listing, Membership
from pennon.edge.metrics import StatusCollector
from pennon.edge.overriding import Overrides
from pennon.edge.publisher import publishing_to
from pennon.edge.replicas import Feed, Replicas
from pennon.edge.reporting import Reporter
from pennon.edge.sizes import size_of
from pennon.edge.standing import environments_of, hash_of, upstreams_of, what_is_wrong
from pennon.edge.status import Status
from pennon.edge.tiers import Tiers
from pennon.ingest import SpoolError
from pennon.model import Position, Snapshot
from pennon.protocol import Trust
from pennon.sdk import Level
from pennon.sdk._async.transport import AsyncTransport, prepared
from pennon.sdk.config import Config, system_clock
from pennon.sdk.errors import InvalidFile
from pennon.sdk.ladder import Pace
from pennon.sdk.signatures import verifier
from pennon.sdk.trust import trust_of
from pennon.stream import StreamNode, StreamSettings

_log = structlog.get_logger(__name__)
PACE = Pace(poll_s=10.0, base_s=0.5, cap_s=5.0, refused_s=20.0)
HEARTBEAT_S = 2.0
TIMEOUT_S = 5.0
LEAVE_S = 1.0
"""How long a stop waits for the upstream to hear of it."""
FIRST_S = 5.0
"""How long a start waits for the first word of an upstream, where nothing is known without one."""
CURRENT_S = 10.0
"""What was not confirmed for longer than this may not be all that there is."""


class CannotStart(Exception):
    """The node cannot start. The text says why and what to do."""


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a node tries things. The defaults are the design's numbers."""

    pace: Pace = PACE
    breaker: BreakerSettings = BreakerSettings()
    following: FollowingSettings = FollowingSettings()
    forwarding: ForwardingSettings = ForwardingSettings()
    heartbeat_s: float = HEARTBEAT_S
    list_s: float = LIST_S
    first_s: float = FIRST_S


def name_of(settings: Settings) -> str:
    """Return the node's name: the one given, or the one that is kept in its folder. Raises `CannotStart`."""
    return settings.name or name_in(_made(settings.data_folder))


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
        folder = _made(settings.data_folder)
        self.name = name_of(settings)
        self.key_hash = hash_of(settings.key)
        self.replicas = Replicas(key_ttl_s=float(settings.key_ttl))
        self.replicas.is_current = self._is_current
        self.overrides = Overrides(folder, node=self.name, replicas=self.replicas, clock=self.clock)
        self.replicas.overlay = self.overrides
        self.followings: dict[str, Following] = {}
        self.on_applied: list[Callable[[str, Position, float], None]] = []
        """Each is told of an environment, where it stands now, and when that was, in seconds since 1970."""
        self.config = _config(settings, tuning)
        self.circuits = Circuits(self.name, self.config.urls, self.clock.monotonic, settings=tuning.breaker)
        self.bus = MemoryBus()
        waiting = msgspec.structs.replace(tuning.forwarding, spool_bytes=settings.events_mib * 1024 * 1024)
        self.events = EdgeEvents(folder / "events", settings.upstreams, settings.key, waiting)
        self._known = KnownEnvironments(folder)
        self.tiers = _tiers(settings, folder, environments=len(self._known.load() or ()))
        self._read = Snapshot.from_json if self.tiers is None else self.tiers.housing.read
        stream_settings = _stream_settings(settings, tuning)
        if self.tiers is not None:
            stream_settings = self.tiers.settings(stream_settings)
        stream_settings = msgspec.structs.replace(stream_settings, shared_folder=shared_folder)
        self.stream = StreamNode(self.replicas, self.bus, self.events, self.clock, stream_settings, name=self.name)
        self.keeping = Keeping(_state_store(settings, self._read), self.replicas.feeds, self.clock)
        self.publishing = _publishing(settings, self.replicas, self.stream)
        self.stream.metrics.registry.register(self.events.metrics)
        if self.tiers is not None:
            self.stream.metrics.registry.register(self.tiers)
        self.stream.metrics.registry.register(StatusCollector(self.status, lambda: self.keeping.saved))
        self._defaults = _defaults(settings)
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
        if not self.replicas.is_listed:
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


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"The folder {folder} cannot be made: {error.strerror}; name another with --data.") from error
    return folder


def _config(settings: Settings, tuning: Tuning) -> Config:
    config = Config(
        urls=settings.upstreams,
        key=settings.key,
        pace=tuning.pace,
        heartbeat_s=tuning.heartbeat_s,
        timeout_s=TIMEOUT_S,
        clock=system_clock(),
        trusted_keys=settings.trusted_keys,
        strict_signatures=settings.strict_signatures,
        max_head_age_s=float(settings.max_head_age) or None,
        verify=verifier() if settings.trusted_keys else None,
    )
    return prepared(config)


def _stream_settings(settings: Settings, tuning: Tuning) -> StreamSettings:
    return StreamSettings(
        edge_heartbeat_s=tuning.heartbeat_s,
        drain_s=float(settings.drain_timeout_s),
        public_url=settings.public_url.rstrip("/") if settings.public_url else None,
    )


def _tiers(settings: Settings, folder: Path, *, environments: int) -> Tiers | None:
    if settings.memory_limit is None:
        return None
    try:
        return Tiers(size_of(settings.memory_limit), folder, environments=environments)
    except ValueError as error:
        raise CannotStart(f"The memory limit of {settings.memory_limit} is too small: {error}.") from error


def _publishing(settings: Settings, replicas: Replicas, stream: StreamNode) -> Publishing | None:
    if settings.publish is None:
        return None
    try:
        return publishing_to(settings.publish, settings.publish_token, replicas, stream)
    except KvUnusable as error:
        raise CannotStart(f"Nothing can be published: {error}.") from error


def _state_store(settings: Settings, read: Callable[[bytes], Snapshot]) -> StateStore:
    try:
        return StateStore(store_at(settings.kv_url), reader=read)
    except KvUnusable as error:
        raise CannotStart(f"The key-value store cannot be used: {error}.") from error


def _defaults(settings: Settings) -> BundledDefaults | None:
    try:
        return bundled(Path(settings.defaults) if settings.defaults else None)
    except InvalidFile as error:
        raise CannotStart(f"The defaults in {settings.defaults} cannot be used: {error}.") from error
