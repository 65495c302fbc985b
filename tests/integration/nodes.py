"""A node over a log in memory, behind a real server on a real socket: what the stream tests call."""

import asyncio
import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

import httpx2
from litestar import Litestar

from pennon.bus import MemoryBus
from pennon.cli.server import Server, configured, listen
from pennon.edge.events import EdgeEvents
from pennon.events import DIRECT, EventBatch, Way
from pennon.ingest import Accepted, EventSink, Ingest
from pennon.model import (
    Delta,
    Flag,
    Item,
    ItemKind,
    KeyKind,
    KeyRecord,
    Layer,
    Position,
    Segment,
    Serve,
    Snapshot,
    Variation,
)
from pennon.protocol import Frame, digest, sse
from pennon.stream import Intake, LogReader, Quick, StreamNode, StreamSettings, routes

T = TypeVar("T")
Model = Flag | Segment | Layer | KeyRecord
ENVIRONMENT = "shop/production"
KINDS: Mapping[type, ItemKind] = {Flag: "flag", Segment: "segment", Layer: "layer", KeyRecord: "key"}


def secret_hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def key(secret: str, kind: KeyKind, **fields: Any) -> KeyRecord:
    return KeyRecord(key=secret_hash(secret), kind=kind, **fields)


def boolean(name: str, *, on: bool = True, **fields: Any) -> Flag:
    variations = (Variation("on", True), Variation("off", False))
    fields.setdefault("fallthrough", Serve(variation="on"))
    return Flag(key=name, variations=variations, on=on, **{"off_variation": "off", "salt": "s1", **fields})


SERVER, CLIENT, EDGE = "pennon_server_a", "pennon_client_a", "pennon_edge_a"
KEYS = (key(SERVER, "server"), key(CLIENT, "client"), key(EDGE, "edge"))


class MemoryLog(LogReader):
    """A `LogReader` over lists of deltas. `fail` makes environments unreadable, as a dead database does."""

    def __init__(self) -> None:
        self._items: dict[str, dict[ItemKind, dict[str, Item]]] = {}
        self._positions: dict[str, Position] = {}
        self._deltas: dict[str, list[Delta]] = {}
        self._versions: dict[tuple[str, str, str], int] = {}
        self.fail: set[str] = set()
        self.allowed: set[str] = set()
        self.source_age = 0.0

    def write(self, environment: str, *models: Model, delete: tuple[tuple[ItemKind, str], ...] = ()) -> Position:
        """Put *models* and delete others, as one change."""
        before = self._positions.setdefault(environment, Position(1, 0))
        after = Position(before.epoch, before.revision + 1)
        items = {kind: dict(records) for kind, records in self._items.get(environment, {}).items()}
        edits: dict[ItemKind, dict[str, Item | None]] = {}
        for model in models:
            item = self._item(environment, model, after.revision)
            items.setdefault(KINDS[type(model)], {})[model.key] = item
            edits.setdefault(KINDS[type(model)], {})[model.key] = item
        for kind, name in delete:
            items[kind].pop(name, None)
            edits.setdefault(kind, {})[name] = None
        self._items[environment] = items
        self._positions[environment] = after
        delta = Delta(
            environment=environment,
            epoch=after.epoch,
            from_=before.revision,
            to=after.revision,
            digest=digest.combined(items),
            flags=edits.get("flag", {}),
            segments=edits.get("segment", {}),
            layers=edits.get("layer", {}),
            keys=edits.get("key", {}),
        )
        self._deltas.setdefault(environment, []).append(delta)
        return after

    def restore(self, environment: str) -> Position:
        """Raise the epoch, as a restore does: what came before has no connection with it."""
        position = self._positions[environment]
        self._positions[environment] = Position(position.epoch + 1, position.revision)
        self._deltas[environment] = []
        return self._positions[environment]

    def forget(self, environment: str) -> None:
        """Drop the deltas, as a log does that was cut."""
        self._deltas[environment] = []

    def remove(self, environment: str) -> None:
        del self._positions[environment]

    def state(self, environment: str) -> Snapshot:
        items = self._items.get(environment, {})
        return Snapshot.of(
            items,
            environment=environment,
            position=self._positions[environment],
            digest=digest.combined(items),
        )

    async def environments(self) -> list[str]:
        self._check("environments")
        return list(self._positions)

    async def snapshot(self, environment: str) -> Snapshot:
        self._check(environment)
        return self.state(environment)

    async def since(self, environment: str, position: Position) -> list[Delta] | None:
        self._check(environment)
        current = self._positions[environment]
        found = [delta for delta in self._deltas[environment] if delta.from_ >= position.revision]
        if position.epoch != current.epoch or len(found) != current.revision - position.revision:
            return None
        return found

    def age(self, _environment: str) -> float:
        return self.source_age

    async def allows_client_rules(self, environment: str) -> bool:
        return environment in self.allowed

    def _check(self, what: str) -> None:
        if what in self.fail:
            raise ConnectionError(f"{what}: the database is away")

    def _item(self, environment: str, model: Model, revision: int) -> Item:
        name = (environment, KINDS[type(model)], model.key)
        self._versions[name] = version = self._versions.get(name, 0) + 1
        fields = {field: getattr(model, field) for field in model.__struct_fields__}
        return Item.of(type(model)(**{**fields, "version": version, "changed_at": revision}))


