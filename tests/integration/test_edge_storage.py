"""Real edge nodes and where they keep things: stores that are shared, dead or damaged; a memory limit; Workers KV."""

import gzip
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pennon import Client
from pennon.edge.tiers import house_of
from pennon.edge.tiers.housing import House
from pennon.model import Flag, Snapshot
from tests.edges import EdgeInProcess, edge, edge_process
from tests.integration.nodes import CLIENT, EDGE, ENVIRONMENT, KEYS, SERVER, MemoryLog, boolean, running
from tests.integration.upstream import eventually
from tests.servers import Killable, NatsServer, RedisServer
from tests.workers_kv import ACCOUNT, NAMESPACE, TOKEN, WorkersKvServer

NOBODY = "http://127.0.0.1:9"
LIMIT = "4GiB"
"""A test's own process may be large."""
_STORES: dict[str, tuple[Callable[[], Killable], str]] = {
    "redis": (RedisServer, "?prefix=nodes"),
    "nats": (NatsServer, "/nodes"),
}


@pytest.fixture(params=_STORES)
def store(request: pytest.FixtureRequest) -> Iterator[tuple[Killable, str]]:
    make, rest = _STORES[request.param]
    server = make()
    server.start()
    yield server, server.url + rest
    server.close()


def is_on(node: Any, flag: str) -> bool:
    """Ask the node over OFREP."""
    with node.client(SERVER) as http:
        answer = http.post(f"/ofrep/v1/evaluate/flags/{flag}", json={"context": {"targetingKey": "u1"}})
    return bool(answer.status_code == 200 and answer.json()["value"] is True)


def serves(node: EdgeInProcess, log: MemoryLog) -> bool:
    body = node.get(f"/sdk/v1/snapshot?environment={ENVIRONMENT}").content
    return body == log.state(ENVIRONMENT).to_json()


def house(node: EdgeInProcess) -> House:
    snapshot = node.node.replicas.feeds[ENVIRONMENT].replica.snapshot
    assert snapshot is not None
    found = house_of(snapshot)
    assert found is not None
    return found


async def cooled(node: EdgeInProcess) -> None:
    node.node.stream.environments[ENVIRONMENT].cool()


def _answers(client: Client, key: str, *, wanted: bool) -> bool:
    return client.boolean(key, {"targetingKey": "u1"}, default=False) is wanted


def flags(count: int) -> list[Flag]:
    return [boolean(f"flag-{number}", client_side=number % 2 == 0) for number in range(count)]


def test_a_node_takes_from_a_shared_store_what_another_has_written(tmp_path: Path, store: tuple[Killable, str]) -> None:
    _, url = store
    log = MemoryLog()
    with running(*flags(3), log=log) as origin:
        with edge(tmp_path / "a", [origin.url], EDGE, name="a", kv=url) as first:
            eventually(lambda: is_on(first, "flag-1"))
        with edge(tmp_path / "b", [NOBODY], EDGE, name="b", kv=url) as second:
            eventually(lambda: is_on(second, "flag-1"))
            assert second.environment(ENVIRONMENT).level == 2  # type: ignore[union-attr]
            assert serves(second, log)


def test_a_node_serves_whether_its_store_lives_or_not_and_writes_when_it_is_back(
    tmp_path: Path, store: tuple[Killable, str]
) -> None:
    server, url = store
    server.kill()
    with running(*flags(2)) as origin, edge(tmp_path / "a", [origin.url], EDGE, kv=url) as node:
        eventually(lambda: is_on(node, "flag-0"))
        eventually(lambda: any("store" in problem for problem in node.status().problems), within_s=60)
        origin.write(boolean("later"))
        eventually(lambda: is_on(node, "later"))
        assert node.node.keeping.saved == 0
        server.start()
        eventually(lambda: node.node.keeping.saved > 0 and not node.status().problems, within_s=60)
    with edge(tmp_path / "b", [NOBODY], EDGE, kv=url) as other:
        eventually(lambda: is_on(other, "later"))


