"""Evaluations for a server's protocol that has the whole request: answered in its own callback, with no task made.

Only what is as usual. Whatever is not, and every error, is left to the endpoints, which see the same request then: so
there is one place that decides what is refused, and how.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus

from pennon.stream import ofrep
from pennon.stream.calls import Call, Endpoint
from pennon.stream.endpoints import ENDPOINTS, Exchange
from pennon.stream.front import Front, identity
from pennon.stream.http import Answer, Lines, Refusal, Request, encoded
from pennon.stream.node import StreamNode

START = b"POST /ofrep/v1/evaluate/flags"
"""How the requests begin that may be answered at once."""
_ALL = "/ofrep/v1/evaluate/flags"
_ONE = f"{_ALL}/"
_HANDLERS: Mapping[str, Callable[[Call, bytes], Answer | None]] = {_ALL: ofrep.flags_at_once, _ONE: ofrep.flag_at_once}
_STATUSES = {int(status): b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}


class Quick:
    """Answers evaluations of *node*. *front* marks and notes them, as it does those that go the usual way."""

    def __init__(self, node: StreamNode, front: Front | None = None) -> None:
        self._node = node
        self._front = front or Front()
        self._endpoints: Mapping[str, Endpoint] = {each.path: each for each in ENDPOINTS if each.path in _HANDLERS}

    def answer(self, raw_path: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes, common: Lines) -> bytes:
        """Return the answer to a POST as it is sent, with *common* headers; empty where the endpoints are to answer.

        *headers* have their names in lower case. Nothing was counted or changed where the answer is empty.
        """
        started = time.perf_counter()
        path = raw_path.decode("latin-1")
        found, rest = (_ALL, "") if path == _ALL else (_ONE, path[len(_ONE) :])
        if b"%" in raw_path or b"?" in raw_path or not path.startswith(found) or (found == _ONE and not rest):
            return b""
        scope = {"method": "POST", "path": path, "raw_path": raw_path, "headers": headers}
        exchange = Exchange(self._node, Request(scope, _no_more))
        line = exchange.request.headers.line
        if line(b"content-encoding") is not None or len(body) > self._node.settings.evaluate_bytes:
            return b""
        try:
            exchange.request.require_json()
            answer = _HANDLERS[found](exchange.admitted(self._endpoints[found], rest), body)
        except Refusal:
            return b""
        except Exception:  # noqa: BLE001  # the boundary of a request: the endpoints will meet the same, and log it
            return b""
        if answer is None:
            return b""
        request_id = identity(line(b"x-request-id") or b"")
        sent = _sent(
            answer,
            (
                *common,
                *encoded(answer.headers),
                *answer.lines,
                (b"x-request-id", request_id.encode()),
                *exchange.lines(),
            ),
        )
        took_s = time.perf_counter() - started
        self._front.answered("POST", path, status=answer.status, duration_s=took_s, request_id=request_id)
        return sent


def _sent(answer: Answer, lines: Lines) -> bytes:
    parts: list[bytes | memoryview] = [_STATUSES[answer.status]]
    for name, value in lines:
        parts += (name, b": ", value, b"\r\n")
    if answer.status != HTTPStatus.NOT_MODIFIED:
        parts.append(b"content-length: %d\r\n" % len(answer.body))
    parts += (b"\r\n", answer.body)
    return b"".join(parts)


async def _no_more() -> None:
    raise AssertionError("the body is here already")
