"""Snapshots, environments, acks and client rules over HTTP."""

import gzip
import time

import httpx2
import msgspec
import pytest

from pennon.model import Delta, Position, Prerequisite, Segment, Snapshot
from pennon.stream import StreamSettings
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

SHOP = "https://shop.example"


def stands_at(node: RunningNode, revision: int) -> None:
    eventually(lambda: node.node.environments[ENVIRONMENT].position == Position(1, revision))


def test_snapshot_is_what_the_log_holds_byte_for_byte() -> None:
    with running(boolean("checkout"), Segment(key="beta", salt="s")) as node, node.client() as client:
        answer = client.get("/sdk/v1/snapshot")
        assert answer.headers["x-pennon-revision"] == "1.1"
        assert float(answer.headers["x-pennon-age"]) < 5
        assert answer.headers["content-type"] == "application/json"
        snapshot, state = Snapshot.from_json(answer.content), node.log.state(ENVIRONMENT)
        assert snapshot.flags.records == state.flags.records
        assert snapshot.segments.records == state.segments.records
        assert not snapshot.keys


def test_whoever_evaluates_for_pages_is_told_what_they_call_the_state() -> None:
    flags = boolean("open", client_side=True), boolean("hidden")
    with running(*flags) as node, node.client() as server, node.client(CLIENT) as browser:
        for path in ("/sdk/v1/snapshot", "/sdk/v1/snapshot?since=1.1", "/sdk/v1/snapshot"):
            told = browser.post("/ofrep/v1/evaluate/flags", json={}).json()["metadata"]["flagsVersion"]
            assert server.get(path).headers["x-pennon-flags-version"] == told
        node.write(boolean("open", client_side=True, on=False))
        stands_at(node, 2)
        assert server.get("/sdk/v1/snapshot?since=1.1").headers["x-pennon-flags-version"].startswith("v2_")


def test_edge_key_gets_the_key_records_too() -> None:
    with running() as node, node.client(EDGE) as client:
        assert secret_hash(SERVER) in Snapshot.from_json(client.get("/sdk/v1/snapshot").content).keys


def test_snapshot_that_is_known_is_not_sent_again() -> None:
    with running() as node, node.client() as client:
        tag = client.get("/sdk/v1/snapshot").headers["etag"]
        same = client.get("/sdk/v1/snapshot", headers={"if-none-match": tag})
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["x-pennon-revision"] == "1.1"
        assert "x-pennon-age" in same.headers
        node.write(boolean("a"))
        stands_at(node, 2)
        changed = client.get("/sdk/v1/snapshot", headers={"if-none-match": tag})
        assert changed.status_code == 200
        assert changed.headers["etag"] != tag


def test_client_that_says_where_it_stands_gets_the_step_from_there() -> None:
    with running(boolean("a")) as node, node.client() as client:
        node.write(boolean("b"))
        node.write(delete=(("flag", "a"),))
        stands_at(node, 3)
        delta = Delta.from_json(client.get("/sdk/v1/snapshot?since=1.1").content)
        assert (delta.from_, delta.to, sorted(delta.flags)) == (1, 3, ["a", "b"])
        assert delta.flags["a"] is None
        same = client.get("/sdk/v1/snapshot?since=1.3")
        assert (Delta.from_json(same.content).from_, Delta.from_json(same.content).flags) == (3, {})
        tag = {"if-none-match": same.headers["etag"]}
        assert client.get("/sdk/v1/snapshot?since=1.3", headers=tag).status_code == 304
        ahead = Delta.from_json(client.get("/sdk/v1/snapshot?since=7.3").content)
        assert (ahead.epoch, ahead.to, ahead.flags) == (1, 3, {}), "who is ahead keeps what it has"
        whole = Snapshot.from_json(client.get("/sdk/v1/snapshot?since=0.3").content)
        assert list(whole.flags) == ["b"]


@pytest.mark.parametrize("since", ["", "1", "1.", "a.b", "-1.2", "1.2.3", "9" * 50 + ".1"])
def test_position_that_is_none_is_refused_and_says_how_to_write_one(since: str) -> None:
    with running() as node, node.client() as client:
        refused = client.get("/sdk/v1/snapshot", params={"since": since})
        assert refused.status_code == 400
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["status"] == 400


