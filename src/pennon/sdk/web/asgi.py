"""Requests of ASGI applications: FastAPI, Starlette, Litestar, Django's asynchronous side.

app.add_middleware(FlagsMiddleware, client=client, context=lambda scope: {"targetingKey": …})

@app.get("/")
async def home(flags: Annotated[RequestFlags, Depends(request_flags)]) -> …
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from typing import Any, TypeAlias

from pennon.sdk._core import Core
from pennon.sdk.web.scope import ContextSource, serving

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class FlagsMiddleware:
    """Gives each request and each WebSocket its flags: `request_flags()`, and `scope["flags"]`.

    *context* finds who asks in the ASGI scope, when a flag is first evaluated.
    """

    def __init__(
        self, app: Application, *, client: Core, context: Callable[[Scope], Mapping[str, Any]] | None = None
    ) -> None:
        self._app = app
        self._client = client
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        context: ContextSource = {} if self._context is None else partial(self._context, scope)
        with serving(self._client, context) as flags:
            scope["flags"] = flags
            return await self._app(scope, receive, send)
