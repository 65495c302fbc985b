"""The sync stream: what is sent when, on a real socket."""

import asyncio
import http.client
import socket
import time
from contextlib import ExitStack
from typing import Any

import httpx2
import msgspec
import pytest

from pennon.model import Position, Segment, Snapshot
from pennon.protocol import DELTA, GOODBYE, HEARTBEAT, SNAPSHOT, Adopted, Frame, Replica, sse
from pennon.stream import StreamSettings
from pennon.stream.framing import PIECE
from tests.integration.nodes import (
    CLIENT,
    EDGE,
    ENVIRONMENT,
    SERVER,
    MemoryLog,
    boolean,
    eventually,
    key,
    listening,
    running,
    secret_hash,
)


def body(frame: Frame) -> Any:
    return msgspec.json.decode(frame.data)


def test_stream_opens_with_a_retry_time_and_the_snapshot_then_sends_each_change() -> None:
    with running(boolean("checkout")) as node, listening(node) as stream:
        opening = stream.next()
        assert stream.raw.startswith(b"retry: 1000\n\n")
        assert (opening.event, opening.id) == (SNAPSHOT, "1.1")
        assert list(Snapshot.from_json(opening.data).flags) == ["checkout"]

        node.write(boolean("search"))
        delta = stream.next()
        assert (delta.event, delta.id) == (DELTA, "1.2")
        assert list(body(delta)["flags"]) == ["search"]
        assert delta.data.startswith(b'{"age":')


def test_stream_is_not_cached_or_buffered_on_the_way() -> None:
    with running() as node, listening(node) as stream:
        headers = stream.response.headers
        assert headers["content-type"] == "text/event-stream"
        assert "no-cache" in headers["cache-control"]
        assert headers["x-accel-buffering"] == "no"


@pytest.mark.parametrize(
    ("query", "headers"),
    [("?since=1.1", {}), ("", {"last-event-id": "1.1"}), ("?since=1.0", {"last-event-id": "1.1"})],
)
def test_stream_resumes_with_one_delta_for_all_that_was_missed(query: str, headers: dict[str, str]) -> None:
    with running() as node:
        for name in ("a", "b", "c"):
            node.write(boolean(name))
        eventually(lambda: node.node.environments[ENVIRONMENT].position == Position(1, 4))
        with listening(node, f"/sdk/v1/stream{query}", headers=headers) as stream:
            opening = stream.next()
            assert (opening.event, opening.id) == (DELTA, "1.4")
            assert sorted(body(opening)["flags"]) == ["a", "b", "c"]


def test_stream_of_a_client_that_is_current_opens_with_a_heartbeat() -> None:
    with running() as node, listening(node, headers={"last-event-id": "1.1"}) as stream:
        opening = stream.next()
        assert (opening.event, opening.id) == (HEARTBEAT, "1.1")


def test_event_id_of_another_server_is_left_aside_and_a_bad_since_is_refused() -> None:
    with running() as node:
        with listening(node, headers={"last-event-id": "hello"}) as stream:
            assert stream.next().event == SNAPSHOT
        with node.client() as client:
            refused = client.get("/sdk/v1/stream?since=hello")
            assert refused.status_code == 400
            assert "epoch.revision" in refused.json()["detail"]


def test_idle_stream_beats_and_edge_nodes_hear_it_more_often() -> None:
    settings = StreamSettings(poll_s=0.1, heartbeat_s=30, edge_heartbeat_s=0.05)
    with running(settings=settings) as node, listening(node, secret=EDGE) as edge:
        assert edge.next().event == SNAPSHOT
        for _ in range(3):
            beat = edge.next()
            assert beat.event == HEARTBEAT
            assert {"age", "epoch", "revision", "digest"} <= body(beat).keys()


def test_server_key_sees_no_keys_and_edge_key_sees_them() -> None:
    with running() as node:
        with listening(node) as stream:
            assert "keys" not in body(stream.next())
            node.write(key("new", "server"))
            assert body(stream.next()).keys() & {"keys", "flags"} == set(), "an empty delta: the revision moves on"
        with listening(node, secret=EDGE) as edge:
            assert secret_hash("new") in body(edge.next())["keys"]


