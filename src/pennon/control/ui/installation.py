"""The installation: its projects and a new one, the keys that heads are signed by, and how it does."""

from typing import Any

import msgspec
from litestar import Request, Response

from pennon._version import __version__
from pennon.control.access.permissions import Where
from pennon.control.environments.views import Environment
from pennon.control.errors import PennonError
from pennon.control.naming import accept, key_problems
from pennon.control.projects.views import Project
from pennon.control.signing.keys import active_key, signing_keys
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Sent
from pennon.control.ui.once import NOTHING, idempotency, once
from pennon.control.ui.rendering import Pages, page_path, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import acts, shows
from pennon.control.ui.telling import reason, status_for, told
from pennon.control.ui.visitors import Visitor
from pennon.model import Problem

_PROPOSED = (("development", False), ("staging", False), ("production", True))


class EnvironmentRow(msgspec.Struct, frozen=True):
    """An environment to make with a project, as it was typed."""

    key: str
    production: bool


def installation_pages(pages: Pages) -> list[Any]:
    """Return the routes."""

    @shows("/installation", anywhere=True)
    def show_installation(request: Request[Visitor, Any, Any]) -> Response[Any]:
        """Show of the installation what the visitor may see."""
        return _shown(pages, request)

    @acts("/installation/projects", permission="project.create")
    def create_project(request: Request[Visitor, Any, Any], form: Sent) -> Response[Any]:
        """Make a project, with its first environments."""
        rows = _rows(form)
        try:
            _create(pages, request.user, form, [row for row in rows if row.key])
        except PennonError as error:
            return _shown(pages, request, typed=form, rows=rows, error=error)
        return sent_to(page_path("projects", form.text("key")))

    @acts("/installation/signing-keys", permission="signing.manage")
    def act_on_signing_keys(request: Request[Visitor, Any, Any], form: Sent) -> Response[Any]:
        """Make the key that heads are signed by, put another in its place, or retire one."""
        service, by, why = pages.services.signing, request.user.actor, reason(form.text("why"))
        try:
            if form.has("retire"):
                service.retire_key(form.raw("retire"), confirm=form.text("confirm") or None, by=by, why=why)
            elif form.has("rotate"):
                service.rotate_key(name=form.text("name"), by=by, why=why, idempotency=idempotency(form))
            else:
                service.create_key(name=form.text("name"), by=by, why=why)
        except PennonError as error:
            return _shown(pages, request, typed=form, error=error)
        return sent_to(with_note("/installation", "signing"))

    return [show_installation, create_project, act_on_signing_keys]


def _create(pages: Pages, visitor: Visitor, form: Form, rows: list[EnvironmentRow]) -> None:
    """Make a project and its environments; nothing, if one of them could not be made."""
    services, by, why = pages.services, visitor.actor, reason(form.text("why"))
    key = form.text("key")
    accept(_environment_problems(rows))
    if rows:
        visitor.principal.require("environment.manage", Where(key))
    services.projects.create_project(Project(key=key, name=form.text("name")), by=by, why=why)
    for row in rows:
        environment = Environment(key=row.key, production=row.production)
        services.environments.create_environment(key, environment, by=by, why=why)


def _environment_problems(rows: list[EnvironmentRow]) -> list[Problem]:
    found = [Problem("/environment", each.message, each.mend) for row in rows for each in key_problems(row.key)]
    if len({row.key for row in rows}) < len(rows):
        found.append(Problem("/environment", "two environments have one key", "write each once"))
    return found


def _rows(form: Form) -> list[EnvironmentRow]:
    marked = set(form.all("production"))
    return [EnvironmentRow(key.strip(), str(at) in marked) for at, key in enumerate(form.all("environment")[:10])]


def _shown(
    pages: Pages,
    request: Request[Visitor, Any, Any],
    *,
    typed: Form | None = None,
    rows: list[EnvironmentRow] | None = None,
    error: PennonError | None = None,
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading)
        keys = signing_keys(reading) if frame.may_in_installation("signing.manage") else []
    sees_health = frame.may_in_installation("installation.read")
    return pages.answer(
        request,
        "installation.html",
        status=status_for(error),
        frame=frame,
        typed=typed or NOTHING,
        rows=rows or [EnvironmentRow(*each) for each in _PROPOSED],
        keys=keys,
        active=active_key(keys),
        checks=pages.services.health.checks(is_quick=True) if sees_health else [],
        version=__version__,
        once=once(),
        **told(error),
    )
