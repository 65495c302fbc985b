"""Roles over HTTP: what each permission lets somebody do, which roles bundle them, and custom ones."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody
from msgspec import Meta

from pennon.control.access.permissions import BUILT_IN, PERMISSIONS, Permission, Role
from pennon.control.access.views import role as find_role
from pennon.control.access.views import roles
from pennon.control.api.answers import ListOf, changed_answer, done_answer, item_answer, list_answer
from pennon.control.api.inputs import Command, Expected, Key
from pennon.control.api.resources import Resource, require_same_key, sent, shown
from pennon.control.api.routes import creates, deletes, reads, replaces
from pennon.control.log import Stored
from pennon.control.services import Services

_ONE = "/roles/{role:str}"
_EXAMPLE = {"description": "Turns off what burns.", "permissions": ["read", "flag.turnOff"]}


class RoleResource(Resource, frozen=True, kw_only=True):
    """A role: a bundle of permissions. Who holds it where is said by tokens."""

    description: Annotated[str, Meta(max_length=2000)] = ""
    permissions: tuple[Permission, ...]
    in_production: Annotated[
        tuple[Permission, ...] | None,
        Meta(description="What it gives in environments that are marked as production; null: the same."),
    ] = None


class NewRole(RoleResource, frozen=True, kw_only=True):
    """A role to create."""

    key: str


class ShownRole(RoleResource, frozen=True, kw_only=True):
    """A role, and whether every installation has it."""

    built_in: bool = False


class PermissionResource(msgspec.Struct, frozen=True):
    """A permission, and what it lets somebody do."""

    key: Permission
    description: str


def _show(role: Role) -> bytes:
    found = shown(role, RoleResource)
    return msgspec.json.encode(ShownRole(**msgspec.structs.asdict(found), built_in=role.key in BUILT_IN))


def _show_stored(stored: Stored) -> bytes:
    return _show(stored.read(Role))


def role_routes(services: Services) -> list[Any]:
    """Return the routes."""

    @reads("/permissions", ListOf[PermissionResource], anywhere=True)
    def list_permissions() -> Response[Any]:
        """List what there is to be permitted."""
        every = (PermissionResource(key, text) for key, text in PERMISSIONS.items())
        return list_answer(map(msgspec.json.encode, every), None)

    @reads("/roles", ListOf[ShownRole], anywhere=True)
    def list_roles() -> Response[Any]:
        """List the roles: those of every installation, and your own."""
        with services.log.reading() as reading:
            return list_answer(map(_show, roles(reading)), None)

    @creates("/roles", ShownRole, permission="access.manage", example={"key": "support", **_EXAMPLE})
    def create_role(data: JSONBody[NewRole], command: Command) -> Response[Any]:
        """Create a role."""
        outcome = services.roles.create_role(sent(data, Role, key=data.key), **command.said)
        return changed_answer(outcome, _show_stored, status=201)

    @reads(_ONE, ShownRole, anywhere=True, versioned=True)
    def read_role(request: Request[Any, Any, Any], role: Key) -> Response[Any]:
        """Show a role."""
        with services.log.reading() as reading:
            found = find_role(reading, role)
        return item_answer(request, found, _show)

    @replaces(_ONE, ShownRole, permission="access.manage", example=_EXAMPLE)
    def replace_role(role: Key, data: JSONBody[RoleResource], command: Command, expected: Expected) -> Response[Any]:
        """Replace what a role gives, to all who hold it."""
        require_same_key(data, role)
        outcome = services.roles.replace_role(sent(data, Role, key=role), expected=expected, **command.said)
        return changed_answer(outcome, _show_stored)

    @deletes(_ONE, permission="access.manage")
    def delete_role(role: Key, command: Command) -> Response[Any]:
        """Delete a role that nobody holds."""
        return done_answer(services.roles.delete_role(role, **command.said))

    return [list_permissions, list_roles, create_role, read_role, replace_role, delete_role]
