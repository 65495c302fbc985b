"""A wire to a PostgreSQL, which tests cut where they want. It passes bytes between its socket and the server's."""

import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Self

from sqlalchemy import URL

_NAME = ".s.PGSQL.5432"
_COMMIT = b"COMMIT\0"


class Cut(Enum):
    """What gets lost when the wire is cut at a commit."""

    QUESTION = "the server never hears of the commit"
    ANSWER = "the server commits and the client never hears of it"


class Wire:
    """Use `url` in place of the server's own."""

    def __init__(self, server: URL) -> None:
        self._server = Path(str(server.query["host"])) / _NAME
        self._folder = Path(tempfile.mkdtemp(prefix="wire", dir="/tmp"))
        self.url = server.set(query={"host": str(self._folder)}).render_as_string(hide_password=False)
        self._cut_at_commit: Cut | None = None
        self._stay_away = False
        self._is_away = threading.Event()
        self._open: list[socket.socket] = []
        self._cuts = 0
        self._lock = threading.Lock()
        self.was_cut = False

    def __enter__(self) -> Self:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / _NAME))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # A listener that is only closed goes on waiting in its thread.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        shutil.rmtree(self._folder)

    def cut(self) -> None:
        """End all connections. New ones are made as before."""
        with self._lock:
            opened, self._open = self._open, []
            self._cuts += 1
        for end in opened:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Be a server that does not answer."""
        self._is_away.set()
        self.cut()
        yield
        self.come_back()

    def come_back(self) -> None:
        """Make connections again."""
        self._is_away.clear()

    def cut_at_commit(self, cut: Cut, *, stay_away: bool = False) -> None:
        """Cut the connection on which the next commit is sent."""
        self._cut_at_commit, self._stay_away = cut, stay_away

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            cuts = self._cuts
            if self._is_away.is_set():
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._server))
            with self._lock:
                is_cut = self._cuts != cuts
                self._open += [] if is_cut else [client, server]
            if is_cut:
                client.close()
                server.close()
                continue
            threading.Thread(target=self._ask, args=(client, server), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self._cut_at_commit is None or _COMMIT not in data:
                    server.sendall(data)
                    continue
                self._lose(self._cut_at_commit, data, client, server)
                return
            server.shutdown(socket.SHUT_RDWR)

    def _lose(self, cut: Cut, data: bytes, client: socket.socket, server: socket.socket) -> None:
        self._cut_at_commit, self.was_cut = None, True
        if self._stay_away:
            self._is_away.set()
        if cut is Cut.ANSWER:
            # Nobody passes it on: the client is deaf from here on. The server hangs up when it has committed.
            client.shutdown(socket.SHUT_RDWR)
            server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        else:
            server.shutdown(socket.SHUT_RDWR)
            client.shutdown(socket.SHUT_RDWR)

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
