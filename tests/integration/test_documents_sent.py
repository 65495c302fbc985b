"""Large documents on real sockets: sent by the kernel, to slow readers too, and whatever else is asked beside them."""

import random
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pennon.cli import sending
from pennon.model import Flag, Position, Serve, Snapshot, Variation
from pennon.stream import Endpoints, StreamSettings
from pennon.stream.codings import Coding
from tests.integration.nodes import ENVIRONMENT, SERVER, RunningNode, eventually, key, running
from tests.integration.test_ofrep_at_once import Wire, connected, post
from tests.unit.stream.test_codings import unpacked

CHANCE = random.Random(4)


def large(name: str) -> Flag:
    variations = (Variation("a", CHANCE.randbytes(20_000).hex()), Variation("b", ""))
    return Flag(key=name, kind="string", on=True, variations=variations, fallthrough=Serve(variation="a"))


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    with running(*(large(f"flag-{number}") for number in range(150))) as started:
        yield started


def get(*headers: str, coding: str = "gzip") -> bytes:
    lines = ["GET /sdk/v1/snapshot HTTP/1.1", "Host: x", f"X-API-Key: {SERVER}", f"Accept-Encoding: {coding}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def is_whole(body: bytes, coding: Coding = "gzip") -> bool:
    return len(Snapshot.from_json(unpacked(body, coding)).flags) == 150


def slow(node: RunningNode, is_first: bool = True) -> socket.socket:  # one of two ways
    """Ask for the snapshot, and take next to nothing of it. *is_first*: nothing else was asked before."""
    host, _, port = node.url.removeprefix("http://").partition(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(60)
    connection.connect((host, int(port)))
    if not is_first:
        wire = Wire(connection)
        wire.send(post("flag-1", b'{"context":{}}'))
        assert wire.key() == "flag-1"
    connection.sendall(get())
    return connection


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_document_that_is_packed_is_the_same_for_who_came_first_and_later(node: RunningNode, coding: Coding) -> None:
    with connected(node) as wire:
        wire.send(get(coding=coding))
        first = wire.answer()
        wire.send(get(coding=coding))
        second = wire.answer()
    assert (first[0], second[0]) == (200, 200)
    assert first[2] == second[2]
    assert is_whole(first[2], coding)
    assert first[1].keys() == second[1].keys()
    for name in first[1].keys() - {"date", "x-request-id", "x-pennon-age"}:
        assert first[1][name] == second[1][name], name


def pack(node: RunningNode) -> RunningNode:
    with connected(node) as wire:
        wire.send(get())
        assert wire.answer()[0] == 200
    eventually(lambda: node.node.admission.count == 0)
    return node


@pytest.fixture
def packed(node: RunningNode) -> RunningNode:
    """The node, whose snapshot is packed."""
    return pack(node)


def test_packed_document_never_reaches_the_application(packed: RunningNode, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise AssertionError("the application was called")

    monkeypatch.setattr(Endpoints, "__call__", fail)
    with connected(packed) as wire:
        wire.send(get("X-Request-ID: mine"))
        status, headers, body = wire.answer()
    assert (status, headers["x-request-id"], headers["content-encoding"]) == (200, "mine", "gzip")
    assert is_whole(body)


@pytest.mark.parametrize("is_first", [True, False], ids=["at once", "after another answer"])
def test_slow_reader_gets_all_of_it_and_holds_its_leave_until_then(packed: RunningNode, *, is_first: bool) -> None:
    with slow(packed, is_first) as connection:
        eventually(lambda: packed.node.admission.count == 1)
        wire = Wire(connection)
        status, _, body = wire.answer()
        assert status == 200
        assert is_whole(body)
        eventually(lambda: packed.node.admission.count == 0)
        wire.send(post("flag-1", b'{"context":{}}'))
        assert wire.key() == "flag-1", "the connection goes on"


def test_document_is_no_idle_connection_however_long_it_takes(packed: RunningNode) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        host, _, port = packed.url.removeprefix("http://").partition(":")
        connection.connect((host, int(port)))
        wire = Wire(connection)
        wire.send(post("flag-1", b'{"context":{}}'))
        assert wire.key() == "flag-1"
        connections: set[Any] = set(packed._server.server_state.connections)
        (server_side,) = [
            each for each in connections if each.transport.get_extra_info("peername")[1] == connection.getsockname()[1]
        ]
        eventually(lambda: server_side.timeout_keep_alive_task is not None)
        wire.send(get())
        eventually(lambda: packed.node.admission.count == 1)
        assert server_side.timeout_keep_alive_task is None
        assert is_whole(wire.answer()[2])
        eventually(lambda: server_side.timeout_keep_alive_task is not None)


def test_reader_who_leaves_in_the_middle_gives_its_leave_back(packed: RunningNode) -> None:
    with slow(packed):
        eventually(lambda: packed.node.admission.count == 1)
    eventually(lambda: packed.node.admission.count == 0)


@pytest.mark.parametrize("is_first", [True, False], ids=["at once", "after another answer"])
def test_reader_who_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch, *, is_first: bool) -> None:
    # A connection on which something else was asked before is uvicorn's. All who are stuck share one timer, so a node
    # that has not waited for anybody yet.
    monkeypatch.setattr(sending, "STUCK_S", 0.1)
    with running(*(large(f"flag-{number}") for number in range(150))) as node, slow(pack(node), is_first) as connection:
        eventually(lambda: node.node.admission.count == 1)
        eventually(lambda: node.node.admission.count == 0)
        with pytest.raises((AssertionError, ConnectionError)):
            Wire(connection).answer()


def test_requests_in_one_piece_are_all_answered(packed: RunningNode) -> None:
    with connected(packed) as wire:
        wire.send(get() + get("If-None-Match: *") + post("flag-1", b'{"context":{}}'))
        assert is_whole(wire.answer()[2])
        assert wire.answer()[0] == 304
        assert wire.key() == "flag-1"
        wire.send(get())
        assert is_whole(wire.answer()[2])


def test_what_is_asked_while_a_document_is_sent_is_answered_after_it(packed: RunningNode) -> None:
    with slow(packed) as connection:
        eventually(lambda: packed.node.admission.count == 1)
        connection.sendall(post("flag-1", b'{"context":{}}'))
        wire = Wire(connection)
        assert is_whole(wire.answer()[2])
        assert wire.key() == "flag-1"


def test_herd_that_says_the_same_gets_the_same_but_for_the_ids_of_its_requests(packed: RunningNode) -> None:
    heads = []
    for _ in range(3):
        with connected(packed) as wire:
            for _ in range(3):
                wire.send(get())
                status, headers, body = wire.answer()
                assert (status, is_whole(body)) == (200, True)
                heads.append(headers)
    assert len({each.pop("x-request-id") for each in heads}) == 9
    for each in heads:
        del each["date"], each["x-pennon-age"]
        assert each == heads[0]
    assert packed.value("pennon_streams", projection="server") == 0


def test_what_was_said_a_moment_ago_is_not_said_after_a_change_or_to_a_key_that_is_gone() -> None:
    flags = [large(f"flag-{number}") for number in range(150)]
    with running(*flags, key("other", "server")) as node, connected(node) as wire:
        other = get().replace(SERVER.encode(), b"other")

        def ask() -> tuple[int, str]:
            wire.send(other)
            status, headers, _ = wire.answer()
            return status, headers.get("x-pennon-revision", "")

        eventually(lambda: ask() == (200, "1.1"))
        node.write(large("flag-0"))
        eventually(lambda: ask() == (200, "1.2"))
        # Both are fresh for as long as a request takes: who asks right after the change is told of it.
        ask()
        node.write(key("other", "server", revoked=True))
        eventually(lambda: node.node.environments[ENVIRONMENT].position == Position(1, 3))
        assert ask()[0] == 401


def test_connection_that_is_to_end_ends_after_the_document(packed: RunningNode) -> None:
    with connected(packed) as wire:
        wire.send(get("Connection: close"))
        _, headers, body = wire.answer()
        assert headers["connection"] == "close"
        assert is_whole(body)
        assert wire.is_at_its_end()


def test_head_of_a_document_has_its_length_and_no_body(packed: RunningNode) -> None:
    with packed.client() as client:
        head = client.head("/sdk/v1/snapshot", headers={"accept-encoding": "gzip"})
        assert int(head.headers["content-length"]) > 1_000_000
        assert head.content == b""


def test_server_that_stops_lets_a_document_be_read_to_its_end() -> None:
    settings = StreamSettings(poll_s=0.1, drain_s=1)
    with running(*(large(f"flag-{number}") for number in range(150)), settings=settings) as node:
        with connected(node) as wire:
            wire.send(get())
            assert wire.answer()[0] == 200
        with slow(node) as connection:
            eventually(lambda: node.node.admission.count == 1)
            stopping = threading.Thread(target=node.stop)
            stopping.start()
            eventually(lambda: node._server.should_exit)
            assert is_whole(Wire(connection).answer()[2])
        stopping.join(60)
        assert not stopping.is_alive()
