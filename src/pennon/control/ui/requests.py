"""Change requests: the list, one of them with what it would change and what it lacks, and what others say of it."""

from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.access.permissions import Permission
from pennon.control.environments.protection import Leave
from pennon.control.errors import Invalid, PennonError
from pennon.control.log import Reading
from pennon.control.requests.models import ChangeRequest, Verdict
from pennon.control.requests.views import ProposalPreview
from pennon.control.requests.views import request as find_request
from pennon.control.ui.demands import demands
from pennon.control.ui.failures import problems_of, sentence, title_of
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.once import idempotency, once
from pennon.control.ui.rendering import Frame, Pages, page_path, sent_to
from pennon.control.ui.routes import PROJECT, acts, shows
from pennon.control.ui.visitors import Visitor, require_permission
from pennon.control.ui.wording import edit_text
from pennon.model import Problem

ONE = PROJECT + "/requests/{change_request:str}"
_PAGE = 50
_MOST = 100


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a request would change in an environment, what keeps it from that, and what it lacks there yet."""

    found: ProposalPreview
    lacking: tuple[Problem, ...]


def request_pages(pages: Pages) -> list[Any]:
    """Return the routes."""
    views = pages.services.request_views

    @shows(PROJECT + "/requests")
    def list_requests(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Show a page of requests: of those that are open, or of all."""
        every, after = "all" in request.query_params, request.query_params.get("after")
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
            page = views.listed(reading, project, of_state=None if every else "open", after=after, limit=_PAGE)
            standing = views.standing(reading, project, page.items)
        return pages.answer(
            request,
            "requests.html",
            frame=frame,
            found=standing,
            every=every,
            after=after,
            next=page.next,
        )

    @shows(ONE)
    def show_request(request: Request[Visitor, Any, Any], project: Named, change_request: Named) -> Response[Any]:
        """Show a request."""
        return _shown(pages, request, project, change_request)

    @acts(ONE, permission="read")
    def act_on_request(
        request: Request[Visitor, Any, Any], project: Named, change_request: Named, form: Sent
    ) -> Response[Any]:
        """Comment on, approve, refuse, apply or withdraw a request. What each takes, its service asks for."""
        try:
            _act(pages, request.user, project, change_request, form)
        except PennonError as error:
            return _shown(pages, request, project, change_request, comment=form.raw("comment"), error=error)
        return sent_to(page_path("projects", project, "requests", change_request))

    return [list_requests, show_request, act_on_request]


def _act(pages: Pages, visitor: Visitor, project: str, key: str, form: Form) -> None:
    service, comment, why = pages.services.requests, form.text("comment"), form.text("comment").replace("\n", " ")
    if form.has("say"):
        require_permission(pages.services, visitor, "change.propose", project)
        service.comment_on_request(project, key, comment, by=visitor.actor, idempotency=idempotency(form))
    elif form.has("apply") or form.has("break-glass"):
        service.apply_request(project, key, is_break_glass=form.has("break-glass"), by=visitor.actor, why=why)
    elif form.has("withdraw"):
        require_permission(pages.services, visitor, "change.propose", project)
        service.withdraw_request(project, key, by=visitor.actor, why=why)
    else:
        require_permission(pages.services, visitor, "change.approve", project)
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
    previews = pages.services.request_views.previews(project, key)
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, project)
        found = find_request(reading, project, key)
        standing = _standing(pages, reading, project, found)
    parts = _parts(pages, frame, standing, previews, comment)
    is_own = (found.author.kind, found.author.id) == (request.user.actor.kind, request.user.actor.id)
    return pages.answer(
        request,
        "request.html",
        status=200 if error is None else title_of(error)[0],
        frame=frame,
        found=found,
        approvals=standing.approvals,
        refusals=standing.refusals,
        parts_of=parts,
        proposed=[(each.environment, [edit_text(edit) for edit in each.edits[:_MOST]]) for each in found.proposals],
        counts=lambda review: any(review is each for each in standing.verdicts().values()),
        is_own=is_own,
        may_review=not is_own and may_everywhere(frame, "change.approve", found),
        may_apply=may_everywhere(frame, "flag.turnOff", found),
        may_edit=frame.may_in_project("change.propose"),
        may_bypass=_needs_bypass(parts, standing)
        and may_everywhere(frame, "change.bypass", found)
        and may_everywhere(frame, "flag.change", found),
        comment=comment,
        said=sorted((*found.reviews, *found.comments), key=lambda each: each.at),
        once=once(),
        beside={each.path.lstrip("/"): each for each in problems_of(error)} if isinstance(error, Invalid) else {},
        failed=None if error is None else {"title": title_of(error)[1], "text": sentence(error)},
        problems=() if error is None else problems_of(error),
    )


def _standing(pages: Pages, reading: Reading, project: str, found: ChangeRequest) -> ChangeRequest:
    """Return a request without what those said of whom it counts no more."""
    return found.without(pages.services.request_views.lapsed(reading, project, found))


def _parts(
    pages: Pages, frame: Frame, standing: ChangeRequest, previews: tuple[ProposalPreview, ...], comment: str
) -> list[Part]:
    known = {each.key: each for each in frame.environments}
    leave = Leave(approvals=standing.approvals, files=standing.files[0].source if standing.files else None)
    why = f"{standing.title} (request {standing.key}): {comment.strip() or standing.why}"
    parts = []
    for proposal, found in zip(standing.proposals, previews, strict=False):  # none of a request that has ended
        at, items = known.get(proposal.environment), found.preview.items if found.preview else ()
        when = standing.apply_at or pages.clock.now()
        lacking = [] if at is None else demands(at, proposal.edits, items, leave, why=why, at=when)
        parts.append(Part(found=found, lacking=tuple(lacking)))
    return parts


def _needs_bypass(parts: list[Part], standing: ChangeRequest) -> bool:
    return bool(standing.refusals) or any(part.lacking for part in parts)


def may_everywhere(frame: Frame, permission: Permission, found: ChangeRequest) -> bool:
    """Return whether the visitor may do that in every environment that a request is about."""
    known = {each.key: each for each in frame.environments}
    return all(each.environment in known and frame.may(permission, known[each.environment]) for each in found.proposals)