def test_replica_that_follows_a_stream_ends_with_the_state_of_the_log() -> None:
    with running() as node, listening(node) as stream:
        replica = Replica()
        for number in range(30):
            if number % 7 == 3:
                node.write(delete=(("flag", f"f{number - 3}"),))
            else:
                node.write(boolean(f"f{number}"), Segment(key="beta", included=(f"u{number}",), salt="s"))
        while replica.position != Position(1, 31):
            for action in replica.receive(stream.next(), time.monotonic()):
                assert isinstance(action, Adopted), action
        assert replica.snapshot is not None
        state = node.log.state(ENVIRONMENT)
        assert replica.snapshot.flags.records == state.flags.records
        assert replica.snapshot.segments.records == state.segments.records


def test_restored_environment_reaches_open_streams_as_a_snapshot_of_the_new_epoch() -> None:
    with running(boolean("a")) as node, listening(node) as stream:
        stream.next()
        node.log.restore(ENVIRONMENT)
        node.bus.announce(ENVIRONMENT, Position(2, 1))
        opening = stream.next()
        assert (opening.event, opening.id) == (SNAPSHOT, "2.1")


def test_log_that_was_cut_is_loaded_anew_and_streams_lose_nothing() -> None:
    with running() as node, listening(node) as stream:
        stream.next()

        async def write_unseen() -> None:
            node.log.write(ENVIRONMENT, boolean("a"))
            node.log.write(ENVIRONMENT, boolean("b"))
            node.log.forget(ENVIRONMENT)

        node.run(write_unseen())
        frame = stream.next()
        assert frame.id == "1.3"
        assert set(body(frame)["flags"]) == {"a", "b"}


def test_change_that_no_bus_told_of_arrives_by_polling() -> None:
    with running() as node, listening(node) as stream:
        stream.next()

        async def write_unseen() -> None:
            node.log.write(ENVIRONMENT, boolean("a"))

        node.run(write_unseen())
        assert list(body(stream.next())["flags"]) == ["a"]


def test_revoked_key_ends_its_streams_and_no_others() -> None:
    other = key("pennon_server_b", "server")
    with running(other) as node, listening(node) as revoked, listening(node, secret="pennon_server_b") as kept:
        revoked.next()
        kept.next()
        node.write(key(SERVER, "server", revoked=True))
        revoked.read_to_the_end()
        eventually(lambda: node.value("pennon_streams_ended_total", reason="revoked") == 1)
        assert kept.until(DELTA).id == "1.2"  # of keys a server key is told nothing but that there was a change
        node.write(boolean("a"))
        assert kept.until(DELTA).id == "1.3"
        with node.client() as client:
            assert client.get("/sdk/v1/stream").status_code == 401


def test_key_whose_time_is_over_ends_its_stream() -> None:
    with running() as node:
        node.write(key("short", "server", not_after=int(time.time()) + 4))
        eventually(lambda: node.node.environments[ENVIRONMENT].position == Position(1, 2))
        with listening(node, secret="short") as stream:
            stream.read_to_the_end()
        eventually(lambda: node.value("pennon_streams_ended_total", reason="revoked") == 1)


def test_removed_environment_ends_its_streams() -> None:
    with running() as node, listening(node) as stream:
        stream.next()
        node.log.remove(ENVIRONMENT)
        stream.read_to_the_end()
        eventually(lambda: node.value("pennon_streams_ended_total", reason="removed") == 1)
        with node.client() as client:
            assert client.get("/sdk/v1/snapshot").status_code == 401


def test_draining_says_goodbye_with_spread_out_times_and_refuses_new_streams() -> None:
    with running() as node, ExitStack() as stack:
        streams = [stack.enter_context(listening(node)) for _ in range(8)]
        for stream in streams:
            stream.next()
        node.run(node.node.drain())
        retries = set()
        for stream in streams:
            goodbye = stream.until(GOODBYE)
            assert body(goodbye)["retryMs"] == goodbye.retry_ms
            retries.add(goodbye.retry_ms)
            assert stream.read_to_the_end() == []
        assert len(retries) > 4
        assert all(retry is not None and 0 <= retry <= 5000 for retry in retries)
        assert not node.node.is_ready
        with node.client() as client:
            refused = client.get("/sdk/v1/stream")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert client.get("/sdk/v1/snapshot").status_code == 200


