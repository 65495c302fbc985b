"""OFREP over HTTP: what it answers to whom, and what it says when it cannot."""

import json
import socket
import time
from typing import Any

import httpx2
import pytest

from pennon.events import EventBatch
from pennon.model import (
    Condition,
    Experiment,
    Flag,
    Item,
    Position,
    Prerequisite,
    Rule,
    Serve,
    Split,
    Staleness,
    Target,
    Variation,
    Weight,
)
from pennon.stream import StreamSettings
from tests.integration.nodes import (
    CLIENT,
    EDGE,
    ENVIRONMENT,
    SERVER,
    Batches,
    MemoryLog,
    RunningNode,
    boolean,
    eventually,
    key,
    running,
)

SPLIT = Serve(split=Split(weights=(Weight("on", 50_000), Weight("off", 50_000))))
GERMANY = Condition(op="in", attribute="country", values=("DE",))
FLAGS = (
    boolean("open", client_side=True),
    boolean("off", on=False),
    boolean("off-default", on=False, off_variation=None),
    boolean("waiting", prerequisites=(Prerequisite("off", ("on",)),)),
    boolean("target", targets=(Target(("u1",), "off"),)),
    boolean("rule", rules=(Rule("r1", (GERMANY,), Serve(variation="off")),)),
    boolean("split", fallthrough=SPLIT, client_side=True),
    Flag(
        key="price",
        kind="number",
        on=True,
        variations=(Variation("a", 7.0), Variation("b", 8.5)),
        fallthrough=Serve(variation="a"),
    ),
    Flag(
        key="layout",
        kind="object",
        on=True,
        variations=(Variation("a", {"columns": [1, 2.0]}), Variation("b", None)),
        fallthrough=Serve(variation="a"),
    ),
    boolean("team/checkout"),
)


def ask(client: httpx2.Client, flag: str, **context: Any) -> httpx2.Response:
    return client.post(f"/ofrep/v1/evaluate/flags/{flag}", json={"context": context})


def ask_all(client: httpx2.Client, headers: dict[str, str] | None = None, **context: Any) -> httpx2.Response:
    return client.post("/ofrep/v1/evaluate/flags", json={"context": context}, headers=headers or {})


@pytest.mark.parametrize(
    ("flag", "context", "expected"),
    [
        ("open", {}, {"reason": "DEFAULT", "variant": "on", "value": True}),
        ("off", {}, {"reason": "DISABLED", "variant": "off", "value": False}),
        ("off-default", {}, {"reason": "DISABLED", "variant": None}),
        ("waiting", {}, {"reason": "DISABLED", "variant": "off", "value": False}),
        ("target", {"targetingKey": "u1"}, {"reason": "TARGETING_MATCH", "variant": "off", "value": False}),
        ("rule", {"country": "DE"}, {"reason": "TARGETING_MATCH", "variant": "off", "value": False}),
        ("split", {"targetingKey": "u1"}, {"reason": "SPLIT"}),
        ("layout", {}, {"reason": "DEFAULT", "variant": "a", "value": {"columns": [1, 2.0]}}),
        ("team/checkout", {}, {"reason": "DEFAULT", "variant": "on", "value": True}),
        ("team%2Fcheckout", {}, {"reason": "DEFAULT", "variant": "on", "value": True}),
    ],
)
def test_flag_is_evaluated_for_the_context(flag: str, context: dict[str, Any], expected: dict[str, Any]) -> None:
    with running(*FLAGS) as node, node.client() as client:
        answer = ask(client, flag, **context)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        body = answer.json()
        assert body["key"] == flag.replace("%2F", "/")
        assert expected.items() <= body.items()
        assert ("value" in body) == (body["variant"] is not None)
        assert body["metadata"].items() >= {"flagVersion": 1, "revision": "1.1"}.items()
        assert body["metadata"]["age"] < 5
        assert body["metadata"].get("ruleId") == ("r1" if flag == "rule" else None)


def test_numbers_keep_their_decimal_point() -> None:
    with running(*FLAGS) as node, node.client() as client:
        assert '"value":7.0' in ask(client, "price").text


@pytest.mark.parametrize("content", [b"", b"{}", b'{"context":null}'])
def test_context_may_be_left_out(content: bytes) -> None:
    with running(*FLAGS) as node, node.client() as client:
        answer = client.post("/ofrep/v1/evaluate/flags/open", content=content)
        assert answer.json()["value"] is True


