"""What a request is taken for, over ASGI with an application that notes what it was sent."""

import asyncio
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from pennon.control.api.admitting import SMALL_BODY, Admitting
from pennon.control.api.lanes import Sizes
from pennon.control.api.rates import Rates

E = "/api/v1/projects/shop/environments/production"
OFF = {"do": "turnOff", "flag": "a"}
ON = {"do": "turnOn", "flag": "a"}


class Asked:
    """An application that stays in a request until it is told to go on, and the front of it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.registry = CollectorRegistry()
        self.seen: dict[str, float] = {}
        sizes = Sizes(wait_s=0.01)
        self.front = Admitting(self, sizes=sizes, rates=None, open_paths={"/sign-in"}, registry=self.registry)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        labels = ("kill", "signIn", "write", "large", "read")
        value = self.registry.get_sample_value
        self.seen = {work: value("pennon_api_running", {"work": work}) or 0 for work in labels}
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    def work(self, method: str, path: str, body: bytes = b"", *, says_length: bool = True) -> str:
        """Ask, and return what the request was taken for; nothing for what is held to no limit."""

        async def ask() -> None:
            pieces = [body[:10], body[10:]]

            async def receive() -> Any:
                piece = pieces.pop(0)
                return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

            async def send(message: Any) -> None:
                assert message["status"] == 200

            length = (b"content-length", str(len(body)).encode()) if says_length else (b"transfer-encoding", b"chunked")
            scope: Any = {"type": "http", "method": method, "path": path, "headers": [length]}
            await self.front(scope, receive, send)

        asyncio.run(ask())
        assert self.bodies[-1] == body
        return next((work for work, running in self.seen.items() if running), "")


@pytest.mark.parametrize(
    ("method", "path", "body", "work"),
    [
        ("POST", f"{E}/changes", {"edits": [OFF], "why": "it hurts"}, "kill"),
        ("POST", f"{E}/changes", {"edits": [OFF, OFF]}, "kill"),
        ("POST", f"{E}/changes", {"edits": [OFF, ON]}, "write"),
        ("POST", f"{E}/changes", {"edits": []}, "write"),
        ("POST", f"{E}/changes", {"edits": "turnOff"}, "write"),
        ("POST", f"{E}/changes/7/revert", {"edits": [OFF]}, "write"),
        ("POST", f"{E}/changes/preview", {"edits": [ON]}, "read"),
        ("POST", f"{E}/imports", {}, "large"),
        ("POST", f"{E}/imports/preview", {}, "large"),
        ("PUT", f"{E}/flags/a", {}, "write"),
        ("DELETE", f"{E}/flags/a", None, "write"),
        ("GET", f"{E}/flags", None, "read"),
        ("POST", "/sign-in", {}, "signIn"),
        ("GET", "/sign-in", None, "signIn"),
        ("POST", "/projects/shop/environments/production/turn-off", {}, "kill"),
        ("GET", "/projects/shop/kill", None, "kill"),
        ("GET", "/projects/shop/flags", None, "read"),
        ("GET", "/healthz", None, ""),
        ("GET", "/pages/site.css", None, ""),
    ],
)
def test_a_request_is_taken_for_what_it_is(method: str, path: str, body: object, work: str) -> None:
    content = b"" if body is None else msgspec.json.encode(body)
    assert Asked().work(method, path, content) == work


@pytest.mark.parametrize("body", [b"{", b"[" * 60_000, b"\xff", b'{"edits": [{"do": 1}]}'])
def test_what_cannot_be_read_is_an_ordinary_change_that_its_route_refuses(body: bytes) -> None:
    assert Asked().work("POST", f"{E}/changes", body) == "write"


class Guarded:
    """An application that knows one token, on one route."""

    def __init__(self) -> None:
        rates = Rates(0.001, 2)
        arguments: Any = {"open_paths": set(), "registry": CollectorRegistry(), "clock": lambda: 0.0}
        self.front = Admitting(self, sizes=Sizes(), rates=rates, **arguments)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/api/v1/projects" and dict(scope["headers"])[b"authorization"] == b"Bearer good":
            scope["user"] = object()
        status = 404 if scope["path"] != "/api/v1/projects" else 200 if scope.get("user") else 401
        await send({"type": "http.response.start", "status": status, "headers": []})

    def status(self, token: str, address: str, path: str = "/api/v1/projects") -> int:
        """Ask, and return the status."""
        found: list[int] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            found.extend([message["status"]] if "status" in message else [])

        headers = [(b"authorization", f"Bearer {token}".encode())]
        scope: Any = {"type": "http", "method": "GET", "path": path, "headers": headers, "client": (address, 1)}
        asyncio.run(self.front(scope, receive, send))
        return found[0]


def test_who_has_a_good_token_is_counted_by_it_and_all_others_by_their_network() -> None:
    app = Guarded()
    assert app.status("good", "2001:db8::1") == 200  # by the address, as nobody knows the token yet
    assert app.status("guess", "2001:db8::2") == 401
    assert app.status("other", "2001:db8::3") == 429, "one network, however many addresses"
    assert app.status("other", "2001:db8:0:1::3") == 401, "another network"
    assert app.status("good", "2001:db8::1", "/api/v1/nosuch") == 404
    assert app.status("good", "2001:db8::1") == 200, "still known after a path that is not there"
    assert app.status("good", "192.0.2.1") == 429, "used up, wherever it comes from"


def test_a_body_that_is_large_or_of_unknown_length_is_not_read_before_it_has_a_place() -> None:
    kill = msgspec.json.encode({"edits": [OFF], "why": "x" * SMALL_BODY})
    assert Asked().work("POST", f"{E}/changes", kill) == "large"
    assert Asked().work("POST", f"{E}/changes", msgspec.json.encode({"edits": [OFF]}), says_length=False) == "large"
