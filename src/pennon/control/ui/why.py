"""Why somebody gets what he gets, or got it at some time in the past: each step of the evaluation, from the log."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import Invalid, NotFound, PennonError
from pennon.control.log import EnvironmentName
from pennon.control.ui.failures import problems_of, sentence, title_of
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.rendering import Pages
from pennon.control.ui.routes import ENVIRONMENT, PROJECT, acts, shows
from pennon.control.ui.visitors import Visitor
from pennon.control.working.state import LogItems, PastItems, WorkingState
from pennon.engine import Explanation, compile_snapshot
from pennon.model import Json, Position
from pennon.model.limits import DEFAULT_LIMITS, Limits, context_problem
from pennon.model.repeats import repeated_members

_MOST_OFFERED = 500
_EXAMPLE = '{"targetingKey": "", "country": "DE"}'


class Answered(msgspec.Struct, frozen=True):
    """What was found: the explanation, and which state of the environment it is of."""

    explanation: Explanation
    position: Position
    time: datetime | None


def why_pages(pages: Pages, *, limits: Limits = DEFAULT_LIMITS) -> list[Any]:
    """Return the routes; contexts keep to *limits*."""

    @shows(PROJECT + "/why")
    def choose_environment(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Ask, in the environment that matters most."""
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
        if (at := frame.foremost) is None:
            raise NotFound("environment", "")
        flag = request.query_params.get("flag", "")[:256]
        return _page(pages, request, EnvironmentName(project, at.key), Form((("flag", flag),)))

    @shows(ENVIRONMENT + "/why")
    def ask_why(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Ask who wants to know what."""
        asked = (
            ("flag", request.query_params.get("flag", "")[:256]),
            ("time", request.query_params.get("time", "")[:40]),
        )
        return _page(pages, request, EnvironmentName(project, environment), Form(asked))

    # A form that is sent, though it changes nothing: who somebody is belongs into no address, for those are logged.
    @acts(ENVIRONMENT + "/why", permission="read")
    def tell_why(request: Request[Visitor, Any, Any], project: Named, environment: Named, form: Sent) -> Response[Any]:
        """Tell, step by step."""
        name = EnvironmentName(project, environment)
        try:
            return _page(pages, request, name, form, answered=_answered(pages, name, form, limits))
        except PennonError as error:
            return _page(pages, request, name, form, error=error)

    return [choose_environment, ask_why, tell_why]


def _answered(pages: Pages, name: EnvironmentName, form: Form, limits: Limits) -> Answered:
    context, then = _context(form, limits), _time(form)
    if not (flag := form.text("flag")):
        raise Invalid.at("/flag", "no flag is named", "name one")
    now = pages.clock.now()
    if then is not None and then > now:
        raise Invalid.at("/time", "is in the future", "the log knows the past only")
    with pages.services.log.reading() as reading:
        find_environment(reading, name)
        head = reading.head_at(name.log, time=then)
        items = LogItems(reading, name.log) if then is None else PastItems(reading, name.log, head.revision)
        snapshot = WorkingState(items).snapshot()  # what the flag needs is read when it is looked up
        if flag not in snapshot.flags:
            when = "" if then is None else " at that time"
            raise Invalid.at("/flag", f"there is no flag {flag!r} here{when}", "name one")
        explanation = compile_snapshot(snapshot).explain(flag, context, None, now=(then or now).timestamp())
    return Answered(explanation, Position(head.epoch, head.revision), then)


def _context(form: Form, limits: Limits) -> dict[str, Json]:
    text = form.text("context") or "{}"
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        mend = f"write it as in {_EXAMPLE}"
        raise Invalid.at("/context", f"is not JSON: {error}", mend) from error
    if problems := repeated_members(text):
        raise Invalid(problem.under("/context") for problem in problems)
    if not isinstance(found, dict):
        raise Invalid.at("/context", "is no object", f"write it as in {_EXAMPLE}")
    if form.text("targetingKey"):
        found["targetingKey"] = form.text("targetingKey")
    if (problem := context_problem(found, limits)) is not None:
        raise Invalid([problem.under("/context")])
    return found


def _time(form: Form) -> datetime | None:
    """Return the time that is asked about, in UTC; None: now."""
    if not (text := form.text("time")):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid.at("/time", f"{text!r} is no time", "write it as in 2026-11-20T14:02") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _page(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    name: EnvironmentName,
    typed: Form,
    *,
    answered: Answered | None = None,
    error: PennonError | None = None,
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, name.project, name.environment)
        flags = pages.services.flag_views.keys(reading, name.project, limit=_MOST_OFFERED)
    return pages.answer(
        request,
        "why.html",
        status=200 if error is None else title_of(error)[0],
        frame=frame,
        flags=flags,
        typed=typed,
        example=_EXAMPLE,
        answered=answered,
        context=_pretty(typed.raw("context")),
        failed=None if error is None or problems_of(error) else {"title": title_of(error)[1], "text": sentence(error)},
        problems={each.path.strip("/").partition("/")[0]: each for each in problems_of(error)} if error else {},
    )


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text  # as it was typed, to be mended
