"""Those who wait for changes, in processes of their own: PoP replicas, SDKs, and plain readers of streams.

Each tells, for every revision, when it held it: seconds of the monotonic clock, which all processes of a machine share.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

import httpx2

from pennon.model import Position, Snapshot
from pennon.protocol import Adopted, Replica
from pennon.protocol.sse import Decoder
from pennon.sdk import Change, Client

_SPAWN = multiprocessing.get_context("spawn")
_READY_S = 120


class Watcher:
    """A process that watches. `arrivals` collects what it says."""

    def __init__(self, kind: str, watched: int, says: Connection) -> None:
        self.kind = kind
        self.watched = watched
        self._says = says

    def arrivals(self, revision: int, *, within_s: float = 60.0) -> list[float]:
        """Return when each of the watched held *revision*, once all do."""
        found: list[float] = []
        until = time.monotonic() + within_s
        while len(found) < self.watched:
            assert self._says.poll(max(0.0, until - time.monotonic())), (
                f"{len(found)} of {self.watched} {self.kind} hold revision {revision}"
            )
            said, times = self._says.recv()
            if said == revision:
                found += times
        return found


@contextlib.contextmanager
def watching(kind: str, watched: int, work: Callable[..., None], *arguments: object) -> Iterator[Watcher]:
    """Run *work* in a process of its own, and give what it says once it says that it is ready."""
    said, says = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=work, args=(*arguments, says), daemon=True)
    process.start()
    try:
        assert said.poll(_READY_S), f"the {kind} are not ready"
        said.recv()
        yield Watcher(kind, watched, said)
    finally:
        process.kill()
        process.join()


def replicas(urls: Sequence[str], key: str, count: int, says: Connection) -> None:
    """Hold *count* replicas of the edge projection, spread over *urls*. They share one parsed snapshot."""
    asyncio.run(_replicas(urls, key, count, says))


async def _replicas(urls: Sequence[str], key: str, count: int, says: Connection) -> None:
    answer = httpx2.get(f"{urls[0]}/sdk/v1/snapshot", headers={"x-api-key": key}, timeout=60)
    shared = Snapshot.from_json(answer.content)
    told = Told(count, says)
    opened = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(_replica(urls[at % len(urls)], key, shared, told, opened)) for at in range(count)]
    for _ in range(count):
        await opened.acquire()
    says.send("ready")
    await asyncio.gather(*tasks)


async def _replica(url: str, key: str, shared: Snapshot, told: "Told", opened: asyncio.Semaphore) -> None:
    replica = Replica(snapshot=shared, known_at=time.monotonic())
    reader, writer = await _opened(url, key, shared.position)
    decoder, is_open = Decoder(limit=1 << 27), False
    while data := await reader.read(1 << 16):
        for frame in decoder.feed(data):
            for action in replica.receive(frame, time.monotonic()):
                assert isinstance(action, Adopted), f"a replica cannot go on: {action}"
                told.hold(action.snapshot.revision, action.previous)
            if not is_open:
                is_open = True
                opened.release()
    writer.close()
    raise AssertionError("a stream ended")


async def _opened(url: str, key: str, since: Position) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(request(key, f"?since={since}"))
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    return reader, writer


def request(key: str, query: str = "") -> bytes:
    """Return the request for a stream. Each frame comes as one chunk, whose lines of length an SSE reader ignores."""
    return f"GET /sdk/v1/stream{query} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {key}\r\n\r\n".encode()


class Told:
    """Collects the moments at which a process's watched ones hold a revision, and tells them when all do."""

    def __init__(self, watched: int, says: Connection) -> None:
        self._watched = watched
        self._says = says
        self._times: dict[int, list[float]] = {}

    def hold(self, revision: int, previous: Position | None) -> None:
        """Note that one of the watched holds *revision* now, and whatever it went over on its way from *previous*."""
        now = time.monotonic()
        first = revision if previous is None else previous.revision + 1
        for each in range(min(first, revision), revision + 1):
            times = self._times.setdefault(each, [])
            times.append(now)
            if len(times) == self._watched:
                self._says.send((each, self._times.pop(each)))


def sdk(url: str, key: str, says: Connection) -> None:
    """Be an application with one `Client`, which evaluates the flag at each change."""
    logging.getLogger("pennon").setLevel(logging.ERROR)  # that the flag changes all the time is known
    held: list[Position | None] = [None]
    told = Told(1, says)

    def evaluate(client: Client, change: Change) -> None:
        client.boolean("bench", {"targetingKey": "user-1"}, default=False)
        told.hold(change.revision, held[0])
        held[0] = Position(1, change.revision)

    client = Client(url, key=key, events=False)
    assert client.wait_until_ready(timeout=60)
    held[0] = Position(1, client.status().revision)
    client.on_change(partial(evaluate, client))
    says.send("ready")
    while os.getppid() != 1:
        time.sleep(1)


def readers(urls: Sequence[str], key: str, count: int, since: str, says: Connection) -> None:
    """Hold *count* plain streams, and look at nothing but the ids of what comes."""
    selector = selectors.DefaultSelector()
    told = Told(count, says)
    for at in range(count):
        place = urlsplit(urls[at % len(urls)])
        assert place.hostname is not None
        connection = socket.create_connection((place.hostname, place.port or 80))
        connection.sendall(request(key, f"?since={since}"))
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
        selector.register(connection, selectors.EVENT_READ, _Reader(int(since.partition(".")[2])))
    says.send("ready")
    while True:
        for event, _ in selector.select():
            assert isinstance(event.fileobj, socket.socket)
            reader: _Reader = event.data
            data = event.fileobj.recv(1 << 20)
            assert data, "a stream ended"
            for revision in reader.new(data):
                told.hold(revision, Position(1, revision - 1))


class _Reader:
    """Finds the revisions in what one stream says."""

    def __init__(self, revision: int) -> None:
        self._rest = b""
        self._revision = revision

    def new(self, data: bytes) -> range:
        *lines, self._rest = (self._rest + data).split(b"\n")
        ids = [int(line.rpartition(b".")[2]) for line in lines if line.startswith(b"id:")]
        first = self._revision + 1
        self._revision = max(self._revision, *ids, 0)
        return range(first, self._revision + 1)
