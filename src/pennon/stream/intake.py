"""The way in of streams: a server's HTTP protocol gives their connections away here, as soon as a request is whole.

It opens the stream or says why not, straight on the transport. No task is made, unless the key is not known yet: then
the log is looked into first. It knows no server, only what one hands over.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus

import structlog

from pennon.stream import notify, streams
from pennon.stream.calls import Call
from pennon.stream.endpoints import ENDPOINTS, Exchange
from pennon.stream.front import NO_SNIFF, Front, identity
from pennon.stream.http import Answer, Headers, Lines, Refusal, Request, Scope, given_id
from pennon.stream.keys import StillLoading, UnknownKey
from pennon.stream.node import StreamNode
from pennon.stream.repeats import Repeat, Repeats
from pennon.stream.streams import Place
from pennon.stream.unchunked import Unchunked

_log = structlog.get_logger(__name__)

_DELTAS = "/sdk/v1/stream"
_PLACES: Mapping[str, Callable[[Call], Place]] = {_DELTAS: streams.place_of, "/ofrep/v1/stream": notify.place_of}
_METHODS = frozenset({"GET", "HEAD"})
_CLOSE = ("connection", "close")
_CHUNKED = ("transfer-encoding", "chunked")


class Intake:
    """Takes the connections of *node*'s streams."""

    def __init__(self, node: StreamNode, front: Front | None = None) -> None:
        self._node = node
        self._front = front or Front()
        self._endpoints = {
            endpoint.path: endpoint for endpoint in ENDPOINTS if endpoint.path in _PLACES and endpoint.method == "GET"
        }
        self._waiting: set[asyncio.Task[None]] = set()
        self._repeats = Repeats(node)
        self._retry = streams.retry(node)

    def takes(self, method: str, path: str) -> bool:
        """Whether a request for *path* is one for a stream, and its connection is to be handed over."""
        return path in self._endpoints and method in _METHODS

    def take_again(self, head: bytes, transports: Sequence[asyncio.Transport], headers: Lines) -> int:
        """Take over connections whose first and whole request is *head*, if that opened a stream before.

        Return how many were taken, the first ones; the others will be refused in words. *headers* go with the answer:
        one object for as long as they are the same.
        """
        repeat = self._repeats.find(head)
        # New ones as `identity` makes them, without the text.
        return 0 if repeat is None else self._reopen(repeat, transports, headers, _new_ids)

    def _reopen(
        self,
        repeat: Repeat,
        transports: Sequence[asyncio.Transport],
        headers: Lines,
        ids: Callable[[int], Iterable[bytes]],
    ) -> int:
        started, node = time.perf_counter(), self._node
        transports = transports[: node.room(len(transports))]
        before, after = repeat.head(headers, node.now())
        start = b"%b%bx-request-id: " % (_STREAM_HEAD, before)
        end = b"\r\n%b%b\r\n%b" % (_NO_SNIFF, after, self._retry)
        answers = [start + named + end for named in ids(len(transports))]
        try:
            taken = streams.begin_each(node, repeat.key_hash, transports, repeat.place, answers)
        except Exception:  # noqa: BLE001  # the boundary of a request, as below
            _log.exception("a stream cannot be opened", path=_DELTAS)
            for transport in transports:
                transport.abort()
            return len(transports)
        if taken:
            took_s = time.perf_counter() - started
            self._front.answered("GET", _DELTAS, status=200, duration_s=took_s, count=taken)
        return taken

    def take(
        self, scope: Scope, path: str, transport: asyncio.Transport, *, headers: Lines = (), head: bytes = b""
    ) -> None:
        """Take over the connection of a request, as ASGI describes it. *headers* go with whatever is answered.

        From here on the transport is the stream's; after an answer that is no stream it is closed. *head* is the whole
        request as it came, if it was the first of its connection.
        """
        is_usual = bool(head) and path == _DELTAS and scope["http_version"] == "1.1"
        repeat = self._repeats.find_read(head, scope) if is_usual else None
        if repeat is not None:
            given = given_id(scope)
            if self._reopen(repeat, (transport,), headers, lambda _: (identity(given).encode(),)):
                return
        arrival = _Arrival(scope, path, transport, head if is_usual else b"", _decoded(headers))
        if not self._settle(arrival, is_last=False):
            waiting = asyncio.get_running_loop().create_task(self._settle_soon(arrival))
            self._waiting.add(waiting)
            waiting.add_done_callback(self._waiting.discard)
            transport.set_protocol(_Waiting(waiting))

    async def _settle_soon(self, arrival: "_Arrival") -> None:
        """Look into the log before a request by a key that is not known is refused.

        Whoever has just made a key uses it at once, and an SDK that is told 401 comes back late.
        """
        await self._node.catch_up()
        self._settle(arrival, is_last=True)

    def _settle(self, arrival: "_Arrival", *, is_last: bool) -> bool:
        """Open the stream or refuse it; False where another look is worth while, unless this is the *last*."""
        exchange: Exchange | None = None
        try:
            exchange = Exchange(self._node, Request(arrival.scope, _no_body))
            self._open(arrival, exchange.admitted(self._endpoints[arrival.path], ""), exchange.cors())
        except (UnknownKey, StillLoading) as refusal:
            if not is_last:
                return False
            self._refuse(arrival, exchange, refusal)
        except Refusal as refusal:
            self._refuse(arrival, exchange, refusal)
        except Exception:  # noqa: BLE001  # the boundary of a request: whatever goes wrong in one must not reach another
            _log.exception("a stream cannot be opened", path=arrival.path)
            if exchange is None:
                arrival.transport.abort()
                return True
            self._refuse(arrival, exchange, Refusal(500, "Internal error", "the node has logged what went wrong"))
        return True

    def _open(self, arrival: "_Arrival", call: Call, cors: Headers) -> None:
        streams.refuse_beyond_capacity(self._node)
        headers = (*call.standing(), *cors)
        if arrival.is_head:
            self._answer(arrival, Answer(200, b"", (*streams.EVENT_STREAM, *headers)), ())
            return
        text = _lines((*arrival.headers, *self._front.marks(arrival.given), *headers))
        marked = text.encode("latin-1", "replace")
        transport, head = arrival.transport, b"%b%b\r\n" % (_STREAM_HEAD, marked)
        if arrival.scope.get("http_version", "1.1") < "1.1":
            head = b"%b%b\r\n" % (_OLD_STREAM_HEAD, marked)
            transport = Unchunked(transport, len(head))
        place = _PLACES[arrival.path](call)
        streams.begin(self._node, call.access.key_hash, transport, place, head + self._retry)
        if arrival.head:
            self._repeats.keep(arrival.head, arrival.scope, call, place, cors)
        self._note(arrival, 200)

    def _refuse(self, arrival: "_Arrival", exchange: Exchange | None, refusal: Refusal) -> None:
        if exchange is None:
            # Its query is none.
            exchange = Exchange(self._node, Request({**arrival.scope, "query_string": b""}, _no_body))
        self._answer(arrival, exchange.refused(refusal), exchange.cors())

    def _answer(self, arrival: "_Arrival", answer: Answer, cors: Headers) -> None:
        length = () if arrival.is_head and answer.status == 200 else (("content-length", str(len(answer.body))),)
        body = b"" if arrival.is_head else answer.body
        headers = (*self._common(arrival), *answer.headers, *cors, *length)
        lines = b"".join(b"%b: %b\r\n" % line for line in answer.lines)
        if not arrival.transport.is_closing():
            arrival.transport.write(_head(answer.status, headers, lines) + body)
            arrival.transport.close()
        self._note(arrival, answer.status)

    def _common(self, arrival: "_Arrival") -> Headers:
        return (*arrival.headers, *self._front.marks(arrival.given), _CLOSE)

    def _note(self, arrival: "_Arrival", status: int) -> None:
        took_s = time.perf_counter() - arrival.at
        self._front.answered(arrival.scope["method"], arrival.path, status=status, duration_s=took_s)


