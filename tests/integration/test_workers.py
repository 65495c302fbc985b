"""`pennon serve --workers`: many processes are one server, whichever of them answers, dies or is renewed."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pennon import Client
from pennon.events import EventBatch
from pennon.ingest import Ingest
from pennon.ingest.folders import folder_of, leftovers
from pennon.protocol.sse import Decoder
from pennon.sdk import Level
from tests.ports import free_port
from tests.serving import Api, Process, process

E = "projects/default/environments/production"
PRODUCTION = "default/production"
_PATIENCE_S = 60.0
_WORKERS = 2


def until(is_so: Callable[[], object]) -> None:
    """Wait for a condition, or fail."""
    deadline = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def children_of(pid: int) -> set[int]:
    """Return the processes that *pid* started and that live."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in found if is_alive(int(child))}


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


class Server:
    """A server of several workers, its administrator, and a key of its production environment."""

    def __init__(self, running: Process, api: Api, folder: Path, config: Path) -> None:
        self.running = running
        self.pid = running.process.pid
        self.api = api
        self.url = running.url
        self.key = api.key()
        self.events = folder / "events"
        self.config = config
        self._flags = 0

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """Ask by a connection of its own, which any worker may get."""
        return httpx2.get(f"{self.url}{path}", headers={"X-API-Key": self.key, **headers}, timeout=_PATIENCE_S)

    def metric(self, name: str, **labels: str) -> float:
        """Return a sample as whichever worker is asked tells it, 0 where there is none."""
        text = self.get("/metrics", Authorization=f"Bearer {self.api.token}").text
        families = text_string_to_metric_families(text)
        found = [s.value for family in families for s in family.samples if s.name == name and s.labels == labels]
        assert len(found) <= 1
        return found[0] if found else 0.0

    def flag(self) -> str:
        """Make a flag that is on, and return its key."""
        self._flags += 1
        name = f"flag-{self._flags}"
        self.api.made("POST", "projects/default/flags", {"key": name})
        self.api.made("POST", f"{E}/changes", {"edits": [{"do": "turnOn", "flag": name}]})
        return name

    def counted(self, flag: str) -> int:
        """Return how often *flag* was evaluated, once nothing waits to be counted."""
        until(lambda: not leftovers(self.events))
        return sum(found["count"] for found in self.api.made("GET", f"{E}/counts?flag={flag}")["items"])

    def renewed(self) -> None:
        """Renew all workers, and return when that is done."""
        times = self.running.said().count("all workers are renewed")
        self.running.process.send_signal(signal.SIGHUP)
        until(lambda: self.running.said().count("all workers are renewed") > times)


