"""Who looks at a page: the session in his cookie, what he may do, and the token that only his own pages know."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from pennon.control.access.people import COOKIE, SECURE_COOKIE, Account, csrf_token, is_csrf_token, masked
from pennon.control.access.permissions import Permission, Principal
from pennon.control.access.views import place, principal_of, roles
from pennon.control.errors import Forbidden, Unauthenticated
from pennon.control.log import Actor
from pennon.control.services import Services
from pennon.control.ui.forms import CSRF_FIELD, Form, parsed

PERMISSION, ANYWHERE, OPEN = "permission", "anywhere", "open"
"""What a route says of who may see it; see `pennon.control.ui.routes`."""

Guard: TypeAlias = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]


class SessionOver(Exception):
    """Somebody sent a form, and the session was over. `form` is what he typed."""

    def __init__(self, form: Form) -> None:
        super().__init__("the session is over")
        self.form = form


class Visitor(msgspec.Struct, frozen=True):
    """Somebody who is signed in."""

    account: Account
    principal: Principal
    csrf: str

    @property
    def actor(self) -> Actor:
        """On whose behalf changes are made."""
        return self.principal.actor


def visitor_guard(services: Services) -> Guard:
    """Return the guard that lets a request in if who sends it is signed in and may see its page.

    The visitor becomes the request's `user`. Raises `Unauthenticated` and `Forbidden`.
    """

    async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if handler.opt.get(OPEN):
            return
        try:
            connection.scope["user"] = await asyncio.to_thread(_admitted, services, connection, handler.opt)
        except Unauthenticated:
            if isinstance(connection, Request) and connection.method == "POST":
                raise SessionOver(parsed(await connection.body())) from None
            raise

    return admit


def session_secret(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Return the secret of the session that a request came with."""
    return connection.cookies.get(SECURE_COOKIE) or connection.cookies.get(COOKIE)


def require_own_form(visitor: Visitor, connection: ASGIConnection[Any, Any, Any, Any], form: Form) -> None:
    """Raise `Forbidden` unless *form* was on a page that this session was shown."""
    secret = session_secret(connection)
    if secret is None or not is_csrf_token(secret, form.text(CSRF_FIELD)):
        raise Forbidden(
            "this form is not of a page that you were shown in this session", mend="go back, reload the page, try again"
        )


def require_permission(
    services: Services, visitor: Visitor, permission: Permission, project: str, environment: str | None = None
) -> None:
    """Raise `Forbidden` unless *visitor* may do that there: for a form that says several things by its buttons."""
    with services.log.reading() as reading:
        visitor.principal.require(permission, place(reading, project, environment), roles=roles(reading))


def _admitted(services: Services, connection: ASGIConnection[Any, Any, Any, Any], said: dict[str, Any]) -> Visitor:
    secret = session_secret(connection)
    if secret is None:
        raise Unauthenticated("nobody is signed in", mend="sign in")
    _, account = services.sign_ins.session(secret)
    named = connection.path_params
    with services.log.reading() as reading:
        principal = principal_of(reading, account)
        permission: Permission | None = said.get(PERMISSION)
        if not said.get(ANYWHERE):
            if permission is None:
                raise Forbidden("nothing opens this")
            where = place(reading, named.get("project"), named.get("environment"))
            principal.require(permission, where, roles=roles(reading))
    return Visitor(account, principal, masked(csrf_token(secret)))