class _Arrival:
    """A request for a stream, and its connection."""

    __slots__ = ("at", "head", "headers", "path", "scope", "transport")

    def __init__(self, scope: Scope, path: str, transport: asyncio.Transport, head: bytes, headers: Headers) -> None:
        self.scope = scope
        self.path = path
        self.transport = transport
        self.head = head
        self.headers = headers
        self.at = time.perf_counter()

    @property
    def is_head(self) -> bool:
        return bool(self.scope["method"] == "HEAD")

    @property
    def given(self) -> bytes:
        """The request id that the client gave, if it gave one."""
        return given_id(self.scope)


class _Waiting(asyncio.Protocol):
    """A connection whose request is looked into. Nobody is answered who has left."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        self._task.cancel()


def _new_ids(count: int) -> list[bytes]:
    return [b"%016x" % random.getrandbits(64) for _ in range(count)]


def _head(status: int, headers: Headers, lines: bytes = b"") -> bytes:
    start = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{_lines(headers)}"
    return start.encode("latin-1", "replace") + lines + b"\r\n"


def _decoded(headers: Lines) -> Headers:
    return tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in headers)


def _lines(headers: Headers) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers])


_STREAM_HEAD = f"HTTP/1.1 200 OK\r\n{_lines((*streams.EVENT_STREAM, _CLOSE, _CHUNKED))}".encode()
"""How the answer begins that is a stream, whoever asks."""
_OLD_STREAM_HEAD = f"HTTP/1.1 200 OK\r\n{_lines((*streams.EVENT_STREAM, _CLOSE))}".encode()
"""The same for who speaks HTTP/1.0."""
_NO_SNIFF = b"%b: %b\r\n" % NO_SNIFF


async def _no_body() -> None:
    raise AssertionError("a request for a stream has no body")
