"""What people and programs may do: permissions, roles that bundle them, and grants that say where. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, TypeAlias, get_args

import msgspec

from pennon.control.errors import Forbidden
from pennon.control.log import Actor, EnvironmentName
from pennon.model.flags import Wire

Permission: TypeAlias = Literal[
    "read",
    "flag.turnOff",
    "flag.change",
    "flag.define",
    "flag.delete",
    "code.report",
    "change.propose",
    "change.approve",
    "change.bypass",
    "key.read",
    "key.manage",
    "environment.manage",
    "project.manage",
    "webhook.manage",
    "event.report",
    "project.create",
    "installation.read",
    "access.manage",
    "signing.manage",
]

PERMISSIONS: Mapping[Permission, str] = {
    "read": "see a project: its environments, flags, segments, layers, changes, counts, explanations and previews",
    "flag.turnOff": "turn flags off in an environment, and pause and cancel what is scheduled there",
    "flag.change": "change flags, segments and layers of an environment, turn flags off, and revert changes",
    "flag.define": "create flags in a project, and say what they are",
    "flag.delete": "delete flags of a project",
    "code.report": "report where code names a project's flags, as a pipeline does",
    "change.propose": "make change requests, edit, comment on and withdraw them",
    "change.approve": "approve or refuse the change requests of others",
    "change.bypass": "change a protected environment without what it demands, for a reason that everybody sees",
    "key.read": "see an environment's keys, not their secrets",
    "key.manage": "make, rotate and revoke an environment's keys",
    "environment.manage": "create, describe and delete environments",
    "project.manage": "describe and delete a project",
    "webhook.manage": "see, make, alter and delete webhooks, and what was delivered to them",
    "event.report": "report deploys and other events of your systems",
    "project.create": "create projects",
    "installation.read": "see what was changed in the installation, and scrape its metrics",
    "access.manage": "say who may do what: whoever may do that may give himself everything",
    "signing.manage": "make, rotate and retire signing keys",
}
"""Every permission, and what it lets somebody do."""

OF_THE_INSTALLATION: frozenset[str] = frozenset(
    {"project.create", "installation.read", "access.manage", "signing.manage"}
)
"""Permissions that belong to no project: only a grant for the whole installation gives them."""

_CHANGES: tuple[Permission, ...] = ("flag.turnOff", "flag.change", "flag.define", "flag.delete")


class Role(Wire, frozen=True, kw_only=True):
    """A bundle of permissions. Custom ones are items (`role`) of the installation's log.

    `in_production` is what its holder may do where users see it, in environments that are marked as production;
    None: the same.
    """

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    description: str = ""
    permissions: tuple[str, ...]
    in_production: tuple[str, ...] | None = None

    def gives(self, permission: str, *, production: bool) -> bool:
        """Return whether it lets its holder do what takes *permission*, there or in production."""
        given = self.in_production if production and self.in_production is not None else self.permissions
        return _is_in(permission, given)


BUILT_IN: Mapping[str, Role] = {
    role.key: role
    for role in (
        Role(key="reader", description="Sees everything, changes nothing.", permissions=("read",)),
        Role(
            key="developer",
            description="Changes flags outside production. In production: creates flags, which are off, and turns off.",
            permissions=("read", "key.read", "code.report", "change.propose", "event.report", *_CHANGES),
            in_production=(
                "read",
                "key.read",
                "code.report",
                "change.propose",
                "event.report",
                "flag.turnOff",
                "flag.define",
            ),
        ),
        Role(
            key="releaseManager",
            description="Changes flags everywhere, approves changes, and may break the glass.",
            permissions=(
                "read",
                "key.read",
                "code.report",
                *_CHANGES,
                "change.propose",
                "change.approve",
                "change.bypass",
                "event.report",
            ),
        ),
        Role(key="administrator", description="May do everything.", permissions=get_args(Permission)),
    )
}
"""The roles that every installation has."""


class Grant(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A role, and where it is held. `project` None: everywhere. `environments`: only in these of the project."""

    role: str
    project: str | None = None
    environments: tuple[str, ...] = ()


