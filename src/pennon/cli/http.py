"""HTTP/1.1 as uvicorn reads it, with an end to what a stranger may send before anybody has looked at it.

Requests for streams do not get as far as the application: their connections go to `app.state.streams`, if there is one,
and nothing of uvicorn's stays with them.
"""

import asyncio
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

import httptools
import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from pennon.cli.streaming import HEAD_BYTES, is_taken
from pennon.cli.waiting import Waiting

HEAD_S = 30.0
"""A connection on which no whole head comes for so long is closed."""
_PER_HEADER = len(b": \r\n")
_REFUSALS = {
    HTTPStatus.BAD_REQUEST: ("bad-request", "This is not an HTTP/1.1 request, or it has no one meaning."),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        "head-too-large",
        f"The request's line and headers are above {HEAD_BYTES} bytes.",
    ),
}


class _TooLarge(Exception):
    """Raised within the parser, which stops there."""


class _Stop(Exception):
    """Raised within the parser, as what comes after a request for a stream is nobody's."""


class Shared:
    """What all connections of a server have in common, looked up once."""

    __slots__ = ("quick", "streams", "waiting")

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        state = getattr(config.app, "state", None)
        self.streams: Any = getattr(state, "streams", None)
        self.quick: Any = getattr(state, "quick", None)
        self.waiting: Waiting[asyncio.Transport] = Waiting(loop)
        """Those on which no whole head has come yet."""


class BoundedHttp(HttpToolsProtocol):
    """Refuses what cannot be a request, or is too large a one, with a problem, and then closes the connection.

    Hands the connections of streams over to `app.state.streams`, a `pennon.stream.Intake`.
    """

    _head_bytes = 0
    _is_in_head = False
    _is_too_large = False
    _is_waiting = False
    _is_set_up = False
    cycle: RequestResponseCycle = None  # type: ignore[assignment]  # uvicorn's says the same
    _stream: str | None = None
    """The path of a stream that was asked for."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        # What uvicorn makes for each connection costs more than opening a stream, and a stream needs none of it.
        self.config, self.server_state, self._app_state = config, server_state, app_state
        self.loop = _loop or asyncio.get_running_loop()
        shared: Shared | None = getattr(server_state, "shared", None)
        if shared is None:
            shared = server_state.shared = Shared(config, self.loop)  # type: ignore[attr-defined]  # it has room for it
        self._shared = shared

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's says the same
        """Wait for a request."""
        self.transport = transport
        self.server_state.connections.add(self)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        self.server_state.connections.discard(self)
        if self._is_set_up and self.transport is not None:  # or it was given away, and closed at once
            super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close, once no answer is on its way."""
        if self._is_set_up:
            super().shutdown()
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Read on, while the head is not too large."""
        if not self._is_set_up:
            streams = self._shared.streams
            if streams is not None and is_taken(streams, data, self.transport, self.server_state.default_headers):
                self._forget_connection()
                return
            self._set_up()
        super().data_received(data)
        if self._stream is not None:
            self._hand_over(self._stream)
        elif self._is_in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin to count, and to wait."""
        if self._stream is not None:
            raise _Stop
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        if not self._is_waiting:
            self._wait_for_head()

    def on_headers_complete(self) -> None:
        """Go on with a request that is not too large, wherever its bytes were cut on the way."""
        self._is_in_head = False
        self._wait_no_more()
        size = len(self.url) + sum(len(name) + len(value) + _PER_HEADER for name, value in self.headers)
        self._is_too_large = size > HEAD_BYTES
        if self._is_too_large:
            raise _TooLarge
        if not self._is_for_stream():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take the next of a body."""
        if self._stream is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if self._stream is None:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, which may be one for a stream."""
        super().on_response_complete()
        if self._stream is not None:
            self._hand_over(self._stream)

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser did not take."""
        if self._stream is None:
            too_large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._refuse(too_large if self._is_too_large else HTTPStatus.BAD_REQUEST)

    def _set_up(self) -> None:
        transport, self._is_set_up = self.transport, True
        super().__init__(self.config, self.server_state, self._app_state, self.loop)
        super().connection_made(transport)

    def _give_away(self, scope: Any, path: str) -> None:
        transport = self._forget_connection()
        self._shared.streams.take(scope, path, transport, headers=self.server_state.default_headers)

    def _forget_connection(self) -> asyncio.Transport:
        """Have nothing to do any more with the connection, which is another's."""
        self._wait_no_more()
        transport, state = self.transport, self.server_state
        state.connections.discard(self)
        state.total_requests += 1
        self.transport = None  # type: ignore[assignment]
        return transport

    def _is_for_stream(self) -> bool:
        """Whether the request is one for a stream, and there is somebody who takes it: then note what that needs."""
        if b"stream" not in self.url and b"%" not in self.url:
            return False
        streams = self._shared.streams
        url = httptools.parse_url(self.url)
        path = unquote_to_bytes(url.path).decode(errors="replace")
        method = self.parser.get_method().decode("ascii")
        if streams is None or not streams.takes(method, path):
            return False
        self.scope["method"], self.scope["path"], self.scope["raw_path"] = method, path, url.path
        self.scope["query_string"], self.scope["root_path"] = url.query or b"", ""
        self.scope["http_version"] = self.parser.get_http_version()
        self._stream = path
        return True

    def _hand_over(self, path: str) -> None:
        """Give the connection away and keep nothing of it; later, while an answer before this one is on its way."""
        answering: RequestResponseCycle | None = self.cycle
        if self.transport.is_closing() or (answering is not None and not answering.response_complete):
            return
        scope = self.scope
        self.flow.resume_reading()
        self._unset_keepalive_if_required()
        # What refers to this object and is referred to by it, so that it is gone at once and not at a collection.
        self.parser = self.cycle = self.scope = self.headers = self.flow = None  # type: ignore[assignment]
        self._give_away(scope, path)

    def _refuse(self, status: HTTPStatus) -> None:
        kind, detail = _REFUSALS[status]
        problem = {"type": f"urn:pennon:problem:{kind}", "title": status.phrase, "status": status, "detail": detail}
        body = msgspec.json.encode(problem)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _wait_for_head(self) -> None:
        self._is_waiting = True
        self._shared.waiting.add(self.transport, HEAD_S)

    def _wait_no_more(self) -> None:
        if self._is_waiting:
            self._is_waiting = False
            self._shared.waiting.remove(self.transport)
