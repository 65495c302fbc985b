"""Answers for a server's protocol that has the whole request, in its own callback: evaluations, and what is packed.

Only what is as usual. Whatever is not, and every error, is left to the endpoints, which see the same request then: so
there is one place that decides what is refused, and how.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus

import msgspec

from pennon.stream import ofrep, snapshots
from pennon.stream.calls import Call, Endpoint, Until
from pennon.stream.endpoints import ENDPOINTS, Exchange
from pennon.stream.front import Front, identity
from pennon.stream.http import Answer, Lines, Refusal, Request, encoded
from pennon.stream.node import StreamNode
from pennon.stream.recent import Recent

START = b"POST /ofrep/v1/evaluate/flags"
"""How the requests begin that may be answered at once."""
SNAPSHOT = b"GET /sdk/v1/snapshot"
_SNAPSHOT = "/sdk/v1/snapshot"
_ALL = "/ofrep/v1/evaluate/flags"
_ONE = f"{_ALL}/"
_HANDLERS: Mapping[str, Callable[[Call, bytes], Answer | None]] = {_ALL: ofrep.flags_at_once, _ONE: ofrep.flag_at_once}
_STATUSES = {int(status): b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}


class Sending(msgspec.Struct, frozen=True):
    """An answer whose body is a file: *head*, then so many bytes of it. `sent` is to be called in the end."""

    head: bytes
    file: int
    size: int
    answer: Answer
    """It keeps the file open."""

    def sent(self) -> None:
        """Note that it is on its way, or cannot be."""
        if self.answer.sent is not None:
            self.answer.sent()


class Admitted(msgspec.Struct, frozen=True):
    """A request for an evaluation by who may make it, for as long as that holds."""

    exchange: Exchange
    call: Call
    handler: Callable[[Call, bytes], Answer | None]
    until: Until


class Quick:
    """Answers for *node*. *front* marks and notes them, as it does those that go the usual way."""

    def __init__(self, node: StreamNode, front: Front | None = None) -> None:
        self._node = node
        self._front = front or Front()
        self._recent = Recent(node)
        self._endpoints: Mapping[str, Endpoint] = {
            each.path: each for each in ENDPOINTS if each.path in (*_HANDLERS, _SNAPSHOT)
        }

    def admit(self, raw_path: bytes, headers: Iterable[tuple[bytes, bytes]]) -> Admitted | None:
        """Return what a POST with these headers asks for, None where the endpoints are to answer.

        *headers* have their names in lower case.
        """
        path = raw_path.decode("latin-1")
        found, rest = (_ALL, "") if path == _ALL else (_ONE, path[len(_ONE) :])
        if b"%" in raw_path or b"?" in raw_path or not path.startswith(found) or (found == _ONE and not rest):
            return None
        scope = {"method": "POST", "path": path, "raw_path": raw_path, "headers": headers}
        exchange = Exchange(self._node, Request(scope, _no_more))
        if exchange.request.headers.line(b"content-encoding") is not None:
            return None
        try:
            exchange.request.require_json()
            call = exchange.admitted(self._endpoints[found], rest)
        except Refusal:
            return None
        return Admitted(exchange, call, _HANDLERS[found], Until.now(call))

    def holds(self, admitted: Admitted) -> bool:
        """Whether who was *admitted* would be so again."""
        return admitted.until.holds(admitted.call)

    def answer(self, admitted: Admitted, body: bytes, common: Lines) -> bytes:
        """Return the answer as it is sent, with *common* headers; empty where the endpoints are to answer.

        Nothing was counted or changed where it is empty.
        """
        started = time.perf_counter()
        if len(body) > self._node.settings.evaluate_bytes:
            return b""
        try:
            answer = admitted.handler(admitted.call, body)
        except Refusal:
            return b""
        except Exception:  # noqa: BLE001  # the boundary of a request: the endpoints will meet the same, and log it
            return b""
        if answer is None:
            return b""
        return self._head(admitted.exchange, answer, common, started) + answer.body

    def document_again(self, data: bytes, common: Sequence[tuple[bytes, bytes]]) -> Sending | None:
        """Return what the whole request *data* is to be sent, if it was sent a moment ago to who said the same.

        *common* headers are one object for as long as they are the same.
        """
        started = time.perf_counter()
        request_id = identity(b"")
        if (again := self._recent.again(data, common, request_id.encode())) is None:
            return None
        head, answer = again
        took_s = time.perf_counter() - started
        self._front.answered("GET", _SNAPSHOT, status=answer.status, duration_s=took_s, request_id=request_id)
        return _sending(head, answer)

    def document(
        self,
        url: bytes,
        headers: Iterable[tuple[bytes, bytes]],
        common: Sequence[tuple[bytes, bytes]],
        data: bytes = b"",
    ) -> Sending | None:
        """Return what a GET of a snapshot is to be sent, None where the endpoints are to answer.

        *data*, the whole request, is remembered with it.
        """
        started = time.perf_counter()
        raw_path, _, query = url.partition(b"?")
        if raw_path.decode("latin-1") != _SNAPSHOT:
            return None
        scope = {"method": "GET", "path": _SNAPSHOT, "raw_path": raw_path, "query_string": query, "headers": headers}
        try:
            exchange = Exchange(self._node, Request(scope, _no_more))
            call = exchange.admitted(self._endpoints[_SNAPSHOT], "")
            found = snapshots.packed_at_once(call)
            if found is None:
                return None
            answer = snapshots.snapshot_at_once(call, *found)
        except Refusal:
            return None
        document, coding, _ = found
        head = self._head(exchange, answer, common, started)
        if data:
            self._recent.keep(data, common, call, document, coding, head)
        return _sending(head, answer)

    def _head(self, exchange: Exchange, answer: Answer, common: Iterable[tuple[bytes, bytes]], started: float) -> bytes:
        """Return the head of *answer*, which is noted as answered."""
        request = exchange.request
        request_id = identity(request.headers.line(b"x-request-id") or b"")
        named = (b"x-request-id", request_id.encode())
        parts = [_STATUSES[answer.status]]
        for name, value in (*common, *encoded(answer.headers), *answer.lines, named, *exchange.lines()):
            parts += (name, b": ", value, b"\r\n")
        if answer.status != HTTPStatus.NOT_MODIFIED:
            parts.append(b"content-length: %d\r\n" % len(answer.body))
        parts.append(b"\r\n")
        took_s = time.perf_counter() - started
        self._front.answered(
            request.method, request.path, status=answer.status, duration_s=took_s, request_id=request_id
        )
        return b"".join(parts)


def _sending(head: bytes, answer: Answer) -> Sending | None:
    if answer.file is None or answer.file.file is None:
        return None
    return Sending(head, answer.file.file, len(answer.body), answer)


async def _no_more() -> None:
    raise AssertionError("the body is here already")
