"""Accounts and sessions over HTTP: who people are, and how they sign in and out."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody
from msgspec import Meta

from pennon.control.access.people import COOKIE, SECURE_COOKIE, Account, csrf_token
from pennon.control.access.permissions import Grant, Principal
from pennon.control.access.views import account as find_account
from pennon.control.access.views import accounts
from pennon.control.api.answers import ListOf, changed_answer, done_answer, item_answer, list_answer
from pennon.control.api.authentication import session_secret
from pennon.control.api.inputs import Command, Expected, Key
from pennon.control.api.resources import Resource, encoded, require_same_key, sent
from pennon.control.api.routes import creates, deletes, reads, replaces
from pennon.control.errors import Forbidden, Invalid
from pennon.control.log import Stored
from pennon.control.services import Services

_ONE = "/accounts/{account:str}"
_EXAMPLE = {"name": "Anne", "email": "anne@shop.example", "grants": [{"role": "developer", "project": "shop"}]}


class AccountResource(Resource, frozen=True, kw_only=True):
    """A person who runs Pennon, and which roles he holds where."""

    name: Annotated[str, Meta(max_length=200, description="What people call him.")] = ""
    email: Annotated[str, Meta(max_length=254)] = ""
    grants: Annotated[tuple[Grant, ...], Meta(max_length=100, description="Roles, and where he holds them.")] = ()
    disabled: Annotated[bool, Meta(description="Whether he is kept out.")] = False


class NewAccount(AccountResource, frozen=True, kw_only=True):
    """An account to create. It has no password yet."""

    key: str


class PasswordBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new password."""

    password: Annotated[str, Meta(max_length=1024)]


class OwnPasswordBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new password, and the one that it replaces."""

    current: Annotated[str, Meta(max_length=1024)]
    password: Annotated[str, Meta(max_length=1024)]


class SignInBody(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to be let in."""

    account: Annotated[str, Meta(min_length=1, max_length=64)]
    password: Annotated[str, Meta(min_length=1, max_length=1024)]


