"""Events over HTTP: taken once, on disk when acknowledged, refused whole when malformed."""

import asyncio
import contextlib
import itertools
import json
import resource
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest

from pennon.ingest import CountedBatch, Counting, Ingest
from pennon.ingest.accept import spooled
from pennon.stream import StreamSettings
from tests.integration.nodes import (
    CLIENT,
    EDGE,
    ENVIRONMENT,
    SERVER,
    MemoryLog,
    RunningNode,
    boolean,
    eventually,
    key,
    running,
    secret_hash,
)
from tests.processes import processes

NOW_MS = 1_760_000_000_000
COUNTER = {"flag": "checkout", "variation": "on", "reason": "SPLIT", "count": 3, "from": NOW_MS, "to": NOW_MS + 1}


def batch(sequence: int, *, instance: str = "i1", **fields: Any) -> dict[str, Any]:
    return {"instance": instance, "sequence": sequence, "counters": [COUNTER], **fields}


@contextlib.contextmanager
def ingesting(folder: Path, settings: StreamSettings | None = None) -> Iterator[RunningNode]:
    checkout = boolean("checkout", client_side=True)
    with running(checkout, sink=Ingest(folder, time.time), settings=settings) as node:
        yield node


def spool(node: RunningNode) -> list[tuple[str, str, int]]:
    """Return whose batches are in the spool, and their numbers."""
    assert isinstance(node.sink, Ingest)
    found = [spooled(record.payload or b"") for record in node.run(node.sink.read(100_000))]
    return [(entry.key_hash, entry.batch.instance, entry.batch.sequence) for entry in found if entry is not None]


