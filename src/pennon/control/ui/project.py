"""The settings of a project: what is said of it, when its flags are stale, its environments, and deleting it."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from litestar import Request, Response

from pennon.control.environments.views import Environment
from pennon.control.errors import Invalid, PennonError
from pennon.control.log import EnvironmentName, Reading
from pennon.control.projects.views import Project, StaleAfter
from pennon.control.projects.views import project as find_project
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.once import NOTHING, idempotency, once
from pennon.control.ui.rendering import Pages, page_path, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import PROJECT, acts, shows
from pennon.control.ui.telling import reason, status_for, told
from pennon.control.ui.visitors import Visitor

THRESHOLDS: Mapping[str, str] = {
    "oneVariation": "it served one variation only",
    "noEvaluations": "nobody asked for it",
    "fullyRolledOut": "everybody gets one variation",
    "notInCode": "no code names it",
}
"""What makes a flag stale after some days, in words, by the name that the API has for it."""


def project_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows(PROJECT + "/settings")
    def show_settings(request: Request[Visitor, Any, Any], project: Named) -> Response[Any]:
        """Show what is said of a project, and its environments."""
        return _shown(pages, request, project)

    @acts(PROJECT + "/settings", permission="project.manage")
    def describe_project(request: Request[Visitor, Any, Any], project: Named, form: Sent) -> Response[Any]:
        """Change what is said of a project."""
        with pages.services.log.reading() as reading:
            known = find_project(reading, project)
        try:
            wanted = _project(form, known)
            pages.services.projects.describe_project(
                wanted, expected=form.whole("version"), by=request.user.actor, why=reason(form.text("why"))
            )
        except PennonError as error:
            return _shown(pages, request, project, form=form, of="settings", error=error)
        return sent_to(with_note(page_path("projects", project, "settings"), "saved"))

    @acts(PROJECT + "/environments", permission="environment.manage")
    def create_environment(request: Request[Visitor, Any, Any], project: Named, form: Sent) -> Response[Any]:
        """Create an environment, and go on to what it demands."""
        new = Environment(key=form.text("key"), name=form.text("name"), production=form.has("production"))
        try:
            pages.services.environments.create_environment(
                project, new, by=request.user.actor, why=reason(form.text("why")), idempotency=idempotency(form)
            )
        except PennonError as error:
            return _shown(pages, request, project, form=form, of="new", error=error)
        return sent_to(with_note(page_path("projects", project, "environments", new.key, "settings"), "made"))

    @acts(PROJECT + "/delete", permission="project.manage")
    def delete_project(request: Request[Visitor, Any, Any], project: Named, form: Sent) -> Response[Any]:
        """Delete a project with all that it holds, if its key was typed."""
        try:
            require_typed(form, project)
            pages.services.projects.delete_project(
                project, confirm=project, by=request.user.actor, why=reason(form.text("why"))
            )
        except PennonError as error:
            return _shown(pages, request, project, form=form, of="delete", error=error)
        return sent_to("/")

    return [show_settings, describe_project, create_environment, delete_project]


def require_typed(form: Form, key: str) -> None:
    """Raise `Invalid` unless the key of what is to be deleted was typed."""
    if form.text("confirm") != key:
        raise Invalid.at("/confirm", f"this is not {key}", "type the key as it is above")


def _shown(  # what the page shows
    pages: Pages,
    request: Request[Visitor, Any, Any],
    project: str,
    *,
    form: Form = NOTHING,
    of: Literal["settings", "new", "delete"] | None = None,
    error: PennonError | None = None,
) -> Response[Any]:
    """Return the page of a project's settings, with what was typed into the *form* of one of its ends."""
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading, project)
        found = find_project(reading, project)
        counts = {each.key: _counts(reading, EnvironmentName(project, each.key)) for each in frame.environments}
    return pages.answer(
        request,
        "settings.html",
        frame=frame,
        project=found,
        typed=form if of == "settings" else _typed(found),
        new=form if of == "new" else NOTHING,
        is_new=of == "new",
        confirm=form.text("confirm") if of == "delete" else "",
        thresholds=THRESHOLDS,
        counts=counts,
        once=once(),
        status=status_for(error),
        **told(error),
    )


def _counts(reading: Reading, name: EnvironmentName) -> dict[str, int]:
    return {kind: reading.count(name.log, kind) for kind in ("flag", "key", "layer")}


def _typed(project: Project) -> Form:
    """Return the form as it is before anybody typed."""
    days = {field.encode_name: getattr(project.stale_after, field.name) for field in msgspec.structs.fields(StaleAfter)}
    fields = [(f"staleAfter/{name}", str(days[name])) for name in THRESHOLDS]
    return Form((("name", project.name), ("description", project.description), *fields))


def _project(form: Form, known: Project) -> Project:
    names = {field.encode_name: field.name for field in msgspec.structs.fields(StaleAfter)}
    # What is no number is none that the service takes, so that all problems are told together.
    days = {names[name]: form.whole(f"staleAfter/{name}") or 0 for name in THRESHOLDS}
    return msgspec.structs.replace(
        known, name=form.text("name"), description=form.text("description"), stale_after=StaleAfter(**days)
    )