def test_streams_beyond_the_number_to_hold_are_refused() -> None:
    with running(settings=StreamSettings(max_streams=1)) as node, listening(node) as stream:
        stream.next()
        with node.client() as client:
            assert client.get("/sdk/v1/stream").status_code == 503
        node.write(boolean("a"))
        assert stream.next().event == DELTA


def test_client_key_may_not_stream_and_is_told_which_may() -> None:
    with running() as node, node.client(CLIENT) as client:
        refused = client.get("/sdk/v1/stream")
        assert refused.status_code == 403
        assert "server" in refused.json()["detail"]


def test_two_hundred_streams_that_are_cut_leave_nothing_behind() -> None:
    with running(boolean("a")) as node:
        port = int(node.url.rsplit(":", 1)[1])
        request = b"GET /sdk/v1/stream HTTP/1.1\r\nHost: x\r\nX-API-Key: %b\r\n\r\n" % SERVER.encode()
        tasks_before = node.run(count_tasks())
        sockets = []
        for _ in range(200):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.sendall(request)
            sockets.append(connection)
        eventually(lambda: node.value("pennon_streams", projection="server") == 200)
        for number, connection in enumerate(sockets):
            if number % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not an end
            connection.close()
        eventually(lambda: node.value("pennon_streams", projection="server") == 0)
        node.write(boolean("b"))
        eventually(lambda: node.run(count_tasks()) <= tasks_before)
        assert not list(node.node.subscribers())


async def count_tasks() -> int:
    return len(asyncio.all_tasks())


def big(name: str) -> Segment:
    return Segment(key=name, included=tuple(f"user-{number:06}-{name}" for number in range(4000)), salt="s")


def test_reader_that_stops_reading_costs_bounded_memory_and_gets_one_delta_when_it_reads_again() -> None:
    settings = StreamSettings(poll_s=5)
    with running(settings=settings) as node, slow_reader(node) as connection:
        eventually(lambda: node.value("pennon_streams", projection="server") == 1)
        for number in range(60):
            node.write(big("s"), boolean(f"f{number}"))
        eventually(lambda: node.node.environments[ENVIRONMENT].position == Position(1, 61))
        eventually(lambda: node.value("pennon_coalesced_total") >= 1)
        (stream,) = node.node.subscribers()
        assert stream.transport.get_write_buffer_size() <= PIECE
        replica = read_until(connection, Position(1, 61))
        assert replica.snapshot is not None
        assert replica.snapshot.flags.records == node.log.state(ENVIRONMENT).flags.records
        assert node.value("pennon_deliveries_total", event="delta") < 60


def test_reader_that_never_reads_again_is_closed_and_counted() -> None:
    settings = StreamSettings(poll_s=5, stuck_s=0.5)
    with running(settings=settings) as node, slow_reader(node):
        eventually(lambda: node.value("pennon_streams", projection="server") == 1)
        for _ in range(60):
            node.write(big("s"))
        eventually(lambda: node.value("pennon_streams_ended_total", reason="stuck") == 1)
        eventually(lambda: node.value("pennon_streams", projection="server") == 0)
        with listening(node) as stream:
            assert stream.next().event == SNAPSHOT


@pytest.mark.parametrize("cut", [0, 30], ids=["whole", "in two pieces"])
def test_client_of_http_1_0_is_sent_frames_without_chunks_until_the_connection_ends(cut: int) -> None:
    with running(big("s"), boolean("a")) as node:
        request = b"GET /sdk/v1/stream HTTP/1.0\r\nX-API-Key: %b\r\n\r\n" % SERVER.encode()
        with socket.create_connection(("127.0.0.1", int(node.url.rsplit(":", 1)[1])), timeout=60) as connection:
            for piece in filter(None, (request[:cut], request[cut:])):
                connection.sendall(piece)
            eventually(lambda: node.value("pennon_streams", projection="server") == 1)
            node.write(big("s"), boolean("b"))
            eventually(lambda: node.value("pennon_deliveries_total", event="delta") == 1)
            node.run(node.node.drain())
            answer = b"".join(iter(lambda: connection.recv(PIECE), b""))
    head, _, sent = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"content-length" not in head.lower()
    frames = sse.Decoder().feed(sent)
    assert [frame.event for frame in frames] == [SNAPSHOT, DELTA, GOODBYE]
    replica = Replica()
    for frame in frames[:2]:
        assert [type(action) for action in replica.receive(frame, 0.0)] == [Adopted]
    assert replica.position == Position(1, 2)


