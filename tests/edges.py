"""Starts edge nodes for tests: `pennon edge run` as a process, or a node in a thread of this process."""

import asyncio
import contextlib
import os
import queue
import signal
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import msgspec

from pennon.cli.server import Listening, Server, configured, listen, serve
from pennon.edge.application import STATUS, Application
from pennon.edge.breaker import BreakerSettings
from pennon.edge.config import Settings
from pennon.edge.following import FollowingSettings
from pennon.edge.lanes import ForwardingSettings
from pennon.edge.node import EdgeNode, Tuning
from pennon.edge.status import EnvironmentStatus, Status
from pennon.sdk.ladder import Pace
from tests.processes import processes
from tests.serving import START_S, STOP_S

T = TypeVar("T")
QUICK = Tuning(
    pace=Pace(poll_s=1.0, base_s=0.1, cap_s=0.5, refused_s=1.0),
    breaker=BreakerSettings(open_s=0.2, open_max_s=0.5),
    following=FollowingSettings(fresh_s=4.0, down_s=0.2, try_s=0.2, try_max_s=0.5, trial_s=3.0, tick_s=0.1),
    forwarding=ForwardingSettings(drain_s=0.5),
    heartbeat_s=0.5,
    list_s=0.5,
    first_s=3.0,
)
"""Tries things more often than a node in production: tests wait for what comes of it."""
PRODUCTION = "default/production"


class AnyEdge:
    """What both kinds of edge nodes are asked."""

    url: str
    key: str

    def client(self, secret: str | None = None, **kwargs: Any) -> httpx2.Client:
        """Return an HTTP client with *secret*, or with the node's own key."""
        headers = {"authorization": f"Bearer {secret or self.key}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=60, **kwargs)

    def get(self, path: str, secret: str | None = None) -> httpx2.Response:
        """Return the answer at *path*."""
        with self.client(secret) as client:
            return client.get(path)

    def answer_to(self, secret: str) -> int:
        """Return the status that the holder of a key gets when it asks for the snapshot."""
        return self.get("/sdk/v1/snapshot", secret).status_code

    def status(self) -> Status:
        """Return what the node says of itself."""
        answer = self.get(STATUS)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=Status)

    def environment(self, name: str = PRODUCTION) -> EnvironmentStatus | None:
        """Return how the node stands with one environment."""
        return next((each for each in self.status().environments if each.environment == name), None)

    def revision(self, name: str = PRODUCTION) -> str:
        """Return where an environment stands, empty if it is not there."""
        found = self.environment(name)
        return "" if found is None else found.revision

    def metric(self, name: str) -> float:
        """Return the value of a sample as it is written, labels and all; 0 where there is none."""
        lines = self.get("/metrics").text.splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == name), 0.0)


class EdgeProcess(AnyEdge):
    """`pennon edge run` as a process of its own. `ready` is what it said when it listened."""

    def __init__(
        self,
        folder: Path,
        upstreams: Sequence[str],
        key: str,
        *options: str,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.key = key
        self.log = folder.with_name(folder.name + ".log")
        command = ["edge", "run", "--json"]
        for upstream in upstreams:
            command += ["--upstream", upstream]
        port = () if "--port" in options else ("--port", "0")
        with self.log.open("ab") as log:
            self.process = processes().start(
                [*command, "--data", str(folder), *port, *options],
                environ={**os.environ, "PENNON_EDGE_KEY": key, **(environ or {})},
                stderr=log,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(STOP_S)
            self.process.stdout.close()
            raise AssertionError(f"pennon edge run ended with {self.process.returncode}: {self.said()}")
        self.ready = msgspec.json.decode(line, type=dict[str, Any])
        self.url = str(self.ready["url"])

    def said(self) -> str:
        """Return what the process wrote on standard error."""
        return self.log.read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(STOP_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@contextlib.contextmanager
def edge_process(
    folder: Path, upstreams: Sequence[str], key: str, *options: str, environ: Mapping[str, str] | None = None
) -> Iterator[EdgeProcess]:
    """Run `pennon edge run` with its data in *folder*."""
    running = EdgeProcess(folder, upstreams, key, *options, environ=environ)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop(signal.SIGKILL)


class EdgeInProcess(AnyEdge):
    """An edge node in a thread of this process. `node` is it; ask it for its parts within `run` only."""

    node: EdgeNode

    def __init__(self, settings: Settings, tuning: Tuning) -> None:
        self.key = settings.key
        self._loop: asyncio.AbstractEventLoop | None = None
        ready: queue.Queue[BaseException | None] = queue.Queue()
        listener = listen(settings.host, settings.port)
        self.url = Listening(settings.host, listener.getsockname()[1]).url

        async def serving() -> None:
            self._loop = asyncio.get_running_loop()
            app = Application(EdgeNode(settings, tuning))
            self.node = app.edge
            config = configured(app, drain_timeout_s=settings.drain_timeout_s)
            self._server = Server(config, ready=lambda: ready.put(None), drain=app.state.drain)
            await serve(app, self._server, listener)

        def run() -> None:
            try:
                with listener, asyncio.Runner() as runner:
                    runner.run(serving())
            except BaseException as error:  # noqa: BLE001  # boundary: the thread that waits raises it
                ready.put(error)

        self._thread = threading.Thread(target=run, name="test-edge")
        self._thread.start()
        if (error := ready.get(timeout=START_S)) is not None:
            self._thread.join()
            raise error

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* in the node's event loop."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def stop(self) -> None:
        """End the node in good order."""
        self._server.should_exit = True
        self._thread.join(STOP_S)
        assert not self._thread.is_alive(), "the node does not end"


@contextlib.contextmanager
def edge(
    folder: Path, upstreams: Sequence[str], key: str, *, tuning: Tuning | None = None, **settings: Any
) -> Iterator[EdgeInProcess]:
    """Run an edge node in this process with its data in *folder*."""
    settings.setdefault("port", 0)
    settings.setdefault("drain_timeout_s", 2)
    given = Settings(upstream=tuple(upstreams), key=key, data=str(folder), **settings)
    running = EdgeInProcess(given, tuning or QUICK)
    try:
        yield running
    finally:
        if running._thread.is_alive():
            running.stop()
