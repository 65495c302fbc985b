"""Commands on accounts: who people are, and which roles they hold where."""

from collections.abc import Iterator
from typing import Protocol

from msgspec.structs import replace

from pennon.control.access import views
from pennon.control.access.people import Account
from pennon.control.access.permissions import Grant
from pennon.control.errors import AlreadyExists, PreconditionFailed
from pennon.control.log import (
    INSTALLATION,
    Actor,
    ChangeLog,
    Idempotency,
    Outcome,
    Reading,
    outcome_of,
    project_log,
)
from pennon.control.naming import accept, key_problems, name_problems
from pennon.model import Problem, pointer

MOST_GRANTS = 100
LONGEST_EMAIL = 254
LONGEST_SUBJECT = 255
"""OpenID Connect Core 1.0, section 2."""


class Doors(Protocol):
    """How people get in, which is kept beside the log."""

    def shut(self, account: str) -> None:
        """End every session of an account, and let nobody in by its password any more. Raises `Unavailable`."""

    def close_sessions(self, account: str) -> None:
        """End every session of an account. Raises `Unavailable`."""


class AccountService:
    """Creates, changes and deletes accounts. Outcomes are about the installation's log."""

    def __init__(self, log: ChangeLog, doors: Doors) -> None:
        self._log = log
        self._doors = doors

    def create_account(
        self, account: Account, *, by: Actor, why: str = "", idempotency: Idempotency | None = None
    ) -> Outcome:
        """Create an account, without a password. Raises `Invalid` and `AlreadyExists`."""
        accept(key_problems(account.key))
        with self._log.writing(
            INSTALLATION, by=by, action="createAccount", why=why, idempotency=idempotency
        ) as writing:
            if not writing.replayed:
                writing.open(INSTALLATION)
                accept(_problems(writing, account))
                if writing.item(INSTALLATION, "account", account.key) is not None:
                    raise AlreadyExists("account", account.key)
                writing.put(INSTALLATION, "account", _with_what_happened(account, Account(key=account.key)))
        return outcome_of(writing, INSTALLATION, ("account", account.key))

    def change_account(
        self,
        account: Account,
        *,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Make *account* what is known of the account of its key. One that is disabled is out with its next request.

        Raises `Invalid`, `NotFound`, and `PreconditionFailed` unless its version is as *expected*.
        """
        with self._log.writing(
            INSTALLATION, by=by, action="changeAccount", why=why, idempotency=idempotency
        ) as writing:
            if not writing.replayed:
                accept(_problems(writing, account))
                before = views.account(writing, account.key)
                _require_version(before, expected)
                writing.put(INSTALLATION, "account", _with_what_happened(account, before))
            current = writing.item(INSTALLATION, "account", account.key)
        if account.disabled:
            self._doors.close_sessions(account.key)
        return outcome_of(writing, INSTALLATION, ("account", account.key), unchanged=current)

    def delete_account(self, key: str, *, by: Actor, why: str = "", idempotency: Idempotency | None = None) -> Outcome:
        """Delete an account, with its password and its sessions. What it did stays in the log. Raises `NotFound`."""
        with self._log.reading() as reading:
            account = views.account(reading, key)
        # First: whoever gets an account of this name later must not find another's password to be good.
        self._doors.shut(account.key)
        with self._log.writing(
            INSTALLATION, by=by, action="deleteAccount", why=why, idempotency=idempotency
        ) as writing:
            if not writing.replayed:
                writing.delete(INSTALLATION, "account", key)
        return outcome_of(writing, INSTALLATION, ("account", key))


def _problems(reading: Reading, account: Account) -> Iterator[Problem]:
    yield from name_problems(account.name)
    if len(account.email) > LONGEST_EMAIL or (account.email and "@" not in account.email[1:-1]):
        yield Problem("/email", "is no e-mail address", "write it as in anne@shop.example")
    if len(account.grants) > MOST_GRANTS:
        yield Problem("/grants", f"more than {MOST_GRANTS} grants", "give a role in a whole project")
    for at, grant in enumerate(account.grants):
        yield from grant_problems(reading, grant, where=pointer("grants", at))
    if account.identity is not None:
        if not 0 < len(account.identity.subject) <= LONGEST_SUBJECT:
            yield Problem("/identity/subject", "is no sub of a provider's", "write it as the provider has it")
        other = views.account_of(reading, account.identity)
        if other is not None and other.key != account.key:
            yield Problem("/identity", f"it is the account {other.key!r}'s", "take it from there first")


def grant_problems(reading: Reading, grant: Grant, *, where: str = "") -> Iterator[Problem]:
    """Yield what of *grant*, which stands at *where*, is not there."""
    known = [role.key for role in views.roles(reading)]
    if grant.role not in known:
        yield Problem(f"{where}/role", f"there is no role {grant.role!r}", f"write one of {', '.join(known)}")
    if grant.project is None:
        if grant.environments:
            yield Problem(f"{where}/environments", "environments belong to a project", "name the project")
        return
    if reading.item(INSTALLATION, "project", grant.project) is None:
        yield Problem(f"{where}/project", f"there is no project {grant.project!r}", "create it first")
        return
    for index, environment in enumerate(grant.environments):
        if reading.item(project_log(grant.project), "environment", environment) is None:
            message = f"there is no environment {environment!r} in project {grant.project!r}"
            yield Problem(f"{where}/environments/{index}", message, "create it first")


def _with_what_happened(account: Account, before: Account) -> Account:
    """Return *account* with what nobody writes: what the provider's groups gave, and when an emergency was."""
    return replace(account, provider_grants=before.provider_grants, emergency_used_at=before.emergency_used_at)


def _require_version(current: Account, expected: int | None) -> None:
    if expected is not None and current.version != expected:
        message = f"account {current.key!r} is at version {current.version}, not at version {expected}"
        raise PreconditionFailed(message, current=current)
