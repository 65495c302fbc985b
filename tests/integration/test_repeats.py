"""Requests for streams that are word for word those of others: answered without being read again, and never wrongly."""

import socket
import time
from collections.abc import Iterable
from contextlib import ExitStack

import pytest
import structlog

from pennon.model import Segment
from pennon.stream import StreamSettings, endpoints, http, intake, repeats, streams
from tests.integration.nodes import EDGE, ENVIRONMENT, SERVER, RunningNode, boolean, eventually, key, running

KEY = b"X-API-Key: %b\r\n" % SERVER.encode()
STREAM = b"GET /sdk/v1/stream?since=1.1 HTTP/1.1\r\nHost: x\r\n" + KEY + b"\r\n"


class Later:
    """A clock that is ahead by 2000 seconds."""

    def time(self) -> float:
        return time.time() + 2000

    def monotonic(self) -> float:
        return time.monotonic()


def asked(node: RunningNode, stack: ExitStack, request: bytes, until: bytes = b"\n\n\r\n") -> tuple[bytes, bytes]:
    """Return the head of the answer, and what follows it up to *until*."""
    address = ("127.0.0.1", int(node.url.rsplit(":", 1)[1]))
    connection = stack.enter_context(socket.create_connection(address, timeout=60))
    connection.sendall(request)
    read = b""
    while until not in read.partition(b"\r\n\r\n")[2] and (data := connection.recv(1 << 16)):
        read += data
    head, _, rest = read.partition(b"\r\n\r\n")
    return head, rest


