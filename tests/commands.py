"""`pennon` for tests that run it often: each time a process of its own, forked from one that has imports done.

To import what all commands share takes half a second otherwise, and tests run some hundreds.
"""

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO

_ROOT = Path(__file__).parents[1]
_LARGEST = 128 * 1024
"""Of a command line with its environment: one message of a socket."""
_LONGEST_S = 60


class Commands:
    """The process that has imports done. Commands of several threads take turns."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._turn = threading.Lock()
        with theirs:
            number = theirs.fileno()
            program = [sys.executable, "-m", "tests.commands", str(number)]
            self._process = subprocess.Popen(program, pass_fds=[number], cwd=_ROOT)

    def run(
        self, arguments: Sequence[str], *, stdin: str, environ: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run `pennon` with *arguments*, and return how it ended. One that does not end is killed after a minute."""
        message = json.dumps([list(arguments), dict(environ), os.getcwd()]).encode()
        assert len(message) < _LARGEST, "too long a command line"
        with (
            self._turn,
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            given.write(stdin.encode())
            given.seek(0)
            socket.send_fds(self._control, [message], [given.fileno(), out.fileno(), err.fileno()])
            status = self._control.recv(16)
            assert status, "the process that runs commands has ended"
            return subprocess.CompletedProcess(arguments, int(status), _text(out), _text(err))

    def close(self) -> None:
        """End it."""
        self._control.close()
        self._process.wait(_LONGEST_S)


@cache
def commands() -> Commands:
    """Return that of this process, which ends with it."""
    made = Commands()
    atexit.register(made.close)
    return made


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode()


def _become_one(control: socket.socket) -> None:
    """Fork for each command that is asked for, say how it ended, and return in the fork, which is that command."""
    while True:
        message, files, *_ = socket.recv_fds(control, _LARGEST, 3)
        if not message:
            os._exit(0)
        child = os.fork()
        if not child:
            break
        for file in files:
            os.close(file)
        control.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
    control.close()
    arguments, environ, folder = json.loads(message)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.argv = ["pennon", *arguments]
    signal.alarm(_LONGEST_S)


if __name__ == "__main__":
    import httpx2
    import typer._adapters
    import typer.rich_utils  # noqa: F401

    import pennon.cli.flag
    import pennon.cli.root  # noqa: F401
    from pennon.cli import main

    httpx2.Client().close()  # it imports most when it is made
    gc.freeze()
    _become_one(socket.socket(fileno=int(sys.argv[1])))
    main()
