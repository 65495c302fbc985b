"""From a change to the SDK that evaluates by it: the API, the log, SSE and the client, beside a bare socket echo.

Everything is on loopback: `pennon serve` with SQLite is a process of its own, this one changes a flag over HTTP and
holds the SDK. A change is timed from the moment before the request is sent to the moment the client has new rules.
The floor is a kilobyte sent to another process and back.
"""

import contextlib
import multiprocessing
import multiprocessing.synchronize
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import msgspec

from pennon.sdk import Client

CHANGES = 200
OTHERS = 100
FLAGS = 1_000
PLACE = "projects/default/environments/production"


def main() -> None:
    """Measure with one client, then with others that listen too."""
    with _server() as (url, token), httpx2.Client(base_url=f"{url}/api/v1/", timeout=30) as http:
        http.headers["authorization"] = f"Bearer {token}"
        key = _made(http, f"{PLACE}/keys", {"kind": "server", "name": "bench"})["secret"]
        with Client(url, key=str(key), store=None) as client:
            client.wait_until_ready(timeout=10)
            floor = _echo()
            _show("bare echo of 1 KiB", floor, floor)
            _measure(http, client, "1 flag, 1 SDK", floor)
            _fill(http, client)
            _measure(http, client, f"{FLAGS:,} flags, 1 SDK", floor)
            with _listeners(url, str(key)):
                _measure(http, client, f"{FLAGS:,} flags, 1 SDK and {OTHERS} other streams", floor)


def _measure(http: httpx2.Client, client: Client, what: str, floor: list[float]) -> None:
    arrived = threading.Event()
    wanted = 0
    times: list[float] = []

    def listen(change: object) -> None:
        moment = time.perf_counter()
        if client.status().revision >= wanted:
            times.append(moment)
            arrived.set()

    forget = client.on_change(listen)
    accepted, applied = [], []
    _switch(http, on=False)
    _await(lambda: client.boolean("bench", {}, default=True) is False)
    for number in range(CHANGES):
        arrived.clear()
        times.clear()
        wanted = client.status().revision + 1
        started = time.perf_counter()
        _switch(http, on=number % 2 == 0)
        accepted.append(time.perf_counter() - started)
        assert arrived.wait(10), "the change did not arrive"
        applied.append(times[0] - started)
        assert client.boolean("bench", {}, default=number % 2 != 0) is (number % 2 == 0)
    forget()
    _show(f"{what}: accepted", accepted, floor)
    _show(f"{what}: applied", applied, floor)


def _show(what: str, times: list[float], floor: list[float]) -> None:
    p50, p99 = _percentile(times, 0.5), _percentile(times, 0.99)
    ratio = p50 / _percentile(floor, 0.5)
    print(f"   {what:48} p50 {p50 * 1000:7.2f} ms   p99 {p99 * 1000:7.2f} ms   {ratio:6.1f} x echo", flush=True)


def _percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def _switch(http: httpx2.Client, *, on: bool) -> None:
    _made(http, f"{PLACE}/changes", {"why": "", "edits": [{"do": "turnOn" if on else "turnOff", "flag": "bench"}]})


def _definition(key: str) -> dict[str, object]:
    return {
        "key": key,
        "kind": "boolean",
        "variations": [{"key": "on", "value": True}, {"key": "off", "value": False}],
    }


def _made(http: httpx2.Client, path: str, body: object) -> dict[str, object]:
    answer = http.post(path, content=msgspec.json.encode(body), headers={"content-type": "application/json"})
    assert answer.is_success, answer.text
    return msgspec.json.decode(answer.content, type=dict[str, object])


def _fill(http: httpx2.Client, client: Client) -> None:
    for start in range(0, FLAGS, 200):
        edits = [{"do": "putFlag", "definition": _definition(f"flag-{number}")} for number in range(start, start + 200)]
        _made(http, f"{PLACE}/changes", {"why": "", "edits": edits})
    _await(lambda: len(client.rules().flag_keys()) > FLAGS)


def _await(is_true: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not is_true():
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.002)


@contextlib.contextmanager
def _server() -> Iterator[tuple[str, str]]:
    folder = Path(tempfile.mkdtemp(prefix="pennon-bench-"))
    program = [sys.executable, "-c", "from pennon.cli import main; main()", "serve"]
    options = ["--json", "--port", "0", "--log-level", "error", "--data", str(folder / "data")]
    with subprocess.Popen([*program, *options], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        ready = msgspec.json.decode(server.stdout.readline(), type=dict[str, str | None])
        url, token = str(ready["url"]), str(ready["administratorToken"])
        try:
            with httpx2.Client(base_url=f"{url}/api/v1/", headers={"authorization": f"Bearer {token}"}) as http:
                _made(http, "projects/default/flags", _definition("bench"))
            yield url, token
        finally:
            server.terminate()
            server.wait(20)
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _listeners(url: str, key: str) -> Iterator[None]:
    """Hold streams open in a process of their own, reading what comes."""
    ready = multiprocessing.get_context("spawn").Event()
    reading = multiprocessing.get_context("spawn").Process(target=_read_streams, args=(url, key, ready), daemon=True)
    reading.start()
    assert ready.wait(20)
    try:
        yield
    finally:
        reading.kill()
        reading.join()


def _read_streams(url: str, key: str, ready: multiprocessing.synchronize.Event) -> None:
    selector = selectors.DefaultSelector()
    host, _, port = url.removeprefix("http://").partition(":")
    for _ in range(OTHERS):
        connection = socket.create_connection((host, int(port)))
        connection.sendall(b"GET /sdk/v1/stream HTTP/1.1\r\nHost: x\r\nX-API-Key: %b\r\n\r\n" % key.encode())
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ)
    ready.set()
    while True:
        for event, _ in selector.select():
            event.fileobj.recv(1 << 20)  # type: ignore[union-attr]


def _echo() -> list[float]:
    """Return the times of a kilobyte to another process and back."""
    listener = socket.create_server(("127.0.0.1", 0))
    answering = multiprocessing.get_context("spawn").Process(
        target=_answer, args=(listener.getsockname()[1],), daemon=True
    )
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
