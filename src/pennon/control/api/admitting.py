"""Keeps the admin API from being asked more than it can answer: by the caller's rate, then by what it can do at once.

Knows requests by their heads, and small bodies, before anything is routed or looked up. What SDKs call does not come
here. All of it is in this process and asks no database, which may be what is slow.
"""

import asyncio
import hashlib
import ipaddress
import math
import random
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from litestar.types.asgi_types import HTTPDisconnectEvent
from prometheus_client import CollectorRegistry, Counter, Gauge

from pennon.control.api.lanes import Lanes, Sizes, Work
from pennon.control.api.problems import MEDIA_TYPE, ApiError, problem_json
from pennon.control.api.rates import Rates, Standing

BODY_S = 120.0
"""A whole body comes within this: who sends a byte a minute would hold its place for good."""
SMALL_BODY = 64 * 1024
"""A body of at most so many bytes is read before the request takes a place, so that a slow client takes none. It costs
nothing: uvicorn has room for as much of each request anyway."""
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_CHANGES = re.compile(r"/api/v1/projects/[^/]+/environments/[^/]+/changes")
_KILL_PAGES = re.compile(r"/projects/[^/]+/(kill|environments/[^/]+/turn-off)")
"""Where people turn flags off: the pages on the way there, too."""
_ASSETS = "/pages/"
_KNOWN = 10_000
_LOST: HTTPDisconnectEvent = {"type": "http.disconnect"}


class _Edit(msgspec.Struct, frozen=True):
    do: str


class _Kill(msgspec.Struct, frozen=True):
    edits: tuple[_Edit, ...]

    @property
    def turns_off(self) -> bool:
        return bool(self.edits) and all(edit.do == "turnOff" for edit in self.edits)


_decode_kill = msgspec.json.Decoder(_Kill).decode


class AdmissionMetrics:
    """Counts who was refused, and shows what is worked on."""

    def __init__(self, registry: CollectorRegistry, lanes: Lanes) -> None:
        self.refused = Counter(
            "pennon_api_refused",
            "Requests to the admin API that were refused unread, by their kind: rate (the caller's) or load (ours).",
            ("work", "why"),
            registry=registry,
        )
        running = Gauge("pennon_api_running", "Admin API requests being worked on.", ("work",), registry=registry)
        for work in Work:
            running.labels(work).set_function(partial(lanes.running, work))
            for why in ("rate", "load"):
                self.refused.labels(work, why)


