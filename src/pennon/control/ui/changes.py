"""The change log as a timeline: who changed what, when and why, and a way back."""

from typing import Any

from litestar import Request, Response

from pennon.control.environments.protection import Leave
from pennon.control.errors import PennonError
from pennon.control.log import EnvironmentName
from pennon.control.ui.failures import problems_of, sentence, title_of
from pennon.control.ui.inputs import Named, Numbered, Sent
from pennon.control.ui.rendering import Frame, Pages, page_path, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import ENVIRONMENT, acts, shows
from pennon.control.ui.visitors import Visitor
from pennon.control.working.state import ItemName

_PAGE = 30
_ITEMS = 5


def change_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(ENVIRONMENT + "/changes")
    def list_changes(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Show the changes of an environment, the newest first."""
        asked = request.query_params
        flag, before = asked.get("flag") or None, _revision(asked.get("before"))
        name = EnvironmentName(project, environment)
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project, environment)
        item: ItemName | None = None if flag is None else ("flag", flag)
        page = pages.services.change_views.changes(name, item=item, before=before, limit=_PAGE, most_items=_ITEMS)
        return pages.answer(request, "changes.html", frame=frame, page=page, flag=flag, before=before)

    @shows(ENVIRONMENT + "/changes/{revision:int}")
    def show_change(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, revision: Numbered
    ) -> Response[Any]:
        """Show one change, field by field."""
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project, environment)
        return _change(pages, request, frame, revision)

    @acts(ENVIRONMENT + "/changes/{revision:int}/revert", permission="flag.turnOff")
    def revert_change(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, revision: Numbered, form: Sent
    ) -> Response[Any]:
        """Take a change back, as a new one."""
        name = EnvironmentName(project, environment)
        try:
            outcome = pages.services.changes.revert(
                name,
                revision,
                leave=Leave(is_break_glass=form.has("break-glass")),
                by=request.user.actor,
                why=form.text("why").replace("\n", " ")[:2000],
            )
        except PennonError as error:
            with pages.services.log.reading() as reading:
                frame = pages.frame(request.user, reading, project, environment)
            return _change(pages, request, frame, revision, why=form.text("why"), error=error)
        there = page_path("projects", project, "environments", environment, "changes")
        return sent_to(with_note(there, "reverted" if outcome.changed else "same", outcome.position.revision))

    return [list_changes, show_change, revert_change]


def _change(  # what the page shows
    pages: Pages,
    request: Request[Any, Any, Any],
    frame: Frame,
    revision: int,
    *,
    why: str = "",
    error: PennonError | None = None,
) -> Response[Any]:
    report = pages.services.change_views.change(frame.name, revision)
    return pages.answer(
        request,
        "change.html",
        status=200 if error is None else title_of(error)[0],
        frame=frame,
        report=report,
        why=why,
        failed=None if error is None else {"title": title_of(error)[1], "text": sentence(error)},
        problems=() if error is None else problems_of(error),
    )


def _revision(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 16 else None
