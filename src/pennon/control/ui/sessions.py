"""Who is signed in, and the way to end that: one session, or everybody's."""

from typing import Any

from litestar import Request, Response

from pennon.control.access.people import session_key
from pennon.control.errors import Invalid, PennonError
from pennon.control.ui.inputs import Sent
from pennon.control.ui.rendering import Pages, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import acts, shows
from pennon.control.ui.telling import status_for, told
from pennon.control.ui.visitors import Visitor, session_secret

_MOST = 100


def session_pages(pages: Pages) -> list[Any]:
    """Return the routes."""
    sign_ins = pages.services.sign_ins

    @shows("/people/sessions", permission="access.manage")
    def list_sessions(request: Request[Visitor, Any, Any]) -> Response[Any]:
        """Show who is signed in, the last seen first."""
        return _shown(pages, request)

    @acts("/people/sessions", permission="access.manage")
    def end_sessions(request: Request[Visitor, Any, Any], form: Sent) -> Response[Any]:
        """End a session, or those of everybody."""
        try:
            if not form.has("everybody"):
                sign_ins.end_session(form.raw("session"))
            elif form.has("sure"):
                sign_ins.sign_out_everywhere()
            else:
                raise Invalid.at(
                    "/sure", "is not ticked", "everybody has to sign in again, you too: tick it if you mean it"
                )
        except PennonError as error:
            return _shown(pages, request, error=error)
        return sent_to(with_note("/people/sessions", "ended"))

    return [list_sessions, end_sessions]


def _shown(pages: Pages, request: Request[Visitor, Any, Any], *, error: PennonError | None = None) -> Response[Any]:
    account = request.query_params.get("account", "").strip()[:256]
    found = pages.services.sign_ins.sessions(account or None)
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading)
    return pages.answer(
        request,
        "people_sessions.html",
        status=status_for(error),
        frame=frame,
        asked=account,
        sessions=found[:_MOST],
        total=len(found),
        here=session_key(session_secret(request) or ""),
        **told(error),
    )