class Admitting:
    """*app*, of which no more is asked than *sizes* and *rates* let pass; None: as often as anybody likes.

    *open_paths* are those where people get in. *registry* is told.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        sizes: Sizes,
        rates: Rates | None,
        open_paths: Collection[str],
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._lanes = Lanes(sizes)
        self._rates = rates
        self._open = frozenset(open_paths)
        self._clock = clock
        self._metrics = AdmissionMetrics(registry, self._lanes)
        self._known: OrderedDict[bytes, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != ScopeType.HTTP or scope["path"] in _PROBES or scope["path"].startswith(_ASSETS):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        receive = _in_time(receive)
        size = _length(headers)
        is_small = size is not None and size <= SMALL_BODY
        body = b""
        if is_small and size:
            body, receive = await _read(receive)
        work = self._work(scope, body, is_small=is_small)
        credential = _credential(headers)
        standing = self._standing(scope, credential, work)
        if standing is not None and not standing.allowed:
            self._metrics.refused.labels(work, "rate").inc()
            await _refuse(scope, send, self._too_often(standing))
        elif not await self._lanes.enter(work):
            self._metrics.refused.labels(work, "load").inc()
            await _refuse(scope, send, _overloaded())
        else:
            place = _Place(self._lanes, work)
            try:
                await self._app(scope, receive, self._answering(scope, send, place, standing, credential))
            finally:
                place.leave()

    def _work(self, scope: Mapping[str, Any], body: bytes, *, is_small: bool) -> Work:
        method, path = scope["method"], scope["path"]
        if _KILL_PAGES.fullmatch(path):
            return Work.KILL
        if path in self._open:
            return Work.SIGN_IN
        if method in _SAFE:
            return Work.READ
        if not is_small or path.endswith(("/imports", "/imports/preview")):
            return Work.LARGE
        if path.endswith("/preview"):
            return Work.READ
        return Work.KILL if method == "POST" and _is_kill(path, body) else Work.WRITE

    def _standing(self, scope: Mapping[str, Any], credential: bytes, work: Work) -> Standing | None:
        """Return how the caller stands: whoever has a good credential by that, all others by their address."""
        if self._rates is None:
            return None
        caller = credential if credential in self._known else _network((scope.get("client") or ("",))[0])
        # Whoever uses up what he has, or whoever shares an address with him, can still turn a flag off.
        return self._rates.ask((caller, work is Work.KILL), self._clock())

    def _limits(self, standing: Standing | None) -> dict[str, str]:
        """Return the headers that say how a caller stands (draft-ietf-httpapi-ratelimit-headers-10)."""
        if standing is None or self._rates is None:
            return {}
        said = f'"api";r={standing.remaining};t={math.ceil(standing.whole_in_s)}'
        return {"RateLimit-Policy": self._rates.policy, "RateLimit": said}

    def _too_often(self, standing: Standing) -> ApiError:
        wait_s = max(1, math.ceil(standing.again_in_s))
        detail = f"This caller asks too often; try again in {wait_s} s."
        headers = {"Retry-After": str(wait_s), **self._limits(standing)}
        return ApiError(429, "too-many-requests", detail, headers=headers)

    def _answering(  # what there is to know of a request
        self, scope: Scope, send: Send, place: "_Place", standing: Standing | None, credential: bytes
    ) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The work is done: how long a client takes to read, or a feed goes on, is no matter.
                place.leave()
                self._learn(credential, is_good=scope.get("user") is not None, status=message["status"])
                limits = ((name.lower().encode(), said.encode()) for name, said in self._limits(standing).items())
                message = {**message, "headers": [*message["headers"], *limits]}
            await send(message)

        return answer

    def _learn(self, credential: bytes, *, is_good: bool, status: int) -> None:
        """Note whether a credential let somebody in. A made-up one must not be a caller of its own."""
        if not is_good:
            if status == HTTPStatus.UNAUTHORIZED:
                self._known.pop(credential, None)
            return
        self._known[credential] = None
        self._known.move_to_end(credential)
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)


class _Place:
    """A request's place in a lane, which is left once."""

    def __init__(self, lanes: Lanes, work: Work) -> None:
        self._lanes: Lanes | None = lanes
        self._work = work

    def leave(self) -> None:
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            lanes.leave(self._work)


def _is_kill(path: str, body: bytes) -> bool:
    if _CHANGES.fullmatch(path) is None:
        return False
    try:
        return _decode_kill(body).turns_off
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False  # whatever it is, it is refused as an ordinary change


def _credential(headers: Mapping[bytes, bytes]) -> bytes:
    said = headers.get(b"authorization") or headers.get(b"cookie") or b""
    return hashlib.sha256(said).digest()[:16] if said else b""


def _network(address: str) -> str:
    """Return who is behind an address: of IPv6 each has a whole network, whose addresses are free to choose."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:  # a Unix socket, say
        return address
    return address if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))


def _length(headers: Mapping[bytes, bytes]) -> int | None:
    """Return how long a body is; None where nobody says so."""
    if b"transfer-encoding" in headers:
        return None
    said = headers.get(b"content-length", b"0")
    return int(said) if said.isdigit() else None


def _in_time(receive: Receive) -> Receive:
    """Return *receive*, which says that the client has left where its body takes too long."""
    until = asyncio.get_running_loop().time() + BODY_S
    is_whole = False

    async def received() -> Any:
        nonlocal is_whole
        if is_whole:
            return await receive()
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            is_whole = True
            return _LOST
        is_whole = not message.get("more_body", False)
        return message

    return received


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """Return a body, and what gives it again."""
    messages: list[Any] = []
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request" or not message.get("more_body", False):
            break
    kept = iter(messages)

    async def again() -> Any:
        return next(kept, None) or await receive()

    return b"".join(message.get("body", b"") for message in messages), again


def _overloaded() -> ApiError:
    wait_s = random.randint(1, 3)  # so that they do not all come back at once
    detail = "The server has more to do than it can. Nothing was changed; try again in a moment."
    return ApiError(503, "overloaded", detail, headers={"Retry-After": str(wait_s)})


async def _refuse(scope: Scope, send: Send, error: ApiError) -> None:
    body = problem_json(scope, error)
    headers = {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(body)), **error.headers}
    lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": lines})
    await send({"type": "http.response.body", "body": body, "more_body": False})
