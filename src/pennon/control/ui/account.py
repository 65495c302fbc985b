"""What a person sees of himself: his password, where he is signed in, and what he may do where."""

from typing import Any

from litestar import Request, Response

from pennon.control.access.people import session_key
from pennon.control.access.permissions import PERMISSIONS
from pennon.control.access.views import roles
from pennon.control.errors import Invalid, NotFound, PennonError
from pennon.control.ui.entrance import with_session
from pennon.control.ui.granting import place_text
from pennon.control.ui.inputs import Sent
from pennon.control.ui.rendering import Pages, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import acts, shows
from pennon.control.ui.telling import status_for, told
from pennon.control.ui.visitors import Visitor, session_secret


def account_pages(pages: Pages, *, is_secure: bool) -> list[Any]:
    """Return the routes. *is_secure*: pages come over TLS, so the cookie is sent over nothing else."""
    sign_ins = pages.services.sign_ins

    @shows("/account", anywhere=True)
    def show_account(request: Request[Visitor, Any, Any]) -> Response[Any]:
        """Show what there is to know of oneself."""
        return _shown(pages, request)

    @acts("/account/password", permission="read", anywhere=True)
    def change_password(request: Request[Visitor, Any, Any], form: Sent) -> Response[Any]:
        """Change one's own password. One stays in here, by a new session, and nowhere else."""
        account = request.user.account
        address = request.client.host if request.client else ""
        try:
            if form.raw("password") != form.raw("again"):
                raise Invalid.at("/again", "is not the same", "write the new password twice")
            if not sign_ins.is_password(account.key, form.raw("current"), address=address):
                raise Invalid.at("/current", "is not your password", "try again")
            sign_ins.set_password(account.key, form.raw("password"))
        except PennonError as error:
            return _shown(pages, request, error=error)
        secret = sign_ins.let_in(account, how="password")
        return with_session(sent_to(with_note("/account", "password")), secret, is_secure=is_secure)

    @acts("/account/sessions", permission="read", anywhere=True)
    def end_sessions(request: Request[Visitor, Any, Any], form: Sent) -> Response[Any]:
        """End one of one's own sessions, or all but this one."""
        here = session_key(session_secret(request) or "")
        own = [each.key for each in sign_ins.sessions(request.user.account.key)]
        ended = [key for key in own if key != here] if form.has("others") else [form.raw("session")]
        for key in ended:
            if key not in own:
                return _shown(pages, request, error=NotFound("session", key[:12], mend="it may be over already"))
            sign_ins.end_session(key)
        return sent_to(with_note("/account", "ended"))

    return [show_account, change_password, end_sessions]


def _shown(pages: Pages, request: Request[Visitor, Any, Any], *, error: PennonError | None = None) -> Response[Any]:
    visitor = request.user
    services = pages.services
    with services.log.reading() as reading:
        frame = pages.frame(visitor, reading)
        known = {role.key: role for role in roles(reading)}
    account = visitor.account
    return pages.answer(
        request,
        "account.html",
        status=status_for(error),
        frame=frame,
        account=account,
        sessions=services.sign_ins.sessions(account.key),
        here=session_key(session_secret(request) or ""),
        held=[(grant, known[grant.role]) for grant in account.holds if grant.role in known],
        place_text=place_text,
        permissions=PERMISSIONS,
        takes_password=account.emergency or not services.sign_ins.takes_emergencies_only,
        **told(error),
    )
