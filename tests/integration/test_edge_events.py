"""Events over edges: taken at one, handed on to the origin, counted there once by the key that they came with."""

import contextlib
import errno
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from structlog.testing import capture_logs

from pennon.edge.dead_letters import DeadLetters
from pennon.edge.events import EdgeEvents
from pennon.edge.lanes import ForwardingSettings
from pennon.events import Way
from pennon.ingest import Ingest, IngestSettings, Spool, SpoolInUse, SpoolSettings
from pennon.ingest.accept import Spooled, spooled
from tests.integration.nodes import (
    CLIENT,
    EDGE,
    ENVIRONMENT,
    SERVER,
    RunningNode,
    boolean,
    eventually,
    key,
    running,
    secret_hash,
)
from tests.integration.test_ingest import COUNTER, NOW_MS, batch

FAST = ForwardingSettings(gather_s=0.01, timeout_s=5, retry_s=0.01, retry_max_s=0.2, look_s=0.05, drain_s=2)
NOWHERE = "http://127.0.0.1:9"


def flag() -> Any:
    return boolean("checkout", client_side=True)


@contextlib.contextmanager
def origin(folder: Path, *, settings: IngestSettings | None = None, **kwargs: Any) -> Iterator[RunningNode]:
    with running(flag(), sink=Ingest(folder, time.time, settings or IngestSettings()), **kwargs) as node:
        yield node


@contextlib.contextmanager
def edge(folder: Path, *upstreams: str, key: str = EDGE, settings: ForwardingSettings = FAST) -> Iterator[RunningNode]:
    with running(flag(), sink=EdgeEvents(folder, upstreams, key, settings)) as node:
        yield node


def arrived(node: RunningNode) -> list[Spooled]:
    """Return what lies in a node's spool."""
    assert isinstance(node.sink, Ingest)
    found = [spooled(record.payload or b"") for record in node.run(node.sink.read(100_000))]
    return [entry for entry in found if entry is not None]


def marks(node: RunningNode) -> list[tuple[str, str, int]]:
    return sorted((each.key_hash, each.batch.instance, each.batch.sequence) for each in arrived(node))


def report(node: RunningNode, *sequences: int, secret: str = SERVER, **fields: Any) -> list[httpx2.Response]:
    with node.client(secret) as client:
        return [client.post("/sdk/v1/events", json=batch(sequence, **fields)) for sequence in sequences]


def sample(node: RunningNode, name: str, **labels: str) -> float:
    """Return what an edge counts of the batches that it hands on."""
    assert isinstance(node.sink, EdgeEvents)
    return node.sink.metrics.value(name, **labels)


def dead(folder: Path) -> list[Any]:
    letters = DeadLetters(folder, max_bytes=0)
    return [letters.read(name) for name in letters.names()]


def test_batch_reaches_the_origin_with_the_key_that_it_came_with(tmp_path: Path) -> None:
    with origin(tmp_path / "o") as top, edge(tmp_path / "e", top.url) as node:
        for secret in (SERVER, CLIENT):
            (answer,) = report(node, 1, secret=secret)
            assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicate": False, "unknown": 0})
        eventually(lambda: len(arrived(top)) == 2)
        assert marks(top) == sorted((secret_hash(secret), "i1", 1) for secret in (SERVER, CLIENT))
        eventually(lambda: sample(node, "pennon_forward_lag_seconds", environment=ENVIRONMENT) == 0)
        assert sample(node, "pennon_forwarded_batches_total", outcome="accepted") == 2


def test_batch_that_an_sdk_sent_two_ways_counts_once(tmp_path: Path) -> None:
    with origin(tmp_path / "o") as top, edge(tmp_path / "e", top.url) as node:
        report(top, 1)
        report(node, 1, 2)
        eventually(lambda: len(arrived(top)) == 2)
        eventually(lambda: sample(node, "pennon_forwarded_batches_total", outcome="duplicate") == 1)
        assert marks(top) == [(secret_hash(SERVER), "i1", 1), (secret_hash(SERVER), "i1", 2)]


def test_batches_go_through_nested_edges(tmp_path: Path) -> None:
    with (
        origin(tmp_path / "o") as top,
        edge(tmp_path / "hub", top.url) as hub,
        edge(tmp_path / "pop", hub.url) as pop,
    ):
        report(pop, *range(1, 6))
        eventually(lambda: len(arrived(top)) == 5)
        assert marks(top) == [(secret_hash(SERVER), "i1", sequence) for sequence in range(1, 6)]
        names = [(tmp_path / place / "node").read_text() for place in ("pop", "hub")]
        assert arrived(top)[0].via == tuple(names)