@pytest.mark.parametrize(
    ("flag", "content", "status", "code"),
    [
        ("nowhere", b"{}", 404, "FLAG_NOT_FOUND"),
        ("split", b"{}", 400, "TARGETING_KEY_MISSING"),
        ("split", b'{"context":{"targetingKey":true}}', 400, "TARGETING_KEY_MISSING"),
        ("open", b"{", 400, "PARSE_ERROR"),
        ("open", b"[]", 400, "PARSE_ERROR"),
        ("open", b'{"context":{"a":"\xff"}}', 400, "PARSE_ERROR"),
        ("open", b'{"context":[]}', 400, "INVALID_CONTEXT"),
        ("open", b'{"context":{"a":"%b"}}' % (b"x" * 70_000), 400, "INVALID_CONTEXT"),
        ("open", b'{"context":' + b'{"a":' * 16 + b"{}" + b"}" * 17, 400, "INVALID_CONTEXT"),
        ("open", b'{"context":' * 10_000, 400, "PARSE_ERROR"),
    ],
)
def test_what_cannot_be_evaluated_has_a_code_and_its_details(flag: str, content: bytes, status: int, code: str) -> None:
    with running(*FLAGS) as node, node.client() as client:
        answer = client.post(f"/ofrep/v1/evaluate/flags/{flag}", content=content)
        assert answer.status_code == status
        body = answer.json()
        assert (body["key"], body["errorCode"]) == (flag, code)
        assert body["errorDetails"]


def test_flag_that_is_broken_answers_its_cause() -> None:
    with running(boolean("broken", fallthrough=Serve(variation="gone"))) as node, node.client() as client:
        answer = ask(client, "broken", targetingKey="u")
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "PARSE_ERROR")
        assert "gone" in answer.json()["errorDetails"]


def test_flag_whose_state_is_too_old_says_so() -> None:
    log = MemoryLog()
    stale = boolean("f", staleness=Staleness(max_age_s=60, serve=Serve(variation="off")))
    with running(stale, log=log) as node, node.client() as client:
        assert ask(client, "f").json()["reason"] == "DEFAULT"
        log.source_age = 100
        log.fail = {ENVIRONMENT}
        node.node.environments[ENVIRONMENT].hub._known_at -= 100
        assert ask(client, "f").json().items() >= {"reason": "STALE", "value": False}.items()
        log.fail, log.source_age = set(), 0
        eventually(lambda: ask(client, "f").json()["reason"] == "DEFAULT")


def test_client_key_sees_client_side_flags_and_no_others() -> None:
    with running(*FLAGS) as node, node.client(CLIENT) as client:
        assert ask(client, "open").status_code == 200
        hidden, missing = ask(client, "rule"), ask(client, "nowhere")
        assert hidden.status_code == missing.status_code == 404
        assert hidden.json()["errorDetails"].replace("rule", "nowhere") == missing.json()["errorDetails"]
        assert hidden.json()["metadata"].keys() == missing.json()["metadata"].keys()
        assert {entry["key"] for entry in ask_all(client, targetingKey="u").json()["flags"]} == {"open", "split"}


def test_flag_that_becomes_client_side_is_seen_and_one_that_ceases_to_be_is_not() -> None:
    with running(*FLAGS) as node, node.client(CLIENT) as client:
        ask_all(client)
        node.write(boolean("rule", client_side=True), boolean("open"))
        node.write(delete=(("flag", "split"),))
        eventually(lambda: {entry["key"] for entry in ask_all(client).json()["flags"]} == {"rule"})
        assert ask(client, "open").status_code == 404


def test_server_key_gets_every_flag_at_once_and_a_broken_one_harms_no_other() -> None:
    flags = (*FLAGS, boolean("broken", fallthrough=Serve(variation="gone")))
    with running(*flags) as node, node.client() as client:
        answer = ask_all(client, targetingKey="u1")
        entries = {entry["key"]: entry for entry in answer.json()["flags"]}
        assert entries.keys() == {flag.key for flag in flags}
        assert entries["broken"]["errorCode"] == "PARSE_ERROR"
        assert entries["open"].items() >= {"reason": "DEFAULT", "variant": "on", "value": True}.items()
        assert all("errorDetails" in entry or {"reason", "variant"} <= entry.keys() for entry in entries.values())
        assert entries["open"]["metadata"] == {"revision": "1.1", "flagVersion": 1}
        metadata = answer.json()["metadata"]
        assert metadata.keys() == {"revision", "flagsVersion", "ttl", "age"}
        assert metadata["flagsVersion"].startswith("v1_")


