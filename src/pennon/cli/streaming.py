"""Requests for streams, where their bytes arrive: a whole one, the first of its connection, opens a stream at once."""

from collections.abc import Sequence
from typing import Any

import httptools

HEAD_BYTES = 64 * 1024
"""Most that a request's line and headers may take. uvicorn's own parser would keep all that comes."""
_STARTS = (b"GET /sdk/v1/stream", b"GET /ofrep/v1/stream")


class _Head:
    """Takes what a parser finds in a request that is nothing but a head."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_whole = False
        self._messages = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self._messages = 2

    def on_message_complete(self) -> None:
        self._messages += 1
        self.is_whole = self._messages == 1


def taken_again(streams: Any, data: bytes, transports: Sequence[Any], headers: Sequence[tuple[bytes, bytes]]) -> int:
    """Give *transports* to *streams* where *data*, which came on each, is a request that opened a stream before.

    Return how many were taken, the first ones.
    """
    if not data.startswith(_STARTS):
        return 0
    return int(streams.take_again(data, transports, headers))


def is_taken(streams: Any, data: bytes, transport: Any, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Give *transport* to *streams*, a `pennon.stream.Intake`, where *data* is one whole request for a stream.

    Return whether that was done. *headers* are those that every answer of the server has.
    """
    if not data.startswith(_STARTS) or len(data) > HEAD_BYTES:
        return False
    if streams.take_again(data, (transport,), headers):
        return True
    head = _Head()
    parser = httptools.HttpRequestParser(head)
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return False
    raw_path, _, query = head.url.partition(b"?")
    path = raw_path.decode("ascii", "replace")
    if not (head.is_whole and streams.takes("GET", path)):
        return False
    scope = {
        "method": "GET",
        "path": path,
        "raw_path": raw_path,
        "query_string": query,
        "headers": head.headers,
        "root_path": "",
        "http_version": parser.get_http_version(),
    }
    streams.take(scope, path, transport, headers=headers, head=data)
    return True
