"""Commands on projects."""

from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from pennon.control.access.credentials import Token
from pennon.control.access.people import Account
from pennon.control.errors import AlreadyExists, Conflict, PreconditionFailed, StillInUse
from pennon.control.log import (
    INSTALLATION,
    Actor,
    ChangeLog,
    EnvironmentName,
    Idempotency,
    Outcome,
    Reading,
    Writing,
    outcome_of,
    project_log,
)
from pennon.control.naming import accept, key_problems, name_problems
from pennon.control.projects.views import MOST_DAYS, Project, StaleAfter
from pennon.control.projects.views import project as find_project
from pennon.model import Problem, pointer

_ATTEMPTS = 5


class ProjectService:
    """Creates, describes and deletes projects. Outcomes are about the installation's log."""

    def __init__(self, log: ChangeLog) -> None:
        self._log = log

    def create_project(
        self, project: Project, *, by: Actor, why: str = "", idempotency: Idempotency | None = None
    ) -> Outcome:
        """Create a project without environments. One that was deleted goes on with its old log.

        Raises `Invalid` and `AlreadyExists`.
        """
        accept([*key_problems(project.key), *_problems(project)])
        logs = (INSTALLATION, project_log(project.key))
        with self._log.writing(*logs, by=by, action="createProject", why=why, idempotency=idempotency) as writing:
            if not writing.replayed:
                for log in logs:
                    writing.open(log)
                if writing.item(INSTALLATION, "project", project.key) is not None:
                    raise AlreadyExists("project", project.key)
                writing.put(INSTALLATION, "project", project)
        return outcome_of(writing, INSTALLATION, ("project", project.key))

    def describe_project(
        self,
        project: Project,
        *,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Make *project* what is said of the project of its key.

        Raises `Invalid`, `NotFound`, and `PreconditionFailed` unless its version is as *expected*.
        """
        accept(_problems(project))
        log = INSTALLATION
        with self._log.writing(log, by=by, action="describeProject", why=why, idempotency=idempotency) as writing:
            if not writing.replayed:
                _require_version(find_project(writing, project.key), expected)
                writing.put(log, "project", project)
            current = writing.item(log, "project", project.key)
        return outcome_of(writing, log, ("project", project.key), unchanged=current)

    def delete_project(
        self,
        key: str,
        *,
        confirm: str | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Delete a project with all that it holds, and revoke the tokens that act in it only. Its logs stay.

        A large one holds up nobody. Raises `NotFound`, `StillInUse` for a project that holds something, unless
        *confirm* repeats its key, and `Conflict` and `Overtaken` for one in which too much is changed meanwhile.
        """
        for _ in range(_ATTEMPTS):
            with self._log.reading() as reading:
                logs = (INSTALLATION, project_log(key), *_environment_logs(reading, key))
            try:
                writing = self._log.carry_out(
                    partial(_delete, key, confirm, logs),
                    *logs,
                    by=by,
                    action="deleteProject",
                    why=why,
                    idempotency=idempotency,
                )
            except _MoreLogs:
                continue
            return outcome_of(writing, INSTALLATION, ("project", key))
        raise Conflict(f"project {key!r} keeps changing", mend="try again")


class _MoreLogs(Exception):
    """An environment was made between looking which there are and locking them."""


def _delete(key: str, confirm: str | None, logs: Sequence[str], writing: Writing) -> None:
    if writing.replayed:
        return
    find_project(writing, key)
    if not set(_environment_logs(writing, key)) <= set(logs):
        raise _MoreLogs
    contents = list(_contents(writing, key))
    if contents and confirm != key:
        raise StillInUse("project", key, contents)
    writing.delete(INSTALLATION, "project", key)
    for log in logs[1:]:
        delete_all(writing, log)
    _take_away(writing, key)


def _problems(project: Project) -> Iterator[Problem]:
    yield from name_problems(project.name, project.description)
    for field in msgspec.structs.fields(StaleAfter):
        if not 1 <= getattr(project.stale_after, field.name) <= MOST_DAYS:
            path = pointer("staleAfter", field.encode_name)
            yield Problem(path, "not a number of days after which a flag is stale", f"write one from 1 to {MOST_DAYS}")


def delete_all(writing: Writing, log: str) -> None:
    """Delete every item of *log*."""
    for kind, items in writing.state(log).items.items():
        for key in items:
            writing.delete(log, kind, key)


def _take_away(writing: Writing, project: str) -> None:
    """Take away what people and programs may do in a project, or they could do it in a later one of the same key."""
    naming = b'"project":' + msgspec.json.encode(project)  # others may be altered meanwhile
    for token in (stored.read(Token) for stored in writing.items_with(INSTALLATION, "token", naming)):
        if token.project == project:
            writing.put(INSTALLATION, "token", msgspec.structs.replace(token, revoked=True))
    for account in (stored.read(Account) for stored in writing.items_with(INSTALLATION, "account", naming)):
        kept = msgspec.structs.replace(
            account,
            grants=tuple(grant for grant in account.grants if grant.project != project),
            provider_grants=tuple(grant for grant in account.provider_grants if grant.project != project),
        )
        if kept != account:
            writing.put(INSTALLATION, "account", kept)


def _environment_logs(reading: Reading, project: str) -> list[str]:
    environments = reading.items(project_log(project), "environment")
    return [EnvironmentName(project, environment.key).log for environment in environments]


def _contents(reading: Reading, project: str) -> Iterator[str]:
    for kind, what in (("environment", "environment"), ("definition", "flag")):
        if count := reading.count(project_log(project), kind):
            yield f"{count} {what}{'s' if count > 1 else ''}"


def _require_version(current: Project, expected: int | None) -> None:
    if expected is not None and current.version != expected:
        message = f"project {current.key!r} is at version {current.version}, not at version {expected}"
        raise PreconditionFailed(message, current=current)
