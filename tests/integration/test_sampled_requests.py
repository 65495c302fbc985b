"""The sample that a node takes of whom it evaluates for: OFREP providers, browsers, pages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

from pennon.control import app as composition
from pennon.events.pacing import LOOKS
from pennon.model import Condition, Rule, Serve
from pennon.protocol.signature import SIGNATURE_HEADER, targeting_key_signature
from pennon.stream import StreamSettings
from tests.edges import edge
from tests.integration.nodes import CLIENT, SERVER, Batches, RunningNode, boolean, key, running
from tests.integration.upstream import eventually
from tests.serving import Api, InProcess, serving

SIGNED, SECRET = "pennon_client_signed", "pennon_signing_a"
GERMANY = Condition(op="in", attribute="country", values=("DE",))
FLAGS = (boolean("open", client_side=True, rules=(Rule("r", (GERMANY,), Serve(variation="off")),)), boolean("inner"))
ALL, ONE, PAGE = "/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/open", "/client/v1/bootstrap"
# The usual requests are answered at once; one with a query goes by the endpoints.
PATHS = (ALL, ONE, f"{ALL}?by=endpoints", f"{ONE}?by=endpoints", PAGE)
PRODUCTION = "projects/default/environments/production"
EDITS = {"edits": [{"do": "setFallthrough", "flag": "checkout", "serve": {"variation": "off"}}]}


def sampling(requests: Any, *private: str) -> StreamSettings:
    return StreamSettings(poll_s=0.1, counts_flush_s=3600, sample_requests=requests, private_attributes=private)


@pytest.fixture(scope="module")
def open_node() -> Iterator[RunningNode]:
    record = key(SIGNED, "client", signing_secret=SECRET)
    with running(record, *FLAGS, settings=sampling("all-keys", "email")) as node:
        yield node


def ask(node: RunningNode, path: str, body: object, secret: str = CLIENT, **headers: str) -> None:
    named = {"authorization": f"Bearer {secret}", **{name.replace("_", "-"): text for name, text in headers.items()}}
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    answer = httpx2.post(
        node.url + path, content=content, headers={"content-type": "application/json", **named}, timeout=10
    )
    assert answer.status_code == 200, answer.text


def sampled(node: RunningNode) -> list[dict[str, Any]]:
    """Return the contexts that the node has handed over since this was last asked."""
    assert isinstance(node.sink, Batches)
    node.sink.taken.clear()
    node.run(node.node.report())
    return [each.context for _, _, batch in node.sink.taken for each in batch.contexts]


@pytest.mark.parametrize("path", PATHS)
def test_who_is_evaluated_for_is_in_the_sample_once_with_what_rules_look_at(open_node: RunningNode, path: str) -> None:
    who = {"targetingKey": f"u {path}", "country": "DE", "email": "u1@mail.example", "age": 7}
    for _ in range(3):
        ask(open_node, path, {"context": who})
    assert sampled(open_node) == [{"targetingKey": f"u {path}", "country": "DE"}]
    ask(open_node, path, {"context": who})
    assert sampled(open_node) == []


@pytest.mark.parametrize("path", [ALL, ONE, PAGE])
def test_a_request_says_what_of_it_is_private(open_node: RunningNode, path: str) -> None:
    context = {"targetingKey": f"private {path}", "country": "DE"}
    for all_of_it in (True, "country", 7, {"country": True}, ["country", 7]):
        ask(open_node, path, {"context": context, "private": all_of_it})
    ask(open_node, path, {"context": context}, sec_gpc="1")
    ask(open_node, path, b'{"context":{"targetingKey":"x"},"\\u0070rivate":true}')
    assert sampled(open_node) == []
    ask(open_node, path, {"context": context, "private": ["country"]})
    assert sampled(open_node) == [{"targetingKey": f"private {path}"}]
    ask(open_node, path, {"context": context, "private": False}, sec_gpc="0")
    assert sampled(open_node) == [context]


def test_a_flag_that_is_not_there_samples_nobody(open_node: RunningNode) -> None:
    with open_node.client(CLIENT) as client:
        for missing in ("nowhere", "inner"):
            answer = client.post(f"{ALL}/{missing}", json={"context": {"targetingKey": "lost", "country": missing}})
            assert answer.status_code == 404
    assert sampled(open_node) == []


def test_rules_that_change_are_followed(open_node: RunningNode) -> None:
    plan = Condition(op="in", attribute="plan", values=("pro",))
    open_node.write(boolean("later", client_side=True, rules=(Rule("r", (plan,), Serve(variation="off")),)))
    eventually(lambda: "later" in open_node.node.environments["shop/production"].client_flags())
    ask(open_node, ALL, {"context": {"targetingKey": "later", "plan": "pro", "email": "x"}})
    assert sampled(open_node) == [{"targetingKey": "later", "plan": "pro"}]


def test_a_page_may_send_a_sample_itself_where_all_keys_are_believed_but_nothing_private(
    open_node: RunningNode,
) -> None:
    context = {"targetingKey": "u1", "email": "u1@mail.example"}
    batch = {"instance": "page", "sequence": 1, "contexts": [{"time": 1, "context": context}]}
    assert isinstance(open_node.sink, Batches)
    open_node.sink.taken.clear()
    with open_node.client(CLIENT) as client:
        assert client.post("/sdk/v1/events", json=batch).json() == {"accepted": 1, "duplicate": False, "unknown": 0}
        [(_, _, taken)] = open_node.sink.taken
        assert [each.context for each in taken.contexts] == [{"targetingKey": "u1"}]
        declined = client.post("/sdk/v1/events", json={**batch, "sequence": 2}, headers={"sec-gpc": "1"})
        assert declined.json() == {"accepted": 0, "duplicate": False, "unknown": 1}


def test_keys_of_servers_and_signed_targeting_keys_are_believed_others_not() -> None:
    signed = key(SIGNED, "client", signing_secret=SECRET)
    with running(signed, *FLAGS, settings=sampling("server-keys")) as node:
        for path in PATHS:
            ask(node, path, {"context": {"targetingKey": "stranger"}})
            ask(node, path, {"context": {"country": "nobody in particular"}}, SIGNED)
        assert sampled(node) == []
        signature = {SIGNATURE_HEADER.replace("-", "_"): targeting_key_signature(SECRET, "u1")}
        ask(node, ALL, {"context": {"targetingKey": "u1"}}, SIGNED, **signature)
        ask(node, ALL, {"context": {"targetingKey": "u2"}}, SERVER)
        assert sampled(node) == [{"targetingKey": "u1"}, {"targetingKey": "u2"}]
        batch = {"instance": "page", "sequence": 1, "contexts": [{"time": 1, "context": {"targetingKey": "u1"}}]}
        with node.client(CLIENT) as client:
            assert client.post("/sdk/v1/events", json=batch).json()["unknown"] == 1


def test_without_the_setting_nobody_is_sampled_and_counts_go_on() -> None:
    with running(*FLAGS, settings=StreamSettings(poll_s=0.1, counts_flush_s=3600)) as node:
        for path in PATHS:
            ask(node, path, {"context": {"targetingKey": "u1"}}, SERVER)
        assert sampled(node) == []
        assert isinstance(node.sink, Batches)
        assert [counter.count for _, _, batch in node.sink.taken for counter in batch.counters] == [2]


def test_a_node_goes_back_to_looking_at_everybody_when_it_is_quiet(open_node: RunningNode) -> None:
    pace = open_node.node.environments["shop/production"].report.sampler.pace  # type: ignore[union-attr]
    for _ in range(LOOKS):
        pace.looked()
    assert pace.mask[0] > 0
    eventually(lambda: pace.mask[0] == 0, within_s=60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[InProcess, Api]]:
    of_settings = composition._stream_settings
    with pytest.MonkeyPatch.context() as patch:
        quick = lambda *given: msgspec.structs.replace(of_settings(*given), counts_flush_s=0.2)  # noqa: E731
        patch.setattr(composition, "_stream_settings", quick)
        folder = tmp_path_factory.mktemp("origin")
        with serving(folder, sample_requests="all-keys", private_attributes=("email",)) as (running, api):
            api.made("POST", "projects/default/flags", {"key": "checkout", "clientSide": True})
            conditions = [{"attribute": "country", "op": "in", "values": ["DE"]}]
            rule = {"id": "r", "conditions": conditions, "serve": {"variation": "off"}}
            edits = [{"do": "turnOn", "flag": "checkout"}, {"do": "addRule", "flag": "checkout", "rule": rule}]
            api.made("POST", f"{PRODUCTION}/changes", {"edits": edits})
            yield running, api


def moves(api: Api, edits: Any = None) -> Any:
    return api.made("POST", f"{PRODUCTION}/changes/preview", edits or EDITS)["moves"]


def test_a_preview_counts_whom_an_ofrep_provider_asks_for(server: tuple[InProcess, Api], tmp_path: Path) -> None:
    running, api = server
    public = api.key(kind="client")
    with edge(tmp_path, [running.url], api.key(kind="edge"), sample_requests="all-keys") as node:
        eventually(lambda: node.answer_to(api.key()) == 200)
        for number, url in enumerate((running.url, node.url)):
            provider = OFREPProvider(url, headers_factory=lambda: {"X-API-Key": public})
            for at in range(30):
                # Ten are seen by both.
                place = {"country": ("DE", "FR", "AT")[at % 3], "email": f"{at}@mail.example"}
                who = EvaluationContext(f"user-{number * 20 + at}", place)
                assert provider.resolve_boolean_details("checkout", False, who).reason is not None
            provider.session.close()
        node.run(node.node.stream.report())
        eventually(lambda: (found := moves(api)) is not None and found["contexts"] == 50, within_s=60)
    found = moves(api)
    assert found["flags"][0]["pairs"][0]["from"] == "on"
    asked = {"do": "addRule", "flag": "checkout", "rule": {"id": "m", "serve": {"variation": "off"}}}
    asked["rule"] |= {"conditions": [{"op": "endsWith", "attribute": "email", "values": ["@mail.example"]}]}  # type: ignore[operator]
    assert moves(api, {"edits": [asked]})["unseen"] == ["email"]
