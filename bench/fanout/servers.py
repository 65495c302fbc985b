"""The servers that are compared, each with as many workers: Pennon, the bare one in C, and nginx with nchan."""

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2

from bench.fanout.flags import varied
from bench.fanout.tools import Tools
from bench.propagation.servers import Servers, definition

EVENT_BYTES = 1024
FLAGS = 100
ENVIRONMENTS = 4
_PADDING = 560
"""Makes the delta of a change about as large as the events of the others."""
_READY_S = 30
_AT_ONCE = 500


class Target(NamedTuple):
    """A server to be loaded: where its streams are, how it is told to send, and whose CPU and memory count."""

    name: str
    port: int
    path: str
    publish: str
    pids: tuple[int, ...]
    headers: tuple[str, ...] = ()
    by_id: bool = False


@contextlib.contextmanager
def floor(tools: Tools, workers: int, snapshot: Path | None = None) -> Iterator[Target]:
    """Run the bare server."""
    port = _free_port()
    options = [] if snapshot is None else ["-f", str(snapshot)]
    command = [str(tools.floor), "-p", str(port), "-w", str(workers), *options]
    with _running(command, port) as process:
        yield Target("C floor", port, "/sse", f"127.0.0.1:{port}/pub", _family(process.pid, workers + 1))


@contextlib.contextmanager
def nchan(tools: Tools, workers: int, snapshots: Path | None = None) -> Iterator[Target]:
    """Run nginx with nchan, which serves *snapshots* as static files too."""
    port, folder = _free_port(), tools.folder / "nginx"
    folder.mkdir(exist_ok=True)
    config = tools.nginx_config
    for name, value in {"W": workers, "DIR": folder, "PORT": port, "SNAP": snapshots or folder}.items():
        config = config.replace(f"@{name}@", str(value))
    (folder / "nginx.conf").write_text(config)
    with _running(["nginx", "-c", str(folder / "nginx.conf")], port) as process:
        with socket.create_connection(("127.0.0.1", port)) as first:
            # A first message, so that whoever connects gets one at once.
            first.sendall(b"POST /pub HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
            first.recv(1024)
        yield Target("nginx + nchan", port, "/sse", f"127.0.0.1:{port}/pub", _family(process.pid, workers + 1))


class Pennon:
    """`pennon serve` with real keys, several environments, and flags of all kinds in them."""

    def __init__(self, servers: Servers, workers: int, *options: str) -> None:
        self._origin = servers.origin("--workers", str(workers), *options)
        self._pid = servers.pids["origin"]
        self._is_on = False
        self._fill()
        self.key = self._origin.key("server")
        self.port = int(self._origin.url.rpartition(":")[2])
        self.revision = self.change()

    def change(self) -> int:
        """Make one change, of a flag that is about as large as the events of the others, and return its revision."""
        self._is_on = not self._is_on
        return self._origin.turn(on=self._is_on)

    def target(self, publish: str, *, behind: int = 0) -> Target:
        """Return it as a target whose clients have the revision that is *behind* by so much."""
        return Target(
            "Pennon",
            self.port,
            f"/sdk/v1/stream?since=1.{self.revision - behind}",
            publish,
            _family(self._pid),
            (f"X-API-Key: {self.key}",),
            by_id=True,
        )

    def snapshot(self, coding: str) -> bytes:
        """Return the snapshot as it travels in *coding*."""
        headers = {"x-api-key": self.key, "accept-encoding": coding}
        with httpx2.stream("GET", f"{self._origin.url}/sdk/v1/snapshot", headers=headers) as answer:
            return b"".join(answer.iter_raw())

    def fill(self, count: int) -> None:
        """Make *count* flags more."""
        edits = varied(count)
        for start in range(0, count, _AT_ONCE):
            self._origin.change(*edits[start : start + _AT_ONCE])
        self.revision = self.change()

    def _fill(self) -> None:
        for number in range(ENVIRONMENTS):
            self._origin.made("projects/default/environments", {"key": f"other-{number}", "name": f"Other {number}"})
            self._origin.made(f"projects/default/environments/other-{number}/keys", {"kind": "server", "name": "bench"})
        self._origin.fill(FLAGS)
        shown = [definition(f"shown-{number}", client_side=True) for number in range(FLAGS)]
        self._origin.change(*({"do": "putFlag", "definition": each} for each in shown))
        rule = {
            "id": "padding",
            "description": "x" * _PADDING,
            "conditions": [{"attribute": "country", "op": "in", "values": ["DE"]}],
            "serve": {"variation": "on"},
        }
        self._origin.change(
            {
                "do": "putFlag",
                "definition": definition("bench"),
                "configuration": {
                    "on": False,
                    "salt": "bench",
                    "offVariation": "off",
                    "rules": [rule],
                    "fallthrough": {"variation": "on"},
                },
            }
        )


@contextlib.contextmanager
def pennon(workers: int, *options: str) -> Iterator[Pennon]:
    """Run Pennon."""
    with Servers() as servers:
        yield Pennon(servers, workers, *options)


@contextlib.contextmanager
def publisher(change: Callable[[], object]) -> Iterator[str]:
    """Take the load client's publish calls, as it knows no admin API; *change* makes the change. Gives the address.

    A change that fails is told to the client, which complains, and goes on.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(f"HTTP/1.1 {_outcome(change)}\r\n\r\n".encode())

    threading.Thread(target=answer, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _outcome(change: Callable[[], object]) -> str:
    try:
        change()
    except (httpx2.HTTPError, AssertionError) as error:
        return f"500 {' '.join(repr(error).split())[:60]}"
    return "204 No Content"


@contextlib.contextmanager
def _running(command: list[str], port: int) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield process
        finally:
            for pid in reversed(_family(process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    subprocess.run(["kill", str(pid)], check=False, stderr=subprocess.DEVNULL)
            process.wait(_READY_S)


def _wait_for(port: int) -> None:
    until = time.monotonic() + _READY_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def _family(pid: int, count: int = 1) -> tuple[int, ...]:
    """Return a process and all those below it, once they are *count* at least."""
    until = time.monotonic() + _READY_S
    while True:
        found = [pid]
        for each in found:
            for task in Path(f"/proc/{each}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        if len(found) >= count:
            return tuple(found)
        assert time.monotonic() < until, "the workers did not start"
        time.sleep(0.02)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