class SessionResource(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asking. `csrf` is sent as `X-Pennon-CSRF` with what a page changes; null for a token, which needs none."""

    kind: str
    id: str
    name: str
    grants: tuple[Grant, ...]
    csrf: str | None
    ends: Annotated[datetime | None, Meta(description="When the session runs out unless it is used; null for a token.")]


class DoneResource(msgspec.Struct, frozen=True):
    """That it is done."""

    done: bool = True


def account_routes(services: Services, *, is_secure: bool) -> list[Any]:
    """Return the routes. *is_secure*: pages come over TLS, so cookies are sent over nothing else."""
    return [*_account_routes(services), *_session_routes(services, is_secure=is_secure)]


def show_account(account: Account) -> bytes:
    """Return an account as it is shown."""
    return encoded(account, AccountResource)


def _show_stored(stored: Stored) -> bytes:
    return show_account(stored.read(Account))


def _account_routes(services: Services) -> list[Any]:
    @reads("/accounts", ListOf[AccountResource], permission="access.manage")
    def list_accounts() -> Response[Any]:
        """List accounts, disabled ones too."""
        with services.log.reading() as reading:
            return list_answer(map(show_account, accounts(reading)), None)

    @creates("/accounts", AccountResource, permission="access.manage", example={"key": "anne", **_EXAMPLE})
    def create_account(data: JSONBody[NewAccount], command: Command) -> Response[Any]:
        """Create an account, without a password."""
        outcome = services.accounts.create_account(sent(data, Account, key=data.key), **command.said)
        return changed_answer(outcome, _show_stored, status=201)

    @reads(_ONE, AccountResource, permission="access.manage", versioned=True)
    def read_account(request: Request[Any, Any, Any], account: Key) -> Response[Any]:
        """Show an account."""
        with services.log.reading() as reading:
            found = find_account(reading, account)
        return item_answer(request, found, show_account)

    @replaces(_ONE, AccountResource, permission="access.manage", example=_EXAMPLE)
    def change_account(
        account: Key, data: JSONBody[AccountResource], command: Command, expected: Expected
    ) -> Response[Any]:
        """Change what is known of an account. One that is disabled is out with its next request."""
        require_same_key(data, account)
        outcome = services.accounts.change_account(sent(data, Account, key=account), expected=expected, **command.said)
        return changed_answer(outcome, _show_stored)

    @deletes(_ONE, permission="access.manage")
    def delete_account(account: Key, command: Command) -> Response[Any]:
        """Delete an account. What it did stays in the log."""
        return done_answer(services.accounts.delete_account(account, **command.said))

    @replaces(
        _ONE + "/password", DoneResource, permission="access.manage", example={"password": "correct horse battery"}
    )
    def set_password(account: Key, data: JSONBody[PasswordBody]) -> Response[Any]:
        """Give an account a password, and end its sessions."""
        services.sign_ins.set_password(account, data.password)
        return Response(DoneResource())

    return [list_accounts, create_account, read_account, change_account, delete_account, set_password]


def _session_routes(services: Services, *, is_secure: bool) -> list[Any]:
    name = SECURE_COOKIE if is_secure else COOKIE
    sign_ins = services.sign_ins

    @creates(
        "/session",
        SessionResource,
        permission="read",
        status=200,
        is_open=True,
        example={"account": "anne", "password": "correct horse battery"},
    )
    def sign_in(request: Request[Any, Any, Any], data: JSONBody[SignInBody]) -> Response[Any]:
        """Sign in by a password. The answer sets a cookie."""
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Forbidden("nobody is signed in from a page of another site")
        address = request.client.host if request.client else ""
        secret = sign_ins.sign_in(data.account, data.password, address=address)
        answer = Response(_shown(services, secret), headers={"Cache-Control": "no-store"})
        answer.set_cookie(
            name, secret, path="/", secure=is_secure, httponly=True, samesite="lax", expires=None, max_age=None
        )
        return answer

    @reads("/session", SessionResource, anywhere=True)
    def read_session(request: Request[Any, Principal, Any]) -> Response[Any]:
        """Show who is asking."""
        secret = session_secret(request) if request.user.actor.kind == "account" else None
        headers = {"Cache-Control": "no-store"}
        if secret is not None:
            return Response(_shown(services, secret), headers=headers)
        actor = request.user.actor
        held = tuple(
            Grant(role=each.role.key, project=each.project, environments=each.environments)
            for each in request.user.holdings
        )
        shown = SessionResource(kind=actor.kind, id=actor.id, name=actor.name, grants=held, csrf=None, ends=None)
        return Response(shown, headers=headers)

    @deletes("/session", permission="read", anywhere=True)
    def sign_out(request: Request[Any, Principal, Any]) -> Response[Any]:
        """Sign out: the session is over, whoever has its cookie."""
        if (secret := session_secret(request)) is not None:
            sign_ins.sign_out(secret)
        answer: Response[Any] = Response(None, status_code=204)
        answer.delete_cookie(name, path="/")
        return answer

    @replaces(
        "/session/password",
        DoneResource,
        permission="read",
        anywhere=True,
        example={"current": "correct horse battery", "password": "battery staple correct"},
    )
    def change_password(request: Request[Any, Principal, Any], data: JSONBody[OwnPasswordBody]) -> Response[Any]:
        """Change one's own password. All of one's sessions end."""
        actor = request.user.actor
        if actor.kind != "account":
            raise Forbidden("a token has no password")
        address = request.client.host if request.client else ""
        if not sign_ins.is_password(actor.id, data.current, address=address):
            raise Invalid.at("/current", "is not the password", "try again")
        sign_ins.set_password(actor.id, data.password)
        return Response(DoneResource())

    return [sign_in, read_session, sign_out, change_password]


def _shown(services: Services, secret: str) -> SessionResource:
    session, account = services.sign_ins.session(secret)
    actor = account.actor
    return SessionResource(
        kind=actor.kind, id=actor.id, name=actor.name, grants=account.grants, csrf=csrf_token(secret), ends=session.ends
    )