def test_batch_is_accepted_and_lies_on_disk(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node, node.client() as client:
        answer = client.post("/sdk/v1/events", json=batch(1))
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicate": False, "unknown": 0})
        assert spool(node) == [(secret_hash(SERVER), "i1", 1)]
        assert node.value("pennon_events_total") == 1


def test_repeated_batch_is_acknowledged_and_taken_once(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node, node.client() as client:
        client.post("/sdk/v1/events", json=batch(1))
        again = client.post("/sdk/v1/events", json=batch(1))
        assert (again.status_code, again.json()) == (202, {"accepted": 1, "duplicate": True, "unknown": 0})
        assert len(spool(node)) == 1
        assert node.value("pennon_events_total") == 1
        assert node.value("pennon_event_batches_total", outcome="duplicate") == 1


def test_every_kind_of_key_may_report_and_each_counts_for_itself(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node:
        for secret in (SERVER, CLIENT, EDGE):
            with node.client(secret) as client:
                assert client.post("/sdk/v1/events", json=batch(1)).json()["duplicate"] is False
        assert sorted(spool(node)) == sorted((secret_hash(secret), "i1", 1) for secret in (SERVER, CLIENT, EDGE))


def test_edge_key_says_which_environment_its_batch_is_of(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node, node.client(EDGE) as client:
        node.write(key(EDGE, "edge"), boolean("checkout"), environment="shop/second")
        eventually(lambda: len(client.get("/sdk/v1/environments").json()["environments"]) == 2)
        assert client.post("/sdk/v1/events", json=batch(1)).status_code == 400
        second = client.post("/sdk/v1/events?environment=shop/second", json=batch(1))
        assert second.status_code == 202
        assert isinstance(node.sink, Ingest)
        (record,) = node.run(node.sink.read(10))
        found = spooled(record.payload or b"")
        assert found is not None
        assert found.environment == "shop/second"


def test_batch_with_one_malformed_entry_is_refused_whole_and_the_entry_named(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node, node.client() as client:
        bad = batch(1, counters=[COUNTER, {**COUNTER, "count": -1}])
        refused = client.post("/sdk/v1/events", json=bad)
        assert refused.status_code == 400
        assert refused.headers["content-type"] == "application/problem+json"
        (problem,) = refused.json()["problems"]
        assert problem["path"] == "/counters/1/count"
        assert problem["mend"]
        assert spool(node) == []
        assert client.post("/sdk/v1/events", json=batch(1)).json()["duplicate"] is False


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"instance":"i"}',
        b'{"instance":"\xff","sequence":1}',
        b'{"instance":"i\\u0000","sequence":1}',
        b'{"instance":"\\ud800","sequence":1}',
        b"[" * 100_000,
        b'{"instance":"i","sequence":1e400}',
    ],
)
def test_bodies_that_are_no_batch_are_refused_and_the_node_lives(tmp_path: Path, content: bytes) -> None:
    with ingesting(tmp_path) as node, node.client() as client:
        assert client.post("/sdk/v1/events", content=content).status_code == 400
        assert spool(node) == []
        assert client.post("/sdk/v1/events", json=batch(1)).status_code == 202


def test_batch_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node, node.client() as client:
        padding = "x" * (1024 * 1024)
        assert client.post("/sdk/v1/events", json=batch(1, padding=padding)).status_code == 413
        assert spool(node) == []


def test_other_media_types_and_encodings_are_refused(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node, node.client() as client:
        text = {"content-type": "text/plain"}
        assert client.post("/sdk/v1/events", content=b"{}", headers=text).status_code == 415
        packed = {"content-type": "application/json", "content-encoding": "gzip"}
        assert client.post("/sdk/v1/events", content=b"{}", headers=packed).status_code == 415


@pytest.mark.parametrize(("secret", "status"), [(None, 401), ("wrong", 401)])
def test_strangers_report_nothing(tmp_path: Path, secret: str | None, status: int) -> None:
    with ingesting(tmp_path) as node, node.client(secret) as client:
        assert client.post("/sdk/v1/events", json=batch(1)).status_code == status
        assert spool(node) == []


def test_number_far_behind_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node, node.client() as client:
        for sequence in range(0, 600, 2):
            client.post("/sdk/v1/events", json=batch(sequence))
        refused = client.post("/sdk/v1/events", json=batch(1))
        assert refused.status_code == 409
        assert "new name" in refused.json()["detail"]
        assert node.value("pennon_event_batches_total", outcome="too old") == 1


def test_full_disk_is_said_and_evaluations_go_on(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node, node.client() as client:
        client.post("/sdk/v1/events", json=batch(1))
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
        try:
            refused = client.post("/sdk/v1/events", json=batch(2))
            snapshot = client.get("/sdk/v1/snapshot")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert snapshot.status_code == 200
        assert client.post("/sdk/v1/events", json=batch(2)).json() == {"accepted": 1, "duplicate": False, "unknown": 0}
        assert [entry[2] for entry in spool(node)] == [1, 2]
        assert node.value("pennon_event_batches_total", outcome="unavailable") == 1


class Ledger:
    """A `Counts`: marks and sums change together."""

    def __init__(self) -> None:
        self.counted: dict[tuple[str, str, int], int] = {}

    def add(self, batches: Sequence[CountedBatch]) -> None:
        for found in batches:
            mark = (found.key_hash, found.instance, found.sequence)
            self.counted.setdefault(mark, sum(count.count for count in found.counts))


class EventServer:
    """A node in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.process = processes().start([str(folder)], main="tests.integration.event_server:main")
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        self.url = f"http://127.0.0.1:{said.strip().decode()}"
        if not said:
            self.kill()
            raise AssertionError("the server did not start; it says why on standard error")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Reporter(threading.Thread):
    """An SDK that reports batch after batch until the server is gone, and notes which were acknowledged."""

    def __init__(self, url: str, instance: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self.instance = instance
        self.acknowledged: list[int] = []
        self.unanswered: int | None = None

    def run(self) -> None:
        with httpx2.Client(base_url=self._url, headers={"x-api-key": SERVER}, timeout=60) as client:
            for sequence in itertools.count(1):
                self.unanswered = sequence
                try:
                    answer = client.post("/sdk/v1/events", json=batch(sequence, instance=self.instance))
                except httpx2.HTTPError:
                    return
                assert answer.status_code == 202
                self.acknowledged.append(sequence)


@pytest.mark.parametrize("after_batches", [5, 60, 200])
def test_acknowledged_batches_survive_a_kill_and_are_counted_once(tmp_path: Path, after_batches: int) -> None:
    with EventServer(tmp_path) as server:
        reporters = [Reporter(server.url, f"i{number}") for number in range(4)]
        for reporter in reporters:
            reporter.start()
        eventually(lambda: sum(len(reporter.acknowledged) for reporter in reporters) >= after_batches, within=60)
    for reporter in reporters:
        reporter.join(60)
        assert not reporter.is_alive()

    with (
        EventServer(tmp_path) as again,
        httpx2.Client(base_url=again.url, headers={"x-api-key": SERVER}, timeout=60) as client,
    ):
        for reporter in reporters:
            for sequence in reporter.acknowledged:
                answer = client.post("/sdk/v1/events", json=batch(sequence, instance=reporter.instance))
                assert answer.json()["duplicate"] is True
            last = batch(reporter.unanswered or 1, instance=reporter.instance)
            assert client.post("/sdk/v1/events", json=last).status_code == 202
    ledger = Ledger()

    async def count() -> None:
        ingest = Ingest(tmp_path, time.time)
        await ingest.start()
        while await Counting(ingest, ledger).count_some():
            pass
        await ingest.stop()

    asyncio.run(count())
    expected = {
        (secret_hash(SERVER), reporter.instance, sequence): COUNTER["count"]
        for reporter in reporters
        for sequence in (*reporter.acknowledged, reporter.unanswered or 1)
    }
    assert ledger.counted == expected


def test_many_reporters_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node:

        def report(instance: str) -> None:
            with node.client() as client:
                for sequence in range(20):
                    body = json.dumps(batch(sequence, instance=instance)).encode()
                    for _ in range(2):
                        assert client.post("/sdk/v1/events", content=body).status_code == 202

        threads = [threading.Thread(target=report, args=(f"i{number % 5}",)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = sorted((secret_hash(SERVER), f"i{i}", s) for i in range(5) for s in range(20))
        assert sorted(spool(node)) == expected
        assert node.value("pennon_events_total") == 100


def test_environment_of_the_key_is_the_batchs(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node, node.client() as client:
        client.post("/sdk/v1/events", json=batch(1))
        assert isinstance(node.sink, Ingest)
        (record,) = node.run(node.sink.read(10))
        found = spooled(record.payload or b"")
        assert found is not None
        assert found.environment == ENVIRONMENT


def counters(node: RunningNode) -> list[tuple[str, str | None]]:
    """Return the flags and variations that the counters in the spool are of."""
    assert isinstance(node.sink, Ingest)
    found = [spooled(record.payload or b"") for record in node.run(node.sink.read(100_000))]
    return [(each.flag, each.variation) for entry in found if entry is not None for each in entry.batch.counters]


def test_counters_of_made_up_flags_and_variations_are_left_out_and_told(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node, node.client(CLIENT) as client:
        made_up = [{**COUNTER, "flag": "made-up"}, COUNTER, {**COUNTER, "variation": "made-up"}]
        answer = client.post("/sdk/v1/events", json=batch(1, counters=made_up))
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicate": False, "unknown": 2})
        assert counters(node) == [("checkout", "on")]
        assert node.value("pennon_unknown_events_total") == 2


def test_batch_of_nothing_but_made_up_names_takes_no_room(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node, node.client(CLIENT) as client:
        for sequence in range(20):
            names = [{**COUNTER, "flag": f"made-up-{sequence}-{number}"} for number in range(500)]
            answer = client.post("/sdk/v1/events", json=batch(sequence, counters=names))
            assert (answer.status_code, answer.json()["accepted"], answer.json()["unknown"]) == (202, 0, 500)
        assert spool(node) == []
        assert node.value("pennon_unknown_events_total") == 10_000


def test_client_key_counts_nothing_of_flags_that_it_does_not_see(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node:
        node.write(boolean("inner"))
        about_inner = batch(1, counters=[{**COUNTER, "flag": "inner"}])
        with node.client(SERVER) as server, node.client(CLIENT) as client:
            eventually(lambda: server.post("/sdk/v1/events", json=about_inner).json()["accepted"] == 1)
            assert client.post("/sdk/v1/events", json=about_inner).json()["accepted"] == 0


def test_flag_that_was_deleted_a_moment_ago_is_still_counted(tmp_path: Path) -> None:
    with ingesting(tmp_path) as node, node.client() as client:
        position = node.write(delete=(("flag", "checkout"),))
        eventually(lambda: client.get("/sdk/v1/snapshot").headers["x-pennon-revision"] == str(position))
        assert client.post("/sdk/v1/events", json=batch(1)).json()["accepted"] == 1


def test_sdk_that_heard_of_a_flag_before_this_node_did_is_not_ignored(tmp_path: Path) -> None:
    log, settings = MemoryLog(), StreamSettings(poll_s=60.0, drain_s=3)
    with running(log=log, sink=Ingest(tmp_path, time.time), settings=settings) as node, node.client() as client:

        async def write_unannounced() -> str:
            return str(log.write(ENVIRONMENT, boolean("checkout")))

        revision = node.run(write_unannounced())
        assert client.post("/sdk/v1/events", json=batch(1)).json()["accepted"] == 0
        assert client.post("/sdk/v1/events", json=batch(1, revision=revision)).json()["accepted"] == 1


@pytest.mark.parametrize("revision", ["1.999999", "9.1", 12, "nonsense", "1.1"])
def test_revision_that_is_a_lie_helps_no_made_up_flag(tmp_path: Path, revision: object) -> None:
    with ingesting(tmp_path) as node, node.client(CLIENT) as client:
        names = [{**COUNTER, "flag": "made-up"}]
        answer = client.post("/sdk/v1/events", json=batch(1, counters=names, revision=revision))
        assert (answer.status_code, answer.json()["unknown"]) == (202, 1)
