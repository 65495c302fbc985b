"""HTTP/1.1 as uvicorn reads it, with an end to what a stranger may send before anybody has looked at it."""

import asyncio
from http import HTTPStatus

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
"""Most that a request's line and headers may take. uvicorn's own parser would keep all that comes."""
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


class BoundedHttp(HttpToolsProtocol):
    """Refuses what cannot be a request, or is too large a one, with a problem, and then closes the connection."""

    _head_bytes = 0
    _is_in_head = False
    _is_too_large = False
    _closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's says the same
        """Wait for a request."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, while the head is not too large."""
        super().data_received(data)
        if self._is_in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin to count, and to wait."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        if self._closing is None:
            self._wait_for_head()

    def on_headers_complete(self) -> None:
        """Go on with a request that is not too large, wherever its bytes were cut on the way."""
        self._is_in_head = False
        self._wait_no_more()
        size = len(self.url) + sum(len(name) + len(value) + _PER_HEADER for name, value in self.headers)
        self._is_too_large = size > HEAD_BYTES
        if self._is_too_large:
            raise _TooLarge
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser did not take."""
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if self._is_too_large else HTTPStatus.BAD_REQUEST)

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
        self._closing = self.loop.call_later(HEAD_S, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
