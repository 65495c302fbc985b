"""The far end of a webhook: takes what is posted, on a port of its own, and answers, or fails, as a test tells it."""

import contextlib
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping

import msgspec

HELD_S = 60
Behaviour = Callable[["Receiver", socket.socket], None]


class Posted(msgspec.Struct, frozen=True):
    """A request as it arrived. Names of headers are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        """Its body."""
        found: dict[str, object] = msgspec.json.decode(self.body)
        return found


class Receiver:
    """Answers by `behaviour`, which may be set anew at any time."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._tls = tls
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/hook"
        self.behaviour: Behaviour = answering(200)
        self.ended = threading.Event()
        self.connections = 0
        self._posted: queue.SimpleQueue[Posted] = queue.SimpleQueue()
        threading.Thread(target=self._accept, daemon=True).start()

    def next(self) -> Posted:
        """Return the request that came next; wait for it."""
        return self._posted.get(timeout=HELD_S)

    def is_empty(self) -> bool:
        """Return whether all that came was taken."""
        return self._posted.empty()

    def close(self) -> None:
        """Listen no more, and let go of who waits."""
        self.ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection:
            wrapped = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
            with wrapped, wrapped.makefile("rb") as file:
                _, path, _ = file.readline().decode().split()
                headers = {}
                while line := file.readline().strip():
                    name, _, value = line.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = file.read(int(headers.get("content-length", "0")))
                self._posted.put(Posted(path, headers, body))
                self.behaviour(self, wrapped)


def answering(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Answer a status, a body and headers; in their names `_` stands for `-`."""

    def answer(_: Receiver, connection: socket.socket) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Content-Type: text/plain"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    return answer


def hanging(receiver: Receiver, connection: socket.socket) -> None:
    """Answer nothing."""
    receiver.ended.wait(HELD_S)


def resetting(receiver: Receiver, connection: socket.socket) -> None:
    """Break the connection off."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def endless(receiver: Receiver, connection: socket.socket) -> None:
    """Answer 500, with a body that never ends."""
    connection.sendall(b"HTTP/1.1 500 No\r\nContent-Type: text/plain\r\nContent-Length: 99999999999\r\n\r\n")
    while not receiver.ended.is_set():
        connection.sendall(b"and so on, " * 1000)


def dripping(receiver: Receiver, connection: socket.socket) -> None:
    """Send a head byte by byte, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not receiver.ended.wait(0.02):
        connection.sendall(b"x")


@contextlib.contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver(tls)
    try:
        yield receiver
    finally:
        receiver.close()
