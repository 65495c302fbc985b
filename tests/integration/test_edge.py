"""An edge node between an origin and those who ask it, all on real sockets."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from pennon import Client
from pennon.model import Snapshot
from tests.edges import PRODUCTION, AnyEdge, edge, edge_process
from tests.integration.relay import relay
from tests.integration.upstream import eventually
from tests.serving import Api, InProcess, serving

FLAG = "new-checkout"
FLAGS = "projects/default/flags"
PLACE = "projects/default/environments/production"
ANYBODY = {"targetingKey": "u1"}
NOBODY = "http://127.0.0.1:9"


def make_flag(api: Api) -> None:
    api.made("POST", FLAGS, {"key": FLAG, "kind": "boolean"})


def turn(api: Api, *, on: bool) -> str:
    """Turn the flag, and return where the environment stands then."""
    edit = {"do": "turnOn" if on else "turnOff", "flag": FLAG}
    revision = api.made("POST", f"{PLACE}/changes", {"why": "", "edits": [edit]})["revision"]
    return f"1.{revision}"


@contextlib.contextmanager
def origin(folder: Path) -> Iterator[tuple[InProcess, Api]]:
    with serving(folder) as (server, api):
        make_flag(api)
        yield server, api


@contextlib.contextmanager
def following(node: AnyEdge, key: str) -> Iterator[Client]:
    """A client that has its first answer from *node*."""
    with Client(node.url, key=key) as client:
        client.wait_until_ready(timeout=60)
        assert client.status().ready
        yield client


def is_on(client: Client) -> bool:
    return client.boolean(FLAG, ANYBODY, default=False)


def test_an_sdk_two_levels_down_sees_a_change_at_the_origin(tmp_path: Path) -> None:
    with origin(tmp_path / "origin") as (_, api):
        edge_key, server_key = api.key(kind="edge"), api.key()
        with (
            edge(tmp_path / "hub", [api.url], edge_key, name="hub") as hub,
            edge(tmp_path / "pop", [hub.url], edge_key, name="pop") as pop,
            following(pop, server_key) as client,
        ):
            assert not is_on(client)
            revision = turn(api, on=True)
            eventually(lambda: is_on(client))
            assert (hub.revision(), pop.revision()) == (revision, revision)
            found = eventually(lambda: (it := pop.environment()) and it.path and it.level == 0 and it)
            assert (found.path, found.level, found.upstream) == (("hub", "origin"), 0, hub.url)
            assert pop.status().level == 0
            assert 'pennon_edge_level{environment="default/production"} 0.0' in pop.get("/metrics").text
            assert client.status().age_s is not None


def test_answers_are_by_the_edge_and_say_so(tmp_path: Path) -> None:
    with origin(tmp_path / "origin") as (_, api):
        edge_key, server_key = api.key(kind="edge"), api.key()
        turn(api, on=True)
        with edge(tmp_path / "edge", [api.url], edge_key, name="fra-1") as node, node.client(server_key) as client:
            answer = client.post(f"/ofrep/v1/evaluate/flags/{FLAG}", json={"context": ANYBODY})
            assert answer.json()["value"] is True
            assert answer.headers["x-pennon-node"] == "fra-1"
            assert Snapshot.from_json(client.get("/sdk/v1/snapshot").content).environment == PRODUCTION
            batch = {"instance": "i", "sequence": 1, "batchId": "b", "sentAt": int(time.time() * 1000), "sdk": "test"}
            assert client.post("/sdk/v1/events", json=batch).status_code == 202
            assert client.get("/healthz").json() == {"status": "alive"}
            assert client.get("/readyz").json() == {"status": "ready"}
            assert client.get("/metrics").status_code == client.get("/edge/v1/status").status_code == 401
            assert client.post("/healthz").status_code == 405
            assert client.head("/readyz").content == b""


def test_a_node_whose_origin_is_dead_serves_on_and_admits_new_sdks(tmp_path: Path) -> None:
    with origin(tmp_path / "origin") as (_, api), relay() as wire:
        turn(api, on=True)
        with edge(tmp_path / "edge", [wire.before(api.url)], api.key(kind="edge")) as node:
            server_key = api.key()
            eventually(lambda: node.answer_to(server_key) == 200)
            wire.before(NOBODY)
            wire.drop()
            eventually(lambda: (it := node.environment()) and it.level == 2)
            assert node.status().upstreams[0].opened > 0
            with following(node, server_key) as client:
                assert is_on(client)
                age = getattr(node.environment(), "age_s", 0.0)
                eventually(lambda: getattr(node.environment(), "age_s", 0.0) > age + 0.5)
                eventually(lambda: client.status().age_s or 0)
                assert getattr(node.environment(), "problem", "")
            assert node.answer_to("pennon_server_never_heard_of") == 503


def test_a_node_that_starts_with_a_dead_origin_serves_at_once_what_it_kept(tmp_path: Path) -> None:
    with origin(tmp_path / "origin") as (_, api):
        edge_key, server_key, browser_key = api.key(kind="edge"), api.key(), api.key(kind="client")
        revision = turn(api, on=True)
        with edge_process(tmp_path / "edge", [api.url], edge_key) as first:
            eventually(lambda: first.revision() == revision)
            eventually(lambda: first.metric("pennon_edge_saved_total") > 0)
            assert first.ready["environments"] == [PRODUCTION]
            with first.client(server_key) as http, http.stream("GET", "/sdk/v1/stream") as stream:
                chunks = stream.iter_raw()
                next(chunks)
                assert first.stop() == 0
                assert b"event: goodbye" in b"".join(chunks)
    with edge(tmp_path / "edge", [NOBODY], edge_key) as node, following(node, server_key) as client:
        assert is_on(client)
        assert (node.status().name, node.revision()) == (first.ready["name"], revision)
        with node.client(browser_key) as browser:
            assert browser.post("/ofrep/v1/evaluate/flags", json={"context": {}}).status_code == 200


def test_a_kept_state_that_is_damaged_is_said_and_fetched_anew(tmp_path: Path) -> None:
    with origin(tmp_path / "origin") as (_, api):
        edge_key, server_key = api.key(kind="edge"), api.key()
        revision = turn(api, on=True)
        with edge(tmp_path / "edge", [api.url], edge_key) as node:
            eventually(lambda: node.revision() == revision)
        spoiled = [path for path in (tmp_path / "edge" / "kv").rglob("*") if path.is_file()]
        assert spoiled
        for path in spoiled:
            path.write_bytes(path.read_bytes()[:-7])
        with edge_process(tmp_path / "edge", [api.url], edge_key) as again, following(again, server_key) as client:
            assert is_on(client)
            assert again.revision() == revision
            assert "it is fetched from the upstream" in again.said()


def test_a_revoked_key_is_cut_off_and_refused_two_levels_down(tmp_path: Path) -> None:
    with origin(tmp_path / "origin") as (_, api):
        edge_key = api.key(kind="edge")
        made = api.made("POST", f"{PLACE}/keys", {"kind": "server"})
        with (
            edge(tmp_path / "hub", [api.url], edge_key, name="hub") as hub,
            edge(tmp_path / "pop", [hub.url], edge_key, name="pop") as pop,
        ):
            eventually(lambda: pop.answer_to(made["secret"]) == 200)
            with pop.client(made["secret"]) as http, http.stream("GET", "/sdk/v1/stream") as stream:
                assert stream.status_code == 200
                chunks = stream.iter_raw()
                next(chunks)
                api.made("DELETE", f"{PLACE}/keys/{made['key']['key']}")
                assert b"event: goodbye" not in b"".join(chunks)  # it has ended, and not because the node stops
            eventually(lambda: hub.answer_to(made["secret"]) == 401)
            assert pop.answer_to(made["secret"]) == 401


def test_keys_that_nobody_confirms_are_refused_after_a_time_and_streams_stay(tmp_path: Path) -> None:
    with origin(tmp_path / "origin") as (_, api), relay() as wire:
        edge_key, server_key, ask = api.key(kind="edge"), api.key(), f"/ofrep/v1/evaluate/flags/{FLAG}"
        with (
            edge(tmp_path / "edge", [wire.before(api.url)], edge_key, key_ttl=5) as node,
            following(node, server_key) as client,
            node.client(server_key) as http,
            http.stream("GET", "/sdk/v1/stream") as stream,
        ):
            chunks = stream.iter_raw()
            next(chunks)
            wire.before(NOBODY)
            wire.drop()
            eventually(lambda: node.answer_to(server_key) == 503, 60)
            refused = node.get("/sdk/v1/snapshot", server_key)
            assert "last confirmed" in refused.json()["detail"]
            assert int(refused.headers["retry-after"]) > 0
            with node.client(server_key) as other:
                assert other.post(ask, json={"context": ANYBODY}).status_code == 503
                assert other.get("/sdk/v1/stream").status_code == 503
            assert [each.keys_refused for each in node.status().environments] == [True]
            assert client.status().ready
            turn(api, on=True)
            wire.before(api.url)
            eventually(lambda: node.answer_to(server_key) == 200, 60)
            eventually(lambda: any(b"event: delta" in chunk for chunk in chunks))  # on the same stream
            eventually(lambda: is_on(client))


def test_defaults_are_served_where_nothing_else_is_known(tmp_path: Path) -> None:
    file = tmp_path / "defaults.json"
    with origin(tmp_path / "origin") as (_, api), relay() as wire:
        edge_key, server_key = api.key(kind="edge"), api.key()
        turn(api, on=True)
        with edge(tmp_path / "first", [api.url], edge_key) as node:
            file.write_bytes(node.get("/sdk/v1/snapshot").content)
        os.utime(file, (time.time() - 3600, time.time() - 3600))
        with edge(tmp_path / "edge", [wire.before(NOBODY)], edge_key, defaults=str(file), key_ttl=10) as node:
            found = node.environment()
            assert found is not None
            assert (found.level, found.on_defaults, found.revision.partition(".")[0]) == (3, True, "0")
            assert (found.age_s or 0) > 3600
            with following(node, server_key) as client:
                assert is_on(client)
                revision = turn(api, on=False)
                wire.before(api.url)
                eventually(lambda: not is_on(client))
                eventually(lambda: node.revision() == revision)
                assert [each.on_defaults for each in node.status().environments] == [False]


def test_a_node_without_anything_starts_and_waits(tmp_path: Path) -> None:
    with edge(tmp_path / "edge", [NOBODY], "pennon_edge_x", name="fra-1") as node:
        answer = node.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
        assert node.answer_to("pennon_server_x") == 503
        status = node.status()
        assert (status.name, status.level, status.ready, status.environments) == ("fra-1", 3, False, ())
        assert [upstream.url for upstream in status.upstreams] == [NOBODY]
        assert "could not be reached" in status.problems[0]
