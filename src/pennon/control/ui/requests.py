"""Change requests: the list, one of them with what it would change, and what others say of it."""

from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.changes.preview import Preview
from pennon.control.errors import PennonError
from pennon.control.log import EnvironmentName
from pennon.control.requests.models import ChangeRequest, Verdict
from pennon.control.requests.views import request as find_request
from pennon.control.requests.views import requests as find_requests
from pennon.control.ui.failures import problems_of, sentence, title_of
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.rendering import Frame, Pages, page_path, sent_to
from pennon.control.ui.routes import PROJECT, acts, shows
from pennon.control.ui.visitors import Visitor

_ONE = PROJECT + "/requests/{change_request:str}"


class Part(msgspec.Struct, frozen=True):
    """What a request would change in one environment; or why it cannot be told."""

    environment: str
    preview: Preview | None
    problem: str = ""


def request_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(PROJECT + "/requests")
    def list_requests(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Show requests: those that are open, or all."""
        every = "all" in request.query_params
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
            found = [each for each in find_requests(reading, project) if every or each.state == "open"]
        return pages.answer(request, "requests.html", frame=frame, found=found[:200], every=every)

    @shows(_ONE)
    def show_request(request: Request[Visitor, Any, Any], project: Named, change_request: Named) -> Response[Any]:
        """Show a request."""
        return _shown(pages, request, project, change_request)

    @acts(_ONE, permission="read")
    def act_on_request(
        request: Request[Visitor, Any, Any], project: Named, change_request: Named, form: Sent
    ) -> Response[Any]:
        """Approve, refuse, apply or withdraw a request. What each takes, its service asks for."""
        try:
            _act(pages, request.user, project, change_request, form)
        except PennonError as error:
            return _shown(pages, request, project, change_request, comment=form.raw("comment"), error=error)
        return sent_to(page_path("projects", project, "requests", change_request))

    return [list_requests, show_request, act_on_request]


def _act(pages: Pages, visitor: Visitor, project: str, key: str, form: Form) -> None:
    service, comment, why = pages.services.requests, form.text("comment"), form.text("comment").replace("\n", " ")
    if form.has("apply") or form.has("break-glass"):
        service.apply_request(project, key, is_break_glass=form.has("break-glass"), by=visitor.actor, why=why)
    elif form.has("withdraw"):
        service.withdraw_request(project, key, by=visitor.actor, why=why)
    else:
        verdict: Verdict = "approved" if form.has("approve") else "refused"
        edition = form.whole("edition")
        service.review_request(project, key, verdict, comment=comment, edition=edition, by=visitor.actor)


def _shown(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    project: str,
    key: str,
    *,
    comment: str = "",
    error: PennonError | None = None,
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, project)
        found = find_request(reading, project, key)
    return pages.answer(
        request,
        "request.html",
        status=200 if error is None else title_of(error)[0],
        frame=frame,
        found=found,
        parts_of=_parts(pages, frame, found) if found.state == "open" else (),
        counts=lambda review: any(review is each for each in found.verdicts().values()),
        is_own=(found.author.kind, found.author.id) == (request.user.actor.kind, request.user.actor.id),
        comment=comment,
        failed=None if error is None else {"title": title_of(error)[1], "text": sentence(error)},
        problems=() if error is None else problems_of(error),
    )


def _parts(pages: Pages, frame: Frame, found: ChangeRequest) -> tuple[Part, ...]:
    parts = []
    for proposal in found.proposals:
        name = EnvironmentName(frame.project.key if frame.project else "", proposal.environment)
        try:
            parts.append(
                Part(proposal.environment, pages.services.changes.preview(name, proposal.edits, with_moves=True))
            )
        except PennonError as error:
            parts.append(Part(proposal.environment, None, sentence(error)))
    return tuple(parts)
