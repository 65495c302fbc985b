"""`pennon` for tests that run it often: each time a process of its own, forked from one that has imports done.

To import what a command needs takes half a second, what a server needs three times that, and tests run some hundreds.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO

_ROOT = Path(__file__).parents[1]
_LARGEST = 128 * 1024
"""Of a command line with its environment: one message of a socket."""
_LONGEST_S = 60
_MAIN = "pennon.cli:main"
_LATER: Mapping[str, Sequence[str]] = {
    "serve": ("pennon.cli.logs", "pennon.control.app", "pennon.cli.workers.supervisor"),
    "edge": ("pennon.cli.logs", "pennon.cli.edge.run", "pennon.edge.application", "pennon.edge.node"),
    "demo": ("pennon.cli.demo.embedded", "pennon.cli.demo.receiver"),
}
"""What a command imports beyond its own module, as soon as it runs."""


class Started:
    """A process that was forked, with what a test needs of `subprocess.Popen`. *stdout* is what it prints."""

    def __init__(self, connection: socket.socket, stdout: BinaryIO | None) -> None:
        self._connection = connection
        self._looking = threading.Lock()
        weakref.finalize(self, connection.close)
        self.stdout = stdout
        self.returncode: int | None = None
        self.pid = self._said()

    def poll(self) -> int | None:
        """Return the exit status, None as long as it runs."""
        with self._looking:
            if self.returncode is None and self._has_said(0):
                self.returncode = self._said()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait, *timeout* seconds at most, until it ends, and return the exit status. Raises `TimeoutExpired`."""
        if self.returncode is None:
            self._has_said(timeout)
        if (status := self.poll()) is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return status

    def _has_said(self, within_s: float | None) -> bool:
        waiting = select.poll()
        waiting.register(self._connection, select.POLLIN)
        return bool(waiting.poll(None if within_s is None else within_s * 1000))

    def _said(self) -> int:
        said = self._connection.recv(16)
        assert said, "the process that forks has ended"
        return int(said)

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


class Processes:
    """The process that has imports done."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._turn = threading.Lock()
        with theirs:
            number = theirs.fileno()
            program = [sys.executable, "-m", "tests.processes", str(number)]
            self._process = subprocess.Popen(program, pass_fds=[number], cwd=_ROOT)

    def run(
        self, arguments: Sequence[str], *, stdin: str = "", environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `pennon` with *arguments*, and return how it ended. One that does not end is killed after a minute."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(stdin.encode())
            given.seek(0)
            files = [given.fileno(), out.fileno(), err.fileno()]
            started = Started(self._asked(_MAIN, arguments, environ, files, within_s=_LONGEST_S), None)
            status = started.wait(2 * _LONGEST_S)
            return subprocess.CompletedProcess(arguments, status, _text(out), _text(err))

    def start(
        self,
        arguments: Sequence[str],
        *,
        environ: Mapping[str, str] | None = None,
        stderr: BinaryIO | None = None,
        main: str = _MAIN,
    ) -> Started:
        """Start `pennon` with *arguments*, or another *main*, a `module:function`. What it prints can be read."""
        read, write = os.pipe()
        with open(os.devnull, "rb") as nothing, os.fdopen(write, "wb"):
            files = [nothing.fileno(), write, 2 if stderr is None else stderr.fileno()]
            connection = self._asked(main, arguments, environ, files)
        return Started(connection, os.fdopen(read, "rb"))

    def _asked(
        self,
        main: str,
        arguments: Sequence[str],
        environ: Mapping[str, str] | None,
        files: Sequence[int],
        *,
        within_s: int = 0,
    ) -> socket.socket:
        """Have it forked, and return what first says the number of the process, and at the end its exit status."""
        given = dict(os.environ if environ is None else environ)
        message = json.dumps([main, list(arguments), given, os.getcwd(), within_s]).encode()
        assert len(message) < _LARGEST, "too long a command line"
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, self._turn:
            socket.send_fds(self._control, [message], [*files, theirs.fileno()])
        return ours

    def close(self) -> None:
        """End it. What it has started goes on."""
        self._control.close()
        self._process.wait(_LONGEST_S)


@cache
def processes() -> Processes:
    """Return that of this process, which ends with it."""
    made = Processes()
    atexit.register(made.close)
    return made


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode()


class _Forking:
    """Forks for each command that is asked for, and says how it ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._running: dict[int, tuple[int, socket.socket]] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)

    def until_asked(self) -> str:
        """Return in the fork, with what it has to run: as `module:function`."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is not self._control:
                    self._ended(key.fd)
                elif (main := self._asked()) is not None:
                    return main

    def _ended(self, watched: int) -> None:
        pid, asker = self._running.pop(watched)
        self._selector.unregister(watched)
        os.close(watched)
        with asker:
            _said(asker, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    def _asked(self) -> str | None:
        message, files, *_ = socket.recv_fds(self._control, _LARGEST, 4)
        if not message:
            os._exit(0)
        main, arguments, environ, folder, within_s = json.loads(message)
        _import(main, arguments)
        asker = socket.socket(fileno=files.pop())
        if not (pid := os.fork()):
            asker.close()
            self._leave()
            _become(files, arguments, environ, folder)
            signal.alarm(within_s)
            return str(main)
        for file in files:
            os.close(file)
        _said(asker, pid)
        watched = os.pidfd_open(pid)
        self._running[watched] = pid, asker
        self._selector.register(watched, selectors.EVENT_READ)
        return None

    def _leave(self) -> None:
        self._selector.close()
        self._control.close()
        for watched, (_, asker) in self._running.items():
            os.close(watched)
            asker.close()


def _said(asker: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # nobody waits any more
        asker.send(str(number).encode())


def _import(main: str, arguments: Sequence[str]) -> None:
    """Import what is needed, for all that come later too: a fork has it at once, and looks at it never again."""
    from pennon.cli.root import COMMANDS  # noqa: PLC0415  # in the process that forks only

    name = arguments[0] if arguments else ""
    wanted = [main.partition(":")[0]]
    if main == _MAIN and name in COMMANDS:
        wanted += [COMMANDS[name], *_LATER.get(name, ())]
    if missing := [module for module in wanted if module not in sys.modules]:
        for module in missing:
            importlib.import_module(module)
        gc.collect()
        gc.freeze()


def _become(files: Sequence[int], arguments: Sequence[str], environ: Mapping[str, str], folder: str) -> None:
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.argv = ["pennon", *arguments]


if __name__ == "__main__":
    import httpx2
    import typer._adapters
    import typer.rich_utils  # noqa: F401

    import pennon.cli.root  # noqa: F401
    from tests.authorities import read_once

    read_once()
    httpx2.Client().close()  # it imports most, and reads what it trusts, when it is made
    gc.freeze()
    module, _, function = _Forking(socket.socket(fileno=int(sys.argv[1]))).until_asked().partition(":")
    getattr(sys.modules[module], function)()
