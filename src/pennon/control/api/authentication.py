"""Who may call what: every route of the admin API needs a token, and names the role that it takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from pennon.control.access.credentials import Token
from pennon.control.api.routes import ANY_PROJECT, ROLE
from pennon.control.errors import Forbidden, Unauthenticated

Guard: TypeAlias = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]

_SCHEME = "bearer "


def token_guard(authenticate: Callable[[str], Token]) -> Guard:
    """Return the guard that lets a request in if its token allows what its route does.

    A route that names no role is closed; `OPTIONS` takes any token. The token becomes the request's `user`.
    """

    async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        secret = _presented(connection)
        token = await asyncio.to_thread(authenticate, secret)
        connection.scope["user"] = token
        if connection.scope.get("method") == "OPTIONS":
            return
        if (role := handler.opt.get(ROLE)) is None:
            raise Forbidden("no token opens this")
        project = token.project if handler.opt.get(ANY_PROJECT) else connection.path_params.get("project")
        token.require(role, project)

    return admit


def _presented(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    header = connection.headers.get("authorization", "")
    if not header[: len(_SCHEME)].lower() == _SCHEME or not header[len(_SCHEME) :].strip():
        raise Unauthenticated("this needs a token", mend="send it as Authorization: Bearer")
    return header[len(_SCHEME) :].strip()
