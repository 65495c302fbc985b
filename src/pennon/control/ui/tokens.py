"""Tokens of the admin API: the list, a new one, whose secret is shown once, and the way to revoke one."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from litestar import Request, Response

from pennon.control.access.credentials import NewToken, Token
from pennon.control.access.permissions import PERMISSIONS
from pennon.control.access.service import IssuedToken
from pennon.control.access.views import roles, tokens
from pennon.control.access.views import token as find_token
from pennon.control.errors import Invalid, PennonError
from pennon.control.ui.forms import Form
from pennon.control.ui.granting import names, place_text
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.once import NOTHING
from pennon.control.ui.rendering import Pages, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import acts, shows
from pennon.control.ui.telling import reason, status_for, told
from pennon.control.ui.visitors import Visitor

_PAGE = 50


def token_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows("/people/tokens", permission="access.manage")
    def list_tokens(request: Request[Visitor, Any, Any]) -> Response[Any]:
        """Show a page of tokens."""
        asked = request.query_params
        search, after, every = asked.get("q", "").strip()[:200], asked.get("after", "")[:64], "all" in asked
        now = pages.clock.now()
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading)
            found = [each for each in tokens(reading) if search.lower() in each.name.lower()]
        found = [each for each in found if every or each.is_good(now)]
        rest = [each for each in found if each.key > after]
        return pages.answer(
            request,
            "people_tokens.html",
            frame=frame,
            search=search,
            every=every,
            after=after,
            total=len(found),
            tokens=rest[:_PAGE],
            next=rest[_PAGE - 1].key if len(rest) > _PAGE else None,
            used=pages.services.last_used([each.key for each in rest[:_PAGE]]),
            now=now.timestamp(),
            place_text=place_text,
        )

    @shows("/people/new-token", permission="access.manage")
    def show_new_token(request: Request[Visitor, Any, Any]) -> Response[Any]:
        """Ask who uses it, and for what."""
        return _new(pages, request)

    @acts("/people/new-token", permission="access.manage")
    def create_token(request: Request[Visitor, Any, Any], form: Sent) -> Response[Any]:
        """Make a token, and show its secret this once."""
        try:
            issued = pages.services.tokens.create_token(
                _typed(form), by=request.user.actor, why=reason(form.text("why"))
            )
        except PennonError as error:
            return _new(pages, request, form, error=error)
        return _token(pages, request, issued.token.key, issued=issued)

    @shows("/people/tokens/{token:str}", permission="access.manage")
    def show_token(request: Request[Visitor, Any, Any], token: Named) -> Response[Any]:
        """Show a token."""
        return _token(pages, request, token)

    @acts("/people/tokens/{token:str}/revoke", permission="access.manage")
    def revoke_token(request: Request[Visitor, Any, Any], token: Named, form: Sent) -> Response[Any]:
        """Make a token worthless from now on."""
        try:
            if not form.has("sure"):
                raise Invalid.at(
                    "/sure", "is not ticked", "whoever uses the token is out at once: tick it if you mean it"
                )
            pages.services.tokens.revoke_token(token, by=request.user.actor, why=reason(form.text("why")))
        except PennonError as error:
            return _token(pages, request, token, error=error)
        return sent_to(with_note("/people/tokens", "revoked"))

    return [list_tokens, show_new_token, create_token, show_token, revoke_token]


def _typed(form: Form) -> NewToken:
    scopes = tuple(form.all("scope"))
    return NewToken(
        name=form.text("name"),
        role=form.text("role"),
        project=form.text("project") or None,
        environments=names(form.text("environments")),
        scopes=scopes or None,
        not_after=_end_of(form.text("until")),
    )


def _end_of(day: str) -> int | None:
    """Return when a day is over in UTC, in epoch seconds; None for none."""
    if not day:
        return None
    try:
        last = date.fromisoformat(day)
        return int((datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)).timestamp())
    except (ValueError, OverflowError) as error:
        raise Invalid.at("/notAfter", f"{day[:40]!r} is no day", "write it as in 2027-01-31") from error


def _new(
    pages: Pages, request: Request[Visitor, Any, Any], typed: Form = NOTHING, *, error: PennonError | None = None
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading)
        known = [role.key for role in roles(reading)]
    return pages.answer(
        request,
        "people_new_token.html",
        status=status_for(error),
        frame=frame,
        typed=typed,
        roles=known,
        permissions=PERMISSIONS,
        **told(error),
    )


def _token(
    pages: Pages,
    request: Request[Visitor, Any, Any],
    key: str,
    *,
    issued: IssuedToken | None = None,
    error: PennonError | None = None,
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading)
        token: Token = find_token(reading, key)
    return pages.answer(
        request,
        "people_token.html",
        status=status_for(error),
        frame=frame,
        token=token,
        secret="" if issued is None else issued.secret,
        used=pages.services.last_used([token.key]).get(token.key),
        is_good=token.is_good(pages.clock.now()),
        place_text=place_text,
        permissions=PERMISSIONS,
        **told(error),
    )
