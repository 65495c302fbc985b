"""Editing a change request: its words, its time, and its edits as the API takes them."""

from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.changes.edits import AnyEdit
from pennon.control.errors import Invalid, PennonError, PreconditionFailed
from pennon.control.requests.models import ChangeRequest
from pennon.control.requests.service import Draft
from pennon.control.requests.views import request as find_request
from pennon.control.ui.failures import problems_of, sentence, title_of
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.rendering import Pages, page_path, sent_to
from pennon.control.ui.requests import ONE
from pennon.control.ui.routes import acts, shows
from pennon.control.ui.times import ZONES, time_of
from pennon.control.ui.times import typed as typed_time
from pennon.control.ui.visitors import Visitor
from pennon.model import DECODE_ERRORS, Problem, decoding_problem, pointer
from pennon.model.repeats import repeated_members
from pennon.model.strict import shape_problems

_EDITS = tuple[AnyEdit, ...]


def request_editing_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(ONE + "/edit", permission="change.propose")
    def show_request_form(request: Request[Visitor, Any, Any], project: Named, change_request: Named) -> Response[Any]:
        """Show a request as a form."""
        with pages.services.log.reading() as reading:
            found = find_request(reading, project, change_request)
        return _shown(pages, request, project, found, _form_of(found))

    @acts(ONE + "/edit", permission="change.propose")
    def edit_request(
        request: Request[Visitor, Any, Any], project: Named, change_request: Named, form: Sent
    ) -> Response[Any]:
        """Propose what the form says."""
        try:
            pages.services.requests.edit_request(
                project, change_request, _draft(form), expected=form.whole("version"), by=request.user.actor
            )
        except PennonError as error:
            with pages.services.log.reading() as reading:
                found = find_request(reading, project, change_request)
            return _shown(pages, request, project, found, form, error=error)
        return sent_to(page_path("projects", project, "requests", change_request))

    return [show_request_form, edit_request]


def _form_of(found: ChangeRequest) -> Form:
    fields = [
        ("title", found.title),
        ("why", found.why),
        ("at", typed_time(found.apply_at)),
        ("zone", "UTC"),
        ("version", str(found.version)),
    ]
    for each in found.proposals:
        text = msgspec.json.format(msgspec.json.encode(each.edits), indent=2).decode()
        fields += [("environment", each.environment), ("edits", text)]
    return Form(tuple(fields))


def _rows(form: Form) -> list[tuple[str, str]]:
    """Return the environments and the text of the edits in each, as they were typed."""
    return list(zip(form.all("environment"), form.all("edits"), strict=False))


def _draft(form: Form) -> Draft:
    """Return what is proposed. An environment without edits is left out. Raises `Invalid` with names of fields."""
    problems: list[Problem] = []
    changes = []
    for at, (environment, text) in enumerate(each for each in _rows(form) if each[1].strip()):
        try:
            changes.append((environment, _edits(text)))
        except Invalid as error:
            problems += (problem.under(pointer("changes", at)) for problem in error.problems)
    if problems:
        raise Invalid(problems)
    try:
        apply_at = time_of(form)
    except Invalid as error:
        raise Invalid(Problem("/applyAt", each.message, each.mend) for each in error.problems) from error
    return Draft(title=form.text("title"), why=form.text("why"), changes=tuple(changes), apply_at=apply_at)


def _edits(text: str) -> tuple[AnyEdit, ...]:
    try:
        value = msgspec.json.decode(text)
        if problems := repeated_members(text) or shape_problems(value, _EDITS):
            raise Invalid(problem.under("/edits") for problem in problems)
        found: tuple[AnyEdit, ...] = msgspec.convert(value, _EDITS)
    except DECODE_ERRORS as error:
        raise Invalid([decoding_problem(error).under("/edits")]) from error
    return found


def _shown(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    project: str,
    found: ChangeRequest,
    typed: Form,
    *,
    error: PennonError | None = None,
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, project)
    problems = () if error is None else problems_of(error)
    is_late = isinstance(error, PreconditionFailed)
    return pages.answer(
        request,
        "request_edit.html",
        status=200 if error is None else title_of(error)[0],
        frame=frame,
        found=found,
        typed=typed,
        rows=_beside(typed, problems),
        zones=ZONES,
        # Whoever was told of it, and sends the form again, means it.
        version=found.version if is_late else typed.whole("version"),
        problems={each.path.strip("/").partition("/")[0]: each for each in problems},
        failed=None if error is None else {"title": title_of(error)[1], "text": sentence(error)},
        is_late=is_late,
    )


def _beside(typed: Form, problems: tuple[Problem, ...]) -> list[tuple[str, str, list[Problem]]]:
    """Return the rows of the form, each with what is wrong with it: paths count those that are not empty."""
    rows: list[tuple[str, str, list[Problem]]] = [(environment, text, []) for environment, text in _rows(typed)]
    filled = [row for row in rows if row[1].strip()]
    for problem in problems:
        first, _, rest = problem.path.strip("/").partition("/")
        number, _, rest = rest.partition("/")
        if first == "changes" and number.isdecimal() and int(number) < len(filled):
            filled[int(number)][2].append(Problem(f"/{rest}", problem.message, problem.mend))
    return rows
