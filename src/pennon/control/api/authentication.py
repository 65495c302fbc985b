"""Who may call what: every route of the admin API needs a token, and names the permission that it takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from pennon.control.access.permissions import Permission, Principal, Where
from pennon.control.access.views import place, principal_of, roles
from pennon.control.api.routes import ANYWHERE, PERMISSION
from pennon.control.api.services import Services
from pennon.control.errors import Forbidden, Unauthenticated
from pennon.control.log import EnvironmentName

Guard: TypeAlias = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]

_SCHEME = "bearer "


def token_guard(services: Services) -> Guard:
    """Return the guard that lets a request in if its token allows what its route does, where its path says.

    A route that names no permission is closed; `OPTIONS` takes any token. The token's principal becomes the
    request's `user`.
    """

    async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        secret = _presented(connection)
        named = connection.path_params
        asked = connection.scope.get("method") != "OPTIONS"
        connection.scope["user"] = await asyncio.to_thread(
            _admitted, services, secret, handler.opt if asked else {ANYWHERE: True}, named
        )

    return admit


def _admitted(services: Services, secret: str, said: dict[str, Any], named: dict[str, Any]) -> Principal:
    token = services.tokens.authenticate(secret)
    with services.log.reading() as reading:
        principal = principal_of(reading, token)
        permission: Permission | None = said.get(PERMISSION)
        if not said.get(ANYWHERE):
            if permission is None:
                raise Forbidden("no token opens this")
            where = place(reading, named.get("project"), named.get("environment"))
            principal.require(permission, where, roles=roles(reading))
    return principal


def require_in(services: Services, principal: Principal, permission: Permission, name: EnvironmentName) -> None:
    """Raise `Forbidden` unless *principal* may do what takes *permission* in another environment than the path's."""
    with services.log.reading() as reading:
        where: Where = place(reading, name.project, name.environment)
        principal.require(permission, where, roles=roles(reading))


def _presented(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    header = connection.headers.get("authorization", "")
    if not header[: len(_SCHEME)].lower() == _SCHEME or not header[len(_SCHEME) :].strip():
        raise Unauthenticated("this needs a token", mend="send it as Authorization: Bearer")
    return header[len(_SCHEME) :].strip()