def test_evaluations_that_an_edge_answered_itself_are_reported_as_a_nodes(tmp_path: Path) -> None:
    with origin(tmp_path / "o") as top, edge(tmp_path / "e", top.url) as node:
        with node.client() as client:
            for _ in range(3):
                assert client.post("/ofrep/v1/evaluate/flags/checkout", json={}).status_code == 200
        node.run(node.node.report())
        eventually(lambda: arrived(top))
        (found,) = arrived(top)
        assert found.key_hash == "node"
        assert sum(counter.count for counter in found.batch.counters) == 3


def test_batches_wait_for_an_upstream_that_is_dead_and_for_the_edge_to_come_back(tmp_path: Path) -> None:
    with edge(tmp_path / "e", NOWHERE) as node:
        answers = report(node, *range(1, 4))
        assert {answer.status_code for answer in answers} == {202}
        eventually(lambda: sample(node, "pennon_forward_failures_total", kind="unreachable") >= 2)
    with origin(tmp_path / "o") as top, edge(tmp_path / "e", NOWHERE, top.url) as node:
        eventually(lambda: len(arrived(top)) == 3)
        (answer,) = report(node, 2)
        assert answer.json()["duplicate"] is True


def test_batches_are_counted_in_the_hour_in_which_they_came_to_the_edge(tmp_path: Path) -> None:
    with edge(tmp_path / "e", NOWHERE) as node:
        report(node, 1)
        came_at = time.time() * 1000
    with origin(tmp_path / "o") as top, edge(tmp_path / "e", top.url):
        eventually(lambda: arrived(top))
        assert abs(arrived(top)[0].received_at - came_at) < 20_000

        async def late() -> None:
            assert isinstance(top.sink, Ingest)
            found = msgspec.structs.replace(arrived_batch, sequence=2)
            await top.sink.accept(ENVIRONMENT, secret_hash(SERVER), found, Way(waited_ms=3_600_000))

        arrived_batch = arrived(top)[0].batch
        top.run(late())
        assert abs(arrived(top)[1].received_at - (time.time() * 1000 - 3_600_000)) < 60_000


def test_upstreams_that_fall_back_on_each_other_lose_nothing(tmp_path: Path) -> None:
    with edge(tmp_path / "a", NOWHERE) as first:
        report(first, 1, 2)
        eventually(lambda: sample(first, "pennon_forward_failures_total", kind="unreachable") >= 1)
    with edge(tmp_path / "b", NOWHERE) as second:
        report(second, 1, 3)  # the first one both ways
        with edge(tmp_path / "a", NOWHERE, second.url) as first:
            eventually(lambda: sample(first, "pennon_forwarded_batches_total", outcome="accepted") >= 2)
    with edge(tmp_path / "a", NOWHERE) as first, edge(tmp_path / "b", NOWHERE, first.url) as second:
        # What came from here is not taken back; what the SDK gave to the other one itself is, and so is in both.
        eventually(lambda: sample(second, "pennon_forwarded_batches_total", outcome="retry") >= 2)
        eventually(lambda: sample(second, "pennon_forwarded_batches_total", outcome="accepted") >= 2)
    with origin(tmp_path / "o") as top, edge(tmp_path / "b", top.url), edge(tmp_path / "a", top.url):
        eventually(lambda: len(arrived(top)) == 3)
        assert marks(top) == [(secret_hash(SERVER), "i1", sequence) for sequence in (1, 2, 3)]


def test_disk_that_is_full_upstream_makes_batches_wait_and_full_here_is_said(tmp_path: Path) -> None:
    full = IngestSettings(spool=SpoolSettings(max_bytes=10))
    small = ForwardingSettings(spool_bytes=4000, gather_s=0.01, retry_s=0.01, retry_max_s=0.05)
    with origin(tmp_path / "o", settings=full) as top, edge(tmp_path / "e", top.url, settings=small) as node:
        answers = report(node, *range(1, 50))
        taken = [answer for answer in answers if answer.status_code == 202]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert taken
        assert refused
        assert refused[0].headers["retry-after"]
        assert len(taken) + len(refused) == len(answers)
        eventually(lambda: sample(node, "pennon_forwarded_batches_total", outcome="retry") >= len(taken))
        assert sample(node, "pennon_spool_bytes", environment=ENVIRONMENT) <= 4000
    with origin(tmp_path / "o") as top, edge(tmp_path / "e", top.url, settings=small) as node:
        eventually(lambda: len(arrived(top)) == len(taken))
        # What was handed on makes room again.
        assert eventually(lambda: report(node, 100)[0].status_code == 202)


