"""The composition root: the one place that picks a storage, wires services and puts the server together."""

import asyncio
import contextlib
import secrets
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import TypeAlias

import msgspec
from litestar import Litestar

from pennon.bus import Bus, BusUnusable, MemoryBus, RemoteBus, bus_at
from pennon.bus.workers import SOCKET, workers_bus
from pennon.control.access.accounts import AccountService
from pennon.control.access.keys import KeyService
from pennon.control.access.roles import RoleService
from pennon.control.access.service import TokenService
from pennon.control.access.signing_in import SignIns
from pennon.control.api import Services, build_application
from pennon.control.api.metrics import HttpMetrics
from pennon.control.changes.service import ChangeService
from pennon.control.changes.views import ChangeViews
from pennon.control.clock import SystemClock
from pennon.control.config import Settings
from pennon.control.environments.gate import Gate
from pennon.control.environments.service import EnvironmentService
from pennon.control.environments.views import Environment
from pennon.control.errors import AlreadyExists, PennonError
from pennon.control.flags.definitions import FlagDefinition, initial_configuration, merge
from pennon.control.flags.service import FlagService
from pennon.control.flags.views import FlagViews
from pennon.control.layers.service import LayerService
from pennon.control.layers.views import LayerViews
from pennon.control.log import INSTALLATION, SYSTEM, Stored
from pennon.control.projects.service import ProjectService
from pennon.control.projects.views import Project
from pennon.control.publishing import PublishedLog, announce_changes
from pennon.control.publishing.collecting import Collecting
from pennon.control.publishing.metrics import PropagationMetrics
from pennon.control.publishing.views import PropagationViews
from pennon.control.requests.service import RequestService
from pennon.control.segments.service import SegmentService
from pennon.control.segments.views import SegmentViews
from pennon.control.signing.reader import SignedLog
from pennon.control.signing.sealing import SECRET_FILE, Secret
from pennon.control.signing.service import SigningService
from pennon.control.signing.signer import Signer
from pennon.control.storage import Storage, open_storage
from pennon.control.working.salts import random_salt
from pennon.ingest import Counting, Ingest, SpoolError, SpoolInUse
from pennon.ingest.folders import adopt_leftovers, folder_of, held
from pennon.model import Flag, Position
from pennon.stream import Endpoints, Front, Intake, Quick, StreamNode, StreamSettings
from pennon.stream.families import Family
from pennon.stream.proxied import Proxied, Proxies

FIRST_PROJECT = "default"
FIRST_ENVIRONMENTS = ("development", "production")
EVENTS = "events"
"""The folder of what SDKs report, in the data folder."""
_THREADS = 16
_ADOPTED_S = 10.0
_BUS_SECRET = "bus"
_AGAIN_S = 0.1
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
Others: TypeAlias = Callable[[], Awaitable[list[list[Family]]]]


class CannotStart(Exception):
    """The server cannot start. The text says why and what to do."""


class Place(msgspec.Struct, frozen=True):
    """Which of the workers of a server this process is. `folder` is theirs alone, and goes with the server."""

    number: int
    workers: int
    events: int
    """The number of the folder that its spool has."""
    folder: Path


class FirstStart(msgspec.Struct, frozen=True):
    """What the first start of an installation made. The token is told this once and kept nowhere."""

    administrator_token: str
    project: str
    environments: tuple[str, ...]


def tell_on_stderr(first: FirstStart) -> None:
    """Tell what the first start made to whoever watches the process."""
    sys.stderr.write(f"First start. The administrator's token, shown this once: {first.administrator_token}\n")


def create_app(
    settings: Settings,
    *,
    announce: Callable[[FirstStart], None] = tell_on_stderr,
    place: Place | None = None,
    others: Others | None = None,
) -> Litestar:
    """Open the storage that *settings* name, bring it up to date, and return the server's ASGI application.

    On the first start of an installation *announce* is told the administrator's token. Raises `CannotStart`.
    `app.state.drain` ends all streams in good order, for who stops the server; `app.state.metrics` is what this process
    counts. *place* is that of one worker of several, *others* returns what the others count.
    """
    storage = _opened(settings)
    try:
        return _Server(settings, storage, announce, place, others).app
    except BaseException:  # nothing is swallowed: what was opened is closed, whatever ended the start
        storage.close()
        raise