def test_large_snapshot_is_compressed_for_who_takes_it() -> None:
    with running(*(boolean(f"flag-{number}") for number in range(300))) as node, node.client() as client:
        plain = client.get("/sdk/v1/snapshot", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        with client.stream("GET", "/sdk/v1/snapshot", headers={"accept-encoding": "gzip"}) as packed:
            raw = b"".join(packed.iter_raw())
        assert packed.headers["content-encoding"] == "gzip"
        assert len(raw) < len(plain.content) / 4
        assert gzip.decompress(raw) == plain.content
        assert packed.headers["etag"] == f"W/{plain.headers['etag']}"
        tags = {"if-none-match": packed.headers["etag"]}
        assert client.get("/sdk/v1/snapshot", headers=tags).status_code == 304
        with client.stream("GET", "/sdk/v1/snapshot", headers={"accept-encoding": "gzip"}) as again:
            assert b"".join(again.iter_raw()) == raw
        assert len(node.node.documents) == 1
        node.write(boolean("flag-0", on=False))
        stands_at(node, 2)
        with client.stream("GET", "/sdk/v1/snapshot", headers={"accept-encoding": "gzip"}) as later:
            assert Snapshot.from_json(gzip.decompress(b"".join(later.iter_raw()))).revision == 2


def test_small_answer_is_not_compressed() -> None:
    with running() as node, node.client() as client:
        answer = client.get("/sdk/v1/snapshot", headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in answer.headers


def test_key_names_its_environments_and_where_they_stand() -> None:
    with running() as node, node.client(EDGE) as edge, node.client() as client:
        node.write(key(EDGE, "edge"), boolean("x"), environment="shop/second")
        eventually(lambda: len(edge.get("/sdk/v1/environments").json()["environments"]) == 2)
        listed = edge.get("/sdk/v1/environments").json()["environments"]
        assert [(found["key"], found["epoch"], found["revision"]) for found in listed] == [
            (ENVIRONMENT, 1, 1),
            ("shop/second", 1, 1),
        ]
        assert [found["key"] for found in client.get("/sdk/v1/environments").json()["environments"]] == [ENVIRONMENT]
        unclear = edge.get("/sdk/v1/snapshot")
        assert unclear.status_code == 400
        assert "?environment=" in unclear.json()["detail"]
        second = edge.get("/sdk/v1/snapshot", params={"environment": "shop/second"})
        assert list(Snapshot.from_json(second.content).flags) == ["x"]
        assert edge.get("/sdk/v1/snapshot?environment=shop/third").status_code == 403
        assert client.get("/sdk/v1/snapshot?environment=shop/second").status_code == 403


def test_edge_node_reports_what_it_applied() -> None:
    with running() as node, node.client(EDGE) as edge, node.client() as client:
        body = {"acks": [{"node": "fra-1", "revision": "1.1", "at": 1_760_000_000_000, "sdks": {"1.1": 17}}]}
        assert edge.post("/sdk/v1/acks", json=body).status_code == 204
        older = {"acks": [{"node": "fra-1", "revision": "1.0", "at": 1_770_000_000_000, "waited": 600}]}
        assert edge.post("/sdk/v1/acks", json=older).status_code == 204
        kept = node.node.acks.of(ENVIRONMENT)["fra-1"]
        assert (kept.position, kept.sdks) == (Position(1, 1), {"1.1": 17})
        assert client.post("/sdk/v1/acks", json=body).status_code == 403


def test_nobody_below_reports_for_the_node_that_hears_it_or_for_one_above() -> None:
    with running() as node, node.client(EDGE) as edge:
        node.node.path = ("hub", "origin")
        reported = [{"node": name, "revision": "1.1", "at": 1_760_000_000_000} for name in ("origin", "hub", "fra-1")]
        assert edge.post("/sdk/v1/acks", json={"acks": reported}).status_code == 204
        assert list(node.node.acks.of(ENVIRONMENT)) == ["fra-1"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"{}", ""),
        (b'{"acks":[{"node":"","revision":"1.1","at":1}]}', "/acks/0/node"),
        (b'{"acks":[{"node":"a","revision":"x","at":1}]}', "/acks/0/revision"),
        (b'{"acks":[{"node":"a","revision":"1.1","at":1,"sdks":{"x":1}}]}', "/acks/0/sdks/x"),
        (b'{"acks":[{"node":"a","revision":"1.1","at":"yesterday"}]}', "/acks/0/at"),
        (b'{"acks":', ""),
    ],
)
def test_malformed_acks_are_refused_whole(body: bytes, path: str) -> None:
    with running() as node, node.client(EDGE) as edge:
        refused = edge.post("/sdk/v1/acks", content=body)
        assert refused.status_code == 400
        assert refused.json()["problems"][0]["path"] == path
        assert node.node.acks.of(ENVIRONMENT) == {}


def rules(client: httpx2.Client, **headers: str) -> httpx2.Response:
    return client.get(f"/client/v1/rules/{CLIENT}", headers=headers)