def test_who_asks_for_all_flags_is_told_whose_reading_is_an_exposure_of_what() -> None:
    split = Split(weights=(Weight("on", 100_000), Weight("off", 0)), by="company", experiment=Experiment("exp-a"))
    flags = (
        boolean("tried", client_side=True, fallthrough=Serve(split=split)),
        boolean("noted", client_side=True, exposures="all"),
        boolean("plain", client_side=True),
    )
    with running(*flags) as node, node.client(CLIENT) as client:
        said = {entry["key"]: entry["metadata"] for entry in ask_all(client, company="c1").json()["flags"]}
    assert said["tried"].items() >= {"exposureBy": "company", "experiment": "exp-a"}.items()
    assert said["noted"] == {"revision": "1.1", "flagVersion": 1, "exposureBy": "targetingKey"}
    assert said["plain"] == {"revision": "1.1", "flagVersion": 1}


def test_an_unmet_prerequisite_is_told_from_a_flag_that_is_off() -> None:
    needy = boolean("needy", client_side=True, prerequisites=(Prerequisite("off", ("on",)),))
    with running(needy, boolean("off", client_side=True, on=False)) as node, node.client(CLIENT) as client:
        said = {entry["key"]: entry for entry in ask_all(client, targetingKey="u1").json()["flags"]}
    assert [said["needy"]["reason"], said["needy"]["metadata"]["reason"]] == ["DISABLED", "PREREQUISITE_FAILED"]
    assert "reason" not in said["off"]["metadata"]


def test_flags_for_an_unchanged_context_are_not_sent_again() -> None:
    with running(*FLAGS) as node, node.client(CLIENT) as client:
        tag = ask_all(client, targetingKey="u1").headers["etag"]
        same = ask_all(client, {"if-none-match": tag}, targetingKey="u1")
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["etag"] == tag


def test_tag_covers_the_context_so_that_a_changed_one_is_not_frozen() -> None:
    rule = boolean("rule", client_side=True, rules=(Rule("r1", (GERMANY,), Serve(variation="off")),))
    with running(rule) as node, node.client(CLIENT) as client:
        tag = ask_all(client, targetingKey="u1", country="FR").headers["etag"]
        changed = ask_all(client, {"if-none-match": tag}, targetingKey="u1", country="DE")
        assert changed.status_code == 200
        assert changed.json()["flags"][0]["value"] is False


def test_tag_changes_with_the_flags() -> None:
    with running(*FLAGS) as node, node.client(CLIENT) as client:
        tag = ask_all(client).headers["etag"]
        node.write(boolean("open", client_side=True, on=False))
        eventually(lambda: ask_all(client, {"if-none-match": tag}).status_code == 200)


def test_bulk_refuses_a_bad_body_without_a_key() -> None:
    with running() as node, node.client() as client:
        refused = client.post("/ofrep/v1/evaluate/flags", content=b"{")
        assert refused.status_code == 400
        assert refused.json().keys() == {"errorCode", "errorDetails"}


def test_event_stream_is_named_without_a_secret_and_stays_the_same() -> None:
    with running(*FLAGS) as node, node.client(CLIENT) as client, node.client() as server:
        (stream,) = ask_all(client).json()["eventStreams"]
        assert stream == {
            "type": "sse",
            "endpoint": {"requestUri": f"/ofrep/v1/stream?key={CLIENT}"},
            "inactivityDelaySec": 120,
        }
        (stream,) = ask_all(server).json()["eventStreams"]
        uri = stream["endpoint"]["requestUri"]
        assert uri.startswith("/ofrep/v1/stream?token=")
        assert SERVER not in uri
        assert ask_all(server).json()["eventStreams"] == [stream]


def test_event_stream_is_left_out_to_shed_load_and_the_tag_says_so() -> None:
    settings = StreamSettings(poll_s=0.1, max_streams=0)
    with running(*FLAGS) as node, node.client(CLIENT) as client:
        tag = ask_all(client).headers["etag"]
    with running(*FLAGS, settings=settings) as node, node.client(CLIENT) as client:
        answer = ask_all(client, {"if-none-match": tag})
        assert answer.status_code == 200
        assert "eventStreams" not in answer.json()


def test_public_address_is_used_where_it_is_known() -> None:
    settings = StreamSettings(public_url="https://flags.example/pennon")
    with running(*FLAGS, settings=settings) as node, node.client(CLIENT) as client:
        (stream,) = ask_all(client).json()["eventStreams"]
        assert stream["url"] == f"https://flags.example/pennon/ofrep/v1/stream?key={CLIENT}"


