"""A flag's page: what it is, what each environment does with it and why, who gets what, and the forms that edit it."""

from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.changes.sentences import condition_text, serve_text
from pennon.control.changes.views import ChangeReport
from pennon.control.environments.ownership import file_of
from pennon.control.errors import Invalid, PennonError
from pennon.control.flags.definitions import FlagDefinition
from pennon.control.lifecycle.stale import AskedStale
from pennon.control.log import EnvironmentName
from pennon.control.ui.editing import OPERATORS, edits_of, percent_of
from pennon.control.ui.evaluations import SPANS, drawn, evaluations
from pennon.control.ui.flags import REASONS
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import LastKey, Named, Sent
from pennon.control.ui.needing import graph_of, needed_by
from pennon.control.ui.rendering import Pages, page_path, sent_to
from pennon.control.ui.reviewing import Proposed, reviewed_in, with_note
from pennon.control.ui.routes import ENVIRONMENT, PROJECT, acts, shows
from pennon.control.ui.visitors import Visitor
from pennon.control.working.commands import Expectation
from pennon.model import Flag

_RECENT = 8
_REFERENCES = 10
_MOST_OFFERED = 200
_NOTHING = Form(())


class Elsewhere(msgspec.Struct, frozen=True):
    """What another environment does with the flag."""

    environment: str
    is_production: bool
    flag: Flag | None
    sentence: str


def flag_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(PROJECT + "/flags/{flag:path}")
    def find_flag(request: Request[Visitor, Any, Any], project: Named, last_key: LastKey) -> Response[Any]:
        """Go on to a flag in the environment that matters most."""
        definition = pages.services.flag_views.definition(project, last_key).read(FlagDefinition)
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading, project)
        if (at := frame.foremost) is None or definition.archived:
            return sent_to(page_path("projects", project, "definitions", last_key))
        there = page_path("projects", project, "environments", at.key, "flags", last_key)
        note = request.query_params.get("done")
        return sent_to(with_note(there, "created") if note == "created" else there)

    @shows(ENVIRONMENT + "/flags/{flag:path}")
    def show_flag(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, last_key: LastKey
    ) -> Response[Any]:
        """Show a flag as one environment has it."""
        return _shown(pages, request, EnvironmentName(project, environment), last_key)

    @acts(ENVIRONMENT + "/edit", permission="read")
    def edit_flag(request: Request[Visitor, Any, Any], project: Named, environment: Named, form: Sent) -> Response[Any]:
        """Go on to the review of what a form of the page asks for."""
        name, key = EnvironmentName(project, environment), form.raw("flag")
        flag = pages.services.flag_views.flag(name, key).read(Flag)
        back = page_path("projects", project, "environments", environment, "flags", key)
        try:
            edits = edits_of(form, flag)
        except Invalid as error:
            return _shown(pages, request, name, key, typed=form, error=error)
        version = form.whole("version")
        expected = None if version is None else Expectation(flags={key: version})
        return reviewed_in(pages, request, name, Proposed(edits=edits, expected=expected, back=back))

    return [find_flag, show_flag, edit_flag]


def _shown(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    name: EnvironmentName,
    key: str,
    *,
    typed: Form = _NOTHING,
    error: PennonError | None = None,
) -> Response[Any]:
    services = pages.services
    flag = services.flag_views.flag(name, key).read(Flag)
    definition = services.flag_views.definition(name.project, key).read(FlagDefinition)
    with services.log.reading() as reading:
        frame = pages.frame(request.user, reading, name.project, name.environment)
        dependants = needed_by(services.flag_views, reading, name, key)
        drawing = graph_of(services.flag_views, reading, name, flag, dependants)
        keys = services.flag_views.keys(reading, name.project, limit=_MOST_OFFERED)
        elsewhere = [
            Elsewhere(each.key, each.production, other, "" if other is None else summary(other))
            for each in frame.environments
            for stored in [reading.item(EnvironmentName(name.project, each.key).log, "flag", key)]
            for other in [None if stored is None else stored.read(Flag)]
        ]
    recent = services.change_views.changes(name, item=("flag", key), limit=_RECENT).items
    stale = services.stale_views.flags(name.project, AskedStale(flag=key)).items
    lately = evaluations(pages, name, key, SPANS["24h"])
    problems = {} if error is None else {each.path.lstrip("/"): each for each in getattr(error, "problems", ())}
    return pages.answer(
        request,
        "flag.html",
        status=200 if error is None else 422,
        frame=frame,
        flag=flag,
        definition=definition,
        dependants=dependants,
        drawing=drawing,
        keys=keys,
        stale=stale[0] if stale else None,
        reasons=REASONS,
        references=services.code.references(name.project, key, limit=_REFERENCES),
        repositories=services.code.repositories(name.project),
        file=file_of("flag", key, name.environment),
        elsewhere=elsewhere,
        recent=_told(recent),
        served=lately.totals,
        drawn=drawn(lately, SPANS["24h"]),
        operators=OPERATORS,
        condition_text=condition_text,
        serve_text=serve_text,
        percent_of=percent_of,
        typed=typed,
        problems=problems,
    )


def summary(flag: Flag) -> str:
    """Return in a line what an environment does with a flag."""
    if not flag.on:
        return f"off: everybody gets {flag.off_variation or 'the default in the code'}"
    rules = f"{len(flag.rules)} rule{'s' if len(flag.rules) > 1 else ''}, then " if flag.rules else ""
    return f"{rules}{serve_text(flag.fallthrough)}"


def _told(reports: tuple[ChangeReport, ...]) -> list[ChangeReport]:
    return [report for report in reports if report.items]
