"""Evaluations on one connection, however their bytes are cut and whatever comes between them: each gets its answer."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pennon.stream import Endpoints
from tests.integration.nodes import SERVER, RunningNode, boolean, running

BODY = b'{"context":{"targetingKey":"u1"}}'


def post(flag: str, body: bytes = BODY, *headers: str) -> bytes:
    lines = [
        f"POST /ofrep/v1/evaluate/flags/{flag} HTTP/1.1",
        "Host: x",
        f"X-API-Key: {SERVER}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Wire:
    """A connection, answers read one by one."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._left = b""

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        while b"\r\n\r\n" not in self._left:
            self._read()
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._left) < length:
            self._read()
        body, self._left = self._left[:length], self._left[length:]
        return int(status.split()[1]), headers, body

    def key(self) -> str:
        status, _, body = self.answer()
        assert status == 200
        return str(json.loads(body)["key"])

    def is_at_its_end(self) -> bool:
        return self._left == b"" and self._connection.recv(1) == b""

    def _read(self) -> None:
        piece = self._connection.recv(65536)
        assert piece, f"the connection ended with {self._left!r}"
        self._left += piece


@contextmanager
def connected(node: RunningNode) -> Iterator[Wire]:
    host, _, port = node.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        yield Wire(connection)


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    with running(boolean("a"), boolean("b")) as started:
        yield started


def test_requests_one_after_the_other_get_their_own_answers(node: RunningNode) -> None:
    with connected(node) as wire:
        for flag in "abab":
            wire.send(post(flag))
            assert wire.key() == flag


def test_the_same_head_with_another_context_is_evaluated_anew(node: RunningNode) -> None:
    with connected(node) as wire:
        for user in ("u1", "u2", "u1"):
            wire.send(post("a", b'{"context":{"targetingKey":"%b"}}' % user.encode()))
            assert wire.key() == "a"
        wire.send(post("a", b'{"context":"a text in its place"}'))
        assert wire.answer()[0] == 400
        wire.send(post("a"))
        assert wire.key() == "a"


def test_requests_in_one_piece_are_answered_in_their_order(node: RunningNode) -> None:
    with connected(node) as wire:
        wire.send(post("a"))
        assert wire.key() == "a"
        wire.send(post("a") + post("b") + post("gone") + post("a"))
        assert [wire.answer()[0] for _ in range(4)] == [200, 200, 404, 200]
        wire.send(post("b"))
        assert wire.key() == "b"


@pytest.mark.parametrize("cut", [1, 10, 40, 120, -1])
def test_request_in_two_pieces_is_answered_and_so_is_the_next(node: RunningNode, cut: int) -> None:
    whole = post("a")
    with connected(node) as wire:
        wire.send(whole[:cut])
        wire.send(whole[cut:])
        assert wire.key() == "a"
        wire.send(post("b"))
        assert wire.key() == "b"


def test_pieces_that_look_like_requests_within_a_body_are_a_body(node: RunningNode) -> None:
    inner = post("b")
    body = b'{"context":{"targetingKey":"u1","note":"' + inner.replace(b"\r\n", b"  ").replace(b'"', b"'") + b'"}}'
    at = body.index(b"POST /ofrep")
    with connected(node) as wire:
        whole = post("a", body)
        wire.send(whole[: len(whole) - len(body) + at])
        wire.send(body[at:])
        assert wire.key() == "a"


def test_chunked_body_is_read(node: RunningNode) -> None:
    head = post("a").partition(b"\r\n\r\n")[0].replace(b"Content-Length: 33", b"Transfer-Encoding: chunked")
    with connected(node) as wire:
        wire.send(head + b"\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
        assert wire.key() == "a"


def test_connection_that_is_to_end_ends_after_its_answer(node: RunningNode) -> None:
    with connected(node) as wire:
        wire.send(post("a"))
        assert wire.key() == "a"
        wire.send(post("b", BODY, "Connection: close"))
        status, headers, _ = wire.answer()
        assert (status, headers["connection"]) == (200, "close")
        assert wire.is_at_its_end()


def test_other_requests_come_between(node: RunningNode) -> None:
    get = f"GET /sdk/v1/snapshot HTTP/1.1\r\nHost: x\r\nX-API-Key: {SERVER}\r\n\r\n".encode()
    with connected(node) as wire:
        for _ in range(2):
            wire.send(post("a"))
            assert wire.key() == "a"
            wire.send(get)
            assert wire.answer()[0] == 200


def test_usual_evaluation_never_reaches_the_application(node: RunningNode, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise AssertionError("the application was called")

    monkeypatch.setattr(Endpoints, "__call__", fail)
    with connected(node) as wire:
        wire.send(post("a", BODY, "X-Request-ID: mine"))
        status, headers, _ = wire.answer()
    assert status == 200
    assert (headers["x-request-id"], headers["x-content-type-options"]) == ("mine", "nosniff")
    assert (headers["x-pennon-node"], headers["x-pennon-revision"]) == ("origin", "1.1")
    assert "date" in headers