@contextlib.contextmanager
def prepared(settings: Settings, *, announce: Callable[[FirstStart], None]) -> Iterator[None]:
    """Make everything ready for workers, and keep other servers out meanwhile. Raises `CannotStart`.

    Of what is once in an installation, this is when: migrations, and the first start, which *announce* is told of.
    """
    with _folder_explained(settings), held(settings.data_folder / EVENTS):
        storage = _opened(settings)
        try:
            services = _services(storage, SystemClock(), settings)
            if (first := _first_start(services)) is not None:
                announce(first)
        finally:
            storage.close()
        yield


def _opened(settings: Settings) -> Storage:
    try:
        return open_storage(settings.database)
    except PennonError as error:
        raise CannotStart(f"The database cannot be used: {error}.") from error


@contextlib.contextmanager
def _folder_explained(settings: Settings) -> Iterator[None]:
    try:
        yield
    except (SpoolError, OSError) as error:
        raise CannotStart(f"The folder {settings.data_folder} cannot be used: {error}.") from error


class _Server:
    """Everything that runs in a server, in the order in which it is started."""

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        announce: Callable[[FirstStart], None],
        place: Place | None,
        others: Others | None,
    ) -> None:
        self._settings = settings
        self._storage = storage
        self._place = place
        clock = SystemClock()
        self._services = _services(storage, clock, settings)
        if (first := _first_start(self._services)) is not None:
            announce(first)
        signer = Signer(storage.log, clock, storage.safe, _secret(settings))
        self._published = PublishedLog(storage.log, saw=signer.saw)
        self._bus = _bus(settings, place)
        if isinstance(self._bus, RemoteBus):
            known = storage.safe.find(_BUS_SECRET)
            self._bus.trust(known or storage.safe.keep_first(_BUS_SECRET, secrets.token_bytes(32)))
        announce_changes(storage.log, self._bus, digest_at=self._digest_at)
        self._events = settings.data_folder / EVENTS
        self._ingest = Ingest(folder_of(self._events, place.events if place else 0), time.time)
        self._counting = Counting(self._ingest, storage.counts)
        signed = SignedLog(self._published, signer, clock)
        self._node = StreamNode(signed, self._bus, self._ingest, time, _stream_settings(settings, place))
        metrics = HttpMetrics(others)
        metrics.register(self._node.metrics.registry)
        propagation = PropagationMetrics()
        metrics.register(propagation)
        self._collecting = Collecting(self._node, storage.propagation, self._services.propagation, propagation, clock)
        front = Front(metrics.observe)
        self.app = build_application(
            self._services,
            settings,
            node=Endpoints(self._node, front=front),
            checks=[self._storage_answers, self._node_serves],
            metrics=metrics,
            lifespan=self._running,
        )
        self.app.state.drain = self._node.drain
        self.app.state.streams = Intake(self._node, front)
        self.app.state.quick = Quick(self._node, front)
        self.app.state.metrics = metrics.registry
        if settings.trusted_proxies:
            proxies = Proxies(settings.trusted_proxies, settings.forwarded_header)
            self.app.asgi_handler = Proxied(self.app.asgi_handler, proxies)

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._storage.close)
            stack.callback(self._published.close)
            threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="pennon-api")
            asyncio.get_running_loop().set_default_executor(threads)
            with _folder_explained(self._settings):
                if self._place is None:
                    stack.enter_context(held(self._events))
                await self._start_ingest()
            stack.push_async_callback(self._ingest.stop)
            counting = asyncio.create_task(self._counting.run())
            stack.push_async_callback(_cancelled, counting)
            if self._place is None or self._place.number == 0:
                adopting = asyncio.create_task(adopt_leftovers(self._events, self._storage.counts))
                stack.push_async_callback(_cancelled, adopting)
            if isinstance(self._bus, RemoteBus):
                await stack.enter_async_context(self._bus)
            await stack.enter_async_context(self._node)
            stack.push_async_callback(self._collecting.leave)
            collecting = asyncio.create_task(self._collecting.run())
            stack.push_async_callback(_cancelled, collecting)
            stack.enter_context(_draining_on_signals(self._node))
            yield

    async def _start_ingest(self) -> None:
        """Open the spool. What a dead worker left may just be counted by another one: that takes a moment."""
        until = time.monotonic() + (_ADOPTED_S if self._place else 0)
        while True:
            try:
                await self._ingest.start()
            except SpoolInUse:
                if time.monotonic() >= until:
                    raise
                await asyncio.sleep(_AGAIN_S)
            else:
                return

    def _digest_at(self, environment: str, position: Position) -> str | None:
        """Return what the node has in memory. Writers ask, in threads: what is read here is replaced whole."""
        found = self._node.environments.get(environment)
        if found is None or found.position != position:
            return None
        digest = found.hub.digest("edge")
        return digest if found.position == position else None

    async def _storage_answers(self) -> str | None:
        try:
            await asyncio.to_thread(self._storage.ping)
        except PennonError:
            return "the database"
        return None

    async def _node_serves(self) -> str | None:
        if self._node.is_draining:
            return "nothing: the server is stopping"
        return None if self._node.is_ready else "the environments to be loaded"


