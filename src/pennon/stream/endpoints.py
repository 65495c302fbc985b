"""What may be called, by whom; and the way from a request to its answer, whatever goes wrong on it."""

import functools
import time
from collections.abc import Iterable, Sequence

import msgspec
import structlog
from litestar.handlers import ASGIRouteHandler, asgi

from pennon.model import KeyKind
from pennon.stream import bootstrap, events, modules, notify, ofrep, rules, snapshots, streams
from pennon.stream.calls import Call, Credential, Endpoint, Handler, PublicEndpoint
from pennon.stream.front import MOUNTS, NO_SNIFF, Front, identity
from pennon.stream.http import (
    JSON,
    SEND_FILE,
    Answer,
    Gone,
    Headers,
    Lines,
    Receive,
    Refusal,
    Request,
    Scope,
    Send,
    encoded,
    given_id,
    send_answer,
    shown_path,
)
from pennon.stream.keys import Access, StillLoading, UnknownKey, admit
from pennon.stream.node import StreamNode

_log = structlog.get_logger(__name__)

_READERS: frozenset[KeyKind] = frozenset({"server", "edge"})
_ALL: frozenset[KeyKind] = frozenset({"server", "edge", "client"})
_EVALUATORS: frozenset[KeyKind] = frozenset({"server", "client"})
_PROBLEM = ("content-type", "application/problem+json")

_ALLOW_HEADERS = "If-None-Match, Content-Type, Authorization, X-API-Key, Last-Event-ID, X-Pennon-Signature"
_EXPOSE_HEADERS = "ETag, Retry-After, X-Pennon-Age, X-Pennon-Node, X-Pennon-Overrides, X-Pennon-Revision, X-Request-ID"


def by_header(node: StreamNode, request: Request, _rest: str) -> Access:
    """Return what the key in the request's headers opens."""
    now, secret = node.clock.time(), request.presented_key
    if secret is not None and (access := node.keys.check(secret, now)) is not None:
        return access
    return admit(node.keys, request, now, complete=node.is_complete)


def _sdk(method: str, path: str, kinds: frozenset[KeyKind], handler: Handler, *, browser: bool = False) -> Endpoint:
    return Endpoint(method=method, path=path, kinds=kinds, handler=handler, credential=by_header, browser=browser)


def _ofrep(
    method: str, path: str, handler: Handler, *, takes_rest: bool = False, credential: Credential = by_header
) -> Endpoint:
    return Endpoint(
        method=method,
        path=path,
        kinds=_EVALUATORS,
        handler=handler,
        credential=credential,
        browser=True,
        ofrep=True,
        takes_rest=takes_rest,
    )


ENDPOINTS: Sequence[Endpoint] = (
    _sdk("GET", "/sdk/v1/snapshot", _READERS, snapshots.answer_snapshot),
    _sdk("GET", "/sdk/v1/stream", _READERS, streams.answer_without_hand_over),
    Endpoint(
        method="GET",
        path="/sdk/v1/environments",
        kinds=_READERS,
        handler=snapshots.answer_environments,
        credential=by_header,
        of_all=True,
    ),
    Endpoint(
        method="POST",
        path="/sdk/v1/events",
        kinds=_ALL,
        handler=events.answer_events,
        credential=notify.by_key_in_url,
        browser=True,
    ),
    _sdk("POST", "/sdk/v1/acks", frozenset({"edge"}), events.answer_acks),
    _ofrep("POST", "/ofrep/v1/evaluate/flags", ofrep.answer_flags),
    _ofrep("POST", "/ofrep/v1/evaluate/flags/", ofrep.answer_flag, takes_rest=True),
    _ofrep("GET", "/ofrep/v1/stream", streams.answer_without_hand_over, credential=notify.by_url),
    _sdk("POST", "/client/v1/bootstrap", _EVALUATORS, bootstrap.answer_bootstrap, browser=True),
    Endpoint(
        method="GET",
        path="/client/v1/rules/",
        kinds=frozenset({"client"}),
        handler=rules.answer_rules,
        credential=rules.by_path,
        browser=True,
        takes_rest=True,
    ),
)
PUBLIC = PublicEndpoint(path=modules.PATH, handler=modules.answer_module)


