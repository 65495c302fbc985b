"""A wire that lies: it stands between a client and a server, and alters, cuts or stops what the server says."""

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator

_PIECE = 65536
_RESET = struct.pack("ii", 1, 0)


class Relay:
    """Passes bytes on at `url`. `garble` alters what the server says, `cut_after` ends each answer after so many bytes.

    Both hold for connections made later; `drop` ends those that are open. `lies` counts how often it lied.
    """

    def __init__(self) -> None:
        self.garble: Callable[[bytes], bytes] | None = None
        self.cut_after: int | None = None
        self.lies = 0
        self._upstream = ("", 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._drops = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def before(self, url: str) -> str:
        """Stand before the server at *url*, and return where clients find it now."""
        host, _, port = url.removeprefix("http://").partition(":")
        self._upstream = (host, int(port))
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def drop(self) -> None:
        """End every connection, as a wire does that is torn."""
        with self._lock:
            held, self._open = self._open, set()
            self._drops += 1
        for connection in held:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # to close it wakes nobody who accepts
        self._listener.close()
        self.drop()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                drops = self._drops
                try:
                    server = socket.create_connection(self._upstream, timeout=5)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                with self._lock:
                    is_torn = self._drops != drops
                    self._open |= set() if is_torn else {client, server}
                if is_torn:
                    client.close()
                    server.close()
                    continue
                threading.Thread(target=self._pass_on, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client, True), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        garble, left = (self.garble, self.cut_after) if is_answer else (_plain, None)
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                told = piece if garble is None else garble(piece)
                if left is not None:
                    told, left = told[:left], max(left - len(told), 0)
                self.lies += is_answer and told != piece
                target.sendall(told)
                if left == 0:
                    break
        for connection in (source, target):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        with self._lock:
            self._open -= {source, target}


def _plain(request: bytes) -> bytes:
    """Return *request* so that nobody answers it compressed, which could not be altered."""
    for coding in (b"gzip", b"zstd", b"br"):
        request = re.sub(rb"(?i)(accept-encoding:[^\r]*?)\b%b\b" % coding, rb"\1none", request)
    return request


@contextlib.contextmanager
def relay() -> Iterator[Relay]:
    made = Relay()
    try:
        yield made
    finally:
        made.close()
