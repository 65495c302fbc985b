"""Starts real servers for tests: in this process, or as `pennon serve`. Each has a folder, a free port and a token."""

import asyncio
import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from unittest import mock

import httpx2
import msgspec
import structlog
from argon2 import PasswordHasher

from pennon.cli.server import Listening, Server, configured, listen, serve
from pennon.control.access import signing_in
from pennon.control.app import create_app
from pennon.control.assembly import FirstStart
from pennon.control.config import Settings
from tests.processes import Started, processes

START_S = 60
STOP_S = 60


class Api:
    """An HTTP client of a server's admin API, as the holder of *token*."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self.token = token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx2.Client(base_url=f"{url}/api/v1/", headers=headers, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def send(self, method: str, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """Return the answer to *body*, as JSON, sent to *path* below /api/v1. Header names have `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            return self.http.request(method, path, headers=named)
        named.setdefault("Content-Type", "application/json")
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return self.http.request(method, path, headers=named, content=content)

    def made(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Do as `send`, and return the JSON of an answer that must be a success."""
        response = self.send(method, path, body, **headers)
        assert response.is_success, (method, path, response.status_code, response.text)
        return response.json() if response.content else None

    def key(self, environment: str = "default/production", kind: str = "server", **rest: object) -> str:
        """Create a key of *environment* and return its secret."""
        project, _, name = environment.partition("/")
        path = f"projects/{project}/environments/{name}/keys"
        return str(self.made("POST", path, {"kind": kind, **rest})["secret"])

    def as_holder_of(self, token: str | None) -> "Api":
        """Return a client of the same server with another token."""
        return Api(self.url, token)


def _log_plainly() -> None:
    """Log what a server in this process has to warn of, without the values of variables that structlog shows."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )


class _CheapHasher(PasswordHasher):
    """Argon2 for a ten thousandth of its time and memory: many sign in here. `Process` takes the real one."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)


class InProcess:
    """A server in a thread of this process. `app` is its application."""

    def __init__(self, settings: Settings) -> None:
        _log_plainly()
        first: list[FirstStart] = []
        self.settings = settings
        with mock.patch.object(signing_in, "PasswordHasher", _CheapHasher):
            self.app = create_app(settings, announce=first.append)
        self.token = first[0].administrator_token if first else None
        listener = listen(settings.host, settings.port)
        self.url = Listening(settings.host, listener.getsockname()[1]).url
        config = configured(self.app, drain_timeout_s=settings.drain_timeout_s)
        ready: queue.Queue[BaseException | None] = queue.Queue()
        self._server = Server(config, ready=lambda: ready.put(None), drain=self.app.state.drain)

        def run() -> None:
            try:
                with listener, asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                    runner.run(serve(self.app, self._server, listener))
            except BaseException as error:  # noqa: BLE001  # boundary: the thread that waits raises it
                ready.put(error)

        self._thread = threading.Thread(target=run, name="test-server")
        self._thread.start()
        if (error := ready.get(timeout=START_S)) is not None:
            self._thread.join()
            raise error

    def stop(self) -> None:
        """End the server in good order."""
        self._server.should_exit = True
        self._thread.join(STOP_S)
        assert not self._thread.is_alive(), "the server does not end"


@contextlib.contextmanager
def serving(folder: Path, *, token: str | None = None, **settings: Any) -> Iterator[tuple[InProcess, Api]]:
    """Run a server in this process with its data in *folder*, and give a client: the administrator's, or of *token*.

    Nobody is held to a rate unless *settings* say so: tests ask as fast as they can.
    """
    server = InProcess(Settings(data=str(folder), **{"port": 0, "max_request_rate": 0, **settings}))
    try:
        with Api(server.url, token or server.token) as api:
            yield server, api
    finally:
        server.stop()


class Process:
    """`pennon serve`, or another *command* that serves, as a process. `ready` is what it said when it could serve.

    It is forked from one that has imports done, but for one that runs *within* another program, or another version.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        environ: Mapping[str, str] | None = None,
        command: Sequence[str] = ("serve",),
        within: Sequence[str] = (),
    ) -> None:
        self.log = folder.with_name(folder.name + ".log")
        arguments = [*command, "--json", "--data", str(folder), "--port", "0", *options]
        given = {**os.environ, "PENNON_MAX_REQUEST_RATE": "0", **(environ or {})}
        self.process: subprocess.Popen[bytes] | Started
        with self.log.open("ab") as log:
            if within or "PYTHONPATH" in (environ or {}):
                program = [*within, sys.executable, "-c", "from pennon.cli import main; main()", *arguments]
                self.process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=log, env=given)
            else:
                self.process = processes().start(arguments, environ=given, stderr=log)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(STOP_S)
            self.process.stdout.close()
            raise AssertionError(f"pennon {' '.join(command)} ended with {self.process.returncode}: {self.said()}")
        self.ready = msgspec.json.decode(line, type=dict[str, Any])
        self.url = str(self.ready["url"])

    def said(self) -> str:
        """Return what the process wrote on standard error."""
        return self.log.read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for the process to end and return its exit status."""
        status = self.process.wait(STOP_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@contextlib.contextmanager
def process(folder: Path, *options: str, environ: Mapping[str, str] | None = None) -> Iterator[tuple[Process, Api]]:
    """Run `pennon serve` with its data in *folder*, and give a client: the administrator's on the first start."""
    running = Process(folder, *options, environ=environ)
    try:
        with Api(running.url, running.ready.get("administratorToken")) as api:
            yield running, api
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.ended()
