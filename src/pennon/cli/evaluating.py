"""HTTP/1.1 that answers evaluations, and snapshots that are packed, where their bytes arrive: no messages, no copies.

Half of what uvicorn spends on a small request is for what an evaluation does not need. Whatever is not one whole usual
request at a quiet moment goes its way.
"""

import asyncio
from functools import partial
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from pennon.cli.leaving import LeavingHttp
from pennon.cli.sending import FileSender, is_possible
from pennon.cli.streaming import HEAD_BYTES
from pennon.stream.http import SEND_FILE
from pennon.stream.quick import SNAPSHOT, START, Admitted, Quick, Sending

_END_OF_HEAD = b"\r\n\r\n"
CLOSE = ((b"connection", b"close"),)


class _Request:
    """Takes what a parser finds. `messages` counts the ends of requests."""

    __slots__ = ("body", "closes", "headers", "messages", "parser", "url")

    def __init__(self) -> None:
        self.parser: httptools.HttpRequestParser | None = None
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.closes = False
        self.messages = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        # Asked here: when the message is over, the parser has forgotten.
        self.closes = self.parser is None or not self.parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.messages += 1


class EvaluatingHttp(LeavingHttp):
    """Has `app.state.quick`, a `pennon.stream.Quick`, answer what it can, if there is one.

    *has_asked*: something was asked on its connection before. *said*: what was read there already.
    """

    _head = b""
    """The last head that was looked at, with what length of a body, and what it asks for."""
    _sender: FileSender | None = None
    _document: asyncio.Task[None] | None = None
    """What goes on sending a document that no cycle of uvicorn's is for."""
    _is_last = False
    _has_asked = False
    _length = 0
    _admitted: Admitted | None = None
    _said = b""

    def __init__(self, *args: Any, has_asked: bool = False, said: bytes = b"", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._has_asked, self._said = has_asked, said

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as above
        """Take what was said already, before anything else is read."""
        super().connection_made(transport)
        if self._said:
            self.data_received(self._said)
            self._said = b""

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
        return not self._has_asked and super().has_not_asked

    def data_received(self, data: bytes) -> None:
        """Answer what can be answered at once; read on in any other case."""
        quick: Quick | None = self._shared.quick if data.startswith((START, SNAPSHOT)) else None
        if quick is not None and data.startswith(START):
            if not self._is_set_up:
                self._set_up()
            if self._is_quiet(data) and (sent := self._answered(quick, data)):
                self.transport.write(sent)
                self._wait_for_next()
                return
        # Reading must be paused while a document is sent, and cannot be before it has begun: in `connection_made`.
        elif quick is not None and not self._said and is_possible(self.transport) and self._is_quiet(data):
            request = whole_request(data, closes=True)
            common = (*self.server_state.default_headers, *(CLOSE if request is not None and request.closes else ()))
            if request is not None and (sending := quick.document(request.url, request.headers, common)) is not None:
                self._send_document(sending, is_last=request.closes)
                return
        super().data_received(data)

    def shutdown(self) -> None:
        """Close, once no answer is on its way."""
        if self._document is None:
            super().shutdown()
        else:
            self._is_last = True

    def _send_document(self, sending: Sending, *, is_last: bool) -> None:
        self._has_asked, self._is_last = True, is_last
        self._wait_no_more()
        if self._is_set_up:
            self._unset_keepalive_if_required()
        sender = self._sender = self._sender or FileSender(self.transport)
        try:
            begun = sender.begin(sending.head, sending.file, sending.size)
        except OSError:
            self.transport.abort()
            begun = sending.size
        if begun == sending.size:
            self._end_document(sending)
            return
        self.transport.pause_reading()
        self._document = self.loop.create_task(self._go_on(sender, sending, begun))

    async def _go_on(self, sender: FileSender, sending: Sending, begun: int) -> None:
        try:
            await sender.send(sending.file, sending.size, begun=begun)
        except OSError:
            self.transport.abort()
        finally:
            self._document = None
            self._end_document(sending)

    def _end_document(self, sending: Sending) -> None:
        sending.sent()
        if self.transport.is_closing():
            return
        if self._is_last or self._is_leaving:
            self.transport.close()
        else:
            self.transport.resume_reading()
            self._wait_for_next()

    def _wait_for_next(self) -> None:
        """Close the connection if nothing more is asked on it for a while, as uvicorn does after an answer."""
        self.server_state.total_requests += 1
        self._wait_no_more()
        if not self._is_set_up:
            self._wait_for_head()
            return
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _is_quiet(self, data: bytes) -> bool:
        """Whether *data* begins a request, no other one is under way, and the client takes its answers."""
        if len(data) > HEAD_BYTES or self._is_leaving or self._document is not None or self.transport.is_closing():
            return False
        if not self._is_set_up:
            return not self.config.root_path
        if self._is_in_head or self._stream is not None or self.pipeline or self.root_path:
            return False
        cycle: RequestResponseCycle | None = self.cycle
        is_between = cycle is None or (cycle.response_complete and not cycle.more_body)
        return is_between and not self.flow.write_paused and not self.transport.get_write_buffer_size()

    def _answered(self, quick: Quick, data: bytes) -> bytes:
        head, _, body = data.partition(_END_OF_HEAD)
        admitted = self._admitted
        # Clients say the same on a connection again and again. What was found out about it need not be found out anew.
        if admitted is None or head != self._head or len(body) != self._length or not quick.holds(admitted):
            self._admitted = None
            if (request := whole_request(data)) is None:
                return b""
            admitted = self._admitted = quick.admit(request.url, request.headers)
            self._head, self._length, body = head, len(body), request.body
        if admitted is None:
            return b""
        sent = quick.answer(admitted, body, tuple(self.server_state.default_headers))
        self._has_asked = self._has_asked or bool(sent)
        return sent


def whole_request(data: bytes, *, closes: bool = False) -> _Request | None:
    """Return what *data* is, if that is one whole request with its body as it is.

    One after which the connection is to close is none, unless *closes*.
    """
    request = _Request()
    parser = request.parser = httptools.HttpRequestParser(request)
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    finally:
        request.parser = None  # each held the other: nothing is left to the collector
    is_usual = request.messages == 1 and parser.get_http_version() == "1.1"
    if not is_usual or (request.closes and not closes) or not data.endswith(_END_OF_HEAD + request.body):
        return None
    return request
