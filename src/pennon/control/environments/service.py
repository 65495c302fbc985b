"""Commands on environments."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from pennon.control.environments.applied import KIND as APPLIED
from pennon.control.environments.applied import applied_files
from pennon.control.environments.ownership import owner_problems
from pennon.control.environments.protection import protection_problems
from pennon.control.environments.views import Environment
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import AlreadyExists, PreconditionFailed, StillInUse
from pennon.control.log import (
    Actor,
    ChangeLog,
    EnvironmentName,
    Idempotency,
    Outcome,
    Reading,
    Stored,
    Writing,
    outcome_of,
    project_log,
)
from pennon.control.naming import accept, key_problems, name_problems
from pennon.control.projects.service import delete_all
from pennon.control.projects.views import project as find_project
from pennon.model import Flag, Problem
from pennon.model.flags import Wire

FirstFlag: TypeAlias = Callable[[Stored], Flag | None]
"""Makes the flag that a new environment starts with, off, of a definition as its project's log has it.

None: the flag is archived.
"""


class EnvironmentService:
    """Creates, describes and deletes environments. Outcomes are about the project's log."""

    def __init__(self, log: ChangeLog, first_flag: FirstFlag) -> None:
        self._log = log
        self._first_flag = first_flag

    def create_environment(
        self,
        project: str,
        environment: Environment,
        *,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Create an environment in which every flag of the project is off. One that was deleted goes on with its log.

        Raises `Invalid`, `NotFound` for the project, and `AlreadyExists`.
        """
        accept([*key_problems(environment.key), *_problems(environment)])
        log, own = project_log(project), EnvironmentName(project, environment.key).log

        def create(writing: Writing) -> None:
            if writing.replayed:
                return
            find_project(writing, project)
            if writing.item(log, "environment", environment.key) is not None:
                raise AlreadyExists("environment", environment.key)
            writing.put(log, "environment", environment)
            writing.open(own)
            for definition in writing.items(log, "definition"):
                if (flag := self._first_flag(definition)) is not None:
                    writing.put(own, "flag", flag)

        writing = self._log.carry_out(
            create, log, own, by=by, action="createEnvironment", why=why, idempotency=idempotency
        )
        return outcome_of(writing, log, ("environment", environment.key))

    def describe_environment(
        self,
        project: str,
        environment: Environment,
        *,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Make *environment* what is said of the environment of its key.

        Raises `Invalid`, `NotFound`, and `PreconditionFailed` unless its version is as *expected*.
        """
        accept(_problems(environment))
        log, name = project_log(project), EnvironmentName(project, environment.key)
        with self._log.writing(log, by=by, action="describeEnvironment", why=why, idempotency=idempotency) as writing:
            if not writing.replayed:
                _require_version(find_environment(writing, name), expected)
                writing.put(log, "environment", environment)
            current = writing.item(log, "environment", environment.key)
        return outcome_of(writing, log, ("environment", environment.key), unchanged=current)

    def delete_environment(
        self,
        name: EnvironmentName,
        *,
        confirm: str | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Delete an environment with its configurations, segments, layers and keys. Its log stays, as what was.

        Raises `NotFound`, and `StillInUse` for one that holds something, unless *confirm* repeats its key.
        """
        log, own = project_log(name.project), name.log

        def delete(writing: Writing) -> None:
            if writing.replayed:
                return
            find_environment(writing, name)
            contents = list(_contents(writing, own))
            if contents and confirm != name.environment:
                raise StillInUse("environment", name.environment, contents)
            writing.delete(log, "environment", name.environment)
            if applied_files(writing, name) is not None:
                writing.delete(log, APPLIED, name.environment)
            _cancel_schedules(writing, log, name.environment)
            delete_all(writing, own)

        writing = self._log.carry_out(
            delete, log, own, by=by, action="deleteEnvironment", why=why, idempotency=idempotency
        )
        return outcome_of(writing, log, ("environment", name.environment))


def _problems(environment: Environment) -> Iterator[Problem]:
    yield from name_problems(environment.name, environment.description)
    if environment.protection is not None:
        yield from protection_problems(environment.protection)
    if environment.files is not None:
        yield from owner_problems(environment.files)


class _Placed(Wire, frozen=True):
    """What there is to know of a schedule here: the noun itself is of a layer above."""

    environment: str


def _cancel_schedules(writing: Writing, log: str, environment: str) -> None:
    """Delete what would be done in an environment, or it would be done in a later one of the same key."""
    for stored in writing.items(log, "schedule"):
        if stored.read(_Placed).environment == environment:
            writing.delete(log, "schedule", stored.key)


def _contents(reading: Reading, log: str) -> Iterator[str]:
    for kind in ("flag", "segment", "layer", "key"):
        if count := reading.count(log, kind):
            yield f"{count} {kind}{'s' if count > 1 else ''}"


def _require_version(current: Environment, expected: int | None) -> None:
    if expected is not None and current.version != expected:
        message = f"environment {current.key!r} is at version {current.version}, not at version {expected}"
        raise PreconditionFailed(message, current=current)
