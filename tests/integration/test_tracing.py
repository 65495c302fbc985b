"""Traces of a real server, as a real collector's end of OTLP over HTTP gets them."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pennon.control.api.admitting import Admitting
from pennon.control.app import create_app
from pennon.control.config import Settings
from tests.edges import edge
from tests.integration.upstream import eventually
from tests.serving import serving

E = "projects/default/environments/production"
_SERVER, _CLIENT = 2, 3
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """Takes traces. `spans` has all of them, `raw` their bytes."""

    def __init__(self) -> None:
        self.raw = b""
        self.spans: list[Any] = []
        self.services: set[str] = set()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def take(self, path: str, body: bytes) -> None:
        assert path == "/v1/traces"
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = [each for each in resource.resource.attributes if each.key == "service.name"]
            self.services |= {each.value.string_value for each in named}
            for scope in resource.scope_spans:
                self.spans += scope.spans


def said(span: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in span.attributes}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    made = Collector()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{made.server.server_address[1]}")
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


def test_a_change_is_followed_from_its_request_to_the_bus(collector: Collector, tmp_path: Path) -> None:
    with serving(tmp_path / "data", traces=True) as (_, api):
        api.made("POST", "projects/default/flags", {"key": "checkout"})
        body = {"edits": [{"do": "turnOn", "flag": "checkout"}], "why": "a reason that stays here"}
        traceparent = f"00-{TRACE}-{PARENT}-01"
        answer = api.send("POST", f"{E}/changes?why=unseen", body, traceparent=traceparent, X_Request_Id="request-1")
        assert answer.status_code == 200
        assert api.send("GET", f"{E}/flags/nosuch-flag", X_Request_Id="request-2").status_code == 404
        assert api.send("POST", f"{E}/changes", {"edits": [{"do": "turnOn", "flag": "nosuch-flag"}]}).status_code == 422
        key = api.key()
        assert api.http.get(f"{api.url}/sdk/v1/snapshot", headers={"Authorization": f"Bearer {key}"}).is_success
    request = next(span for span in collector.spans if span.trace_id.hex() == TRACE and span.kind == _SERVER)
    assert request.name == "POST /api/v1/projects/{project}/environments/{environment}/changes"
    assert request.parent_span_id.hex() == PARENT
    assert said(request) == {
        "http.request.method": "POST",
        "http.route": "/api/v1/projects/{project}/environments/{environment}/changes",
        "http.response.status_code": 200,
        "pennon.actor.kind": "token",
        "pennon.request_id": "request-1",
    }
    change, publish = (
        next(span for span in collector.spans if span.trace_id.hex() == TRACE and span.name == name)
        for name in ("change", "bus publish")
    )
    assert change.parent_span_id == request.span_id
    assert said(change)["pennon.logs.changed"] == 1
    assert publish.parent_span_id == change.span_id
    assert said(publish)["pennon.environment"] == "default/production"
    refused = [span for span in collector.spans if span.name == "change" and "error.type" in said(span)]
    assert [said(span)["error.type"] for span in refused] == ["Invalid"]
    assert collector.services == {"pennon"}
    for unseen in (str(api.token), key, "unseen", "a reason that stays here", "nosuch-flag", "/sdk/v1"):
        assert unseen.encode() not in collector.raw, unseen


def test_variables_name_the_service_and_choose_what_is_sampled(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "flags-of-the-shop")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    with serving(tmp_path / "data", traces=True) as (_, api):
        api.made("GET", "projects")
        api.send("GET", "projects", traceparent=f"00-{TRACE}-{PARENT}-01")
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    assert collector.services == {"flags-of-the-shop"}


def test_a_collector_that_is_gone_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with serving(tmp_path / "data", traces=True) as (_, api):
        assert api.made("GET", "projects")["items"]


def test_nothing_of_it_is_there_unless_it_is_asked_for(tmp_path: Path) -> None:
    app = create_app(Settings(data=str(tmp_path)), announce=lambda _: None)
    front: Any = app.asgi_handler
    assert isinstance(front._app, Admitting)


def test_what_an_edge_node_asks_is_one_trace_with_what_its_upstream_does(collector: Collector, tmp_path: Path) -> None:
    handed_on = "pennon_forwarded_batches_total"
    with serving(tmp_path / "origin", traces=True) as (running, api):
        server_key, edge_key = api.key(), api.key(kind="edge")
        with edge(tmp_path / "edge", [running.url], edge_key, traces=True) as node:
            eventually(lambda: node.answer_to(server_key) == 200, within_s=60)
            batch = {"instance": "i", "sequence": 1, "metrics": [{"time": 1, "key": "m", "unit": "unseen"}]}
            with node.client(server_key) as client:
                assert client.post("/sdk/v1/events", json=batch).status_code == 202
                # Who is traced himself is not traced on: what SDKs call takes microseconds.
                traced = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
                assert client.post("/sdk/v1/events", json={**batch, "sequence": 2}, headers=traced).status_code == 202
            eventually(lambda: node.node.events.metrics.value(handed_on, outcome="accepted") >= 2, within_s=60)
    calls = {span.span_id: span for span in collector.spans if span.kind == _CLIENT}
    names = {span.name for span in calls.values()}
    assert {"GET /sdk/v1/stream", "GET /sdk/v1/environments", "POST /sdk/v1/acks", "POST /sdk/v1/events"} <= names
    answers = [span for span in collector.spans if span.kind == _SERVER and span.name == "POST /sdk/v1/events"]
    assert answers
    for answer in answers:
        call = calls[answer.parent_span_id]
        assert (call.name, call.trace_id) == (answer.name, answer.trace_id)
        assert said(call)["http.response.status_code"] == said(answer)["http.response.status_code"] == 200
        assert said(call)["server.address"] == "127.0.0.1"
    assert collector.services == {"pennon", "pennon-edge"}
    assert TRACE not in {span.trace_id.hex() for span in collector.spans}
    for unseen in (server_key, edge_key, "unseen", "default%2Fproduction"):
        assert unseen.encode() not in collector.raw, unseen
