"""HTTP/1.1 whose evaluations are answered where their bytes arrive: no task, no messages, one write.

Half of what uvicorn spends on a small request is for what an evaluation does not need. Whatever is not one whole usual
request at a quiet moment goes its way.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from pennon.cli.http import HEAD_BYTES
from pennon.cli.leaving import LeavingHttp
from pennon.cli.sending import FileSender, is_possible
from pennon.stream.http import SEND_FILE
from pennon.stream.quick import START, Quick

_END_OF_HEAD = b"\r\n\r\n"


class _Request:
    """Takes what a parser finds. `messages` counts the ends of requests."""

    __slots__ = ("body", "headers", "messages", "url")

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.messages = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.messages += 1


class EvaluatingHttp(LeavingHttp):
    """Has `app.state.quick`, a `pennon.stream.Quick`, answer evaluations, if there is one."""

    _head = b""
    """The last head that was answered at once, and what was read in it."""
    _sender: FileSender | None = None
    _length = 0
    _url = b""
    _headers: Sequence[tuple[bytes, bytes]] = ()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._quick: Quick | None = getattr(getattr(config.app, "state", None), "quick", None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Send no more."""
        if self._sender is not None:
            self._sender.lost()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """Go on with a request, and offer its application to have a file sent."""
        super().on_headers_complete()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and is_possible(self.transport):
            extensions: Any = {SEND_FILE: partial(self._send_file, cycle)}
            cycle.scope["extensions"] = extensions

    async def _send_file(self, cycle: RequestResponseCycle, file: int, size: int) -> None:
        """Send the body of an answer whose head is written. Raises `OSError` where nobody takes it."""
        if self._sender is None:
            self._sender = FileSender(self.transport)
        try:
            await self._sender.send(file, size)
        except OSError:
            cycle.disconnected = True
            self.transport.abort()
            raise
        cycle.expected_content_length -= size

    @property
    def has_not_asked(self) -> bool:
        """Whether nothing was asked on this connection yet."""
        return not self._head and super().has_not_asked

    def data_received(self, data: bytes) -> None:
        """Answer what can be answered at once; read on in any other case."""
        if self._quick is not None and data.startswith(START) and self._is_quiet(data):
            sent = self._answered(self._quick, data)
            if sent:
                self._wait_no_more()
                self._unset_keepalive_if_required()
                self.server_state.total_requests += 1
                self.transport.write(sent)
                # As uvicorn does after each answer: an idle connection is not kept for ever.
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )
                return
        super().data_received(data)

    def _is_quiet(self, data: bytes) -> bool:
        """Whether *data* begins a request, no other one is under way, and the client takes its answers."""
        if not self._is_set_up:
            self._set_up()
        if self._is_in_head or self._stream is not None or self.flow.write_paused or len(data) > HEAD_BYTES:
            return False
        cycle: RequestResponseCycle | None = self.cycle
        is_between = cycle is None or (cycle.response_complete and not cycle.more_body)
        is_usual = not self._is_leaving and not self.pipeline and not self.root_path
        return is_between and is_usual and not self.transport.is_closing()

    def _answered(self, quick: Quick, data: bytes) -> bytes:
        head, _, body = data.partition(_END_OF_HEAD)
        # Clients say the same on a connection again and again. What was read of it once need not be read anew.
        if head != self._head or len(body) != self._length:
            request = self._read(data)
            if request is None:
                self._head = b""
                return b""
            self._head, self._length, body = head, len(body), request.body
            self._url, self._headers = request.url, request.headers
        return quick.answer(self._url, self._headers, body, tuple(self.server_state.default_headers))

    def _read(self, data: bytes) -> _Request | None:
        """Return what *data* is, if that is one whole request with its body as it is, and the connection goes on."""
        request = _Request()
        parser = httptools.HttpRequestParser(request)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        is_usual = request.messages == 1 and parser.get_http_version() == "1.1" and parser.should_keep_alive()
        return request if is_usual and data.endswith(_END_OF_HEAD + request.body) else None