def _bus(settings: Settings, place: Place | None) -> Bus:
    if settings.bus is None:
        return MemoryBus() if place is None else workers_bus(place.folder / SOCKET)
    try:
        # Each worker has its own connections to a server: one that relayed for all would be one more thing to die.
        return bus_at(settings.bus)
    except BusUnusable as error:
        raise CannotStart(f"The bus cannot be used: {error}.") from error


def _services(storage: Storage, clock: SystemClock, settings: Settings) -> Services:
    log, limits, permit = storage.log, settings.limits, Gate(clock).permit
    changes = ChangeService(log, limits=limits, permit=permit)
    return Services(
        log=log,
        tokens=TokenService(log, clock, storage.last_used),
        roles=RoleService(log),
        accounts=AccountService(log, storage.doors),
        sign_ins=SignIns(log, clock, storage.doors),
        keys=KeyService(log, clock),
        signing=SigningService(log, clock, storage.safe, _secret(settings)),
        projects=ProjectService(log),
        environments=EnvironmentService(log, _first_flag),
        flags=FlagService(log, limits=limits, permit=permit),
        flag_views=FlagViews(log),
        segments=SegmentService(log, limits=limits, permit=permit),
        segment_views=SegmentViews(log),
        layers=LayerService(log, limits=limits, permit=permit),
        layer_views=LayerViews(log),
        changes=changes,
        requests=RequestService(log, changes, clock, limits=limits, permit=permit),
        change_views=ChangeViews(log),
        counts=storage.counts,
        propagation=PropagationViews(log, storage.propagation, clock),
        last_used=storage.last_used.times,
    )


def _secret(settings: Settings) -> Secret:
    return Secret(settings.secret_key, settings.data_folder / SECRET_FILE)


def _first_flag(stored: Stored) -> Flag:
    definition = stored.read(FlagDefinition)
    return merge(definition, initial_configuration(definition, random_salt()))


def _first_start(services: Services) -> FirstStart | None:
    """Make what people need to begin, if nobody ever had a token here.

    The token comes last: a start that is killed before it is made again, whatever it had made.
    """
    with services.log.reading() as reading:
        if reading.count(INSTALLATION, "token"):
            return None
    with contextlib.suppress(AlreadyExists):
        services.projects.create_project(Project(key=FIRST_PROJECT, name="Default"), by=SYSTEM)
    for key in FIRST_ENVIRONMENTS:
        environment = Environment(key=key, name=key.capitalize(), production=key == "production")
        with contextlib.suppress(AlreadyExists):
            services.environments.create_environment(FIRST_PROJECT, environment, by=SYSTEM)
    secret = services.tokens.ensure_first_token()
    return None if secret is None else FirstStart(secret, FIRST_PROJECT, FIRST_ENVIRONMENTS)


def _stream_settings(settings: Settings, place: Place | None) -> StreamSettings:
    return StreamSettings(
        shared_folder=place.folder / "documents" if place else None,
        drain_s=float(settings.drain_timeout_s),
        events_bytes=settings.max_event_batch_bytes,
        context_bytes=settings.max_context_bytes,
        context_depth=settings.max_context_depth,
        max_streams=settings.max_streams or None,
        snapshots_at_once=settings.max_snapshots,
        snapshots_bytes=settings.max_snapshots_mib * 2**20,
        retry_after_max_s=float(settings.max_retry_after_s),
        public_url=settings.public_url.rstrip("/") if settings.public_url else None,
    )


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@contextlib.contextmanager
def _draining_on_signals(node: StreamNode) -> Iterator[None]:
    """Say goodbye on every stream as soon as the process is told to end.

    ASGI servers wait for open answers before they tell the application that they stop, and a stream is open for ever.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    draining: set[asyncio.Task[None]] = set()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def hook(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(lambda: draining.add(loop.create_task(node.drain())))
        if callable(handler := before[signal.Signals(number)]):
            handler(number, frame)

    for number in _SIGNALS:
        signal.signal(number, hook)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