@pytest.mark.parametrize(("secret", "status"), [(None, 401), ("wrong", 401), (EDGE, 403), (SERVER, 200), (CLIENT, 200)])
def test_keys_are_checked_before_anything_is_evaluated(secret: str | None, status: int) -> None:
    with running(*FLAGS) as node, node.client(secret) as client:
        answer = ask(client, "open")
        assert answer.status_code == status
        if status != 200:
            assert answer.json()["errorDetails"]
            assert node.value("pennon_evaluations_total", way="single") == 0


def test_key_may_travel_as_api_key() -> None:
    with running(*FLAGS) as node, node.client(None) as client:
        headers = {"x-api-key": CLIENT}
        assert client.post("/ofrep/v1/evaluate/flags/open", json={}, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/open", "/sdk/v1/events"])
def test_preflight_needs_no_key(path: str) -> None:
    asked = {
        "origin": "https://shop.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,if-none-match",
    }
    with running() as node, node.client(None) as browser:
        answer = browser.options(path, headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "POST" in answer.headers["access-control-allow-methods"]
        allowed = answer.headers["access-control-allow-headers"].lower()
        assert all(name in allowed for name in ("if-none-match", "content-type", "authorization", "x-api-key"))


def test_page_reads_answers_errors_and_tags_with_a_client_key() -> None:
    with running(*FLAGS) as node, node.client(CLIENT) as browser, node.client("wrong") as stranger:
        page = {"origin": "https://shop.example"}
        answer = ask_all(browser, page)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "ETag" in answer.headers["access-control-expose-headers"]
        assert ask_all(stranger, page).headers["access-control-allow-origin"] == "*"


def test_key_of_other_pages_is_refused() -> None:
    limited = key("limited", "client", origins=("https://shop.example",))
    with running(*FLAGS, limited) as node, node.client("limited") as browser:
        assert ask_all(browser, {"origin": "https://shop.example"}).status_code == 200
        assert ask_all(browser).status_code == 200, "a request that comes from no page"
        refused = ask_all(browser, {"origin": "https://evil.example"})
        assert refused.status_code == 403
        assert "access-control-allow-origin" not in refused.headers


def test_secret_key_is_of_no_use_to_a_page() -> None:
    with running(*FLAGS) as node, node.client() as browser:
        answer = ask_all(browser, {"origin": "https://shop.example"})
        assert "access-control-allow-origin" not in answer.headers


def taken(node: RunningNode) -> list[EventBatch]:
    assert isinstance(node.sink, Batches)
    return [batch for _, _, batch in node.sink.taken]


def test_single_evaluations_are_counted_by_the_node_and_bulk_is_not() -> None:
    with running(*FLAGS, settings=StreamSettings(counts_flush_s=0.05)) as node, node.client() as client:
        for _ in range(3):
            ask(client, "open")
        ask(client, "split")
        ask(client, "nowhere")
        ask_all(client)
        eventually(lambda: sum(c.count for batch in taken(node) for c in batch.counters) == 4)
        sums: dict[tuple[str, str | None, str], int] = {}
        for batch in taken(node):
            for counter in batch.counters:
                place = (counter.flag, counter.variation, counter.reason)
                sums[place] = sums.get(place, 0) + counter.count
        assert sums == {("open", "on", "FALLTHROUGH"): 3, ("split", None, "ERROR"): 1}
        assert len({batch.sequence for batch in taken(node)}) == len(taken(node))
        assert node.value("pennon_evaluations_total", way="single") == 5
        assert node.value("pennon_evaluations_total", way="bulk") == len(FLAGS)


def test_single_evaluations_of_an_experiment_are_exposures_once_a_unit() -> None:
    split = Split(weights=(Weight("on", 50_000), Weight("off", 50_000)), experiment=Experiment(key="exp-a"))
    with running(boolean("f", fallthrough=Serve(split=split))) as node:
        with node.client() as client:
            for unit in ("u1", "u2", "u1"):
                ask(client, "f", targetingKey=unit)
            ask_all(client, targetingKey="u3")
        node.run(node.node.report())
        exposures = [seen for batch in taken(node) for seen in batch.exposures]
        assert sorted((seen.unit, seen.experiment, seen.revision) for seen in exposures) == [
            ("u1", "exp-a", "1.1"),
            ("u2", "exp-a", "1.1"),
        ]


def test_what_was_counted_is_reported_when_the_node_stops() -> None:
    with running(*FLAGS) as node, node.client() as client:
        ask(client, "open")
    assert [counter.flag for batch in taken(node) for counter in batch.counters] == ["open"]


def test_answers_to_one_request_come_from_one_revision() -> None:
    """A bulk answer of many flags lets others have their turn, and is still of one revision."""
    with running(*(boolean(f"f{number}") for number in range(1000))) as node, node.client() as client:
        before = Position(1, 1)
        for revision in range(2, 12):
            node.write(*(boolean(f"f{number}", on=revision % 2 == 0) for number in range(1000)))
            body = ask_all(client).json()
            values = {(entry["metadata"]["revision"], entry["value"]) for entry in body["flags"]}
            assert len(values) == 1
            position = Position.parse(body["metadata"]["revision"])
            assert position >= before
            before = position


NAMES = ["%00", "%ff", "%F0%9F%98%80", "a%20b", "..%2F..", "%E2%80%A8", "x" * 3000, "%25", "a;b", "{key}"]


@pytest.mark.parametrize("name", NAMES)
def test_key_of_any_characters_is_an_unknown_flag(name: str) -> None:
    with running(*FLAGS) as node, node.client() as client:
        answer = client.post(f"/ofrep/v1/evaluate/flags/{name}", content=b"{}")
        assert (answer.status_code, answer.json()["errorCode"]) == (404, "FLAG_NOT_FOUND")


def raw_exchange(node: RunningNode, data: bytes) -> bytes:
    """Send *data* as it is, close our side, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", int(node.url.rsplit(":", 1)[1])), timeout=60) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


HEAD = b"POST /ofrep/v1/evaluate/flags/open HTTP/1.1\r\nHost: x\r\nX-API-Key: %b\r\n" % SERVER.encode()


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Content-Length: 100\r\n\r\n{",
        HEAD + b"Content-Length: 99999999999999999999\r\n\r\n{}",
        HEAD + b"Content-Length: -5\r\n\r\n{}",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        HEAD + b"X: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET /sdk/v1/stream HTTP/1.1\r\n" + b"A: b\r\n" * 20_000,
    ],
)
def test_requests_that_lie_change_nothing_and_the_node_lives(data: bytes) -> None:
    with running(*FLAGS) as node, node.client() as client:
        try:
            received = raw_exchange(node, data)
        except ConnectionError:
            received = b""
        status = received[9:12]
        assert status in {b"", b"200", b"400", b"413", b"431"}
        assert ask(client, "open").status_code == 200
        assert node.value("pennon_refused_total", status="500") == 0


def test_body_larger_than_the_limit_is_refused() -> None:
    with running(*FLAGS) as node, node.client() as client:
        huge = client.post("/ofrep/v1/evaluate/flags/open", content=b" " * 1_100_000)
        assert huge.status_code == 413
        assert huge.json()["errorDetails"]
        chunked = client.post("/ofrep/v1/evaluate/flags/open", content=(b" " * 100_000 for _ in range(20)))
        assert chunked.status_code == 413
        assert ask(client, "open").status_code == 200


def test_form_is_no_json() -> None:
    with running(*FLAGS) as node, node.client() as client:
        assert client.post("/ofrep/v1/evaluate/flags/open", data={"context": "x"}).status_code == 415


def test_item_that_is_no_flag_answers_an_error_and_its_neighbours_their_values() -> None:
    log = MemoryLog()
    with running(*FLAGS, log=log) as node, node.client() as client:
        items = {kind: dict(records) for kind, records in log._items[ENVIRONMENT].items()}
        items["flag"]["odd"] = Item.from_text("odd", json.dumps({"key": "odd", "variations": 7}).encode())
        log._items[ENVIRONMENT] = items
        log.restore(ENVIRONMENT)
        eventually(lambda: ask(client, "odd").status_code == 400)
        assert ask(client, "odd").json()["errorCode"] == "PARSE_ERROR"
        assert ask(client, "open").json()["value"] is True


def test_evaluation_takes_a_fraction_of_a_millisecond_of_the_server() -> None:
    """Not a benchmark: a guard against work that grows with the environment on each request."""
    with running(*(boolean(f"f{number}") for number in range(3000))) as node, node.client(CLIENT) as client:
        ask(client, "f1")

        def took() -> float:
            started = time.perf_counter()
            ask(client, "f1")
            return time.perf_counter() - started

        assert min(took() for _ in range(50)) < 0.1
