"""The composition root: the one place that picks a storage, wires services and puts the server together."""

import asyncio
import contextlib
import secrets
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from litestar import Litestar
from prometheus_client import Gauge

from pennon.bus import Bus, BusUnusable, MemoryBus, RemoteBus, bus_at
from pennon.bus.workers import SOCKET, workers_bus
from pennon.control.api import build_application
from pennon.control.api.application import sizes_of
from pennon.control.api.metrics import HttpMetrics
from pennon.control.assembly import FirstStart, assembled, box_of, chores_of, first_start, make_administrator, secret_of
from pennon.control.chores import Chores
from pennon.control.clock import SystemClock
from pennon.control.config import DATABASE, Settings
from pennon.control.contexts.gathering import Gathering
from pennon.control.errors import Invalid, PennonError
from pennon.control.log import Change
from pennon.control.publishing import PublishedLog, announce_changes
from pennon.control.publishing.collecting import Collecting
from pennon.control.publishing.metrics import PropagationMetrics
from pennon.control.publishing.pinging import heard
from pennon.control.services import Services
from pennon.control.signing.reader import SignedLog
from pennon.control.signing.signer import Signer
from pennon.control.storage import Storage, open_storage
from pennon.control.ui import Pages, page_routes, pages_astray
from pennon.control.webhooks.telling import Alarm
from pennon.ingest import Counting, Ingest, SpoolError, SpoolInUse
from pennon.ingest.folders import adopt_leftovers, folder_of, held
from pennon.model import Position
from pennon.stream import Endpoints, Front, Intake, Quick, StreamNode, StreamSettings
from pennon.stream.families import Family
from pennon.stream.proxied import Proxied, Proxies

if TYPE_CHECKING:
    from pennon.control.tracing import Tracing

EVENTS = "events"
"""The folder of what SDKs report, in the data folder."""
_THREADS = 16
"""Beside those that requests to the admin API take: for what the server does by itself."""
_ADOPTED_S = 10.0
_BUS_SECRET = "bus"
_AGAIN_S = 0.1
"""An environment that word is sent of to see whether it comes; whoever has one of this name is behind nothing."""
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
            services = assembled(storage, SystemClock(), settings)
            if (first := _started_first(services, settings)) is not None:
                announce(first)
        finally:
            storage.close()
        yield


def rescue(settings: Settings, account: str, password: str) -> None:
    """Make *account* an administrator's, with *password*, in the database itself: for when nobody gets in any more.

    Servers may run meanwhile. Raises `CannotStart`.
    """
    if settings.database_url is None and not (settings.data_folder / DATABASE).exists():
        where = settings.data_folder.absolute()
        raise CannotStart(f"There is no database in {where}; name the server's folder with --data.")
    storage = _opened(settings)
    try:
        make_administrator(assembled(storage, SystemClock(), settings), account, password, is_emergency=True)
    except PennonError as error:
        raise CannotStart(f"The administrator's account cannot be made: {error}.") from error
    finally:
        storage.close()


