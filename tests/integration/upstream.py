"""A small server of the sync protocol for tests of the SDK: one environment, real sockets, many ways to misbehave."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pennon.events import EventBatch
from pennon.model import Delta, Item, Position, Snapshot
from pennon.protocol import Frame, Hub, sse
from pennon.testing import InMemorySource
from pennon.testing.source import Puttable
from tests.ports import free_port

KEY = "pennon_server_test"


def eventually(claim: Callable[[], Any], within_s: float = 60.0) -> Any:
    """Return the first true answer of *claim*; fail if there is none in time."""
    until = time.monotonic() + within_s
    while not (answer := claim()):
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.005)
    return answer


class Upstream:
    """Serves one environment at `url`. Attributes change how, from the next request or frame on."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.source = InMemorySource(environment="shop/production")
        self.hub = Hub()
        self.hub.load(self.source.snapshot, known_at=time.monotonic())
        self.changed = threading.Condition()
        self.frames: list[Frame] = []
        self.heartbeat_s = 25.0
        self.refuse: dict[str, tuple[int, dict[str, str]]] = {}
        """By path: the status, and headers, to answer instead."""
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        """Method, path with query, headers."""
        self.asked_at: list[float] = []
        """When each request came, on the clock of `time.monotonic`."""
        self.batches: list[EventBatch] = []
        self.bodies: list[bytes] = []
        self.mute = False
        self.raw: bytes | None = None
        """Sent at the start of a stream instead of a frame."""
        self.document: bytes | None = None
        self.age: str | None = None
        """The age that answers claim, instead of the true one."""
        self._generation = 0
        self._streams: list[int] = []
        """The generation of each that is open."""
        self._server: ThreadingHTTPServer | None = None
        self._port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self._streams)

    def start(self) -> None:
        upstream = self

        class Handler(_Handler):
            server_of = upstream

        self._server = _Quiet(("127.0.0.1", self._port), Handler)
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Close the port and every stream."""
        with self.changed:
            server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        self.drop_streams()

    def drop_streams(self) -> None:
        """Close every stream, without a goodbye. Clients may have opened others when this returns."""
        with self.changed:
            self._generation += 1
            generation = self._generation
            self.changed.notify_all()
        eventually(lambda: all(of >= generation for of in tuple(self._streams)))

    def put(self, *items: Puttable) -> None:
        """Make a change of one revision, and stream it."""
        before = self.source.snapshot
        self.source.put(*items)
        self._advance(before)

    def delete(self, key: str) -> None:
        """Delete a flag."""
        before = self.source.snapshot
        self.source.delete(key)
        self._advance(before)

    def send(self, frame: Frame) -> None:
        """Send *frame* on every stream."""
        with self.changed:
            self.frames.append(frame)
            self.changed.notify_all()

    def beat(self) -> None:
        """Send a heartbeat on every stream, the state being current."""
        self.hub.confirm(time.monotonic())
        self.send(self.hub.heartbeat(time.monotonic(), "server"))

    def paths(self, path: str) -> list[str]:
        """Return the requests for *path*, with their queries."""
        return [asked for _, asked, _ in self.requests if urlsplit(asked).path == path]

    def _advance(self, before: Snapshot) -> None:
        after = self.source.snapshot
        flags: dict[str, Item | None] = {}
        segments: dict[str, Item | None] = {}
        for changes, old, new in (
            (flags, before.flags.records, after.flags.records),
            (segments, before.segments.records, after.segments.records),
        ):
            changes.update({key: item for key, item in new.items() if old.get(key) != item})
            changes.update(dict.fromkeys(old.keys() - new.keys()))
        delta = Delta(
            environment=after.environment,
            epoch=1,
            from_=before.revision,
            to=after.revision,
            digest="",
            flags=flags,
            segments=segments,
        )
        with self.changed:
            now = time.monotonic()
            sent = self.hub.advance(delta, known_at=now)["server"]
            self.frames.append(self.hub.delta_frame("server", sent, now))
            self.changed.notify_all()


@contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[Upstream]:
    upstream = Upstream(tls)
    try:
        yield upstream
    finally:
        upstream.stop()


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that leave in the middle are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: Upstream

    def parse_request(self) -> bool:
        """Answer nothing once the server is stopped: a request may be under way, or come on a connection kept open."""
        is_read = super().parse_request()
        self.close_connection |= self._is_stopped
        return is_read and not self._is_stopped

    @property
    def _is_stopped(self) -> bool:
        return self.server_of._server is None

    def do_GET(self) -> None:
        if self._is_refused():
            return
        url = urlsplit(self.path)
        since = parse_qs(url.query).get("since")
        position = Position.parse(since[0]) if since else None
        if url.path == "/sdk/v1/stream":
            self._stream(position)
        elif url.path == "/sdk/v1/snapshot":
            self._snapshot(position)
        else:
            self._answer(404, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._is_refused():
            return
        self.server_of.bodies.append(body)
        self.server_of.batches.append(EventBatch.from_json(body))
        self._answer(202, b"{}")

    def _is_refused(self) -> bool:
        self.server_of.asked_at.append(time.monotonic())
        self.server_of.requests.append((self.command, self.path, dict(self.headers.items())))
        status, headers = self.server_of.refuse.get(urlsplit(self.path).path, (0, {}))
        if not status and self.headers.get("Authorization") != f"Bearer {KEY}":
            status, headers = 401, {}
        if status:
            self._answer(status, b'{"title": "refused by the test"}', **headers)
        return bool(status)

    def _snapshot(self, since: Position | None) -> None:
        server = self.server_of
        with server.changed:
            document = server.document or server.hub.document("server", since)
            etag, age = server.hub.etag("server"), server.hub.age(time.monotonic())
        headers = {"ETag": etag, "X-Pennon-Age": server.age or f"{age:.3f}"}
        if self.headers.get("If-None-Match") == etag and not server.document:
            self._answer(304, b"", **headers)
        else:
            self._answer(200, document, **headers)

    def _stream(self, since: Position | None) -> None:
        server = self.server_of
        self.close_connection = True
        with server.changed:
            if self._is_stopped:
                return
            generation, sent = server._generation, len(server.frames)
            server._streams.append(generation)
            opening = sse.encode(server.hub.opening("server", since, time.monotonic()))
        try:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            if not server.mute:
                self.wfile.write(opening if server.raw is None else server.raw)
            self._follow(generation, sent)
        except OSError:
            pass
        finally:
            with server.changed:
                server._streams.remove(generation)

    def _follow(self, generation: int, sent: int) -> None:
        server = self.server_of
        while True:
            with server.changed:
                if len(server.frames) == sent and server._generation == generation:
                    server.changed.wait(server.heartbeat_s)
                is_over = server._generation != generation
                due = server.frames[sent:] or [server.hub.heartbeat(time.monotonic(), "server")]
                sent = len(server.frames)
            if not server.mute:
                self.wfile.write(b"".join(map(sse.encode, due)))
            if is_over:
                return

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if status != 304:
            headers = {"Content-Type": "application/json", "Content-Length": str(len(body))} | headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if status != 304:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
