"""How connections get in: whoever wants no stream is left to the server as it came, however it came."""

import contextlib
import os
import resource
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from pennon.cli import door, server, streaming
from pennon.stream import StreamSettings
from tests.integration.nodes import SERVER, RunningNode, boolean, eventually, running

ANSWERED = b"HTTP/1.1 200 OK"
STREAM = b"GET /sdk/v1/stream?since=1.1 HTTP/1.1\r\nHost: x\r\nX-API-Key: %b\r\n\r\n" % SERVER.encode()
LISTED = b"GET /sdk/v1/environments HTTP/1.1\r\nHost: x\r\nX-API-Key: %b\r\n\r\n" % SERVER.encode()


@pytest.fixture(params=["at the door", "by uvicorn"])
def node(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningNode]:
    """A node whose connections are let in either way: where the kernel has no epoll it is uvicorn's."""
    monkeypatch.setattr(server, "IS_POSSIBLE", request.param == "at the door")
    with running(boolean("a")) as node:
        yield node


def connected(node: RunningNode, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", int(node.url.rsplit(":", 1)[1])), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(sent)
    return connection


def read_until(connection: socket.socket, wanted: bytes, times: int = 1) -> bytes:
    """Return what comes up to where *wanted* is in it so often. Fails if the connection ends before."""
    read = b""
    while read.count(wanted) < times:
        data = connection.recv(1 << 16)
        assert data, f"it ended after {read!r}"
        read += data
    return read


def test_streams_and_requests_of_all_shapes_are_answered(node: RunningNode) -> None:
    with contextlib.ExitStack() as stack:
        # Nothing yet; a part of a line; a part of a head; a whole one; several at once; one that is long.
        silent, begun, half = (stack.enter_context(connected(node, LISTED[:size])) for size in (0, 2, 60))
        for _ in range(3):
            read_until(stack.enter_context(connected(node, STREAM)), b"event: heartbeat")
        whole = stack.enter_context(connected(node, LISTED))
        assert ANSWERED in read_until(whole, b"}]")
        whole.sendall(STREAM)
        read_until(whole, b"event: heartbeat")
        many = stack.enter_context(connected(node, LISTED * 3 + STREAM))
        assert read_until(many, b"event: heartbeat").count(ANSWERED) == 4
        padded = LISTED.replace(b"\r\n\r\n", b"\r\nX-Padding: %b\r\n\r\n" % (b"x" * 20_000))
        assert ANSWERED in read_until(stack.enter_context(connected(node, padded)), b"}]")
        for late, size in ((silent, 0), (begun, 2), (half, 60)):
            late.sendall(LISTED[size:])
            assert ANSWERED in read_until(late, b"}]")
        eventually(lambda: node.node.streams == 5)
    eventually(lambda: node.node.streams == 0)


def test_who_leaves_at_once_leaves_nothing(node: RunningNode) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for sent in (b"", b"GE", STREAM[:50], STREAM, LISTED, b"\0\r\n\r\n"):
        for _ in range(20):
            connected(node, sent).close()
    with connected(node, LISTED) as last:
        read_until(last, b"}]")
    eventually(lambda: node.node.streams == 0)
    eventually(lambda: len(os.listdir("/proc/self/fd")) <= before)


def test_stream_of_a_key_that_is_not_known_is_refused_in_words(node: RunningNode) -> None:
    with connected(node, STREAM.replace(SERVER.encode(), SERVER[:-1].encode() + b"x")) as refused:
        answer = read_until(refused, b"}")
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert refused.recv(100) == b""


def test_answers_do_not_wait_for_more_to_send(node: RunningNode) -> None:
    # Nagle's algorithm would hold back a second small event until the first is acknowledged.
    with connected(node, STREAM) as stream:
        read_until(stream, b"event: heartbeat")
        (subscriber,) = node.node.subscribers()
        shown = subscriber.transport.get_extra_info("socket")
        with socket.socket(fileno=os.dup(shown.fileno())) as same:
            assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def together(node: RunningNode, stack: contextlib.ExitStack, requests: Iterable[bytes]) -> list[socket.socket]:
    """Connect to a node that is held up, and ask on each connection, so that it finds all of it at once."""
    held, let_go = threading.Event(), threading.Event()

    async def hold() -> None:
        held.set()
        assert let_go.wait(60)

    holding = threading.Thread(target=lambda: node.run(hold()))
    holding.start()
    assert held.wait(60)
    try:
        return [stack.enter_context(connected(node, request)) for request in requests]
    finally:
        let_go.set()
        holding.join(60)


def test_those_who_come_together_and_ask_alike_are_answered_alike(node: RunningNode) -> None:
    other = STREAM.replace(b"Host: x", b"Host: y")
    with contextlib.ExitStack() as stack:
        comers = together(node, stack, [STREAM, LISTED, other, b"GE"] * 40)
        ids = set()
        for number, comer in enumerate(comers):
            if number % 4 == 3:
                comer.sendall(LISTED[2:])
            read = read_until(comer, b"event: heartbeat" if number % 2 == 0 else b"}]")
            assert read.startswith(ANSWERED)
            ids.add(read.lower().partition(b"x-request-id: ")[2].partition(b"\r\n")[0])
        assert node.node.streams == 80
        assert len(ids) == 160
        node.write(boolean("b"))
        for comer in comers[::2]:
            read_until(comer, b'"b"')
    eventually(lambda: node.node.streams == 0)
    assert node.value("pennon_streams_ended_total", reason="left") == 80


def test_no_more_are_taken_together_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_AT_ONCE", 1000)
    settings = StreamSettings(poll_s=0.1, max_streams=7)
    with running(boolean("a"), settings=settings) as node, contextlib.ExitStack() as stack:
        comers = together(node, stack, [STREAM] * 20)
        statuses = [read_until(comer, b"\r\n").split()[1] for comer in comers]
        assert statuses == [b"200"] * 7 + [b"503"] * 13
        assert node.node.streams == 7


def test_what_goes_wrong_with_one_of_many_ends_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(boolean("a")) as node, contextlib.ExitStack() as stack:
        usual = streaming.is_taken

        def failing(streams: object, data: bytes, *others: Any) -> bool:
            if b"Host: bad" in data:
                raise ValueError("no")
            return usual(streams, data, *others)

        monkeypatch.setattr(door, "is_taken", failing)
        bad = STREAM.replace(b"Host: x", b"Host: bad")
        comers = together(node, stack, [STREAM, bad, bad, LISTED])
        read_until(comers[0], b"event: heartbeat")
        read_until(comers[3], b"}]")
        assert [comer.recv(100) for comer in comers[1:3]] == [b"", b""]


def test_server_without_descriptors_waits_until_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_PAUSE_S", 0.05)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with running(boolean("a")) as node, contextlib.ExitStack() as stack:
        read_until(stack.enter_context(connected(node, STREAM)), b"event: heartbeat")
        comers = [stack.enter_context(socket.socket()) for _ in range(4)]
        used = [stack.enter_context(open(os.devnull)) for _ in range(8)]  # so that none lies below
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(file.fileno() for file in used) + 1, most[1]))
        try:
            for comer in comers:
                comer.settimeout(60)
                comer.connect(("127.0.0.1", int(node.url.rsplit(":", 1)[1])))
                comer.sendall(STREAM)
            comers[0].settimeout(0.3)
            with pytest.raises(TimeoutError):
                comers[0].recv(1)
            assert node.node.streams == 1
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, most)
        comers[0].settimeout(60)
        for comer in comers:
            read_until(comer, b"event: heartbeat")
        assert node.node.streams == 5