def test_browsers_get_the_rules_of_client_side_flags_only_where_that_is_allowed() -> None:
    flags = (
        boolean("secret"),
        boolean("needed"),
        boolean("shown", client_side=True, prerequisites=(Prerequisite("needed", ("on",)),)),
    )
    settings = StreamSettings(poll_s=0.1, rules_check_s=0.05)
    with running(*flags, settings=settings) as node, node.client(None) as browser:
        assert rules(browser).status_code == 404
        node.log.allowed.add(ENVIRONMENT)
        eventually(lambda: rules(browser).status_code == 200, within=60)
        answer = rules(browser)
        assert sorted(answer.json()["flags"]) == ["needed", "shown"]
        assert answer.json()["ttl"] == 300
        assert list(Snapshot.from_json(answer.content).flags) == ["needed", "shown"]
        assert answer.headers["cache-control"] == (
            "public, max-age=30, stale-while-revalidate=300, stale-if-error=86400"
        )
        assert rules(browser, **{"if-none-match": answer.headers["etag"]}).status_code == 304


def test_rules_are_open_to_all_pages_unless_the_key_names_its_own() -> None:
    limited = key("limited", "client", origins=(SHOP,))
    with running(limited, boolean("f", client_side=True)) as node, node.client(None) as browser:
        node.log.allowed.add(ENVIRONMENT)
        open_to_all = rules(browser, origin="https://anywhere.example")
        assert open_to_all.headers["access-control-allow-origin"] == "*"
        assert "Origin" not in open_to_all.headers["vary"]
        mine = browser.get("/client/v1/rules/limited", headers={"origin": SHOP})
        assert mine.headers["access-control-allow-origin"] == SHOP
        assert "Origin" in mine.headers["vary"]
        without = browser.get("/client/v1/rules/limited")
        assert "Origin" in without.headers["vary"], "a cache must keep it apart from what a page gets"
        other = browser.get("/client/v1/rules/limited", headers={"origin": "https://evil.example"})
        assert other.status_code == 403
        assert "access-control-allow-origin" not in other.headers


def test_secret_key_in_a_path_is_refused_and_unknown_ones_too() -> None:
    with running() as node, node.client(None) as browser:
        node.log.allowed.add(ENVIRONMENT)
        leaked = browser.get(f"/client/v1/rules/{SERVER}")
        assert leaked.status_code == 403
        assert "leaked" in leaked.json()["detail"]
        assert browser.get("/client/v1/rules/unknown").status_code == 401
        assert browser.get("/client/v1/rules/").status_code == 404


def test_large_rules_are_compressed() -> None:
    flags = (boolean(f"f{number}", client_side=True) for number in range(50))
    with running(*flags) as node, node.client(None) as browser:
        node.log.allowed.add(ENVIRONMENT)
        answer = rules(browser, **{"accept-encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert len(answer.json()["flags"]) == 50


def test_key_rotated_with_an_overlap_works_until_its_time() -> None:
    with running(settings=StreamSettings(poll_s=0.1)) as node, node.client() as old, node.client("new") as new:
        until = int(time.time()) + 2
        node.write(key(SERVER, "server", not_after=until), key("new", "server"))
        eventually(lambda: new.get("/sdk/v1/snapshot").status_code == 200)
        assert old.get("/sdk/v1/snapshot").status_code == 200 or time.time() >= until
        eventually(lambda: old.get("/sdk/v1/snapshot").status_code == 401)
        assert time.time() >= until
        assert new.get("/sdk/v1/snapshot").status_code == 200


def test_refusals_are_problems_and_are_counted() -> None:
    with running() as node, node.client("wrong") as client:
        refused = client.get("/sdk/v1/snapshot")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert msgspec.json.decode(refused.content).keys() == {"type", "title", "status", "detail"}
        assert client.post("/sdk/v1/snapshot").headers["allow"] == "GET, OPTIONS"
        assert node.value("pennon_refused_total", status="401") == 1
        assert node.value("pennon_refused_total", status="405") == 1


def test_head_answers_the_headers_of_get_and_a_stream_ends_at_once() -> None:
    with running() as node, node.client() as client:
        head, get = client.head("/sdk/v1/snapshot"), client.get("/sdk/v1/snapshot")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["etag"] == get.headers["etag"]
        assert head.headers["content-length"] == get.headers["content-length"]
        assert client.head("/sdk/v1/stream").headers["content-type"] == "text/event-stream"
        assert client.head("/sdk/v1/events").status_code == 405
        assert not list(node.node.subscribers())
