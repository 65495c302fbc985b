"""Sessions over HTTP: how people sign in by a password and out, and who is in."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from pennon.control.access.credentials import SHOWN_DIGITS
from pennon.control.access.people import COOKIE, SECURE_COOKIE, EntryWay, Session, csrf_token
from pennon.control.access.permissions import Grant, Principal
from pennon.control.api.accounts import DoneResource
from pennon.control.api.answers import ListOf, list_answer
from pennon.control.api.authentication import session_secret
from pennon.control.api.inputs import NO_CONTROLS, Key
from pennon.control.api.routes import creates, deletes, reads, replaces
from pennon.control.errors import Forbidden, Invalid
from pennon.control.services import Services


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


class KnownSession(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """That somebody is signed in. `key` is the first digits of the SHA-256 of the secret in his cookie."""

    key: str
    account: str
    how: EntryWay
    created: datetime
    last_used: Annotated[datetime, Meta(description="To the minute.")]
    ends: Annotated[datetime, Meta(description="When it runs out unless it is used.")]


def session_routes(services: Services, *, is_secure: bool) -> list[Any]:
    """Return the routes. *is_secure*: pages come over TLS, so cookies are sent over nothing else."""
    return [*_own_session_routes(services, is_secure=is_secure), *_everybodys_routes(services)]


def _own_session_routes(services: Services, *, is_secure: bool) -> list[Any]:
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
        answer.set_cookie(session_cookie(secret, is_secure=is_secure))
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


def _everybodys_routes(services: Services) -> list[Any]:
    sign_ins = services.sign_ins

    @reads("/sessions", ListOf[KnownSession], permission="access.manage")
    def list_sessions(
        account: Annotated[
            str | None, QueryParameter(pattern=NO_CONTROLS, max_length=256, description="Of this account only.")
        ] = None,
    ) -> Response[Any]:
        """List who is signed in, the last seen first."""
        return list_answer(map(msgspec.json.encode, map(_known, sign_ins.sessions(account))), None)

    @deletes("/sessions", permission="access.manage")
    def end_all_sessions() -> Response[Any]:
        """Sign everybody out, whoever asks too. Tokens stay as they are."""
        sign_ins.sign_out_everywhere()
        return Response(None, status_code=204)

    @deletes("/sessions/{session:str}", permission="access.manage")
    def end_session(session: Key) -> Response[Any]:
        """End a session: whoever has its cookie is out with the next request."""
        sign_ins.end_session(session)
        return Response(None, status_code=204)

    return [list_sessions, end_all_sessions, end_session]


def session_cookie(secret: str, *, is_secure: bool) -> Cookie:
    """Return the cookie of a session: no script reads it, and no other site's form sends it."""
    name = SECURE_COOKIE if is_secure else COOKIE
    return Cookie(key=name, value=secret, secure=is_secure, httponly=True, samesite="lax")


def _known(session: Session) -> KnownSession:
    return KnownSession(
        key=session.key[:SHOWN_DIGITS],
        account=session.account,
        how=session.how,
        created=session.created,
        last_used=session.seen,
        ends=session.ends,
    )


def _shown(services: Services, secret: str) -> SessionResource:
    session, account = services.sign_ins.session(secret)
    actor = account.actor
    return SessionResource(
        kind=actor.kind, id=actor.id, name=actor.name, grants=account.holds, csrf=csrf_token(secret), ends=session.ends
    )
