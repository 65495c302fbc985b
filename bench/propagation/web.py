"""50,000 web clients at one change: each hears of it on its notify stream, and asks OFREP for all its flags again.

The clients are real streams and real requests, held by a few processes; each process asks over a few kept connections,
as browsers keep theirs. What is looked for is who has to answer: how many requests a second reach the origin when
clients ask it themselves, and when they ask edge nodes before it.
"""

import http.client
import queue
import resource
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

import httpx2
import msgspec

from bench.propagation.servers import Origin, Servers
from bench.propagation.watchers import watching

CLIENTS = 50_000
FLAGS = 100
_SPARE_FILES = 2_000
_ASKING = 16
_PER_SOURCE = 2_500
"""So many connections leave from one address: beyond it the kernel's search for a free port is what is measured."""
_WITHIN_S = 240.0


def main(*, quick: bool) -> None:
    """Measure one change with all clients at the origin, then with the same clients at edge nodes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted = 1_000 if quick else CLIENTS
    # Connections are spread over workers by chance, so none is planned to the brim.
    processes = -(-wanted * 5 // 4 // (hard - _SPARE_FILES))
    print(f"   {wanted:,} web clients of {FLAGS} flags; {processes} workers or edge nodes hold them", flush=True)
    for at_edges in (False, True):
        with Servers() as servers, servers.origin("--workers", str(processes)) as origin:
            origin.fill(FLAGS - 1, client_side=True)
            urls = [origin.url]
            if at_edges:
                key = origin.key("edge")
                urls = [servers.edge(f"edge-{number}", origin.url, key) for number in range(processes)]
            _measure(origin, urls, wanted, processes, where="edge nodes" if at_edges else "the origin")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _measure(origin: Origin, urls: Sequence[str], wanted: int, processes: int, *, where: str) -> None:
    key = origin.key("client")
    with ExitStack() as stack:
        each = -(-wanted // processes)
        watchers = [
            stack.enter_context(watching("web clients", each, clients, urls[at % len(urls)], key, each, at))
            for at in range(processes)
        ]
        before = _bulk_answers(origin)
        started = time.monotonic()
        origin.turn(on=True)
        answered = sorted(moment for watcher in watchers for moment in watcher.arrivals(0, within_s=_WITHIN_S))
        asked = _bulk_answers(origin) - before
    took = answered[-1] - started
    half, most = answered[len(answered) // 2] - started, answered[int(len(answered) * 0.99)] - started
    print(
        f"   clients at {where:12} all have asked again after {took:6.1f} s (p50 {half:.1f} s, p99 {most:.1f} s); "
        f"the origin answered {asked:,.0f} requests, {asked / took:,.0f} a second",
        flush=True,
    )


def _bulk_answers(origin: Origin) -> float:
    """Return how many evaluations the origin made for bulk requests, counted in requests."""
    text = origin.http.get(f"{origin.url}/metrics").raise_for_status().text
    line = 'pennon_evaluations_total{way="bulk"} '
    found = [float(each.removeprefix(line)) for each in text.splitlines() if each.startswith(line)]
    return sum(found) / FLAGS


def clients(url: str, key: str, count: int, process: int, says: Connection) -> None:
    """Hold *count* notify streams; each asks again when it is told to. Says when all have an answer."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    place = urlsplit(url)
    assert place.hostname is not None
    address = (place.hostname, place.port or 80)
    seen = _version(url, key)
    selector = selectors.DefaultSelector()
    for number in range(count):
        source = f"127.0.{process + 1}.{1 + number // _PER_SOURCE}"
        selector.register(_opened(address, source, key, seen), selectors.EVENT_READ, number)
    asking = _Asking(address, key, count, says)
    says.send("ready")
    while True:
        for event, _ in selector.select():
            assert isinstance(event.fileobj, socket.socket)
            data = event.fileobj.recv(1 << 16)
            assert data, "a stream ended"
            if b"refetchEvaluation" in data:
                asking.ask(event.data)


def _version(url: str, key: str) -> str:
    """Return the id of the event that a client is greeted with that has seen nothing: the version that is current."""
    with httpx2.stream("GET", f"{url}/ofrep/v1/stream?key={key}", timeout=30) as answer:
        rest = b""
        for piece in answer.iter_bytes():
            rest += piece
            for line in rest.split(b"\n")[:-1]:
                if line.startswith(b"id: "):
                    return line.removeprefix(b"id: ").decode()
    raise AssertionError("the stream ended")


def _opened(address: tuple[str, int], source: str, key: str, seen: str) -> socket.socket:
    connection = socket.create_connection(address, source_address=(source, 0))
    head = f"GET /ofrep/v1/stream?key={key} HTTP/1.1\r\nHost: bench\r\nLast-Event-ID: {seen}\r\n\r\n"
    connection.sendall(head.encode())
    assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
    return connection


class _Asking:
    """Asks for the flags of clients, some at a time."""

    def __init__(self, address: tuple[str, int], key: str, count: int, says: Connection) -> None:
        self._address = address
        self._key = key
        self._count = count
        self._says = says
        self._queue: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._answered: list[float] = []
        self._lock = threading.Lock()
        for _ in range(_ASKING):
            threading.Thread(target=self._ask_on, daemon=True).start()

    def ask(self, client: int) -> None:
        """Ask for this client's flags soon."""
        self._queue.put(client)

    def _ask_on(self) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=60)
        headers = {"X-API-Key": self._key, "Content-Type": "application/json"}
        while True:
            body = msgspec.json.encode({"context": {"targetingKey": f"user-{self._queue.get()}", "country": "DE"}})
            connection.request("POST", "/ofrep/v1/evaluate/flags", body, headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            self._note(time.monotonic())

    def _note(self, moment: float) -> None:
        with self._lock:
            self._answered.append(moment)
            if len(self._answered) == self._count:
                self._says.send((0, self._answered))
