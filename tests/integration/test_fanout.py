"""Streams on real sockets: how their connections leave the server, what odd clients get, and what is left of them."""

import asyncio
import gc
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx2
import msgspec
import pytest
import uvloop

from pennon.cli import server
from pennon.model import Position, Segment
from pennon.protocol import DELTA, GOODBYE, SNAPSHOT
from pennon.stream import StreamSettings
from pennon.stream.subscribers import Subscriber
from tests.integration.nodes import (
    CLIENT,
    ENVIRONMENT,
    SERVER,
    RunningNode,
    boolean,
    eventually,
    key,
    listening,
    running,
)

LOOPS = [pytest.param(asyncio.new_event_loop, id="asyncio"), pytest.param(uvloop.new_event_loop, id="uvloop")]
WAYS = [pytest.param(True, id="wires"), pytest.param(False, id="transports")]
STREAM = b"GET /sdk/v1/stream?since=1.1 HTTP/1.1\r\nHost: x\r\nX-API-Key: %b\r\n\r\n" % SERVER.encode()


def connected(node: RunningNode, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", int(node.url.rsplit(":", 1)[1])), timeout=60)
    connection.sendall(sent)
    return connection


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    """Return what comes up to where *wanted* is in it; all of it, if that never comes."""
    read = b""
    while wanted not in read and (data := connection.recv(1 << 16)):
        read += data
    return read


def read_to_the_end(connection: socket.socket) -> bytes:
    read = b""
    while data := connection.recv(1 << 16):
        read += data
    return read


def streams(node: RunningNode) -> float:
    return node.value("pennon_streams", projection="server")


@pytest.fixture(params=WAYS, autouse=True)
def has_epoll(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways that the server has: where the kernel has no epoll, streams keep the event loop's transports."""
    monkeypatch.setattr(server, "IS_POSSIBLE", request.param)


@pytest.mark.parametrize("loop", LOOPS)
def test_stream_lives_on_either_event_loop_from_its_opening_to_the_goodbye(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    with running(boolean("a"), loop_factory=loop) as node, listening(node) as stream:
        assert stream.next().event == SNAPSHOT
        for number in range(5):
            node.write(boolean(f"b{number}"))
            assert stream.until(DELTA).id == f"1.{number + 2}"
        node.run(node.node.drain())
        assert stream.until(GOODBYE).retry_ms is not None
        assert stream.read_to_the_end() == []
        eventually(lambda: streams(node) == 0)


@pytest.mark.parametrize("loop", LOOPS)
def test_slow_reader_gets_a_large_snapshot_whole_and_then_one_delta(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    big = Segment(key="big", included=tuple(f"user-{number:07}" for number in range(300_000)), salt="s")
    with running(big, loop_factory=loop) as node:
        connection = connected(node, STREAM.replace(b"?since=1.1", b""))
        eventually(lambda: streams(node) == 1)
        eventually(lambda: node.node.fanout.stalled)
        assert node.node.admission.count == 1
        for number in range(20):
            node.write(boolean(f"f{number}"))
        eventually(lambda: node.node.environments[ENVIRONMENT].position == Position(1, 21))
        eventually(lambda: node.value("pennon_coalesced_total") == 1)
        read = read_until(connection, b'"f19"')
        assert read.count(b"event: snapshot") == 1
        assert read.count(b"event: delta") == 1
        assert b"user-0299999" in read
        eventually(lambda: node.node.admission.count == 0)
        connection.close()


@pytest.mark.parametrize("cut", [1, 10, len(b"GET /sdk/v1/stream"), 40, len(STREAM) - 1])
def test_request_that_comes_in_two_pieces_is_the_same_request(cut: int) -> None:
    with running(boolean("a")) as node:
        connection = connected(node, STREAM[:cut])
        assert streams(node) == 0
        connection.sendall(STREAM[cut:])
        assert b"event: heartbeat" in read_until(connection, b"\n\n\r\n")
        eventually(lambda: streams(node) == 1)
        connection.close()


def test_half_a_request_and_a_client_who_leaves_are_no_stream() -> None:
    with running(boolean("a")) as node:
        for cut in (5, 30, len(STREAM) - 2):
            connected(node, STREAM[:cut]).close()
        connected(node, STREAM).close()
        eventually(lambda: node.value("pennon_streams_ended_total", reason="left") == 1)
        assert streams(node) == 0
        assert not list(node.node.subscribers())


@pytest.mark.parametrize("follows", [b"GET /sdk/v1/environments HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00\xff" * 50_000])
def test_what_a_client_says_after_its_request_is_left_aside(follows: bytes) -> None:
    with running(boolean("a")) as node:
        connection = connected(node, STREAM + follows)
        read_until(connection, b"event: heartbeat")
        connection.sendall(follows)
        node.write(boolean("b"))
        assert b'"b"' in read_until(connection, b'"b"')
        assert streams(node) == 1
        connection.close()
        eventually(lambda: streams(node) == 0)


def test_stream_may_follow_another_request_on_its_connection() -> None:
    with running(boolean("a")) as node:
        first = b"GET /sdk/v1/environments HTTP/1.1\r\nHost: x\r\nX-API-Key: %b\r\n\r\n" % SERVER.encode()
        connection = connected(node, first)
        read_until(connection, b"revision")
        connection.sendall(STREAM)
        assert b"event: heartbeat" in read_until(connection, b"event: heartbeat")
        pipelined = connected(node, first + STREAM)
        read = read_until(pipelined, b"event: heartbeat")
        assert read.index(b"environments") < read.index(b"event: heartbeat")
        eventually(lambda: streams(node) == 2)
        connection.close()
        pipelined.close()
        eventually(lambda: streams(node) == 0)


def test_path_of_a_stream_may_be_percent_encoded() -> None:
    with running(boolean("a")) as node, listening(node, "/sdk/v1/%73tream") as stream:
        assert stream.next().event == SNAPSHOT


@pytest.mark.parametrize("secret", [SERVER, CLIENT])
def test_head_says_what_get_would(secret: str) -> None:
    path = "/sdk/v1/stream" if secret == SERVER else f"/ofrep/v1/stream?key={CLIENT}"
    with running(boolean("a")) as node, node.client(secret) as client:
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["x-pennon-revision"] == "1.1"
        assert client.head(path).headers["x-request-id"] != answer.headers["x-request-id"]
        with node.client(None) as stranger:
            refused = stranger.head("/sdk/v1/stream")
            assert (refused.status_code, refused.content) == (401, b"")


@pytest.mark.parametrize(
    ("path", "secret", "status", "header"),
    [
        pytest.param("/sdk/v1/stream", None, 401, "www-authenticate", id="no key"),
        pytest.param("/sdk/v1/stream", "unknown", 401, "www-authenticate", id="unknown key"),
        pytest.param("/sdk/v1/stream", CLIENT, 403, "content-type", id="wrong kind"),
        pytest.param("/sdk/v1/stream?environment=shop/other", SERVER, 403, "content-type", id="other environment"),
        pytest.param("/sdk/v1/stream?since=x", SERVER, 400, "content-type", id="no position"),
        pytest.param("/sdk/v1/stream?" + "a&" * 60, SERVER, 400, "content-type", id="no query"),
    ],
)
def test_refusal_is_a_problem_with_a_request_id(path: str, secret: str | None, status: int, header: str) -> None:
    with running(boolean("a")) as node, node.client(secret) as client:
        refused = client.get(path, headers={"x-request-id": "asked-1"})
        assert refused.status_code == refused.json()["status"] == status
        assert refused.headers["content-type"] == "application/problem+json"
        assert header in refused.headers
        assert refused.headers["x-request-id"] == "asked-1"
        assert refused.headers["x-content-type-options"] == "nosniff"
        assert refused.headers["x-pennon-node"]
        assert node.value("pennon_refused_total", status=str(status)) == 1
        assert streams(node) == 0


def test_opening_says_what_every_answer_says() -> None:
    with running(boolean("a")) as node, listening(node, headers={"x-request-id": "not sane!"}) as stream:
        headers = stream.response.headers
        assert headers["transfer-encoding"] == "chunked"
        assert headers["connection"] == "close"
        assert headers["x-pennon-revision"] == "1.1"
        assert float(headers["x-pennon-age"]) >= 0
        assert len(headers["x-request-id"]) == 16
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["date"]


def test_snapshots_beyond_those_on_their_way_are_told_when_to_come_back() -> None:
    big = Segment(key="big", included=tuple(f"user-{number:07}" for number in range(300_000)), salt="s")
    with running(big, settings=StreamSettings(poll_s=0.1, snapshots_at_once=1)) as node:
        first = connected(node, STREAM.replace(b"?since=1.1", b""))
        eventually(lambda: node.node.admission.count == 1)
        with node.client() as client:
            refused = client.get("/sdk/v1/stream")
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
        with listening(node, "/sdk/v1/stream?since=1.1") as resumed:
            resumed.next()
        first.close()
        eventually(lambda: node.node.admission.count == 0)
        with listening(node) as stream:
            assert stream.next().event == SNAPSHOT


def test_key_made_a_moment_ago_opens_a_stream_and_who_leaves_meanwhile_leaves_nothing() -> None:
    with running(boolean("a"), settings=StreamSettings(poll_s=30)) as node:

        async def write_unseen() -> None:
            node.log.write(ENVIRONMENT, key("new", "server"))

        node.run(write_unseen())
        request = STREAM.replace(SERVER.encode(), b"new")
        for _ in range(3):
            connected(node, request.replace(b"new", b"nobody")).close()
        connection = connected(node, request)
        assert b"event: delta" in read_until(connection, b"event: delta")
        eventually(lambda: streams(node) == 1)
        connection.close()
        eventually(lambda: streams(node) == 0)


def test_a_thousand_streams_have_no_task_and_leave_no_garbage() -> None:
    with running(boolean("a")) as node, ExitStack() as stack:

        async def census() -> tuple[int, int]:
            gc.collect()
            return len(asyncio.all_tasks()), sum(type(each) is Subscriber for each in gc.get_objects())

        tasks, before = node.run(census())
        connections = [stack.enter_context(connected(node, STREAM)) for _ in range(1000)]
        eventually(lambda: streams(node) == 1000)
        during, subscribers = node.run(census())
        assert during <= tasks + 1
        assert subscribers == before + 1000
        node.write(boolean("b"))
        for connection in connections:
            assert b'"b"' in read_until(connection, b'"b"')

        async def without_collecting() -> int:
            return sum(type(each) is Subscriber for each in gc.get_objects())

        gc.disable()
        try:
            for connection in connections:
                connection.close()
            eventually(lambda: streams(node) == 0)
            eventually(lambda: node.run(without_collecting()) == before)
        finally:
            gc.enable()


def test_change_of_a_critical_flag_reaches_all_though_another_broadcast_runs() -> None:
    with running(boolean("a"), boolean("kill", critical=True)) as node, ExitStack() as stack:
        opened = [stack.enter_context(connected(node, STREAM)) for _ in range(1200)]
        eventually(lambda: streams(node) == 1200)

        async def write_both() -> None:
            environment = node.node.environments[ENVIRONMENT]
            node.log.write(ENVIRONMENT, boolean("b"))
            await node.node._following._try_refresh(environment)
            node.log.write(ENVIRONMENT, boolean("kill", on=False, critical=True))
            await node.node._following._try_refresh(environment)

        node.run(write_both())
        for connection in opened:
            assert b'"kill"' in read_until(connection, b'"kill"')
        assert node.value("pennon_deliveries_total", event="delta") < 2 * 1200, "those not reached got both in one"


def test_requests_for_streams_are_counted_as_others_are() -> None:
    seen: list[tuple[Any, ...]] = []
    with running(boolean("a")) as node:
        front = node.app.state.streams._front
        front._observe = lambda *what, **how: seen.append((*what, how["status"]))
        with listening(node) as stream, node.client(None) as client:
            stream.next()
            client.get("/ofrep/v1/stream")
            client.head("/sdk/v1/stream")
    assert sorted(seen) == [("GET", "/ofrep/v1/", 401), ("GET", "/sdk/v1/", 200), ("HEAD", "/sdk/v1/", 401)]


def test_server_that_cannot_hand_connections_over_says_so() -> None:
    with running(boolean("a"), hands_over=False) as node, node.client() as client:
        refused = client.get("/sdk/v1/stream")
        assert (refused.status_code, refused.json()["status"]) == (501, 501)
        assert "pennon serve" in refused.json()["detail"]
        assert client.get("/sdk/v1/snapshot").status_code == 200


def test_draining_waits_for_a_slow_reader_and_not_for_ever() -> None:
    settings = StreamSettings(poll_s=0.1, drain_s=0.5)
    big = Segment(key="big", included=tuple(f"user-{number:07}" for number in range(300_000)), salt="s")
    with running(big, settings=settings) as node:
        slow = connected(node, STREAM.replace(b"?since=1.1", b""))
        eventually(lambda: node.node.fanout.stalled)
        with listening(node, "/sdk/v1/stream?since=1.1") as quick:
            quick.next()
            started = time.monotonic()
            node.run(node.node.drain())
            assert quick.until(GOODBYE).event == GOODBYE
        assert time.monotonic() - started >= 0.5
        eventually(lambda: streams(node) == 0)
        assert node.value("pennon_streams_ended_total", reason="drained") == 2
        slow.close()


def test_answers_on_one_connection_go_on_as_before() -> None:
    with running(boolean("a")) as node, httpx2.Client(headers={"x-api-key": SERVER}) as client:
        for _ in range(3):
            answer = client.get(f"{node.url}/sdk/v1/environments")
            assert msgspec.json.decode(answer.content)["environments"][0]["revision"] == 1