def lines(head: bytes) -> dict[bytes, bytes]:
    status, *others = head.split(b"\r\n")
    found = dict(line.split(b": ", 1) for line in others)
    assert len(found) == len(others)
    return {b"status": status, **found}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the requests asked for that were read; those that were known are not among them."""
    found: list[bytes] = []

    class Watched(endpoints.Exchange):
        def __init__(self, node: object, request: object) -> None:
            found.append(request.path.encode())  # type: ignore[attr-defined]
            super().__init__(node, request)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "Exchange", Watched)
    return found


def test_each_of_a_herd_is_answered_as_the_first_was_with_an_id_of_its_own(read: list[bytes]) -> None:
    with running(boolean("a")) as node, ExitStack() as stack:
        answers = [asked(node, stack, STREAM, b"event: heartbeat") for _ in range(50)]
        assert read == [b"/sdk/v1/stream"]
        heads = [lines(head) for head, _ in answers]
        assert len({head.pop(b"x-request-id") for head in heads}) == 50
        for head in heads:
            assert float(head.pop(b"x-pennon-age")) < 20
            assert head.pop(b"date")
        assert all(head == heads[0] for head in heads)
        eventually(lambda: node.value("pennon_streams", projection="server") == 50)
        node.write(boolean("b"))
        assert b'"b"' in asked(node, stack, STREAM, b'"b"')[1]
        assert len(read) == 1


def test_head_with_another_key_or_another_place_is_read(read: list[bytes]) -> None:
    with running(boolean("a")) as node, ExitStack() as stack:
        asked(node, stack, STREAM)
        for at, other in ((KEY, KEY.replace(SERVER.encode(), SERVER.encode() + b"b")), (KEY, b"")):
            assert lines(asked(node, stack, STREAM.replace(at, other))[0])[b"status"].endswith(b" 401 Unauthorized")
        assert b"event: snapshot" in asked(node, stack, STREAM.replace(b"?since=1.1", b""), b'"a"')[1]
        assert lines(asked(node, stack, STREAM + STREAM)[0])[b"status"].endswith(b" 200 OK")
        assert len(read) == 6  # one of them twice: a key that is not known is looked for in the log


def test_key_that_is_revoked_opens_nothing_that_it_opened_before(read: list[bytes]) -> None:
    with running(boolean("a")) as node, ExitStack() as stack:
        asked(node, stack, STREAM)
        asked(node, stack, STREAM)
        assert len(read) == 1
        node.write(key(SERVER, "server", revoked=True))
        eventually(lambda: node.value("pennon_streams_ended_total", reason="revoked") == 2)
        assert lines(asked(node, stack, STREAM)[0])[b"status"].endswith(b" 401 Unauthorized")


def test_key_whose_time_is_over_opens_nothing_that_it_opened_before() -> None:
    with running(boolean("a")) as node, ExitStack() as stack:
        node.write(key("brief", "server", not_after=int(time.time()) + 1000))
        brief = STREAM.replace(SERVER.encode(), b"brief")
        asked(node, stack, brief)
        asked(node, stack, brief)
        node.node.clock = Later()
        assert lines(asked(node, stack, brief)[0])[b"status"].endswith(b" 401 Unauthorized")


def test_environment_that_is_gone_is_not_served_to_who_had_it() -> None:
    with running(boolean("a")) as node, ExitStack() as stack:
        asked(node, stack, STREAM)
        node.log.remove(ENVIRONMENT)
        eventually(lambda: ENVIRONMENT not in node.node.environments)
        assert not lines(asked(node, stack, STREAM)[0])[b"status"].endswith(b" 200 OK")


def test_no_more_streams_are_opened_than_the_node_may_hold() -> None:
    with running(boolean("a"), settings=StreamSettings(poll_s=0.1, max_streams=3)) as node, ExitStack() as stack:
        statuses = [lines(asked(node, stack, STREAM)[0])[b"status"] for _ in range(5)]
        assert [status.split()[1] for status in statuses] == [b"200"] * 3 + [b"503"] * 2


def test_snapshots_beyond_those_on_their_way_are_refused_to_who_repeats_too(read: list[bytes]) -> None:
    big = Segment(key="big", included=tuple(f"user-{number:07}" for number in range(300_000)), salt="s")
    with running(big, settings=StreamSettings(poll_s=0.1, snapshots_at_once=1)) as node, ExitStack() as stack:
        whole = STREAM.replace(b"?since=1.1", b"")
        asked(node, stack, whole, b"user-")
        assert node.node.admission.count == 1
        refused = lines(asked(node, stack, whole)[0])
        assert refused[b"status"].startswith(b"HTTP/1.1 503 ")
        assert int(refused[b"retry-after"]) >= 1
        assert node.node.admission.count == 1
        assert len(read) == 2


def test_failure_in_opening_one_again_is_logged_and_closes_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(boolean("a")) as node, ExitStack() as stack, structlog.testing.capture_logs() as logs:
        asked(node, stack, STREAM)
        with monkeypatch.context() as broken:
            broken.setattr(streams, "Subscriber", None)
            assert asked(node, stack, STREAM) == (b"", b"")
        assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["a stream cannot be opened"]
        assert lines(asked(node, stack, STREAM)[0])[b"status"].endswith(b" 200 OK")


def test_whoever_names_its_request_gets_that_name_back(read: list[bytes]) -> None:
    with running(boolean("a")) as node, ExitStack() as stack:
        for name, shown in (
            (b"mine-1", b"mine-1"),
            (b"mine-2", b"mine-2"),
            (b"mine-1", b"mine-1"),
            (b"not sane!", None),
        ):
            named = STREAM.replace(KEY, KEY + b"X-Request-Id: %b\r\n" % name)
            found = lines(asked(node, stack, named)[0])[b"x-request-id"]
            assert found == shown if shown else len(found) == 16
        assert len(read) == 1


def test_those_behind_a_proxy_differ_in_what_is_not_read(read: list[bytes]) -> None:
    with running(boolean("a")) as node, ExitStack() as stack:
        for number in range(20):
            told = b"X-Forwarded-For: 10.0.0.%d\r\nTraceParent: 00-%d\r\n" % (number, number)
            assert lines(asked(node, stack, STREAM.replace(KEY, told + KEY))[0])[b"status"].endswith(b" 200 OK")
        assert len(read) == 1


@pytest.mark.parametrize(
    ("told", "event"),
    [(b"Last-Event-ID: 1.0\r\n", b"snapshot"), (b"Last-Event-ID: 1.1\r\n", b"heartbeat"), (b"", b"heartbeat")],
)
def test_what_is_read_decides(told: bytes, event: bytes) -> None:
    with running(boolean("a")) as node, ExitStack() as stack:
        node.log.forget(ENVIRONMENT)
        for _ in range(2):  # in either order
            asked(node, stack, STREAM)
            assert b"event: " + event in asked(node, stack, STREAM.replace(KEY, KEY + told), b"event: ")[1]


def test_nodes_below_are_each_asked_where_they_come_from(read: list[bytes]) -> None:
    with running(boolean("a")) as node, ExitStack() as stack:
        below = STREAM.replace(KEY, KEY.replace(SERVER.encode(), EDGE.encode()) + b"X-Pennon-Node: pop-1\r\n")
        assert b"x-pennon-path" in lines(asked(node, stack, below)[0])
        node.node.path = ("origin", "pop-1")
        assert lines(asked(node, stack, below)[0])[b"status"].startswith(b"HTTP/1.1 508 ")
        assert len(read) == 2


def test_nothing_else_is_read_of_a_request_for_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    names: set[bytes] = set()

    class Watched(http.RequestHeaders):
        __slots__ = ()

        def __init__(self, lines: Iterable[tuple[bytes, bytes]]) -> None:
            super().__init__(lines)
            line = self.line

            def noted(name: bytes) -> bytes | None:
                names.add(name)
                return line(name)

            self.line = noted

    monkeypatch.setattr(http, "RequestHeaders", Watched)
    with running(boolean("a")) as node, ExitStack() as stack:
        asked(node, stack, STREAM)
    assert names
    assert names <= {*repeats.READ, repeats.REQUEST_ID, repeats.NODE}


def test_so_many_are_remembered_and_none_that_is_long(read: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "REMEMBERED", 2)
    with running(boolean("a")) as node, ExitStack() as stack:
        requests = [STREAM.replace(b"1.1 ", b"1.1&n=%d " % number) for number in range(3)]
        for request in requests:
            asked(node, stack, request)
        asked(node, stack, requests[2])
        assert len(read) == 3
        asked(node, stack, requests[0])
        assert len(read) == 4
        long = STREAM.replace(b"1.1 ", b"1.1&n=%b " % (b"x" * repeats.LONGEST))
        asked(node, stack, long)
        asked(node, stack, long)
        assert len(read) == 6