def routes(node: StreamNode) -> list[ASGIRouteHandler]:
    """Return the handlers that serve *node*'s endpoints in a Litestar app, below `MOUNTS`."""
    app = Endpoints(node)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    # Mounted, not routed: a flag's key is the rest of the path with every slash in it, which routing would fold.
    return [asgi(mount, is_mount=True, copy_scope=True, name=f"pennon{mount}")(answer) for mount in MOUNTS]


class Endpoints:
    """The endpoints of a node as an ASGI app: whatever serves the node gives it requests, with nothing in between."""

    def __init__(
        self, node: StreamNode, endpoints: Iterable[Endpoint] = ENDPOINTS, *, front: Front | None = None
    ) -> None:
        self._node = node
        self._front = front or Front()
        self._exact: dict[str, list[Endpoint]] = {}
        self._open: list[Endpoint] = []
        for endpoint in endpoints:
            if endpoint.takes_rest:
                self._open.append(endpoint)
            else:
                self._exact.setdefault(endpoint.path, []).append(endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        reply = _Reply(send, self._front, scope)
        try:
            await self._answer(scope, receive, reply)
        except Gone:
            return
        finally:
            reply.note()

    async def _answer(self, scope: Scope, receive: Receive, reply: "_Reply") -> None:
        try:
            exchange = Exchange(self._node, Request(scope, receive))
        except Refusal as refusal:
            # Its query is none.
            exchange = Exchange(self._node, Request({**scope, "query_string": b""}, receive))
            await reply.answer(exchange, exchange.refused(refusal))
            return
        try:
            answer = await exchange.answer(*self._found(exchange.request.path))
        except Gone:
            raise
        except Exception:  # noqa: BLE001  # the boundary of a request: whatever goes wrong in one must not reach another
            path = shown_path(scope)
            _log.exception("a request failed", method=scope["method"], path=path, request_id=reply.identity)
            answer = exchange.refused(Refusal(500, "Internal error", "the node has logged what went wrong"))
        await reply.answer(exchange, answer)

    def _found(self, path: str) -> tuple[Sequence[Endpoint | PublicEndpoint], str]:
        """Return the endpoints at *path*, one a method, and the rest of it after theirs."""
        if (exact := self._exact.get(path)) is not None:
            return exact, ""
        for endpoint in self._open:
            if path.startswith(endpoint.path) and len(path) > len(endpoint.path):
                return (endpoint,), path[len(endpoint.path) :]
        if path.startswith(PUBLIC.path):
            return (PUBLIC,), path[len(PUBLIC.path) :]
        return (), ""


class _Reply:
    """What goes out for a request, and when."""

    __slots__ = ("_front", "_scope", "_send", "_started", "_taken_s", "identity", "status")

    def __init__(self, send: Send, front: Front, scope: Scope) -> None:
        self._send = send
        self._front = front
        self._scope = scope
        self._started = time.perf_counter()
        self._taken_s: float | None = None
        self.status = 0
        self.identity = identity(given_id(scope))

    async def answer(self, exchange: "Exchange", answer: Answer) -> None:
        """Send *answer*."""
        self.status, self._taken_s = answer.status, time.perf_counter() - self._started
        lines = ((b"x-request-id", self.identity.encode()), *exchange.lines())
        try:
            send_file = None if answer.file is None else self._scope.get("extensions", {}).get(SEND_FILE)
            is_head = self._scope["method"] == "HEAD"
            await send_answer(self._send, answer, extra=lines, is_head=is_head, send_file=send_file)
        finally:
            if answer.sent is not None:
                answer.sent()

    def note(self) -> None:
        """Have the front note how it went."""
        taken_s = time.perf_counter() - self._started if self._taken_s is None else self._taken_s
        self._front.answered(
            self._scope["method"],
            shown_path(self._scope),
            status=self.status,
            duration_s=taken_s,
            request_id=self.identity,
        )


class Exchange:
    """One request on its way to an answer: what is known of it by now decides how an error looks."""

    __slots__ = ("_depends_on_origin", "_endpoint", "_node", "_origin", "_overridden", "_readers", "_rest", "request")

    def __init__(self, node: StreamNode, request: Request) -> None:
        self.request = request
        self._node = node
        origin = request.headers.line(b"origin")
        self._origin = None if origin is None else origin.decode("latin-1")
        self._endpoint: Endpoint | PublicEndpoint | None = None
        self._rest = ""
        self._readers: str | None = None
        """The pages that may read the answer: those of one origin, `*` for all, None for none."""
        self._depends_on_origin = False
        self._overridden = ""
        """The flags that are not served as the origin says, once the environment is known."""

    async def answer(self, endpoints: Sequence[Endpoint | PublicEndpoint], rest: str) -> Answer:
        """Return the answer, an error if need be. Raises `Gone`, and what nobody foresaw."""
        try:
            if not endpoints:
                raise Refusal(404, "No such endpoint", "see docs/reference/sdk-endpoints.md", code="GENERAL")
            self._endpoint, self._rest = endpoints[0], rest
            if self.request.method == "OPTIONS":
                return self._preflight(endpoints)
            method = "GET" if self.request.method == "HEAD" else self.request.method
            for endpoint in endpoints:
                if endpoint.method == method:
                    if isinstance(endpoint, PublicEndpoint):
                        self._readers = "*"
                        return endpoint.handler(self.request, rest)
                    try:
                        call = self.admitted(endpoint, rest)
                    except (UnknownKey, StillLoading):
                        call = await self._admitted_late(endpoint, rest)
                    return await endpoint.handler(call)
            raise Refusal(405, "Method not allowed", headers=(("allow", _methods(endpoints)),))
        except Refusal as refusal:
            return self.refused(refusal)

    def cors(self) -> Headers:
        """Return the headers that every answer has: which node it is from, and what lets the page that asks read it."""
        node: Headers = (("x-pennon-node", self._node.name),)
        if self.request.headers.get("x-pennon-node") is not None:
            node = (*node, ("x-pennon-path", ",".join(self._node.path)))
        if self._overridden:
            node = (*node, ("x-pennon-overrides", self._overridden))
        vary: Headers = (("vary", "Origin"),) if self._depends_on_origin else ()
        if self._readers is None:
            return (*node, *vary)
        allowed = (("access-control-allow-origin", self._readers), ("access-control-expose-headers", _EXPOSE_HEADERS))
        return (*node, *allowed, *vary)

    def lines(self) -> Lines:
        """Return what every answer has, `cors` too, as it is sent."""
        is_usual = self._readers in (None, "*") and not (self._depends_on_origin or self._overridden)
        if is_usual and self.request.headers.line(b"x-pennon-node") is None:
            return _usual_lines(self._node.name, self._readers)
        return (NO_SNIFF, *encoded(self.cors()))

    async def _admitted_late(self, endpoint: Endpoint, rest: str) -> Call:
        """Return the call after a look into the log: before one by a key that is not known is refused.

        Whoever has just made a key uses it at once, and an SDK that is told 401 comes back late.
        """
        await self._node.catch_up()
        return self.admitted(endpoint, rest)

    def admitted(self, endpoint: Endpoint, rest: str) -> Call:
        """Return the call that the request is. Raises `Refusal`."""
        self._endpoint, self._rest = endpoint, rest
        # Until the key is known an error may be read by any page: it tells nothing, and a client needs its status.
        self._readers = "*" if endpoint.browser else None
        access = endpoint.credential(self._node, self.request, rest)
        if access.kind not in endpoint.kinds:
            kinds = " or ".join(sorted(endpoint.kinds))
            raise Refusal(403, "Wrong kind of key", f"this takes a {kinds} key, not a {access.kind} key")
        asked = next(iter(access.records)) if endpoint.of_all else self.request.query.get("environment")
        name = access.environment(asked)
        if endpoint.browser:
            self._check_origin(access, name)
        environment = self._node.environments.get(name)
        if environment is None or not environment.is_loaded:
            raise StillLoading(f"{name} is not loaded yet")
        self._check_standing(name)
        self._overridden = self._node.reader.overridden(name)
        return Call(self._node, self.request, access, environment, rest)

    def _check_standing(self, environment: str) -> None:
        """Refuse what this node must not answer, whoever asks rightly.

        Not with 401 where keys are too long unconfirmed: the key may be good, and an SDK that is told 401 waits longer.
        """
        if (doubt := self._node.reader.doubts(environment)) is not None:
            raise Refusal(503, "Keys not confirmed", doubt, headers=(("retry-after", "10"),))
        if self.request.headers.line(b"x-pennon-node") is not None:
            self._check_path()

    def _check_path(self) -> None:
        """Refuse a node whose own state comes by this one."""
        asking = self.request.headers.get("x-pennon-node", "")
        if asking in self._node.path:
            path = " from ".join(self._node.path)
            detail = f"{asking!r} asks for what comes from itself: {path}; give it another upstream, or another name"
            raise Refusal(508, "Loop detected", detail)

    def _check_origin(self, access: Access, environment: str) -> None:
        if access.kind != "client":
            # A secret key that works in a page would be in that page's source.
            self._readers = None
            return
        if access.records[environment].origins:
            self._depends_on_origin = True
            self._readers = self._origin
            if not access.allows_origin(environment, self._origin):
                self._readers = None
                raise Refusal(403, "Wrong origin", f"the key is not for pages from {self._origin!r}")

    def _preflight(self, endpoints: Sequence[Endpoint | PublicEndpoint]) -> Answer:
        """Answer a browser that asks whether a page may ask. It sends no key, so it is told yes; the key decides."""
        if not any(endpoint.browser for endpoint in endpoints):
            return Answer(204, b"", (("allow", _methods(endpoints)),))
        self._readers = "*"
        headers: Headers = (
            ("access-control-allow-methods", _methods(endpoints)),
            ("access-control-allow-headers", _ALLOW_HEADERS),
            ("access-control-max-age", "86400"),
        )
        return Answer(204, b"", headers)

    def refused(self, refusal: Refusal) -> Answer:
        """Return how *refusal* is told."""
        """Return the answer that says *refusal*, and count it."""
        self._node.metrics.refused.labels(str(refusal.status)).inc()
        if self._endpoint is not None and self._endpoint.ofrep:
            body: dict[str, object] = {"key": self._rest} if self._endpoint.takes_rest else {}
            body |= {"errorCode": refusal.code, "errorDetails": refusal.detail}
            return Answer(refusal.status, msgspec.json.encode(body), (JSON, *refusal.headers))
        body = {"type": "about:blank", "title": refusal.title, "status": refusal.status, "detail": refusal.detail}
        if refusal.problems:
            body["problems"] = refusal.problems
        return Answer(refusal.status, msgspec.json.encode(body), (_PROBLEM, *refusal.headers))


@functools.lru_cache(maxsize=64)  # the same for nearly all, and encoding them takes longer than this
def _usual_lines(node: str, readers: str | None) -> Lines:
    headers: Headers = (("x-pennon-node", node),)
    if readers is not None:
        headers = (
            *headers,
            ("access-control-allow-origin", readers),
            ("access-control-expose-headers", _EXPOSE_HEADERS),
        )
    return (NO_SNIFF, *encoded(headers))


def _methods(endpoints: Sequence[Endpoint | PublicEndpoint]) -> str:
    return ", ".join(sorted({endpoint.method for endpoint in endpoints} | {"OPTIONS"}))
