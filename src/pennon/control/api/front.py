"""What every request passes before Litestar sees it: a request id, HEAD, a whole `Allow`, a log line, metrics.

A wrapper about the application and not a Litestar middleware, because those run after routing.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any, cast

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, Message, Receive, Scope, Send

from pennon.control.api.metrics import HttpMetrics
from pennon.stream import Endpoints
from pennon.stream.front import identity, is_below
from pennon.stream.http import given_id, shown_path

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_NO_ROUTE = "none"
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""What probes call so often that a line for each would drown the others."""

_log = structlog.get_logger("pennon.http")


class Front:
    """Wraps *app*. *methods* has the methods of each route by its template.

    What SDKs call goes to *node*, if there is one, and past all of this: it does the same itself, for less.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        methods: Mapping[str, Iterable[str]],
        metrics: HttpMetrics,
        node: Endpoints | None = None,
    ) -> None:
        self._app = app
        self._node = node
        self._methods = {template: frozenset(found) for template, found in methods.items()}
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        if self._node is not None and is_below(scope["path"]):
            await self._node(cast("Any", scope), cast("Any", receive), send)
            return
        inner: Any = {**scope, "method": "GET" if scope["method"] == "HEAD" else scope["method"]}
        request_id = identity(given_id(scope))
        inner["state"] = {**scope.get("state", {}), "request_id": request_id}
        reply = _Reply(send, is_head=scope["method"] == "HEAD", identity=request_id, front=self, scope=inner)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            started = time.perf_counter()
            try:
                await self._app(inner, receive, reply.send)
            finally:
                self._record(
                    scope["method"], inner, status=reply.status, duration_s=(reply.at or time.perf_counter()) - started
                )

    def allowed(self, scope: Mapping[str, Any]) -> str | None:
        """Return the value of `Allow` for the route of *scope*, None where there is no such route."""
        if (methods := self._methods.get(scope.get("path_template", ""))) is None:
            return None
        return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))

    def _record(self, method: str, scope: Mapping[str, Any], *, status: int, duration_s: float) -> None:
        path, route = shown_path(scope), scope.get("path_template") or _NO_ROUTE
        known = method if method in _METHODS else "other"
        self._metrics.observe(known, route, status=status, duration_s=duration_s)
        log = _log.debug if route in _QUIET and status < 500 else _log.info
        client = (scope.get("client") or ("",))[0]
        traced = {name: value for name, value in scope["state"].items() if name == "trace_id"}
        duration_ms = round(duration_s * 1000, 1)
        log("request", method=known, path=path, status=status, client=client, duration_ms=duration_ms, **traced)


class _Reply:
    def __init__(self, send: Send, *, is_head: bool, identity: str, front: Front, scope: Mapping[str, Any]) -> None:
        self._send = send
        self._is_head = is_head
        self._identity = identity
        self._front = front
        self._scope = scope
        self.status = 0
        self.at: float | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.at = message["status"], time.perf_counter()
            await self._send(self._with_headers(message))
            if self._is_head:
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        elif not self._is_head:
            await self._send(message)

    def _with_headers(self, message: HTTPResponseStartEvent) -> Message:
        headers = [*message["headers"], (b"x-request-id", self._identity.encode())]
        names = {name.lower() for name, _ in headers}
        if b"x-content-type-options" not in names:
            headers.append((b"x-content-type-options", b"nosniff"))
        if b"allow" in names and (allowed := self._allowed(dict(message["headers"])[b"allow"])):
            headers = [(name, allowed if name.lower() == b"allow" else value) for name, value in headers]
        return {**message, "headers": headers}

    def _allowed(self, said: bytes) -> bytes:
        # On OPTIONS Litestar names the methods of the first function of a path only; on 405 it forgets HEAD.
        if (allowed := self._front.allowed(self._scope)) is not None:
            return allowed.encode()
        methods = {method.strip() for method in said.decode().split(",")}
        return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set()))).encode()
