"""Requests of ASGI applications: FastAPI, Starlette, Litestar, Django's asynchronous side.

app.add_middleware(FlagsMiddleware, client=client, context=lambda scope: {"targetingKey": …})

@app.get("/")
async def home(flags: Annotated[RequestFlags, Depends(request_flags)]) -> …
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import partial
from typing import Any, TypeAlias

from pennon.sdk._core import Core
from pennon.sdk.web.outdated import Critical, seen_in_scope
from pennon.sdk.web.scope import ContextSource, FlagsOutdated, serving

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class FlagsMiddleware:
    """Gives each request and each WebSocket its flags: `request_flags()`, and `scope["flags"]`.

    *context* finds who asks in the ASGI scope, when a flag is first evaluated. A request that acts on outdated flags is
    answered with 409: what `requires_flags` refuses, and what comes to a path in *critical*, `{"/api/checkout":
    ["new-gateway"]}`.
    """

    def __init__(
        self,
        app: Application,
        *,
        client: Core,
        context: Callable[[Scope], Mapping[str, Any]] | None = None,
        critical: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self._app = app
        self._client = client
        self._context = context
        self._critical = Critical(critical or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        context: ContextSource = {} if self._context is None else partial(self._context, scope)
        with serving(self._client, context, partial(seen_in_scope, scope["headers"])) as flags:
            scope["flags"] = flags
            if scope["type"] == "websocket":
                return await self._app(scope, receive, send)
            return await self._guarded(scope, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._critical.refusal(scope["method"], scope["path"])
        if refusal is not None:
            return await _refuse(refusal, send)
        answering = _Answering(send)
        try:
            return await self._app(scope, receive, answering)
        except FlagsOutdated as refused:
            if answering.has_begun:
                raise
            return await _refuse(refused, send)


class _Answering:
    """Sends, and remembers that an answer has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def __call__(self, message: Any) -> None:
        self.has_begun = True
        await self._send(message)


async def _refuse(refusal: FlagsOutdated, send: Send) -> None:
    body = refusal.body
    lines = [(name.encode(), value.encode()) for name, value in refusal.headers]
    lines.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": refusal.status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
