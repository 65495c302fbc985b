"""From a change to the SDKs that evaluate by it: the API, the log, SSE and clients, beside a bare socket echo.

Everything is on loopback, in processes of their own: `pennon serve` with SQLite; the clients; this one, which changes a
flag over HTTP. A change is timed to the moment a client has evaluated the flag to its new value: from before the
request is sent (`applied`), and from the API's answer (`after the answer`; below zero where the client was first, for
streams do not wait for the answer). The floor is a kilobyte sent to another process and back.
"""

import contextlib
import logging
import multiprocessing
import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection

from bench.propagation.servers import Origin, Servers
from pennon.sdk import Change, Client

CHANGES = 150
CLIENTS = 8
OTHERS = 100
FLAGS = 1_000
_SPAWN = multiprocessing.get_context("spawn")


def main() -> None:
    """Measure with one client, then with several and a thousand flags, then beside many other streams."""
    floor = _echo()
    _show("bare echo of 1 KiB", floor, floor)
    with Servers() as servers, servers.origin() as origin:
        key = origin.key("server")
        origin.fill(0)
        with _clients(origin.url, key, 1) as seen:
            _measure(origin, seen, "1 flag, 1 SDK", floor)
        origin.fill(FLAGS)
        with _clients(origin.url, key, CLIENTS) as seen:
            _measure(origin, seen, f"{FLAGS:,} flags, {CLIENTS} SDKs", floor)
            with _listeners(origin.url, key):
                _measure(origin, seen, f"the same beside {OTHERS} streams", floor)


def _measure(origin: Origin, seen: Connection, what: str, floor: list[float]) -> None:
    accepted, after, applied = [], [], []
    for on in (True, False):  # what is done for the first time takes longer
        _change(origin, seen, on=on)
    for number in range(CHANGES):
        started, answered, times = _change(origin, seen, on=number % 2 == 0)
        accepted.append(answered - started)
        applied += [moment - started for moment in times]
        after += [moment - answered for moment in times]
    _show(f"{what}: accepted", accepted, floor)
    _show(f"{what}: applied", applied, floor)
    _show(f"{what}: after the answer", after, floor)


def _change(origin: Origin, seen: Connection, *, on: bool) -> tuple[float, float, list[float]]:
    """Switch the flag, and return when that was sent and answered, and when each client evaluated to it."""
    started = time.perf_counter()
    turned = origin.turn(on=on)
    answered = time.perf_counter()
    while seen.poll(10):
        revision, value, times = seen.recv()
        if revision == turned:
            assert value is on, "a client evaluated by the new revision to the old value"
            return started, answered, times
    raise AssertionError("the change did not arrive")


def _show(what: str, times: list[float], floor: list[float]) -> None:
    p50, p99, most = (_percentile(times, share) for share in (0.5, 0.99, 1))
    ratio = p50 / _percentile(floor, 0.5)
    print(
        f"   {what:50} p50 {p50 * 1000:8.3f} ms   p99 {p99 * 1000:8.3f} ms   max {most * 1000:8.3f} ms"
        + (f"   {ratio:6.1f} x echo" if ratio > 0 else ""),
        flush=True,
    )


def _percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


@contextlib.contextmanager
def _in_process(work: Callable[..., None], *arguments: object) -> Iterator[Connection]:
    """Run *work* in a process of its own, and give what it says once it has said that it is ready."""
    said, says = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=work, args=(*arguments, says), daemon=True)
    process.start()
    try:
        assert said.poll(20), "the other process is not ready"
        said.recv()
        yield said
    finally:
        process.kill()
        process.join()


def _clients(url: str, key: str, count: int) -> contextlib.AbstractContextManager[Connection]:
    """Hold *count* clients in a process that tells, once all have a revision, when each evaluated the flag by it."""
    return _in_process(_evaluate_changes, url, key, count)


def _evaluate_changes(url: str, key: str, count: int, says: Connection) -> None:
    seen: dict[int, list[tuple[bool, float]]] = {}

    def evaluate(client: Client, change: Change) -> None:
        value = client.boolean("bench", {}, default=False)
        times = seen.setdefault(change.revision, [])
        times.append((value, time.perf_counter()))
        if len(times) == count:
            values = {each for each, _ in times}
            says.send((change.revision, values.pop() if len(values) == 1 else None, [moment for _, moment in times]))

    logging.getLogger("pennon").setLevel(logging.ERROR)  # that the flag changes all the time is known
    clients = [Client(url, key=key) for _ in range(count)]
    for client in clients:
        assert client.wait_until_ready(timeout=15)
        client.on_change(partial(evaluate, client))
    says.send("ready")
    while os.getppid() != 1:
        time.sleep(1)


@contextlib.contextmanager
def _listeners(url: str, key: str) -> Iterator[None]:
    """Hold streams open in a process of their own, reading what comes."""
    with _in_process(_read_streams, url, key):
        yield


def _read_streams(url: str, key: str, says: Connection) -> None:
    selector = selectors.DefaultSelector()
    host, _, port = url.removeprefix("http://").partition(":")
    for _ in range(OTHERS):
        connection = socket.create_connection((host, int(port)))
        connection.sendall(b"GET /sdk/v1/stream HTTP/1.1\r\nHost: x\r\nX-API-Key: %b\r\n\r\n" % key.encode())
        connection.recv(1 << 16)
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ, connection)
    says.send("ready")
    while True:
        for event, _ in selector.select():
            event.data.recv(1 << 20)


def _echo() -> list[float]:
    """Return the times of a kilobyte to another process and back."""
    listener = socket.create_server(("127.0.0.1", 0))
    answering = _SPAWN.Process(target=_answer, args=(listener.getsockname()[1],), daemon=True)
    answering.start()
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    times = []
    for _ in range(2_000):
        started = time.perf_counter()
        connection.sendall(b"x" * 1024)
        received = 0
        while received < 1024:
            received += len(connection.recv(1024))
        times.append(time.perf_counter() - started)
    connection.close()
    listener.close()
    answering.join(5)
    return times


def _answer(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := connection.recv(1024):
            connection.sendall(data)
