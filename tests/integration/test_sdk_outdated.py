"""Requests with old flags under the real frameworks: refused where they must be, and nobody else is."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.requests import HTTPConnection
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from pennon import Client
from pennon.sdk.web import FlagsOutdated, NoRequest, RequestFlags, Seen, request_flags, requires_flags, serving
from pennon.sdk.web import wsgi as wsgi_flags
from pennon.sdk.web.asgi import FlagsMiddleware
from pennon.sdk.web.flask import FlaskFlags
from pennon.testing import InMemorySource, flag

SOURCE = InMemorySource()
CLIENT = Client(source=SOURCE)
GERMANS_PAY_ANEW = flag("new-gateway").on().serving("off").rule("on", country="DE")
OLD = {"X-Flags-Version": "v0_00000000"}


@pytest.fixture(autouse=True)
def kill_switch() -> dict[str, str]:
    """Throw the kill switch, and return the headers of a page that was open before."""
    SOURCE.put(flag("new-gateway").client_side().on(), flag("other").on())
    version = CLIENT.flags_version()
    assert version is not None
    SOURCE.put(flag("new-gateway").client_side().off())
    return {"X-Flags-Version": version, "X-Flags-Seen": "new-gateway=on,other=on"}


@pytest.fixture(scope="module", autouse=True)
def _close() -> Iterator[None]:
    yield
    CLIENT.close()


def refusal(*flags: str) -> dict[str, Any]:
    return {"error": "flags_outdated", "flagsVersion": CLIENT.flags_version(), "flags": list(flags)}


def holds(answer: Any, *flags: str) -> bool:
    """Check that an answer of any test client is the refusal."""
    body = answer.json() if callable(answer.json) else answer.json
    assert (answer.status_code, body) == (409, refusal(*flags))
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    return True


# FastAPI and Starlette.


def signed_in() -> None:
    request_flags().add(country="DE")


def fastapi_app(paid: list[str]) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def of_the_shop(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    app.add_middleware(
        FlagsMiddleware,
        client=CLIENT,
        context=lambda scope: {"targetingKey": HTTPConnection(scope).headers.get("x-user", "u1")},
        critical={"/api/orders/": ["new-gateway"]},
    )
    app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"], allow_methods=["*"], allow_headers=["*"])

    @app.post("/pay")
    @requires_flags("new-gateway")
    async def pay(amount: int) -> dict[str, int]:
        paid.append("pay")
        return {"paid": amount}

    @app.post("/thread")
    @requires_flags("new-gateway", "other")
    def in_a_thread(amount: int) -> dict[str, int]:
        return {"paid": amount}

    @app.post("/strict")
    @requires_flags("new-gateway", required=True)
    async def strict() -> str:
        return "done"

    @app.post("/german", dependencies=[Depends(signed_in)])
    @requires_flags("new-gateway")
    async def german() -> str:
        return "done"

    @app.post("/late")
    async def late() -> StreamingResponse:
        async def pieces() -> Any:
            yield b"begun"
            request_flags().require_current("new-gateway")

        return StreamingResponse(pieces())

    @app.api_route("/api/orders/{number}", methods=["GET", "POST"])
    async def order(number: int) -> int:
        return number

    @app.post("/api/orders-of-others")
    async def others() -> str:
        return "done"

    return app


def test_fastapi_refuses_who_saw_another_variation(kill_switch: dict[str, str]) -> None:
    paid: list[str] = []
    web = TestClient(fastapi_app(paid))
    assert holds(web.post("/pay?amount=3", headers=kill_switch), "new-gateway")
    assert paid == []
    assert holds(web.post("/thread?amount=3", headers=kill_switch), "new-gateway")
    healed = {"X-Flags-Version": str(CLIENT.flags_version()), "X-Flags-Seen": "new-gateway=off,other=on"}
    assert web.post("/pay?amount=3", headers=healed).json() == {"paid": 3}
    assert web.post("/pay?amount=3", headers={**healed, "X-Flags-Seen": ""}).json() == {"paid": 3}
    assert web.post("/pay?amount=3").json() == {"paid": 3}
    assert web.post("/pay?amount=x", headers=kill_switch).status_code == 422


def test_an_unrelated_change_refuses_nobody(kill_switch: dict[str, str]) -> None:
    web = TestClient(fastapi_app([]))
    seen = {**kill_switch, "X-Flags-Seen": "new-gateway=off"}
    SOURCE.put(flag("other").off())
    assert web.post("/pay?amount=3", headers=seen).json() == {"paid": 3}
    assert holds(web.post("/thread?amount=3", headers=seen), "other")


def test_a_page_that_is_ahead_is_never_refused(kill_switch: dict[str, str]) -> None:
    web = TestClient(fastapi_app([]))
    assert web.post("/pay?amount=3", headers={**kill_switch, "X-Flags-Version": "v999999_00000000"}).json() == {
        "paid": 3
    }


def test_the_flags_are_those_of_who_asks_with_all_that_dependencies_know() -> None:
    web = TestClient(fastapi_app([]))
    SOURCE.put(GERMANS_PAY_ANEW)
    seen = {**OLD, "X-Flags-Seen": "new-gateway=off"}
    assert web.post("/pay?amount=3", headers=seen).status_code == 200
    assert holds(web.post("/german", headers=seen), "new-gateway")


def test_who_says_nothing_is_refused_where_that_is_demanded(kill_switch: dict[str, str]) -> None:
    web = TestClient(fastapi_app([]))
    assert holds(web.post("/strict"), "new-gateway")
    assert holds(web.post("/strict", headers={"X-Flags-Version": "nonsense", "X-Flags-Seen": "%"}), "new-gateway")
    assert web.post("/strict", headers={"X-Flags-Seen": "new-gateway=off"}).json() == "done"


def test_paths_are_guarded_by_the_middleware(kill_switch: dict[str, str]) -> None:
    web = TestClient(fastapi_app([]))
    assert holds(web.post("/api/orders/7", headers=kill_switch), "new-gateway")
    assert holds(web.get("/api/orders", headers=kill_switch), "new-gateway")
    assert web.post("/api/orders-of-others", headers=kill_switch).json() == "done"
    assert web.post("/api/orders/7").json() == 7


def test_a_page_of_another_origin_may_ask_and_read_the_refusal(kill_switch: dict[str, str]) -> None:
    web = TestClient(fastapi_app([]))
    origin = {"Origin": "https://shop.example"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-flags-seen,x-flags-version"}
    for path in ("/pay?amount=3", "/api/orders/7"):
        assert web.options(path, headers={**origin, **asked, **kill_switch}).status_code == 200
        refused = web.post(path, headers={**origin, **kill_switch})
        assert holds(refused, "new-gateway")
        assert refused.headers["access-control-allow-origin"] in ("*", "https://shop.example")


def test_an_answer_that_has_begun_is_not_taken_back(kill_switch: dict[str, str]) -> None:
    with pytest.raises(FlagsOutdated, match="new-gateway"):
        TestClient(fastapi_app([])).post("/late", headers=kill_switch)


def test_headers_of_strangers_crash_nothing() -> None:
    web = TestClient(fastapi_app([]))
    for value in (b"\xff\xfe=on", b"=" * 30_000, b"new-gateway", b"v1_", b"new-gateway=%ff%00"):
        answer = web.post("/pay?amount=3", headers=[(b"x-flags-version", value), (b"x-flags-seen", value)])
        assert answer.status_code == (409 if b"%00" in value else 200)


def test_a_header_in_two_lines_is_one(kill_switch: dict[str, str]) -> None:
    lines = [
        ("x-flags-version", kill_switch["X-Flags-Version"]),
        ("x-flags-seen", "other=on"),
        ("x-flags-seen", "new-gateway=on"),
    ]
    assert holds(TestClient(fastapi_app([])).post("/pay?amount=3", headers=lines), "new-gateway")


def test_starlette_refuses_too(kill_switch: dict[str, str]) -> None:
    @requires_flags("new-gateway")
    async def pay(request: Request) -> PlainTextResponse:
        return PlainTextResponse("paid")

    middleware = [Middleware(FlagsMiddleware, client=CLIENT, context=lambda scope: {"targetingKey": "u1"})]
    web = TestClient(Starlette(routes=[Route("/pay", pay, methods=["POST"])], middleware=middleware))
    assert holds(web.post("/pay", headers=kill_switch), "new-gateway")
    assert web.post("/pay").text == "paid"


# Flask, and WSGI without a framework.


def test_flask_refuses_too(kill_switch: dict[str, str]) -> None:
    app = flask.Flask(__name__)
    FlaskFlags(app, client=CLIENT, context=lambda request: {"targetingKey": "u1"})

    @app.post("/pay")
    @requires_flags("new-gateway")
    def pay() -> str:
        return "paid"

    @app.post("/late")
    async def late() -> str:
        request_flags().require_current("new-gateway")
        return "paid"

    web = app.test_client()
    assert holds(web.post("/pay", headers=kill_switch), "new-gateway")
    assert web.post("/pay").text == "paid"
    assert web.post("/pay", headers={**kill_switch, "X-Flags-Seen": "new-gateway=off"}).text == "paid"


def wsgi_answer(app: Any, path: str, headers: dict[str, str], method: str = "POST") -> tuple[str, Any]:
    begun: list[tuple[str, dict[str, str]]] = []
    sent = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}
    environ = {"REQUEST_METHOD": method, "SCRIPT_NAME": "/shop", "PATH_INFO": path, **sent}
    body = b"".join(app(environ, lambda status, lines, *_: begun.append((status, dict(lines)))))
    [(status, lines)] = begun
    assert lines.get("content-length") == str(len(body))
    return status, json.loads(body)


def test_wsgi_paths_are_guarded_and_exceptions_answered(kill_switch: dict[str, str]) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"] == "/view":
            request_flags().require_current("new-gateway")
        start_response("200 OK", [("content-length", "6")])
        return [b'"paid"']

    wrapped = wsgi_flags.FlagsMiddleware(
        app, client=CLIENT, context=lambda environ: {"targetingKey": "u1"}, critical={"/shop/pay": ["new-gateway"]}
    )
    for path in ("/pay", "/pay/7", "/view"):
        assert wsgi_answer(wrapped, path, kill_switch) == ("409 Conflict", refusal("new-gateway"))
        assert wsgi_answer(wrapped, path, {}) == ("200 OK", "paid")
    assert wsgi_answer(wrapped, "/paying", kill_switch) == ("200 OK", "paid")
    assert wsgi_answer(wrapped, "/pay", kill_switch, "OPTIONS") == ("200 OK", "paid")


# Whatever serves.


def test_a_block_can_say_what_was_seen() -> None:
    with serving(CLIENT, {"targetingKey": "u1"}, Seen(None, {"new-gateway": "on"})) as flags:
        assert flags.outdated("other", "new-gateway") == ("new-gateway",)
        with pytest.raises(FlagsOutdated) as refused:
            flags.require_current("new-gateway")
    assert json.loads(refused.value.body) == refusal("new-gateway")


def test_the_log_says_when_page_and_server_do_not_mean_the_same_user(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pennon")
    for revision in (CLIENT.status().revision - 1, CLIENT.status().revision):
        with serving(CLIENT, {"targetingKey": "u1"}, Seen(revision, {"new-gateway": "on"})) as flags:
            assert isinstance(flags.refusal("new-gateway"), FlagsOutdated)
    assert ["another context" in record.getMessage() for record in caplog.records] == [False, True]


def test_a_view_without_flags_or_middleware_says_what_is_missing() -> None:
    for wrong in ((), (print,)):
        with pytest.raises(TypeError, match="name the flags"):
            requires_flags(*wrong)
    with pytest.raises(NoRequest, match="middleware"):
        requires_flags("new-gateway")(lambda: None)()
    with pytest.raises(TypeError, match="critical="):
        FlagsMiddleware(None, client=CLIENT, critical={"/pay": "new-gateway"})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="critical="):
        FlagsMiddleware(None, client=CLIENT, critical={"pay": ["new-gateway"]})  # type: ignore[arg-type]


def test_views_stay_what_they_are() -> None:
    def view(flags: RequestFlags, *, amount: int = 1) -> int:
        """Pay."""
        return amount

    guarded = requires_flags("other")(view)
    assert (guarded.__name__, guarded.__doc__) == ("view", "Pay.")
    with serving(CLIENT, {"targetingKey": "u1"}) as flags:
        assert guarded(flags, amount=2) == 2