def test_a_node_with_a_memory_limit_says_and_answers_what_its_origin_does(tmp_path: Path) -> None:
    log = MemoryLog()
    with running(*flags(50), log=log) as origin:
        with (
            edge(tmp_path / "edge", [origin.url], EDGE, memory_limit=LIMIT) as node,
            edge(tmp_path / "below", [node.url], EDGE, name="below", memory_limit=LIMIT) as below,
            Client(below.url, key=SERVER) as client,
        ):
            client.wait_until_ready(timeout=60)
            eventually(lambda: serves(node, log) and serves(below, log))
            for number in range(10):
                origin.write(boolean(f"flag-{number}", on=number % 3 == 0), boolean(f"new-{number}"))
            origin.write(delete=(("flag", "flag-20"), ("flag", "new-3")))
            eventually(lambda: serves(node, log) and serves(below, log))
            for key in ("flag-0", "flag-1", "flag-2", "flag-3", "flag-20", "flag-49", "new-1", "new-3"):
                wanted = is_on(origin, key)
                assert is_on(node, key) is is_on(below, key) is wanted
                eventually(partial(_answers, client, key, wanted=wanted))
            before = [is_on(node, f"flag-{number}") for number in range(12)]
            node.run(cooled(node))
            assert [is_on(node, f"flag-{number}") for number in range(12)] == before
            assert serves(node, log)
            assert house(node).grown > 0
            with node.client(CLIENT) as http:
                listed = http.post("/ofrep/v1/evaluate/flags", json={"context": {"targetingKey": "u1"}}).json()
            assert (
                len(listed["flags"]) == 24 - 5
            )  # one is deleted, and those that were written anew are not client-side
            assert node.metric("pennon_edge_items_bytes") > 0
            assert node.metric("pennon_edge_memory_limit_bytes") == 4 * 2**30
        with edge(tmp_path / "edge", [NOBODY], EDGE, memory_limit=LIMIT) as again:
            eventually(lambda: serves(again, log))
            assert is_on(again, "new-1")
            assert house(again).grown == 0


def test_items_that_the_disk_has_spoiled_are_taken_from_the_store_again(tmp_path: Path) -> None:
    log = MemoryLog()
    with (
        running(*flags(20), log=log) as origin,
        edge(tmp_path / "edge", [origin.url], EDGE, memory_limit=LIMIT) as node,
    ):
        eventually(lambda: serves(node, log) and node.node.keeping.saved > 0)
        damaged = house(node)
        os.pwrite(damaged.body.handle, b"~" * damaged.size, 0)
        assert not is_on(node, "flag-7")
        assert damaged.is_damaged
        eventually(lambda: is_on(node, "flag-7"), within_s=60)
        assert serves(node, log)
        assert house(node) is not damaged
        origin.write(boolean("later"))
        eventually(lambda: is_on(node, "later") and serves(node, log))


def test_a_node_as_a_process_keeps_a_limit_and_refuses_one_that_is_too_small(tmp_path: Path) -> None:
    with running(*flags(20)) as origin:
        with edge_process(tmp_path / "edge", [origin.url], EDGE, "--memory-limit", "400 MiB") as node:
            eventually(lambda: is_on(node, "flag-7"))
            assert 0 < node.metric("pennon_edge_memory_bytes") < 400 * 2**20
            assert node.metric("pennon_edge_cooled_total") == 0
            assert list((tmp_path / "edge" / "items").iterdir()) == []
        with pytest.raises(AssertionError, match=r"memory limit of 20MiB is too small.*give it \d+ MiB at least"):
            edge_process(tmp_path / "other", [origin.url], EDGE, "--memory-limit", "20MiB").__enter__()


def test_what_a_node_serves_is_published_for_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog()
    names = [f"pennon:1:{ENVIRONMENT}:{projection}" for projection in ("client", "server")]

    def published(server: WorkersKvServer, revision: str) -> bool:
        return [server.metadata.get(name, {}).get("position") for name in names] == [revision, revision]

    with WorkersKvServer(every_s=1.0) as server, running(*flags(4), log=log) as origin:
        monkeypatch.setattr("pennon.edge.kv.cloudflare.API", server.url)
        address = f"cloudflare://{ACCOUNT}/{NAMESPACE}"
        with edge(tmp_path / "edge", [origin.url], EDGE, publish=address, publish_token=TOKEN) as node:
            eventually(lambda: published(server, node.revision(ENVIRONMENT)))
            for number in range(5):
                origin.write(boolean(f"later-{number}"))
            eventually(lambda: published(server, str(log.state(ENVIRONMENT).position)))
            assert server.violations == []
            assert not node.status().problems
    client, whole = (Snapshot.from_json(gzip.decompress(server.values[name])) for name in names)
    assert sorted(whole.flags) == sorted(log.state(ENVIRONMENT).flags)
    assert sorted(client.flags) == ["flag-0", "flag-2"]
    assert len(whole.keys) == len(client.keys) == 0
    assert len(KEYS) == 3
