"""Hundreds of clients at once: they share what is made for them, and who must wait is told for how long."""

import asyncio
import gzip
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pennon.model import Flag, Position, Serve, Snapshot, Variation
from pennon.stream import StreamSettings, documents
from pennon.stream.codings import Coding, compressed
from tests.integration.nodes import (
    CLIENT,
    EDGE,
    ENVIRONMENT,
    SERVER,
    MemoryLog,
    RunningNode,
    boolean,
    eventually,
    running,
)

HERD = 300
Reply = tuple[int, dict[str, str], bytes]


def large(name: str) -> Flag:
    variations = (Variation("a", "x" * 60_000), Variation("b", ""))
    return Flag(key=name, kind="string", on=True, variations=variations, fallthrough=Serve(variation="a"))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Coding]:
    done: list[Coding] = []

    def counting(body: bytes, coding: Coding) -> bytes:
        done.append(coding)
        return compressed(body, coding)

    monkeypatch.setattr(documents, "compressed", counting)
    return done


async def asked(node: RunningNode, path: str, secret: str, **headers: str) -> Reply:
    """Ask over a connection of its own, and return status, headers and body."""
    host, _, port = node.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        lines = [f"GET {path} HTTP/1.1", "Host: x", f"X-API-Key: {secret}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    status, *told = head.decode("latin-1").split("\r\n")
    return (
        int(status.split()[1]),
        {name.lower(): value for name, _, value in (each.partition(": ") for each in told)},
        body,
    )


def herd(node: RunningNode, path: str, *, secret: str = SERVER, count: int = HERD, **headers: str) -> list[Reply]:
    """Have *count* clients ask at once."""

    async def all_of_them() -> list[Reply]:
        return await asyncio.wait_for(asyncio.gather(*(asked(node, path, secret, **headers) for _ in range(count))), 60)

    return asyncio.run(all_of_them())


def test_fresh_clients_get_one_document_that_was_compressed_once(made: list[Coding]) -> None:
    with running(*(boolean(f"flag-{number}") for number in range(300))) as node:
        answers = herd(node, "/sdk/v1/snapshot", Accept_Encoding="gzip;q=0.5, zstd")
        assert Counter(status for status, _, _ in answers) == {200: HERD}
        assert {headers["content-encoding"] for _, headers, _ in answers} == {"zstd"}
        assert len({body for _, _, body in answers}) == 1
        assert made == ["zstd"]
        packed = herd(node, "/sdk/v1/snapshot", count=20, Accept_Encoding="gzip")
        assert {len(Snapshot.from_json(gzip.decompress(body)).flags) for _, _, body in packed} == {300}
        assert made == ["zstd", "gzip"]


def test_clients_that_are_not_far_behind_share_one_compressed_step(made: list[Coding]) -> None:
    with running(*(boolean(f"flag-{number}") for number in range(50))) as node:
        node.write(*(boolean(f"flag-{number}", on=False) for number in range(50)))
        eventually(lambda: node.node.environments[ENVIRONMENT].position == Position(1, 2))
        answers = herd(node, "/sdk/v1/snapshot?since=1.1", Accept_Encoding="br")
        assert {headers["content-encoding"] for _, headers, _ in answers} == {"br"}
        assert len({body for _, _, body in answers}) == 1
        assert made == ["br"]
        assert node.node.admission.count == 0


@pytest.fixture(scope="module")
def narrow() -> Iterator[RunningNode]:
    """A node that sends four of its large snapshots at a time."""
    settings = StreamSettings(poll_s=0.1, snapshots_at_once=4, retry_after_max_s=20)
    with running(*(large(f"flag-{number}") for number in range(120)), settings=settings) as node:
        yield node


def slow_reader(node: RunningNode, stack: ExitStack) -> socket.socket:
    """Ask for the snapshot as it is, and take next to nothing of it."""
    host, _, port = node.url.removeprefix("http://").partition(":")
    connection = stack.enter_context(socket.socket())
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(60)
    connection.connect((host, int(port)))
    connection.sendall(f"GET /sdk/v1/snapshot HTTP/1.1\r\nHost: x\r\nX-API-Key: {SERVER}\r\n\r\n".encode())
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def test_beyond_what_may_be_in_flight_clients_are_told_when_to_come_back(narrow: RunningNode) -> None:
    with ExitStack() as stack:
        for _ in range(4):
            slow_reader(narrow, stack)
        assert narrow.node.admission.count == 4
        answers = herd(narrow, "/sdk/v1/snapshot", count=100)
        assert Counter(status for status, _, _ in answers) == {503: 100}
        waits = [int(headers["retry-after"]) for _, headers, _ in answers]
        assert min(waits) >= 1
        assert max(waits) <= 30
        assert len(set(waits)) > 5, "they do not come back all at once"
        assert {headers["x-pennon-node"] for _, headers, _ in answers} == {"origin"}
        # What is small goes to everybody: compressed snapshots, steps, evaluations.
        small = [*herd(narrow, "/sdk/v1/snapshot", count=20, Accept_Encoding="gzip")]
        small += herd(narrow, "/sdk/v1/snapshot?since=1.1", count=20)
        small += herd(narrow, "/sdk/v1/environments", count=5, secret=EDGE)
        assert {status for status, _, _ in small} == {200}
    eventually(lambda: narrow.node.admission.count == 0, within=60)
    assert [status for status, _, _ in herd(narrow, "/sdk/v1/snapshot", count=1)] == [200]


def test_client_who_has_it_all_makes_room_for_the_next(narrow: RunningNode) -> None:
    answers = herd(narrow, "/sdk/v1/snapshot", count=12)
    served = [answer for answer in answers if answer[0] == 200]
    assert len(served) >= 4
    assert len({body for _, _, body in served}) == 1
    eventually(lambda: narrow.node.admission.count == 0 and narrow.node.admission.size == 0)


def test_head_of_a_snapshot_needs_no_leave(narrow: RunningNode) -> None:
    with ExitStack() as stack, narrow.client() as client:
        for _ in range(4):
            slow_reader(narrow, stack)
        head = client.head("/sdk/v1/snapshot", headers={"accept-encoding": "identity"})
        assert head.status_code == 200
        assert int(head.headers["content-length"]) > 7_000_000
    eventually(lambda: narrow.node.admission.count == 0, within=60)


def test_client_that_takes_no_coding_there_is_is_told_which_there_are(narrow: RunningNode) -> None:
    with narrow.client() as client:
        refused = client.get("/sdk/v1/snapshot", headers={"accept-encoding": "identity;q=0, deflate"})
        assert refused.status_code == 406
        assert refused.headers["accept-encoding"] == "zstd, br, gzip"


class CountingLog(MemoryLog):
    """Counts how often it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()

    async def environments(self) -> list[str]:
        self.reads["environments"] += 1
        return await super().environments()

    async def snapshot(self, environment: str) -> Snapshot:
        self.reads["snapshot"] += 1
        return await super().snapshot(environment)


# No look at the log but those that requests cause.
QUIET = StreamSettings(poll_s=3600, load_retry_s=3600, load_retry_max_s=3600)


def test_strangers_with_wrong_keys_cost_one_look_at_the_log() -> None:
    log = CountingLog()
    with running(boolean("a"), log=log, settings=QUIET) as node:
        before = log.reads["environments"]
        answers = herd(node, "/sdk/v1/snapshot", secret="pennon_server_wrong")
        assert {status for status, _, _ in answers} == {401}
        assert 1 <= log.reads["environments"] - before <= 4, "one, and perhaps one for those who came late"


def test_positions_that_the_history_has_lost_cost_no_look_at_the_log(made: list[Coding]) -> None:
    log = CountingLog()
    with running(*(boolean(f"flag-{number}") for number in range(100)), log=log, settings=QUIET) as node:
        before = log.reads.copy()
        answers = herd(node, "/sdk/v1/snapshot?since=0.7", Accept_Encoding="zstd")
        assert {status for status, _, _ in answers} == {200}
        assert len({body for _, _, body in answers}) == 1
        assert made == ["zstd"]
        assert log.reads == before


def test_herd_before_a_cold_node_loads_its_environment_once() -> None:
    log = CountingLog()
    log.write(ENVIRONMENT, boolean("first"))
    log.fail.add(ENVIRONMENT)
    with running(boolean("a"), log=log, settings=QUIET) as node:
        before = log.reads["snapshot"]
        log.fail.clear()
        answers = herd(node, "/sdk/v1/snapshot", count=200)
        assert {status for status, _, _ in answers} == {200}
        assert log.reads["snapshot"] - before == 1


def test_browsers_rules_are_compressed_once_too(made: list[Coding]) -> None:
    with running(*(boolean(f"flag-{number}", client_side=True) for number in range(100))) as node:
        node.log.allowed.add(ENVIRONMENT)
        with node.client(None) as client:
            eventually(lambda: client.get(f"/client/v1/rules/{CLIENT}").status_code == 200, within=60)
        made.clear()
        answers = herd(node, f"/client/v1/rules/{CLIENT}", count=100, Accept_Encoding="br")
        assert {(status, headers["content-encoding"]) for status, headers, _ in answers} == {(200, "br")}
        assert made == ["br"]