def test_batch_refused_for_good_is_a_dead_letter_with_why_and_when(tmp_path: Path) -> None:
    with (
        capture_logs() as logs,
        origin(tmp_path / "o") as top,
        edge(tmp_path / "e", top.url) as node,
    ):
        node.write(key("pennon_server_elsewhere", "server"))
        eventually(lambda: report(node, 1, secret="pennon_server_elsewhere")[0].status_code == 202)
        report(node, 2)
        eventually(lambda: dead(tmp_path / "e"))
        eventually(lambda: marks(top) == [(secret_hash(SERVER), "i1", 2)])
        (letter,) = dead(tmp_path / "e")
        assert "no such key" in letter.why
        assert letter.upstream == top.url
        assert letter.at.startswith("20")
        assert (letter.environment, letter.instance, letter.sequence) == (ENVIRONMENT, "i1", 1)
        assert letter.key == secret_hash("pennon_server_elsewhere")
        eventually(lambda: sample(node, "pennon_dead_letters") == 1)
        assert [each["log_level"] for each in logs if "dead letters" in each["event"]] == ["error"]


def test_dead_letter_is_sent_again_when_somebody_wants_it(tmp_path: Path) -> None:
    late = "pennon_server_late"
    with origin(tmp_path / "o") as top, edge(tmp_path / "e", top.url) as node:
        node.write(key(late, "server"))
        eventually(lambda: report(node, 1, secret=late)[0].status_code == 202)
        eventually(lambda: dead(tmp_path / "e"))
        letters = DeadLetters(tmp_path / "e", max_bytes=10**6)
        (name,) = letters.names()
        letters.send_again(name)
        eventually(lambda: sample(node, "pennon_forwarded_batches_total", outcome="refused") == 2)
        eventually(lambda: letters.names() == [name])  # dead again, and once
        top.write(key(late, "server"))
        letters.send_again(name)
        eventually(lambda: marks(top) == [(secret_hash(late), "i1", 1)])
        eventually(lambda: not list(letters.sending_again()))
        assert letters.names() == []


def test_key_that_was_revoked_meanwhile_counts_what_it_sent_while_it_was_good(tmp_path: Path) -> None:
    with edge(tmp_path / "e", NOWHERE) as node:
        report(node, 1)
    with origin(tmp_path / "o") as top:
        top.write(key(SERVER, "server", revoked=True))
        with edge(tmp_path / "e", top.url):
            eventually(lambda: marks(top) == [(secret_hash(SERVER), "i1", 1)])


def failing(times: int, work: Callable[..., Any]) -> Callable[..., Any]:
    """Return *work* that fails a few times first, as on a disk that is full for a while."""
    left = itertools.count(times, -1)

    def tried(*arguments: Any, **named: Any) -> Any:
        if next(left) > 0:
            raise OSError(errno.ENOSPC, "no space left on device")
        return work(*arguments, **named)

    return tried


def test_disk_that_fails_below_what_goes_up_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with origin(tmp_path / "o") as top, edge(tmp_path / "e", NOWHERE) as node:
        node.write(key("pennon_server_elsewhere", "server"))
        eventually(lambda: report(node, 1, secret="pennon_server_elsewhere")[0].status_code == 202)
        report(node, 2, 3)
    monkeypatch.setattr(Spool, "consume", failing(3, Spool.consume))
    monkeypatch.setattr(DeadLetters, "put", failing(2, DeadLetters.put))
    with origin(tmp_path / "o") as top, edge(tmp_path / "e", top.url) as node:
        eventually(lambda: len(dead(tmp_path / "e")) == 1)
        eventually(lambda: sample(node, "pennon_forward_lag_seconds", environment=ENVIRONMENT) == 0)
        (note,) = eventually(lambda: list(tmp_path.glob("e/spool/*/*/consumed")))
        assert json.loads(note.read_bytes())["offset"] > 0
        assert marks(top) == [(secret_hash(SERVER), "i1", 2), (secret_hash(SERVER), "i1", 3)]


def test_number_far_behind_is_a_dead_letter(tmp_path: Path) -> None:
    with origin(tmp_path / "o") as top, edge(tmp_path / "e", top.url) as node:
        forward(top, *({"key": secret_hash(SERVER), "batch": batch(sequence)} for sequence in range(10, 600, 2)))
        report(node, 1)
        eventually(lambda: dead(tmp_path / "e"))
        assert "too old" in dead(tmp_path / "e")[0].why


