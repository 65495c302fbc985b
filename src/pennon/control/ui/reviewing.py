"""The page between an edit and its effect: what would change in words, what the environment demands, and the choice.

Every form that edits something ends here: it makes edits, and this page carries them from click to click, so that
nothing is lost on the way, whatever goes wrong.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.access.landing import local_path
from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.flag_edits import TurnOff
from pennon.control.changes.preview import Preview
from pennon.control.environments.protection import Leave
from pennon.control.errors import Invalid, PennonError
from pennon.control.log import EnvironmentName
from pennon.control.requests.service import Draft
from pennon.control.schedules.plans import Once
from pennon.control.schedules.service import Wanted
from pennon.control.ui.demands import demands
from pennon.control.ui.failures import problems_of, sentence, title_of
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.rendering import Frame, Pages, page_path, sent_to
from pennon.control.ui.routes import ENVIRONMENT, acts
from pennon.control.ui.times import ZONES, time_of
from pennon.control.ui.visitors import Visitor, require_permission
from pennon.control.working.commands import Expectation
from pennon.model import Problem

_EDITS = msgspec.json.Decoder(tuple[AnyEdit, ...])
_EXPECTED = msgspec.json.Decoder(Expectation)
_FIELDS: Mapping[str, str] = {"/title": "title", "/at": "at", "/plan/at": "at", "/applyAt": "at", "/zone": "zone"}
"""The fields of the page, by the paths of problems that belong beside them."""


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is about to change: edits of an environment, what he saw there, and where he came from."""

    edits: tuple[AnyEdit, ...]
    expected: Expectation | None = None
    back: str = "/"
    why: str = ""
    title: str = ""
    at: str = ""
    zone: str = ""

    @property
    def edits_text(self) -> str:
        """The edits as a page carries them."""
        return msgspec.json.encode(self.edits).decode()

    @property
    def expected_text(self) -> str:
        """What was seen, as a page carries it."""
        return "" if self.expected is None else msgspec.json.encode(self.expected).decode()


def review_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @acts(ENVIRONMENT + "/review", permission="read")
    def review(request: Request[Visitor, Any, Any], project: Named, environment: Named, form: Sent) -> Response[Any]:
        """Show what edits would change, or make the change, propose it, or plan it for later."""
        proposed = proposed_by(form)
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project, environment)
        try:
            if form.has("apply") or form.has("break-glass"):
                return _applied(pages, request.user, frame, proposed, is_break_glass=form.has("break-glass"))
            if form.has("propose"):
                return _requested(pages, request.user, frame, proposed, time_of(form))
            if form.has("plan"):
                return _planned(pages, request.user, frame, proposed, time_of(form))
        except PennonError as error:
            return reviewed(pages, request, frame, proposed, error=error)
        return reviewed(pages, request, frame, proposed)

    return [review]


def proposed_by(form: Form) -> Proposed:
    """Return what a review page carries. Raises `Invalid` for what no page of ours sends."""
    try:
        edits = _EDITS.decode(form.raw("edits"))
        expected = _EXPECTED.decode(form.raw("expected")) if form.raw("expected") else None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise Invalid.at("/edits", "these edits cannot be read", "go back and make them again") from error
    return Proposed(
        edits=edits,
        expected=expected,
        back=local_path(form.raw("back")),
        why=form.text("why").replace("\n", " ")[:2000],
        title=form.text("title")[:200],
        at=form.raw("at")[:80],
        zone=form.raw("zone")[:80],
    )


def reviewed(  # what the page shows
    pages: Pages, request: Request[Any, Any, Any], frame: Frame, proposed: Proposed, *, error: PennonError | None = None
) -> Response[Any]:
    """Return the review page of *proposed*, with the *error* that came of it."""
    preview: Preview | None = None
    failed = error
    try:
        preview = pages.services.changes.preview(frame.name, proposed.edits, with_moves=True)
    except PennonError as fault:
        failed = error or fault
    lacking: list[Problem] = []
    if frame.environment is not None:
        items = () if preview is None else preview.items
        lacking = demands(frame.environment, proposed.edits, items, Leave(), why=proposed.why, at=pages.clock.now())
    found = [] if failed is None else list(problems_of(failed))
    return pages.answer(
        request,
        "review.html",
        status=200 if failed is None else title_of(failed)[0],
        frame=frame,
        proposed=proposed,
        preview=preview,
        lacking=[problem for problem in lacking if problem.path != "/why"],
        wants_why=any(problem.path == "/why" for problem in lacking),
        why_problems=[problem for problem in lacking if problem.path == "/why"] if error else [],
        may_change=all(isinstance(edit, TurnOff) for edit in proposed.edits) or frame.may("flag.change"),
        needs_approval=frame.environment is not None
        and frame.environment.protection is not None
        and frame.environment.protection.approvals > 0,
        zones=ZONES,
        failed=None if failed is None else {"title": title_of(failed)[1], "text": sentence(failed)},
        problems=[each for each in found if each.path not in _FIELDS],
        beside={_FIELDS[each.path]: each for each in found if each.path in _FIELDS},
    )


def reviewed_in(
    pages: Pages, request: Request[Any, Any, Any], name: EnvironmentName, proposed: Proposed
) -> Response[Any]:
    """Return the review page of what is *proposed* for an environment. Raises `NotFound`."""
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, name.project, name.environment)
    return reviewed(pages, request, frame, proposed)


def _applied(
    pages: Pages, visitor: Visitor, frame: Frame, proposed: Proposed, *, is_break_glass: bool
) -> Response[Any]:
    outcome = pages.services.changes.apply(
        frame.name,
        proposed.edits,
        expected=proposed.expected,
        leave=Leave(is_break_glass=is_break_glass),
        by=visitor.actor,
        why=proposed.why,
    )
    return sent_to(with_note(proposed.back, "changed" if outcome.changed else "same", outcome.position.revision))


def _requested(pages: Pages, visitor: Visitor, frame: Frame, proposed: Proposed, at: datetime | None) -> Response[Any]:
    name: EnvironmentName = frame.name
    require_permission(pages.services, visitor, "change.propose", name.project)
    draft = Draft(title=proposed.title, why=proposed.why, changes=((name.environment, proposed.edits),), apply_at=at)
    outcome = pages.services.requests.create_request(name.project, draft, by=visitor.actor, why=proposed.why)
    return sent_to(page_path("projects", name.project, "requests", outcome.item.key if outcome.item else ""))


def _planned(pages: Pages, visitor: Visitor, frame: Frame, proposed: Proposed, at: datetime | None) -> Response[Any]:
    name: EnvironmentName = frame.name
    require_permission(pages.services, visitor, "flag.turnOff", name.project, name.environment)
    if at is None:
        raise Invalid.at("/at", "no time is named", "say when it is to be made")
    wanted = Wanted(title=proposed.title, why=proposed.why, plan=Once(at=at, edits=proposed.edits))
    outcome = pages.services.schedules.create_schedule(name, wanted, by=visitor.actor, why=proposed.why)
    key = outcome.item.key if outcome.item else ""
    return sent_to(page_path("projects", name.project, "environments", name.environment, "schedules", key))


def with_note(path: str, note: str, revision: int | None = None) -> str:
    """Return *path* with what the page there tells of what was just done."""
    base, _, query = path.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith(("done=", "revision="))]
    said = [f"done={note}", *([] if revision is None else [f"revision={revision}"])]
    return f"{base}?{'&'.join([*kept, *said])}"
