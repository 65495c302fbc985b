"""Commands on custom roles. The built-in ones are the same everywhere."""

from collections.abc import Iterator

from pennon.control.access import views
from pennon.control.access.permissions import BUILT_IN, PERMISSIONS, Role
from pennon.control.errors import AlreadyExists, Conflict, NotFound, PreconditionFailed, StillInUse
from pennon.control.log import INSTALLATION, Actor, ChangeLog, Idempotency, Outcome, Reading, outcome_of
from pennon.control.naming import accept, key_problems, name_problems
from pennon.model import Problem, pointer

MOST_ROLES = 1000


class RoleService:
    """Creates, replaces and deletes custom roles. Outcomes are about the installation's log."""

    def __init__(self, log: ChangeLog) -> None:
        self._log = log

    def create_role(self, role: Role, *, by: Actor, why: str = "", idempotency: Idempotency | None = None) -> Outcome:
        """Create a role. Raises `Invalid`, and `AlreadyExists`, also for a key that a built-in one has."""
        accept([*key_problems(role.key), *_problems(role)])
        with self._log.writing(INSTALLATION, by=by, action="createRole", why=why, idempotency=idempotency) as writing:
            if not writing.replayed:
                writing.open(INSTALLATION)
                if role.key in BUILT_IN or writing.item(INSTALLATION, "role", role.key) is not None:
                    raise AlreadyExists("role", role.key)
                if writing.count(INSTALLATION, "role") >= MOST_ROLES:
                    raise Conflict(f"there are {MOST_ROLES} roles already", mend="delete those that nobody holds")
                writing.put(INSTALLATION, "role", role)
        return outcome_of(writing, INSTALLATION, ("role", role.key))

    def replace_role(
        self,
        role: Role,
        *,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Make *role* what the role of its key gives, to all who hold it, with their next request.

        Raises `Invalid`, `NotFound`, `Conflict` for a built-in one, and `PreconditionFailed` unless its version is as
        *expected*.
        """
        accept(_problems(role))
        with self._log.writing(INSTALLATION, by=by, action="replaceRole", why=why, idempotency=idempotency) as writing:
            if not writing.replayed:
                _require_version(_custom(writing, role.key), expected)
                writing.put(INSTALLATION, "role", role)
            current = writing.item(INSTALLATION, "role", role.key)
        return outcome_of(writing, INSTALLATION, ("role", role.key), unchanged=current)

    def delete_role(self, key: str, *, by: Actor, why: str = "", idempotency: Idempotency | None = None) -> Outcome:
        """Delete a role. Raises `NotFound`, `Conflict` for a built-in one, and `StillInUse` while somebody holds it."""
        with self._log.writing(INSTALLATION, by=by, action="deleteRole", why=why, idempotency=idempotency) as writing:
            if not writing.replayed:
                _custom(writing, key)
                if holders := list(_holders(writing, key)):
                    raise StillInUse("role", key, holders)
                writing.delete(INSTALLATION, "role", key)
        return outcome_of(writing, INSTALLATION, ("role", key))


def _problems(role: Role) -> Iterator[Problem]:
    yield from name_problems("", role.description)
    for field, given in (("permissions", role.permissions), ("inProduction", role.in_production or ())):
        for at, permission in enumerate(given):
            if permission not in PERMISSIONS:
                message = f"there is no permission {permission!r}"
                yield Problem(pointer(field, at), message, f"write one of {', '.join(PERMISSIONS)}")
            elif permission in given[:at]:
                yield Problem(pointer(field, at), f"{permission} is there twice", "write it once")


def _custom(reading: Reading, key: str) -> Role:
    if key in BUILT_IN:
        raise Conflict(f"the role {key!r} is built in", mend="make one of your own, with another key")
    if (stored := reading.item(INSTALLATION, "role", key)) is None:
        raise NotFound("role", key)
    return stored.read(Role)


def _holders(reading: Reading, key: str) -> Iterator[str]:
    """Name those who hold a role. Revoked tokens never act again."""
    if count := sum(any(grant.role == key for grant in account.grants) for account in views.accounts(reading)):
        yield f"{count} account{'s' if count > 1 else ''}"
    if count := sum(token.role == key and not token.revoked for token in views.tokens(reading)):
        yield f"{count} token{'s' if count > 1 else ''}"


def _require_version(current: Role, expected: int | None) -> None:
    if expected is not None and current.version != expected:
        message = f"role {current.key!r} is at version {current.version}, not at version {expected}"
        raise PreconditionFailed(message, current=current)