def test_edge_cut_off_from_newer_flags_leaves_it_to_the_origin_what_is_made_up(tmp_path: Path) -> None:
    with origin(tmp_path / "o") as top, edge(tmp_path / "e", top.url) as node:
        revision = str(top.write(boolean("fresh")))
        counters = [{**COUNTER, "flag": name} for name in ("fresh", "made-up")]
        (answer,) = report(node, 1, counters=counters, revision=revision)
        assert answer.json() == {"accepted": 2, "duplicate": False, "unknown": 0}
        eventually(lambda: arrived(top))
        assert [counter.flag for counter in arrived(top)[0].batch.counters] == ["fresh"]
        (old,) = report(node, 2, counters=counters, revision="1.1")
        assert old.json()["unknown"] == 2


def forward(node: RunningNode, *batches: Any, secret: str = EDGE) -> httpx2.Response:
    with node.client(secret) as client:
        return client.post("/sdk/v1/events", json={"batches": list(batches)})


def test_each_batch_is_told_what_became_of_it(tmp_path: Path) -> None:
    with origin(tmp_path / "o") as top:
        good = secret_hash(SERVER)
        answer = forward(
            top,
            {"key": good, "batch": batch(1)},
            {"key": good, "batch": batch(1)},
            {"key": good, "batch": {"instance": "i1"}},
            {"key": "0" * 64, "batch": batch(1)},
            {"key": "node", "batch": batch(1, instance="n"), "waitedMs": 7, "via": ["0123456789abcdef"]},
            {"key": secret_hash(CLIENT), "batch": batch(1, counters=[{**COUNTER, "flag": "made-up"}])},
        )
        assert answer.status_code == 200
        results = answer.json()["results"]
        statuses = [result["status"] for result in results]
        assert statuses == ["accepted", "duplicate", "refused", "refused", "accepted", "accepted"]
        assert "sequence" in results[2]["problem"]
        assert results[5]["unknown"] == 1
        assert marks(top) == sorted([(good, "i1", 1), ("node", "n", 1)])


@pytest.mark.parametrize("secret", [SERVER, CLIENT])
def test_only_edge_keys_hand_batches_on(quiet: RunningNode, secret: str) -> None:
    assert forward(quiet, {"key": "node", "batch": batch(1)}, secret=secret).status_code == 403


BAD: Sequence[Any] = (
    {"batches": {}},
    {"batches": [{}]},
    {"batches": [7]},
    {"batches": [{"key": "short", "batch": {}}]},
    {"batches": [{"key": "0" * 65, "batch": {}}]},
    {"batches": [{"key": "node\n", "batch": {}}]},
    {"batches": [{"key": "node"}]},
    {"batches": [{"key": "node", "batch": {}, "waitedMs": -1}]},
    {"batches": [{"key": "node", "batch": {}, "via": ["../../etc"]}]},
    {"batches": [{"key": "node", "batch": {}, "via": ["0123456789abcdef"] * 33}]},
    {"batches": [{"key": "node", "batch": {}}] * 1001},
)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """An origin that nothing reaches."""
    with origin(tmp_path_factory.mktemp("quiet")) as top:
        yield top
        assert arrived(top) == []


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_malformed_requests_of_edges_are_refused_whole(quiet: RunningNode, body: Any) -> None:
    with quiet.client(EDGE) as client:
        refused = client.post("/sdk/v1/events", json=body)
        assert refused.status_code == 400
        assert refused.json()["title"] == "Malformed batches"
        assert refused.json()["problems"][0]["mend"]


def test_largest_batch_that_an_edge_takes_reaches_the_origin(tmp_path: Path) -> None:
    with origin(tmp_path / "o") as top, edge(tmp_path / "e", top.url) as node, node.client() as client:
        unit = "u" * 65_000
        exposures = [
            {"time": NOW_MS, "flag": "checkout", "variation": "on", "unit": unit, "by": "k"} for _ in range(16)
        ]
        body = msgspec.json.encode({"instance": "i1", "sequence": 1, "exposures": exposures})
        body = body[:-1] + b" " * (1024 * 1024 - len(body)) + b"}"
        assert client.post("/sdk/v1/events", content=body).status_code == 202
        eventually(lambda: marks(top) == [(secret_hash(SERVER), "i1", 1)])
        assert dead(tmp_path / "e") == []


def test_second_process_is_kept_out_of_a_nodes_folder(tmp_path: Path) -> None:
    with edge(tmp_path / "e", NOWHERE) as node:

        async def second() -> None:
            await EdgeEvents(tmp_path / "e", [NOWHERE], EDGE, FAST).start()

        with pytest.raises(SpoolInUse, match="in use"):
            node.run(second())
    with edge(tmp_path / "e", NOWHERE) as node:
        assert report(node, 1)[0].status_code == 202