class Where(msgspec.Struct, frozen=True):
    """Where something is to be done: in an environment, in a project, or (both None) in the installation."""

    project: str | None = None
    environment: str | None = None
    is_production: bool = False

    @classmethod
    def of(cls, name: EnvironmentName, *, is_production: bool) -> "Where":
        """Return an environment as a place."""
        return cls(name.project, name.environment, is_production)

    def __str__(self) -> str:
        if self.project is None:
            return "the installation"
        if self.environment is None:
            return f"project {self.project!r}"
        return f"{self.project}/{self.environment}"


class Holding(msgspec.Struct, frozen=True):
    """A role that somebody holds, and where."""

    role: Role
    project: str | None
    environments: tuple[str, ...]

    def reaches(self, permission: str, where: Where) -> bool:
        """Return whether it is held where *permission* is asked for.

        Who holds a role in some environments of a project sees the project, and changes nothing of it as a whole.
        """
        if self.project is None:
            return not self.environments
        if self.project != where.project:
            return False
        if not self.environments or where.environment in self.environments:
            return True
        return where.environment is None and permission == "read"


class Principal(msgspec.Struct, frozen=True):
    """Somebody who was let in: who it is, which roles it holds where, and, for a token, what it is limited to."""

    actor: Actor
    holdings: tuple[Holding, ...]
    scopes: frozenset[str] | None = None

    def may(self, permission: Permission, where: Where) -> bool:
        """Return whether it may do what takes *permission* there."""
        if self.scopes is not None and not _is_in(permission, self.scopes):
            return False
        return any(
            each.reaches(permission, where) and each.role.gives(permission, production=where.is_production)
            for each in self.holdings
        )

    def sees(self, project: str) -> bool:
        """Return whether it may see *project*, or a part of it."""
        return self.may("read", Where(project))

    def require(self, permission: Permission, where: Where, *, roles: Iterable[Role] = BUILT_IN.values()) -> None:
        """Raise `Forbidden` unless it may do what takes *permission* there, saying why not, and who may."""
        if self.may(permission, where):
            return
        have = sorted({role.key for role in roles if role.gives(permission, production=where.is_production)})
        mend = f"ask somebody who is {_either(have)} there" if have else "no role gives it: ask an administrator"
        raise Forbidden(
            f"this takes the permission {permission} in {where}, and {self._lack(permission, where)}", mend=mend
        )

    def _lack(self, permission: Permission, where: Where) -> str:
        if self.scopes is not None and not _is_in(permission, self.scopes):
            return f"this token is limited to {', '.join(sorted(self.scopes)) or 'nothing'}"
        here = [each for each in self.holdings if each.reaches(permission, where)]
        if not here:
            held = "; ".join(map(_held, self.holdings))
            return f"your roles are held elsewhere: {held}" if held else "you hold no role"
        names = ", ".join(sorted({each.role.key for each in here}))
        if where.is_production and any(each.role.gives(permission, production=False) for each in here):
            return f"the role {names} gives it outside production only"
        return f"the role {names} does not give it"


def resolved(grants: Iterable[Grant], roles: Mapping[str, Role]) -> tuple[Holding, ...]:
    """Return what *grants* mean with *roles*, by their keys. A role that is not there gives nothing."""
    return tuple(
        Holding(roles[grant.role], grant.project, grant.environments) for grant in grants if grant.role in roles
    )


def _is_in(permission: str, given: Collection[str]) -> bool:
    """Return whether *permission* is given, by itself or with another: who may change a flag may turn it off."""
    return permission in given or (permission == "flag.turnOff" and "flag.change" in given)


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _held(holding: Holding) -> str:
    if holding.project is None:
        return f"{holding.role.key} in the installation"
    where = ", ".join(f"{holding.project}/{each}" for each in holding.environments) or f"project {holding.project!r}"
    return f"{holding.role.key} in {where}"