def _started_first(services: Services, settings: Settings) -> FirstStart | None:
    try:
        return first_start(services, settings)
    except Invalid as error:
        raise CannotStart(f"The administrator's account cannot be made: {error}.") from error


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
        self._tracing = _tracing(settings)
        if self._tracing is not None:
            storage.log = self._tracing.log(storage.log)
        self._services = assembled(storage, clock, settings)
        if (first := _started_first(self._services, settings)) is not None:
            announce(first)
        signer = Signer(storage.log, clock, storage.safe, secret_of(settings))
        self._chores = Chores(chores_of(self._services, settings), clock)
        storage.log.subscribe(self._woken)
        self._published = PublishedLog(storage.log, saw=signer.saw)
        self._bus = _bus(settings, place)
        if isinstance(self._bus, RemoteBus):
            known = storage.safe.find(_BUS_SECRET)
            self._bus.trust(known or storage.safe.keep_first(_BUS_SECRET, secrets.token_bytes(32)))
        announcer = self._bus if self._tracing is None else self._tracing.announcer(self._bus)
        announce_changes(storage.log, announcer, digest_at=self._digest_at)
        self._events = settings.data_folder / EVENTS
        self._ingest = Ingest(folder_of(self._events, place.events if place else 0), time.time)
        self._counting = Counting(self._ingest, storage.counts)
        self._gathering = Gathering(
            self._ingest, storage.contexts, box_of(settings), clock, is_on=settings.sample_contexts
        )
        signed = SignedLog(self._published, signer, clock)
        self._node = StreamNode(signed, self._bus, self._gathering, time, _stream_settings(settings, place))
        metrics = HttpMetrics(others)
        metrics.register(self._node.metrics.registry)
        propagation = PropagationMetrics()
        metrics.register(propagation)
        metrics.register(self._services.schedule_runs.metrics)
        metrics.register(self._services.telling.metrics)
        alarm = Alarm()
        metrics.register(alarm.broken)
        storage.log.subscribe(alarm.hear)
        storage.log.subscribe(self._services.feeds.hear)
        metrics.register(self._services.health_metrics)
        down = Gauge("pennon_database_down", "Processes whose database does not answer.", registry=metrics.registry)
        down.set_function(lambda: float(not storage.answers))
        self._collecting = Collecting(self._node, storage.propagation, self._services.propagation, propagation, clock)
        front = Front(metrics.observe)
        pages = Pages(self._services, clock)
        self.app = build_application(
            self._services,
            settings,
            node=self._endpoints(front),
            checks=[self._storage_answers, self._node_serves],
            metrics=metrics,
            traced=None if self._tracing is None else self._tracing.app,
            lifespan=self._running,
            pages=[page_routes(pages, settings)],
            astray=pages_astray(pages),
        )
        self.app.state.drain = self._drain
        self.app.state.streams = Intake(self._node, front)
        self.app.state.quick = Quick(self._node, front)
        self.app.state.metrics = metrics.registry
        if settings.trusted_proxies:
            proxies = Proxies(settings.trusted_proxies, settings.forwarded_header)
            self.app.asgi_handler = Proxied(self.app.asgi_handler, proxies)

    def _endpoints(self, front: Front) -> Any:
        """Return what SDKs and edge nodes call."""
        endpoints = Endpoints(self._node, front=front)
        return endpoints if self._tracing is None else self._tracing.node(endpoints)

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            if self._tracing is not None:
                stack.callback(self._tracing.close)
            stack.callback(self._storage.close)
            stack.callback(self._published.close)
            stack.enter_context(self._storage.watched())
            most = _THREADS + sizes_of(self._settings).together
            threads = ThreadPoolExecutor(most, thread_name_prefix="pennon-api")
            asyncio.get_running_loop().set_default_executor(threads)
            # What still runs in a thread when the server ends may ask the database, which is closed after that.
            stack.push_async_callback(asyncio.get_running_loop().shutdown_default_executor)
            with _folder_explained(self._settings):
                if self._place is None:
                    stack.enter_context(held(self._events))
                await self._start_ingest()
            stack.push_async_callback(self._ingest.stop)
            for running in (self._counting.run(), self._gathering.run()):
                stack.push_async_callback(_cancelled, asyncio.create_task(running))
            if self._place is None or self._place.number == 0:
                adopting = asyncio.create_task(adopt_leftovers(self._events, self._storage.counts))
                stack.push_async_callback(_cancelled, adopting)
            if isinstance(self._bus, RemoteBus):
                await stack.enter_async_context(self._bus)
            await stack.enter_async_context(self._node)
            self._services.health.ping_by(partial(heard, self._bus, asyncio.get_running_loop()))
            stack.push_async_callback(self._collecting.leave)
            collecting = asyncio.create_task(self._collecting.run())
            stack.push_async_callback(_cancelled, collecting)
            tending = asyncio.create_task(self._chores.run())
            stack.push_async_callback(_cancelled, tending)
            stack.push_async_callback(asyncio.to_thread, self._services.telling.stop)
            stack.enter_context(_draining_on_signals(self._drain))
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

    async def _drain(self) -> None:
        """End all streams, and feeds, in good order."""
        self._services.feeds.drain()
        await self._node.drain()

    def _woken(self, changes: Mapping[str, Change]) -> None:
        self._chores.wake({edit.kind for change in changes.values() for edit in change.edits})

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


def _tracing(settings: Settings) -> "Tracing | None":
    if not settings.traces:
        return None
    try:
        from pennon.control.tracing import Tracing  # noqa: PLC0415  # only those who ask for traces have what it takes
    except ImportError as error:
        raise CannotStart(f"Traces need more packages ({error}): pip install 'pennon[tracing]'.") from error
    return Tracing()


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
        sample_requests=settings.sample_requests if settings.sample_contexts else "none",
        private_attributes=settings.private_attributes,
    )


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@contextlib.contextmanager
def _draining_on_signals(drain: Callable[[], Coroutine[None, None, None]]) -> Iterator[None]:
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
        loop.call_soon_threadsafe(lambda: draining.add(loop.create_task(drain())))
        if callable(handler := before[signal.Signals(number)]):
            handler(number, frame)

    for number in _SIGNALS:
        signal.signal(number, hook)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
