"""The settings of an environment: what it demands of changes, which files own it, and deleting it."""

from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.environments.ownership import FilesOwner
from pennon.control.environments.protection import Freeze, Protection, WeeklyFreeze, protection_problems
from pennon.control.environments.views import Environment
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import Invalid, PennonError
from pennon.control.log import EnvironmentName
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.project import require_typed
from pennon.control.ui.rendering import Pages, page_path, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import ENVIRONMENT, acts, shows
from pennon.control.ui.rows import reshaped, row_count
from pennon.control.ui.telling import reason, status_for, told
from pennon.control.ui.times import ZONES, time_of, typed
from pennon.control.ui.visitors import Visitor
from pennon.model import Problem

_FREEZES, _WEEKLY = "protection/freezes", "protection/weeklyFreezes"


def environment_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(ENVIRONMENT + "/settings")
    def show_environment(request: Request[Visitor, Any, Any], project: Named, environment: Named) -> Response[Any]:
        """Show what is said of an environment, and what it demands."""
        return _shown(pages, request, EnvironmentName(project, environment))

    @acts(ENVIRONMENT + "/settings", permission="environment.manage")
    def describe_environment(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, form: Sent
    ) -> Response[Any]:
        """Change what is said of an environment; or show its form with a row more or less."""
        name = EnvironmentName(project, environment)
        if (other := reshaped(form)) is not None:
            return _shown(pages, request, name, entered=other)
        with pages.services.log.reading() as reading:
            known = find_environment(reading, name)
        try:
            pages.services.environments.describe_environment(
                project,
                environment_of(form, known),
                expected=form.whole("version"),
                by=request.user.actor,
                why=reason(form.text("why")),
            )
        except PennonError as error:
            return _shown(pages, request, name, entered=form, error=error)
        return sent_to(with_note(page_path("projects", project, "environments", environment, "settings"), "saved"))

    @acts(ENVIRONMENT + "/delete", permission="environment.manage")
    def delete_environment(
        request: Request[Visitor, Any, Any], project: Named, environment: Named, form: Sent
    ) -> Response[Any]:
        """Delete an environment with all that it holds, if its key was typed."""
        name = EnvironmentName(project, environment)
        try:
            require_typed(form, environment)
            pages.services.environments.delete_environment(
                name, confirm=environment, by=request.user.actor, why=reason(form.text("why"))
            )
        except PennonError as error:
            return _shown(pages, request, name, error=error, confirm=form.text("confirm"))
        return sent_to(with_note(page_path("projects", project, "settings"), "deleted"))

    return [show_environment, describe_environment, delete_environment]


def environment_of(form: Form, known: Environment) -> Environment:
    """Return what a form says of the environment *known*. Raises `Invalid` with every problem that it has."""
    problems: list[Problem] = []
    approvals = form.whole("protection/approvals") if form.text("protection/approvals") else 0
    if approvals is None:
        problems.append(Problem("/protection/approvals", "is no number", "write one from 0 on"))
    freezes = [_freeze(form, f"{_FREEZES}/{at}", problems) for at in range(row_count(form, _FREEZES))]
    weekly = [_weekly(form, f"{_WEEKLY}/{at}") for at in range(row_count(form, _WEEKLY))]
    protection = Protection(
        why=form.has("protection/why"),
        ticket=form.text("protection/ticket"),
        approvals=approvals or 0,
        freezes=tuple(each for each in freezes if each is not None),
        weekly_freezes=tuple(weekly),
    )
    if problems:
        raise Invalid([*problems, *protection_problems(msgspec.structs.replace(protection, freezes=()))])
    source = form.text("files/source")
    return msgspec.structs.replace(
        known,
        name=form.text("name"),
        description=form.text("description"),
        production=form.has("production"),
        client_rules=form.has("clientRules"),
        protection=None if protection == Protection() else protection,
        files=FilesOwner(source=source) if source else None,
    )


def _freeze(form: Form, row: str, problems: list[Problem]) -> Freeze | None:
    times = []
    for end in ("start", "until"):
        try:
            time = time_of(form, f"{row}/{end}")
        except Invalid as error:
            problems.extend(error.problems)
            continue
        if time is None:
            problems.append(Problem(f"/{row}/{end}", "is no time", "write one, or remove the row"))
        else:
            times.append(time)
    if len(times) < 2:
        return None
    return Freeze(start=times[0], until=times[1], reason=form.text(f"{row}/reason"))


def _weekly(form: Form, row: str) -> WeeklyFreeze:
    return WeeklyFreeze(
        start=form.text(f"{row}/start").lower(),
        until=form.text(f"{row}/until").lower(),
        zone=form.text(f"{row}/zone") or "UTC",
        reason=form.text(f"{row}/reason"),
    )


def form_of(environment: Environment) -> Form:
    """Return the form as it is before anybody typed."""
    protection = environment.protection or Protection()
    fields = [
        ("name", environment.name),
        ("description", environment.description),
        ("files/source", environment.files.source if environment.files else ""),
        ("protection/ticket", protection.ticket),
        ("protection/approvals", str(protection.approvals)),
    ]
    ticks = {"production": environment.production, "clientRules": environment.client_rules}
    fields += [(name, "on") for name, ticked in (ticks | {"protection/why": protection.why}).items() if ticked]
    for at, freeze in enumerate(protection.freezes):
        row = {"start": typed(freeze.start), "until": typed(freeze.until), "reason": freeze.reason}
        fields += [(f"{_FREEZES}/{at}/{name}", value) for name, value in row.items()]
    for at, weekly in enumerate(protection.weekly_freezes):
        row = {name: getattr(weekly, name) for name in ("start", "until", "zone", "reason")}
        fields += [(f"{_WEEKLY}/{at}/{name}", value) for name, value in row.items()]
    return Form(tuple(fields))


def _shown(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    name: EnvironmentName,
    *,
    entered: Form | None = None,
    error: PennonError | None = None,
    confirm: str = "",
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, name.project, name.environment)
        found = find_environment(reading, name)
    form = entered or form_of(found)
    return pages.answer(
        request,
        "environment.html",
        frame=frame,
        found=found,
        standing=pages.services.files.standing(name),
        typed=form,
        freezes=row_count(form, _FREEZES),
        weekly=row_count(form, _WEEKLY),
        zones=ZONES,
        confirm=confirm,
        status=status_for(error),
        **told(error),
    )
