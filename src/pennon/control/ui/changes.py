"""The change log as a timeline: who changed what, when and why, filters for all of that, and a way back."""

from typing import Any

from litestar import Request, Response

from pennon.control.changes.searching import Sought
from pennon.control.changes.views import ChangeReport
from pennon.control.environments.protection import Leave
from pennon.control.errors import Invalid, PennonError
from pennon.control.log import INSTALLATION, EnvironmentName, project_log
from pennon.control.ui.details import Details, details_of
from pennon.control.ui.failures import problems_of, sentence, title_of
from pennon.control.ui.inputs import Named, Numbered, Sent
from pennon.control.ui.rendering import Frame, Pages, page_path, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import ENVIRONMENT, PROJECT, acts, shows
from pennon.control.ui.times import past_time
from pennon.control.ui.visitors import Visitor
from pennon.control.working.pages import Page
from pennon.model import Problem

_PAGE = 30
_ITEMS = 5
_TOLD = 100
_FILTERS = ("flag", "segment", "who", "action", "from", "to", "glass")


def change_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(ENVIRONMENT + "/changes")
    def list_changes(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Show the changes of an environment, the newest first."""
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project, environment)
        return _list(pages, request, frame)

    @shows(PROJECT + "/changes")
    def list_project_changes(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Show the changes of a project's own log: definitions, environments, requests, schedules."""
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
        return _list(pages, request, frame)

    @shows("/installation/changes", permission="installation.read")
    def list_installation_changes(request: Request[Visitor, Any, Any]) -> Response[Any]:
        """Show the changes of what belongs to no project: projects, accounts, roles, tokens, signing keys."""
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading)
        return _list(pages, request, frame)

    @shows(ENVIRONMENT + "/changes/{revision:int}")
    def show_change(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, revision: Numbered
    ) -> Response[Any]:
        """Show one change, field by field."""
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project, environment)
        return _change(pages, request, frame, revision)

    @shows(PROJECT + "/changes/{revision:int}")
    def show_project_change(request: Request[Visitor, Any, Any], project: Named, revision: Numbered) -> Response[Any]:
        """Show one change of a project's own log."""
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
        return _change(pages, request, frame, revision)

    @shows("/installation/changes/{revision:int}", permission="installation.read")
    def show_installation_change(request: Request[Visitor, Any, Any], revision: Numbered) -> Response[Any]:
        """Show one change of what belongs to no project."""
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading)
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

    return [
        list_changes,
        list_project_changes,
        list_installation_changes,
        show_change,
        show_project_change,
        show_installation_change,
        revert_change,
    ]


def _log_of(frame: Frame) -> str:
    """Return the log that a page is about: of the environment that it names, of the project, or of neither."""
    if frame.project is None:
        return INSTALLATION
    return project_log(frame.project.key) if frame.environment is None else frame.name.log


def _root(frame: Frame) -> str:
    """Return the address of the timeline of that log."""
    if frame.project is None:
        return page_path("installation", "changes")
    within = () if frame.environment is None else ("environments", frame.environment.key)
    return page_path("projects", frame.project.key, *within, "changes")


def _list(pages: Pages, request: Request[Visitor, Any, Any], frame: Frame) -> Response[Any]:
    log = _log_of(frame)
    asked = {name: request.query_params.get(name, "").strip()[:256] for name in _FILTERS}
    before = whole(request.query_params.get("before"))
    problems: dict[str, Problem] = {}
    page: Page[ChangeReport] = Page(items=(), next=None)
    try:
        sought = _sought(asked, log)
        page = pages.services.change_views.search(log, sought, before=before, limit=_PAGE, most_items=_ITEMS)
    except Invalid as error:
        problems = {each.path.strip("/"): each for each in error.problems}
    return pages.answer(
        request,
        "changes.html",
        status=422 if problems else 200,
        frame=frame,
        page=page,
        asked=asked,
        filters={name: value or None for name, value in asked.items()},
        is_filtered=any(asked.values()),
        before=before,
        root=_root(frame),
        kind=log.partition("/")[0],
        problems=problems,
        head=page.items[0].change.revision if page.items else None,
    )


def _sought(asked: dict[str, str], log: str) -> Sought:
    item: tuple[str, str] | None = None
    if asked["flag"] and asked["segment"]:
        raise Invalid.at("/segment", "a flag is named, too", "leave one out")
    if asked["flag"]:
        item = ("definition" if log.startswith("projects/") else "flag", asked["flag"])
    elif asked["segment"]:
        item = ("segment", asked["segment"])
    return Sought(
        item=item,
        who=asked["who"],
        action=asked["action"],
        since=past_time(asked["from"], "from"),
        until=past_time(asked["to"], "to"),
        is_break_glass=bool(asked["glass"]),
    )


def _change(  # what the page shows
    pages: Pages,
    request: Request[Any, Any, Any],
    frame: Frame,
    revision: int,
    *,
    why: str = "",
    error: PennonError | None = None,
) -> Response[Any]:
    first = whole(request.query_params.get("items")) or 0
    report = pages.services.change_views.logged(_log_of(frame), revision, first=first, most_items=_TOLD)
    details: Details = details_of(report.items)
    count = len(report.change.edits)
    return pages.answer(
        request,
        "change.html",
        status=200 if error is None else title_of(error)[0],
        frame=frame,
        change=report.change,
        details=details,
        root=_root(frame),
        first=first,
        following=first + _TOLD if count > first + _TOLD else None,
        count=count,
        why=why,
        failed=None if error is None else {"title": title_of(error)[1], "text": sentence(error)},
        problems=() if error is None else problems_of(error),
    )


def whole(text: str | None) -> int | None:
    """Return a number of an address; None for anything else."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 16 else None