class Batches:
    """An `EventSink` that keeps what it takes."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, EventBatch]] = []
        self.passes_on = False

    async def accept(self, environment: str, key_hash: str, batch: EventBatch, _way: Way = DIRECT) -> Accepted:
        self.taken.append((environment, key_hash, batch))
        return Accepted(batch.entries)


class RunningNode:
    """A node that serves on loopback, and the means to change what it reads."""

    def __init__(
        self,
        log: MemoryLog,
        sink: EventSink | None,
        settings: StreamSettings,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
        *,
        hands_over: bool = True,
    ) -> None:
        self.log = log
        self.bus = MemoryBus()
        self.sink = sink or Batches()
        self.settings = settings
        self.node: StreamNode
        self.app: Litestar
        self.url = ""
        self._loop: asyncio.AbstractEventLoop
        self._server: Server
        self._started = threading.Event()
        self._loop_factory = loop_factory
        self._hands_over = hands_over
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._started.wait(60), "the node did not start"

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(60)
        assert not self._thread.is_alive(), "the node did not stop"

    def write(self, *models: Model, environment: str = ENVIRONMENT, **kwargs: Any) -> Position:
        """Write to the log and say so on the bus."""

        async def write() -> Position:
            return self.log.write(environment, *models, **kwargs)

        position = self.run(write())
        self.bus.announce(environment, position)
        return position

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* in the node's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def value(self, name: str, **labels: str) -> float:
        return self.node.metrics.value(name, **labels)

    def client(self, secret: str | None = SERVER, **kwargs: Any) -> httpx2.Client:
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=60, **kwargs)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.node = StreamNode(self.log, self.bus, self.sink, time, self.settings)
        self.app = app = Litestar(routes(self.node), openapi_config=None, logging_config=None)
        app.state.streams, app.state.quick = Intake(self.node) if self._hands_over else None, Quick(self.node)
        listener = listen("127.0.0.1", 0)
        self._server = Server(configured(app, drain_timeout_s=5), ready=self._started.set, drain=self.node.drain)
        async with contextlib.AsyncExitStack() as stack:
            if isinstance(self.sink, Ingest | EdgeEvents):
                await self.sink.start()
                stack.push_async_callback(self.sink.stop)
            await stack.enter_async_context(self.node)
            stack.enter_context(listener)
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            await self._server.serve(sockets=[listener])


@contextlib.contextmanager
def running(
    *models: Model,
    log: MemoryLog | None = None,
    sink: EventSink | None = None,
    settings: StreamSettings | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    hands_over: bool = True,
) -> Iterator[RunningNode]:
    """Serve `ENVIRONMENT` with the three keys and *models*. *hands_over*: streams have somebody who takes them."""
    log = log or MemoryLog()
    log.write(ENVIRONMENT, *KEYS, *models)
    settings = settings or StreamSettings(poll_s=0.1, heartbeat_s=5, drain_s=3)
    node = RunningNode(log, sink, settings, loop_factory, hands_over=hands_over)
    node.start()
    try:
        yield node
    finally:
        node.stop()


class Listener:
    """One open stream, read frame by frame."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._decoder = sse.Decoder()
        self._chunks = response.iter_raw()
        self._frames: list[Frame] = []
        self.raw = bytearray()

    def next(self) -> Frame:
        """Return the next frame. Raises `StopIteration` when the stream has ended."""
        while not self._frames:
            chunk = next(self._chunks)
            self.raw += chunk
            self._frames += self._decoder.feed(chunk)
        return self._frames.pop(0)

    def until(self, event: str) -> Frame:
        """Return the next frame of *event*, leaving out others."""
        while True:
            frame = self.next()
            if frame.event == event:
                return frame

    def read_to_the_end(self) -> list[Frame]:
        """Return the frames that are left, when the stream has ended."""
        left = []
        with contextlib.suppress(StopIteration):
            while True:
                left.append(self.next())
        return left

    @property
    def retry_ms(self) -> int | None:
        return self._decoder.retry_ms


@contextlib.contextmanager
def listening(
    node: RunningNode, path: str = "/sdk/v1/stream", secret: str | None = SERVER, **kwargs: Any
) -> Iterator[Listener]:
    with node.client(secret) as client, client.stream("GET", path, **kwargs) as response:
        yield Listener(response)


def eventually(check: Callable[[], T], *, within: float = 60.0) -> T:
    """Return the first true answer of *check*; fail if there is none in time."""
    until = time.monotonic() + within
    while not (answer := check()):
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.005)
    return answer