def slow_reader(node: Any) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", int(node.url.rsplit(":", 1)[1])))
    connection.sendall(b"GET /sdk/v1/stream HTTP/1.1\r\nHost: x\r\nX-API-Key: %b\r\n\r\n" % SERVER.encode())
    return connection


def read_until(connection: socket.socket, position: Position) -> Replica:
    """Read a stream until a replica that follows it stands at *position*."""
    connection.settimeout(60)
    response = http.client.HTTPResponse(connection)
    response.begin()
    decoder, replica = sse.Decoder(), Replica()
    while replica.position != position:
        for frame in decoder.feed(response.read1()):
            replica.receive(frame, time.monotonic())
    return replica


def test_environment_that_cannot_be_loaded_keeps_no_other_from_serving() -> None:
    log = MemoryLog()
    log.write("shop/staging", key("staging", "server"))
    log.fail = {"shop/staging"}
    with running(log=log) as node, node.client() as client, node.client("staging") as staging:
        assert client.get("/sdk/v1/snapshot").status_code == 200
        waiting = staging.get("/sdk/v1/snapshot")
        assert waiting.status_code == 503, "its key is not known yet, which is not the same as wrong"
        assert waiting.headers["retry-after"]
        assert node.node.is_ready
        log.fail = set()
        eventually(lambda: staging.get("/sdk/v1/snapshot").status_code == 200)
        with node.client("unknown") as unknown:
            assert unknown.get("/sdk/v1/snapshot").status_code == 401


def test_node_starts_without_its_log_and_serves_when_it_is_there() -> None:
    log = MemoryLog()
    log.fail = {"environments"}
    with running(log=log) as node, node.client() as client:
        assert not node.node.is_ready
        assert client.get("/sdk/v1/snapshot").status_code == 503
        log.fail = set()
        eventually(lambda: client.get("/sdk/v1/snapshot").status_code == 200)
        assert node.node.is_ready


def test_node_whose_log_died_goes_on_with_what_it_has_and_says_how_old_that_is() -> None:
    with running(boolean("a")) as node, node.client() as client:
        node.log.fail = {"environments", ENVIRONMENT}
        eventually(lambda: node.value("pennon_follow_failures_total", environment=ENVIRONMENT) >= 2)
        eventually(lambda: float(client.get("/sdk/v1/snapshot").headers["x-pennon-age"]) > 0.3)
        with listening(node) as stream:
            assert body(stream.next())["age"] > 0.3
            node.log.fail = set()
            node.write(boolean("b"))
            assert list(body(stream.until(DELTA))["flags"]) == ["b"]
        eventually(lambda: float(client.get("/sdk/v1/snapshot").headers["x-pennon-age"]) < 0.3)


def test_age_of_the_source_is_passed_on() -> None:
    log = MemoryLog()
    log.source_age = 7.0
    with running(log=log) as node, listening(node) as stream:
        assert body(stream.next())["age"] >= 7.0


def test_new_environment_is_served_without_a_restart() -> None:
    with running() as node, node.client("second") as client:
        assert client.get("/sdk/v1/snapshot").status_code == 401
        node.write(key("second", "server"), boolean("x"), environment="shop/second")
        eventually(lambda: client.get("/sdk/v1/snapshot").status_code == 200)
        assert list(Snapshot.from_json(client.get("/sdk/v1/snapshot").content).flags) == ["x"]


def test_key_made_a_moment_ago_opens_its_environment_at_once() -> None:
    with running() as node:
        made = key("pennon_server_new", "server")

        async def write_unannounced() -> None:
            node.log.write("shop/staging", made, boolean("checkout"))

        node.run(write_unannounced())
        answer = httpx2.get(f"{node.url}/sdk/v1/snapshot", headers={"authorization": "Bearer pennon_server_new"})
        assert answer.status_code == 200
        assert list(Snapshot.from_json(answer.content).flags) == ["checkout"]
        assert httpx2.get(f"{node.url}/sdk/v1/snapshot", headers={"authorization": "Bearer other"}).status_code == 401
