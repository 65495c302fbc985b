"""Flags of a request under the real frameworks: the right user, one revision from beginning to end, and no leaks."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import flask
import pytest
from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.requests import HTTPConnection
from fastapi.testclient import TestClient

from pennon import Client
from pennon.sdk.web import NoRequest, RequestFlags, request_flags, serving
from pennon.sdk.web import wsgi as wsgi_flags
from pennon.sdk.web.asgi import FlagsMiddleware
from pennon.sdk.web.flask import FlaskFlags
from pennon.testing import InMemorySource, flag

SOURCE = InMemorySource()
CLIENT = Client(source=SOURCE)


@pytest.fixture(autouse=True)
def flags() -> None:
    SOURCE.put(flag("vip").on().serving("off").rule("on", targetingKey=["ada", "7"]), flag("beta").on())


def answer() -> dict[str, Any]:
    """Evaluate by the flags of the request that is served here, with a change in between."""
    first = request_flags().boolean("beta")
    SOURCE.put(flag("beta").off())
    return {"vip": request_flags().boolean("vip"), "same": request_flags().boolean("beta") is first}


# Without a framework.


def test_a_block_serves_one_context_by_one_revision() -> None:
    with serving(CLIENT, {"targetingKey": "ada", "plan": "pro"}) as flags:
        assert request_flags() is flags
        assert answer() == {"vip": True, "same": True}
        assert flags.rules.revision < CLIENT.status().revision
    with pytest.raises(NoRequest, match="add Pennon's middleware"):
        request_flags()


def test_all_questions_can_be_asked() -> None:
    SOURCE.put(
        flag("text").variations(a="x").on(),
        flag("number").variations(a=1.5).on(),
        flag("object").variations(a=[1]).on(),
    )
    with serving(CLIENT, {"targetingKey": "ada"}) as flags:
        assert (flags.string("text"), flags.number("number"), flags.object("object")) == ("x", 1.5, [1])
        assert flags.evaluation("text").variation == "a"
        assert flags.evaluation("text", default=1, kind="number").value == 1
        assert flags.track("order-value", value=3)


def test_who_asks_is_found_when_it_is_first_needed_and_once() -> None:
    asked: list[int] = []

    def find() -> dict[str, Any]:
        asked.append(1)
        return {"targetingKey": "ada"}

    with serving(CLIENT, find) as flags:
        flags.add(plan="pro")
        assert asked == []
        assert flags.boolean("vip")
        assert flags.boolean("vip")
        assert asked == [1]
        assert flags.context == {"targetingKey": "ada", "plan": "pro"}
        flags.add({"targetingKey": "bob"})
        assert not flags.boolean("vip")


def test_a_context_function_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with serving(CLIENT, lambda: {"nobody": {}}["somebody"]) as flags:
        assert flags.boolean("vip", default=True) is False
        assert flags.boolean("beta") is True
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_threads_and_tasks_do_not_see_each_others_requests() -> None:
    barrier = threading.Barrier(8)
    seen: dict[str, bool] = {}

    def serve(user: str) -> None:
        with serving(CLIENT, {"targetingKey": user}):
            barrier.wait()
            seen[user] = request_flags().boolean("vip")

    users = ["ada", "bob"] * 4
    threads = [threading.Thread(target=serve, args=(f"{user}",)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"ada": True, "bob": False}


# FastAPI and everything else that speaks ASGI.


def fastapi_app() -> FastAPI:
    app = FastAPI()
    app.add_middleware(
        FlagsMiddleware,
        client=CLIENT,
        context=lambda scope: {"targetingKey": HTTPConnection(scope).headers.get("x-user")},
    )

    @app.get("/dependency")
    async def dependency(flags: Annotated[RequestFlags, Depends(request_flags)]) -> dict[str, Any]:
        assert flags is request_flags()
        return answer()

    @app.get("/thread")
    def thread() -> dict[str, Any]:
        return answer()

    @app.get("/added")
    async def added(request: Request) -> bool:
        request.scope["flags"].add(targetingKey="ada")
        return request_flags().boolean("vip")

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json(answer())
        await socket.close()

    return app


def test_fastapi_requests_have_their_flags() -> None:
    web = TestClient(fastapi_app())
    for place in ("/dependency", "/thread"):
        assert web.get(place, headers={"x-user": "ada"}).json() == {"vip": True, "same": True}
        assert web.get(place, headers={"x-user": "bob"}).json() == {"vip": False, "same": True}
    assert web.get("/added").json() is True
    with web.websocket_connect("/socket", headers={"x-user": "ada"}) as socket:
        assert socket.receive_json() == {"vip": True, "same": True}


# WSGI.


def test_wsgi_requests_have_their_flags_until_the_last_piece_of_the_body() -> None:
    closed: list[bool] = []

    class Body:
        def __init__(self) -> None:
            self._left = 2

        def __iter__(self) -> "Body":
            return self

        def __next__(self) -> bytes:
            if not self._left:
                raise StopIteration
            self._left -= 1
            return json.dumps(answer()).encode() + b"\n"

        def close(self) -> None:
            closed.append(request_flags().boolean("vip"))

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        assert environ["pennon.flags"] is request_flags()
        start_response("200 OK", [])
        return Body()

    wrapped = wsgi_flags.FlagsMiddleware(app, client=CLIENT, context=lambda environ: {"targetingKey": environ["USER"]})
    body: Any = wrapped({"USER": "ada"}, lambda *_: None)
    assert [json.loads(piece) for piece in body] == [{"vip": True, "same": True}] * 2
    body.close()
    assert closed == [True]
    with pytest.raises(NoRequest):
        request_flags()


# Flask.


def flask_app() -> flask.Flask:
    app = flask.Flask(__name__)
    extension = FlaskFlags(client=CLIENT, context=lambda request: {"targetingKey": request.headers.get("x-user")})
    extension.init_app(app)

    @app.get("/")
    def home() -> dict[str, Any]:
        assert flask.g.flags is request_flags()
        return answer()

    @app.get("/template")
    def template() -> str:
        return flask.render_template_string("{{ 'new' if flags.boolean('vip') else 'old' }}")

    @app.get("/error")
    def error() -> str:
        raise RuntimeError("a bug of the application")

    return app


def test_flask_requests_have_their_flags() -> None:
    web = flask_app().test_client()
    assert web.get("/", headers={"x-user": "ada"}).json == {"vip": True, "same": True}
    assert web.get("/template", headers={"x-user": "ada"}).text == "new"
    assert web.get("/template", headers={"x-user": "bob"}).text == "old"
    assert web.get("/error").status_code == 500
    with pytest.raises(NoRequest):
        request_flags()


@pytest.fixture(scope="module", autouse=True)
def _close() -> Iterator[None]:
    yield
    CLIENT.close()
