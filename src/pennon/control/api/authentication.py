"""Who may call what: every route of the admin API needs somebody, and names the permission that it takes.

Programs come with a token, people with the cookie of a session, and then with the token that only their own pages know.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from pennon.control.access.people import COOKIE, SECURE_COOKIE, is_csrf_token
from pennon.control.access.permissions import Permission, Principal
from pennon.control.access.views import place, principal_of, roles
from pennon.control.api.routes import ANYWHERE, OPEN, PERMISSION
from pennon.control.errors import Forbidden, Unauthenticated
from pennon.control.log import EnvironmentName
from pennon.control.services import Services

Guard: TypeAlias = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]

CSRF = "x-pennon-csrf"
_SCHEME = "bearer "
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def token_guard(services: Services) -> Guard:
    """Return the guard that lets a request in if who sends it may do what its route does, where its path says.

    A route that names no permission is closed; `OPTIONS` takes anybody who is known. The principal becomes the
    request's `user`.
    """

    async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if handler.opt.get(OPEN):
            return
        asked = connection.scope.get("method") != "OPTIONS"
        said = handler.opt if asked else {ANYWHERE: True}
        connection.scope["user"] = await asyncio.to_thread(admitted, services, connection, said)

    return admit


def session_secret(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Return the secret of the session that a request came with."""
    return connection.cookies.get(SECURE_COOKIE) or connection.cookies.get(COOKIE)


def admitted(services: Services, connection: ASGIConnection[Any, Any, Any, Any], said: Mapping[str, Any]) -> Principal:
    """Return what who sends a request may do now. *said* is what its route says of itself.

    Raises `Unauthenticated`, and `Forbidden`.
    """
    known = _known(services, connection)
    named = connection.path_params
    with services.log.reading() as reading:
        principal = principal_of(reading, known)
        permission: Permission | None = said.get(PERMISSION)
        if not said.get(ANYWHERE):
            if permission is None:
                raise Forbidden("nothing opens this")
            where = place(reading, named.get("project"), named.get("environment"))
            principal.require(permission, where, roles=roles(reading))
    return principal


def _known(services: Services, connection: ASGIConnection[Any, Any, Any, Any]) -> Any:
    header = connection.headers.get("authorization", "")
    if header[: len(_SCHEME)].lower() == _SCHEME and header[len(_SCHEME) :].strip():
        return services.tokens.authenticate(header[len(_SCHEME) :].strip())
    secret = session_secret(connection)
    if header or secret is None:
        raise Unauthenticated("this needs a token", mend="send it as Authorization: Bearer")
    _, account = services.sign_ins.session(secret)
    if connection.scope.get("method") not in _SAFE:
        _require_own_page(connection, secret)
    return account


def _require_own_page(connection: ASGIConnection[Any, Any, Any, Any], secret: str) -> None:
    given = connection.headers.get(CSRF, "")
    if not is_csrf_token(secret, given):
        raise Forbidden(
            "a change that comes with a cookie takes the session's token too",
            mend="send `csrf` of GET /api/v1/session as X-Pennon-CSRF",
        )


def require_in(services: Services, principal: Principal, permission: Permission, name: EnvironmentName) -> None:
    """Raise `Forbidden` unless *principal* may do what takes *permission* in another environment than the path's."""
    with services.log.reading() as reading:
        where = place(reading, name.project, name.environment)
        principal.require(permission, where, roles=roles(reading))
