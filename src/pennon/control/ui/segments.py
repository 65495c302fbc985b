"""Segments: the list, one of them with who is in it and who uses it, and the forms that edit it."""

from typing import Any

from litestar import Request, Response

from pennon.control.changes.edits import AnyEdit, PutSegment
from pennon.control.changes.segment_edits import AddToSegment, RemoveFromSegment, SegmentList
from pennon.control.changes.sentences import condition_text
from pennon.control.errors import Invalid, PennonError
from pennon.control.log import EnvironmentName
from pennon.control.ui.foremost import leads_to_foremost
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import LastKey, Named, Sent
from pennon.control.ui.once import NOTHING
from pennon.control.ui.rendering import Pages, page_path
from pennon.control.ui.reviewing import Proposed, reviewed_in
from pennon.control.ui.routes import ENVIRONMENT, acts, shows
from pennon.control.ui.telling import status_for, told
from pennon.control.ui.visitors import Visitor
from pennon.control.working.commands import Expectation
from pennon.model import Segment

_PAGE = 50
_KEYS = 100


def segment_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(ENVIRONMENT + "/segments")
    def list_segments(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Show a page of segments."""
        return _listed(pages, request, EnvironmentName(project, environment))

    @shows(ENVIRONMENT + "/segments/{segment:path}")
    def show_segment(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, last_key: LastKey
    ) -> Response[Any]:
        """Show a segment."""
        return _shown(pages, request, EnvironmentName(project, environment), last_key)

    @acts(ENVIRONMENT + "/edit-segment", permission="read")
    def edit_segment(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, form: Sent
    ) -> Response[Any]:
        """Go on to the review of what a form asks for."""
        name, key = EnvironmentName(project, environment), form.text("segment")
        try:
            edit = _edit(form, key)
        except Invalid as error:
            if form.raw("do") == "create":
                return _listed(pages, request, name, typed=form, error=error)
            return _shown(pages, request, name, key, typed=form, error=error)
        version = form.whole("version")
        expected = None if version is None else Expectation(segments={key: version})
        back = page_path("projects", project, "environments", environment, "segments", key)
        return reviewed_in(pages, request, name, Proposed(edits=(edit,), expected=expected, back=back))

    return [leads_to_foremost(pages, "segments"), list_segments, show_segment, edit_segment]


def _edit(form: Form, key: str) -> AnyEdit:
    keys = tuple(dict.fromkeys(line.strip() for line in form.raw("keys").split("\n") if line.strip()))
    which: SegmentList = "excluded" if form.raw("list") == "excluded" else "included"
    match form.all("do")[-1:]:
        case ["create"]:
            if not key:
                raise Invalid.at("/segment", "has no key", "write one, as in beta-testers")
            return PutSegment(segment=Segment(key=key, included=keys))
        case ["add"] if keys:
            return AddToSegment(segment=key, keys=keys, list=which)
        case ["remove"] if keys:
            return RemoveFromSegment(segment=key, keys=keys)
        case ["add"] | ["remove"]:
            raise Invalid.at("/keys", "nobody is named", "write a targeting key, or several, one a line")
        case _:
            raise Invalid.at("/do", "there is no such form", "reload the page")


def _listed(
    pages: Pages,
    request: Request[Visitor, Any, Any],
    name: EnvironmentName,
    *,
    typed: Form = NOTHING,
    error: PennonError | None = None,
) -> Response[Any]:
    after = request.query_params.get("after") or None
    page = pages.services.segment_views.segments(name, after=after, limit=_PAGE)
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, name.project, name.environment)
    return pages.answer(
        request,
        "segments.html",
        status=status_for(error),
        frame=frame,
        segments=[stored.read(Segment) for stored in page.items],
        after=after,
        next=page.next,
        typed=typed,
        **told(error),
    )


def _shown(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    name: EnvironmentName,
    key: str,
    *,
    typed: Form = NOTHING,
    error: PennonError | None = None,
) -> Response[Any]:
    segment = pages.services.segment_views.segment(name, key).read(Segment)
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, name.project, name.environment)
        users = pages.services.flag_views.users(reading, name, ("segment", key))
    recent = pages.services.change_views.changes(name, item=("segment", key), limit=8).items
    asked = request.query_params.get("has", "").strip()[:256]
    return pages.answer(
        request,
        "segment.html",
        status=status_for(error),
        frame=frame,
        segment=segment,
        most=_KEYS,
        asked=asked,
        standing=_standing(segment, asked),
        users=users,
        recent=recent,
        condition_text=condition_text,
        typed=typed,
        **told(error),
    )


def _standing(segment: Segment, key: str) -> str:
    """Return in which list *key* is; empty where nothing was asked."""
    if not key:
        return ""
    if key in segment.included:
        return "included"
    return "excluded" if key in segment.excluded else "in neither list"
