"""Roles: what each lets its holders do, in words, who holds it, and custom ones to make and alter."""

from typing import Any

import msgspec
from litestar import Request, Response

from pennon.control.access.permissions import BUILT_IN, PERMISSIONS, Role
from pennon.control.access.views import accounts, administrators, tokens
from pennon.control.access.views import role as find_role
from pennon.control.access.views import roles as all_roles
from pennon.control.errors import Invalid, PennonError
from pennon.control.log import Reading
from pennon.control.ui.forms import Form
from pennon.control.ui.inputs import Named, Sent
from pennon.control.ui.lasting import LastAdministrator, require_somebody
from pennon.control.ui.rendering import Pages, page_path, sent_to
from pennon.control.ui.reviewing import with_note
from pennon.control.ui.routes import acts, shows
from pennon.control.ui.telling import reason, status_for, told
from pennon.control.ui.visitors import Visitor

_MOST_HOLDERS = 100


class Holders(msgspec.Struct, frozen=True):
    """Who holds a role: accounts by their keys, and tokens, by name, that are not revoked."""

    accounts: tuple[str, ...]
    tokens: tuple[str, ...]


def role_pages(pages: Pages) -> list[Any]:
    """Return the routes."""
    service = pages.services.roles

    @shows("/people/roles", permission="access.manage")
    def list_roles(request: Request[Visitor, Any, Any]) -> Response[Any]:
        """Show the roles, and what they give."""
        with pages.services.log.reading() as reading:
            frame = pages.frame(request.user, reading)
            found = all_roles(reading)
        return pages.answer(
            request, "people_roles.html", frame=frame, roles=found, built_in=BUILT_IN, permissions=PERMISSIONS
        )

    @shows("/people/new-role", permission="access.manage")
    def show_new_role(request: Request[Visitor, Any, Any]) -> Response[Any]:
        """Ask what it gives; with `like`, beginning with what another one does."""
        with pages.services.log.reading() as reading:
            found = [each for each in all_roles(reading) if each.key == request.query_params.get("like")]
        like = found[0] if found else Role(key="", permissions=("read",))
        return _new(pages, request, msgspec.structs.replace(like, key="", description=""))

    @acts("/people/new-role", permission="access.manage")
    def create_role(request: Request[Visitor, Any, Any], form: Sent) -> Response[Any]:
        """Make a role."""
        role = _typed(form, form.text("key"))
        try:
            service.create_role(role, by=request.user.actor, why=reason(form.text("why")))
        except PennonError as error:
            return _new(pages, request, role, error=error)
        return sent_to(with_note(page_path("people", "roles", role.key), "made"))

    @shows("/people/roles/{role:str}", permission="access.manage")
    def show_role(request: Request[Visitor, Any, Any], role: Named) -> Response[Any]:
        """Show a role, and who holds it."""
        return _shown(pages, request, role)

    @acts("/people/roles/{role:str}", permission="access.manage")
    def replace_role(request: Request[Visitor, Any, Any], role: Named, form: Sent) -> Response[Any]:
        """Say what a role gives from now on."""
        typed = _typed(form, role)
        try:
            _keep_an_administrator(pages, typed, form)
            expected, why = form.whole("version"), reason(form.text("why"))
            service.replace_role(typed, expected=expected, by=request.user.actor, why=why)
        except PennonError as error:
            return _shown(pages, request, role, typed=typed, error=error)
        return sent_to(with_note(page_path("people", "roles", role), "changed"))

    @acts("/people/roles/{role:str}/delete", permission="access.manage")
    def delete_role(request: Request[Visitor, Any, Any], role: Named, form: Sent) -> Response[Any]:
        """Delete a role that nobody holds, if its key is typed."""
        try:
            if form.text("confirm") != role:
                raise Invalid.at("/confirm", "is not the role's key", f"write {role}")
            service.delete_role(role, by=request.user.actor)
        except PennonError as error:
            return _shown(pages, request, role, error=error)
        return sent_to(with_note("/people/roles", "deleted"))

    return [list_roles, show_new_role, create_role, show_role, replace_role, delete_role]


def _typed(form: Form, key: str) -> Role:
    given = tuple(form.all("production")) if form.has("differs") else None
    return Role(
        key=key, description=form.text("description"), permissions=tuple(form.all("permission")), in_production=given
    )


def _keep_an_administrator(pages: Pages, after: Role, form: Form) -> None:
    with pages.services.log.reading() as reading:
        known, people = all_roles(reading), accounts(reading)
    later = [after if each.key == after.key else each for each in known]
    require_somebody(administrators(people, known), administrators(people, later), form)


def _new(
    pages: Pages, request: Request[Visitor, Any, Any], role: Role, *, error: PennonError | None = None
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading)
    return pages.answer(
        request,
        "people_new_role.html",
        status=status_for(error),
        frame=frame,
        role=role,
        permissions=PERMISSIONS,
        **told(error),
    )


def _shown(
    pages: Pages,
    request: Request[Visitor, Any, Any],
    key: str,
    *,
    typed: Role | None = None,
    error: PennonError | None = None,
) -> Response[Any]:
    with pages.services.log.reading() as reading:
        frame = pages.frame(request.user, reading)
        role = find_role(reading, key)
        holders = _holders(pages, reading, key)
    return pages.answer(
        request,
        "people_role.html",
        status=status_for(error),
        frame=frame,
        role=role,
        typed=typed or role,
        is_built_in=key in BUILT_IN,
        holders=holders,
        most=_MOST_HOLDERS,
        permissions=PERMISSIONS,
        is_last=isinstance(error, LastAdministrator),
        **told(error),
    )


def _holders(pages: Pages, reading: Reading, key: str) -> Holders:
    people = pages.services.account_finder.holders(reading, key)
    programs = (each.name for each in tokens(reading) if each.role == key and not each.revoked)
    return Holders(tuple(people), tuple(programs))
