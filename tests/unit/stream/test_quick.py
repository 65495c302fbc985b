"""What is answered at once is what the endpoints would have answered; everything else is left to them."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from pennon.bus import MemoryBus
from pennon.stream import Endpoints, Quick, StreamNode, StreamSettings
from pennon.stream.http import Lines
from tests.integration.nodes import CLIENT, EDGE, ENVIRONMENT, KEYS, SERVER, Batches, MemoryLog, boolean, key

T = TypeVar("T")
ALL, ONE = b"/ofrep/v1/evaluate/flags", b"/ofrep/v1/evaluate/flags/open"
BODY = b'{"context":{"targetingKey":"u1"}}'


def with_node(ask: Callable[[StreamNode], T], *, flags: int = 2) -> T:
    async def asked() -> T:
        log = MemoryLog()
        named = [boolean(f"flag-{number}") for number in range(flags - 1)]
        log.write(ENVIRONMENT, *KEYS, key("revoked", "server", revoked=True), boolean("open", client_side=True), *named)
        async with StreamNode(log, MemoryBus(), Batches(), time, StreamSettings(), name="pop-1") as node:
            return ask(node)

    return asyncio.run(asked())


def answered(quick: Quick, path: bytes, lines: list[tuple[bytes, bytes]], body: bytes, common: Lines = ()) -> bytes:
    admitted = quick.admit(path, lines)
    return b"" if admitted is None else quick.answer(admitted, body, common)


def at_once(path: bytes, body: bytes = BODY, *, flags: int = 2, secret: str = SERVER, **headers: str) -> bytes:
    lines = [(b"authorization", f"Bearer {secret}".encode()), (b"content-type", b"application/json")]
    lines += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return with_node(lambda node: answered(Quick(node), path, lines, body, ((b"date", b"now"),)), flags=flags)


def read(sent: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = sent.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert len(headers) == len(lines), "no header comes twice"
    return int(status.split()[1]), headers, body


async def by_endpoints(node: StreamNode, path: bytes, lines: list[tuple[bytes, bytes]]) -> tuple[int, Any, bytes]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path.decode(), "raw_path": path, "headers": lines}
    await Endpoints(node)(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, sent[1]["body"]


@pytest.mark.parametrize("secret", [SERVER, CLIENT])
@pytest.mark.parametrize("path", [ALL, ONE, b"/ofrep/v1/evaluate/flags/gone"])
def test_answer_is_the_one_of_the_endpoints(path: bytes, secret: str) -> None:
    lines = [(b"x-api-key", secret.encode()), (b"origin", b"https://shop.example"), (b"x-request-id", b"mine")]

    async def both() -> None:
        log = MemoryLog()
        log.write(ENVIRONMENT, *KEYS, boolean("open", client_side=True), boolean("other"))
        async with StreamNode(log, MemoryBus(), Batches(), time, StreamSettings(), name="pop-1") as node:
            status, headers, body = read(answered(Quick(node), path, lines, BODY))
            expected = await by_endpoints(node, path, lines)
        assert (status, headers.keys()) == (expected[0], expected[1].keys())
        for name in headers.keys() - {"x-pennon-age", "content-length"}:
            assert headers[name] == expected[1][name], name
        assert int(headers["content-length"]) == len(body)
        said, wanted = json.loads(body), json.loads(expected[2])
        for answer in (said, wanted):
            answer["metadata"].pop("age")
        assert said == wanted

    asyncio.run(both())


def test_answer_says_which_node_it_is_from_and_keeps_the_server_s_own_headers() -> None:
    status, headers, body = read(at_once(ONE, x_pennon_node="pop-7"))
    assert (status, headers["date"], headers["x-pennon-node"], headers["x-pennon-path"]) == (
        200,
        "now",
        "pop-1",
        "pop-1",
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert json.loads(body)["key"] == "open"


def test_tag_that_is_known_gets_no_body() -> None:
    def ask(node: StreamNode) -> tuple[bytes, bytes]:
        lines = [(b"x-api-key", SERVER.encode())]
        first = answered(Quick(node), ALL, lines, BODY)
        tag = read(first)[1]["etag"].encode()
        return first, answered(Quick(node), ALL, [*lines, (b"if-none-match", tag)], BODY)

    first, second = map(read, with_node(ask))
    assert (first[0], second[0], second[2]) == (200, 304, b"")
    assert "content-length" not in second[1]
    assert second[1]["etag"] == first[1]["etag"]


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        (b"/ofrep/v1/evaluate/flags/", BODY, {}),
        (b"/ofrep/v1/evaluate/flagsx", BODY, {}),
        (b"/ofrep/v1/evaluate/flags/a%2Fb", BODY, {}),
        (ONE + b"?environment=shop/production", BODY, {}),
        (ONE, b"{", {}),
        (ONE, b'{"context":[]}', {}),
        (ONE, BODY, {"secret": "wrong"}),
        (ONE, BODY, {"secret": "revoked"}),
        (ONE, BODY, {"secret": EDGE}),
        (ONE, BODY, {"content_encoding": "gzip"}),
        (ONE, BODY, {"content_type": "text/plain"}),
        (ONE, BODY, {"x_pennon_node": "pop-1"}),
        (ONE, b" " * 1_100_000 + BODY, {}),
        (ALL, BODY, {"flags": 300}),
    ],
    ids=[
        "no key",
        "another path",
        "encoded",
        "a query",
        "no JSON",
        "no context",
        "unknown",
        "revoked",
        "edge",
        "packed",
        "text",
        "a loop",
        "too large",
        "too many",
    ],
)
def test_what_is_not_as_usual_is_left_to_the_endpoints(path: bytes, body: bytes, headers: dict[str, Any]) -> None:
    assert at_once(path, body, **headers) == b""


def admitted_and_then(change: Callable[[StreamNode, MemoryLog], None], *, secret: str = SERVER, **headers: str) -> bool:
    """Whether who was admitted still is after *change*."""

    async def asked() -> bool:
        log, clock = MemoryLog(), Clock()
        log.write(ENVIRONMENT, *KEYS, key("brief", "server", not_after=int(clock.time()) + 60), boolean("open"))
        settings = StreamSettings(poll_s=3600)
        async with StreamNode(log, MemoryBus(), Batches(), clock, settings) as node:
            quick = Quick(node)
            lines = [(b"x-api-key", secret.encode())]
            lines += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
            admitted = quick.admit(ONE, lines)
            assert admitted is not None
            change(node, log)
            await node.catch_up()
            return quick.holds(admitted)

    return asyncio.run(asked())


class Clock:
    """The time, ahead of itself."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic()


def test_who_was_admitted_is_so_until_something_changes() -> None:
    assert admitted_and_then(lambda _node, _log: None)
    assert admitted_and_then(lambda _node, log: void(log.write(ENVIRONMENT, boolean("other"))))


def void(_: object) -> None:
    """Take anything."""


def test_who_was_admitted_is_not_after_the_key_was_revoked() -> None:
    assert not admitted_and_then(lambda _node, log: void(log.write(ENVIRONMENT, key(SERVER, "server", revoked=True))))
    assert not admitted_and_then(lambda _node, log: log.remove(ENVIRONMENT))


def test_who_was_admitted_is_not_after_the_key_s_time() -> None:
    def later(node: StreamNode, _log: MemoryLog) -> None:
        clock: Any = node.clock
        clock.ahead = 61

    assert admitted_and_then(lambda _node, _log: None, secret="brief")
    assert not admitted_and_then(later, secret="brief")


def test_edge_node_is_looked_at_each_time() -> None:
    assert not admitted_and_then(lambda _node, _log: None, x_pennon_node="pop-7")


def test_fault_of_ours_is_left_to_the_endpoints_which_log_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("pennon.stream.evaluations.context_of", fail)
    assert at_once(ONE) == b""
