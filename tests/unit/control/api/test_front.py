"""What every request passes: its id, HEAD, Allow, a log line and metrics. Over ASGI, without a socket."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import httpx2
import pytest
import structlog
from litestar import Litestar, asgi, get, put
from litestar.params import FromPath
from litestar.routes import HTTPRoute
from litestar.types import Receive, Scope, Send
from structlog.testing import capture_logs

from pennon.control.api.errors import EXCEPTION_HANDLERS
from pennon.control.api.front import Front
from pennon.control.api.metrics import HttpMetrics
from pennon.control.errors import OutcomeUnknown, Unavailable
from pennon.stream import Endpoints


@get("/things/{key:path}")
async def show(key: FromPath[str]) -> str:
    structlog.get_logger("test").info("looked", key=key)
    return "thing"


@get("/healthz")
async def healthy() -> str:
    return "ok"


@put("/things/{key:path}")
async def replace(key: FromPath[str]) -> str:
    return key


@get("/broken")
async def broken() -> str:
    raise RuntimeError("the database password is hunter2")


@get("/away")
async def away() -> str:
    raise Unavailable("the database does not answer", mend="try again")


@get("/lost")
async def lost() -> str:
    raise OutcomeUnknown("the connection broke")


@asgi("/endless", is_mount=True, copy_scope=True)
async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


async def below(scope: Any, receive: Receive, send: Send) -> None:
    """What a node does with a request, as far as a front can see."""
    headers = [(b"x-method", scope["method"].encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class Fronted:
    """The routes above behind a front; each request in a loop of its own."""

    def __init__(self) -> None:
        self.metrics = HttpMetrics()
        handlers: Any = dict(EXCEPTION_HANDLERS)
        routes = [show, replace, broken, away, lost, endless, healthy]
        self.app = Litestar(routes, exception_handlers=handlers, openapi_config=None, logging_config=None)
        methods = {route.path_format: route.methods for route in self.app.routes if isinstance(route, HTTPRoute)}
        node = cast("Endpoints", below)
        self.app.asgi_handler = Front(self.app.asgi_handler, methods=methods, metrics=self.metrics, node=node)

    def ask(self, method: str, path: str, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def asked() -> httpx2.Response:
            transport = httpx2.ASGITransport(cast("Any", self.app))
            async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
                return await asyncio.wait_for(client.request(method, path, headers=named), 60)

        return asyncio.run(asked())


@pytest.fixture(autouse=True)
def everything_logged() -> Iterator[None]:
    before = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**before)


@pytest.fixture
def front() -> Fronted:
    return Fronted()


def test_a_request_gets_an_id_that_its_answer_and_its_log_lines_have(front: Fronted) -> None:
    with capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        answer = front.ask("GET", "/things/a", X_Request_Id="mine")
    assert answer.headers["X-Request-Id"] == "mine"
    assert [(line["event"], line["request_id"]) for line in lines] == [("looked", "mine"), ("request", "mine")]


def test_each_request_without_an_id_gets_another(front: Fronted) -> None:
    ids = {front.ask("GET", "/things/a").headers["X-Request-Id"] for _ in range(20)}
    assert len(ids) == 20


@pytest.mark.parametrize("path", ["/things/a", "/nowhere", "/broken"])
def test_head_has_the_headers_of_get_and_no_body(front: Fronted, path: str) -> None:
    got, head = front.ask("GET", path, X_Request_Id="same"), front.ask("HEAD", path, X_Request_Id="same")
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers == got.headers


def test_head_of_an_endless_answer_ends(front: Fronted) -> None:
    answer = front.ask("HEAD", "/endless")
    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (200, b"", "text/event-stream")


@pytest.mark.parametrize("method", ["OPTIONS", "DELETE", "PATCH"])
def test_allow_has_every_method_of_the_path(front: Fronted, method: str) -> None:
    assert front.ask(method, "/things/a").headers["Allow"] == "GET, HEAD, OPTIONS, PUT"


def test_a_fault_of_ours_tells_its_id_and_nothing_of_its_cause(front: Fronted) -> None:
    with capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        answer = front.ask("GET", "/broken")
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
    assert "hunter2" not in answer.text
    assert answer.json()["requestId"] == answer.headers["X-Request-Id"]
    failure = next(line for line in lines if line["log_level"] == "error")
    assert failure["request_id"] == answer.headers["X-Request-Id"]
    assert "hunter2" in str(failure["exc_info"])


@pytest.mark.parametrize(("path", "kind"), [("/away", "unavailable"), ("/lost", "outcome-unknown")])
def test_a_database_that_is_away_is_a_503_to_try_again(front: Fronted, path: str, kind: str) -> None:
    answer = front.ask("GET", path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json()["type"] == f"urn:pennon:problem:{kind}"


def test_requests_are_counted_by_route_and_never_by_path(front: Fronted) -> None:
    for path in ("/things/a", "/things/b", "/nowhere"):
        front.ask("HEAD", path)
    front.ask("BREW", "/things/a")
    count = front.metrics.registry.get_sample_value
    name = "pennon_http_requests_total"
    assert count(name, {"method": "HEAD", "route": "/things/{key}", "status": "200"}) == 2
    assert count(name, {"method": "HEAD", "route": "none", "status": "404"}) == 1
    assert count(name, {"method": "other", "route": "none", "status": "405"}) == 1


def test_a_path_cannot_forge_a_line_of_the_log(front: Fronted) -> None:
    with capture_logs() as lines:
        front.ask("GET", "/things/a%0Ab%1B[31m?secret=x")
    line = next(line for line in lines if line["event"] == "request")
    assert line["path"] == "/things/a%0Ab%1B[31m"


@pytest.mark.parametrize("path", ["/sdk/v1/snapshot", "/ofrep/v1", "/ofrep/v1/evaluate/flags/a", "/client/v1/rules/k"])
def test_what_sdks_ask_goes_past_it_to_the_node(front: Fronted, path: str) -> None:
    with capture_logs() as lines:
        answer = front.ask("HEAD", path)
    assert (answer.status_code, answer.headers["X-Method"]) == (200, "HEAD")
    assert "X-Request-Id" not in answer.headers, "the node's own answer would have it twice"
    assert not lines


@pytest.mark.parametrize("path", ["/sdk/v2", "/sdk/v1x", "/api/v1/sdk/v1/", "/"])
def test_what_only_looks_like_a_call_of_an_sdk_goes_on(front: Fronted, path: str) -> None:
    assert front.ask("GET", path).status_code == 404


def test_what_probes_ask_all_the_time_is_logged_for_debugging_only(front: Fronted) -> None:
    with capture_logs() as lines:
        front.ask("GET", "/healthz")
        front.ask("GET", "/things/a")
    levels = {line["path"]: line["log_level"] for line in lines if line["event"] == "request"}
    assert levels == {"/healthz": "debug", "/things/a": "info"}