class Reader(threading.Thread):
    """Reads a stream until it ends."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.events: list[str] = []
        self.data: list[bytes] = []
        self.retry_ms: int | None = None
        self._server = server
        self.start()
        until(lambda: self.events)

    def run(self) -> None:
        decoder = Decoder()
        headers = {"X-API-Key": self._server.key}
        with httpx2.stream("GET", f"{self._server.url}/sdk/v1/stream", headers=headers, timeout=60) as response:
            for chunk in response.iter_raw():
                for frame in decoder.feed(chunk):
                    self.data.append(frame.data)
                    self.retry_ms = frame.retry_ms
                    self.events.append(frame.event)


def _leave_events(base: Path) -> None:
    """Leave batches in the folder of a server of one process and in that of a worker that there is no more."""

    async def leave() -> None:
        for number in (0, 9):
            ingest = Ingest(folder_of(base, number), time.time)
            await ingest.start()
            batch = EventBatch.from_json(msgspec.json.encode(_batch(f"before-{number}", 1, "left-behind")))
            await ingest.accept(PRODUCTION, "hash", batch)
            await ingest.stop()

    asyncio.run(leave())


def _batch(instance: str, sequence: int, flag: str) -> dict[str, object]:
    now_ms = int(time.time() * 1000)
    counter = {"flag": flag, "variation": "on", "reason": "FALLTHROUGH", "count": 3, "from": now_ms, "to": now_ms}
    return {"instance": instance, "sequence": sequence, "counters": [counter]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("workers")
    _leave_events(folder / "data" / "events")
    config = folder / "pennon.toml"
    config.write_text('log_format = "json"\n')
    with process(folder / "data", "--workers", str(_WORKERS), "--config", str(config)) as (running, api):
        made = Server(running, api, folder / "data", config)
        yield made
        readers = [Reader(made) for _ in range(4)]
        assert running.stop() == 0
        for reader in readers:
            reader.join(_PATIENCE_S)
            assert reader.events[-1] == "goodbye"
        said = running.said()
        assert "Traceback" not in said
        errors = [line for line in said.splitlines() if '"level": "error"' in line]
        assert len(errors) == 1, errors  # see the test of settings that cannot be used
        assert "pennon_token_" not in said


@pytest.fixture(scope="module")
def readers(server: Server) -> list[Reader]:
    return [Reader(server) for _ in range(12)]


def test_every_worker_serves_when_the_server_is_said_to_be_ready(server: Server) -> None:
    assert len(children_of(server.pid)) == _WORKERS
    assert [server.get("/readyz").status_code for _ in range(20)] == [200] * 20
    for number in range(_WORKERS):
        assert server.metric("pennon_worker_serving", worker=str(number)) == 1


def test_what_was_left_in_folders_of_events_is_counted(server: Server) -> None:
    assert server.counted("left-behind") == 6


def test_a_change_by_one_worker_reaches_the_streams_of_all_and_metrics_are_of_all(
    server: Server, readers: list[Reader]
) -> None:
    before = server.metric("pennon_http_requests_total", method="GET", route="/readyz", status="200")
    name = server.flag()
    until(lambda: all(name.encode() in b"".join(reader.data) for reader in readers))
    assert server.metric("pennon_streams", projection="server") == len(readers)
    for _ in range(20):
        assert server.get("/readyz").status_code == 200
    assert server.metric("pennon_http_requests_total", method="GET", route="/readyz", status="200") == before + 20
    revision = int(server.get("/sdk/v1/snapshot").json()["revision"])
    assert server.metric("pennon_revision", environment=PRODUCTION) == revision


def test_workers_are_renewed_under_load_and_nobody_is_refused(server: Server, readers: list[Reader]) -> None:
    before = children_of(server.pid)
    asked = server.metric("pennon_http_requests_total", method="GET", route="/readyz", status="200")
    assert asked > 0
    flag = server.flag()
    answers: list[int] = []
    troubles: list[str] = []
    stopping = threading.Event()

    def ask(path: str) -> None:
        while not stopping.wait(0.01):
            try:
                answers.append(server.get(path).status_code)
            except httpx2.HTTPError as error:
                troubles.append(f"{path}: {error!r}")

    def ask_again() -> None:
        """Ask on a connection that is kept."""
        with httpx2.Client(base_url=server.url, headers={"X-API-Key": server.key}, timeout=_PATIENCE_S) as client:
            while not stopping.wait(0.01):
                try:
                    answers.append(client.get("/sdk/v1/snapshot").status_code)
                except httpx2.HTTPError as error:
                    troubles.append(f"again: {error!r}")

    asking = [threading.Thread(target=ask, args=(path,)) for path in ("/healthz", "/sdk/v1/snapshot")]
    asking.append(threading.Thread(target=ask_again))
    with Client(server.url, key=server.key) as client, contextlib.ExitStack() as stack:
        assert client.wait_until_ready(timeout=_PATIENCE_S)
        for thread in asking:
            thread.start()
            stack.callback(thread.join, _PATIENCE_S)
        stack.callback(stopping.set)  # whatever fails: who asks on and on takes a core from all tests to come
        server.renewed()
        assert client.boolean(flag, {"targetingKey": "u"}, default=False) is True
        later = server.flag()
        until(lambda: client.boolean(later, {"targetingKey": "u"}, default=False))
        until(lambda: client.status().level is Level.STREAMING)
    assert troubles == []
    assert set(answers) == {200}
    assert len(answers) > 20
    assert len(children_of(server.pid) - before) == _WORKERS
    for reader in readers:
        reader.join(_PATIENCE_S)
        assert reader.events[-1] == "goodbye"
    # Of 5,001 possible times, twelve streams would hardly all be told the same.
    assert len({reader.retry_ms for reader in readers}) > 1
    # Those workers are gone, and what they counted is not.
    assert server.metric("pennon_http_requests_total", method="GET", route="/readyz", status="200") >= asked
    assert server.metric("pennon_worker_replacements_total", reason="renewed") == _WORKERS


def test_settings_that_cannot_be_used_leave_the_workers_as_they_are(server: Server) -> None:
    before = children_of(server.pid)
    server.config.write_text('log_format = "poem"\n')
    server.running.process.send_signal(signal.SIGHUP)
    until(lambda: "the workers are not renewed: these settings cannot be used" in server.running.said())
    server.config.write_text('log_format = "json"\n')
    assert children_of(server.pid) == before
    assert server.get("/readyz").status_code == 200


def test_batches_count_once_though_workers_die_and_those_are_replaced(server: Server) -> None:
    flag = server.flag()
    until(lambda: flag in server.get("/sdk/v1/snapshot").text)

    def send(sequence: int) -> None:
        """Send a batch until it is acknowledged, as an SDK does."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx2.HTTPError):
                body = _batch("one", sequence, flag)
                answer = httpx2.post(
                    f"{server.url}/sdk/v1/events", headers={"X-API-Key": server.key}, json=body, timeout=30
                )
                if answer.status_code == 202:
                    return
        raise AssertionError("nobody takes a batch")

    sent, victims = 60, list[int]()
    for sequence in range(1, sent + 1):
        send(sequence)
        if sequence % 3 == 0:
            send(sequence)  # as if the answer had been lost
        if sequence in (20, 40):
            until(lambda: len(children_of(server.pid)) == _WORKERS)
            victims.append(min(children_of(server.pid)))
            os.kill(victims[-1], signal.SIGKILL)
            # A dead worker's share of those who connect waits for the next one.
            assert [server.get("/healthz").status_code for _ in range(10)] == [200] * 10
    assert server.counted(flag) == 3 * sent
    until(lambda: len(children_of(server.pid) - {*victims}) == _WORKERS)
    until(lambda: server.metric("pennon_worker_replacements_total", reason="died") == len(victims))
    assert server.running.said().count("a worker died and is replaced") == len(victims)


def test_workers_end_with_a_supervisor_that_is_killed_and_the_address_is_free(tmp_path: Path) -> None:
    port = free_port()
    with process(tmp_path / "data", "--workers", "2", "--port", str(port)) as (running, _):
        workers = children_of(running.process.pid)
        assert len(workers) == 2
        running.process.kill()
        running.ended()
        until(lambda: not any(map(is_alive, workers)))
        with socket.create_server(("127.0.0.1", port)):
            pass
