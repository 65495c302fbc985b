"""Commands on the flags of a project, and on their configuration in an environment."""

from collections.abc import Callable
from functools import partial

from pennon.control.environments.gate import NO_LEAVE, Permit, permit_everybody
from pennon.control.environments.protection import Leave
from pennon.control.errors import AlreadyExists, FlagArchived, Invalid, NotConfirmed, NotFound
from pennon.control.flags.checks import require_faultless_project
from pennon.control.flags.definitions import FlagConfiguration, FlagDefinition, completed, configured
from pennon.control.flags.project import HowRestored, ProjectCommand, WorkingProject, change_project
from pennon.control.log import (
    Actor,
    ChangeLog,
    EnvironmentName,
    Idempotency,
    Outcome,
    Writing,
    outcome_of,
    project_log,
)
from pennon.control.working.commands import ItemCommand, change_item, require_version
from pennon.control.working.salts import NewSalt, random_salt
from pennon.control.working.state import WorkingState
from pennon.model.limits import DEFAULT_LIMITS, Limits


class FlagService:
    """Creates, defines, configures, archives and deletes flags. Parts of a configuration are edited by `ChangeService`.

    A definition belongs to the project: changing it writes the project's log, and the log of every environment in
    which the flag is then another, in one transaction under one change id. The outcome's position is the project's,
    its item the definition. Version, changedAt and hash of a given definition are ignored.
    """

    def __init__(
        self,
        log: ChangeLog,
        *,
        new_salt: NewSalt = random_salt,
        limits: Limits = DEFAULT_LIMITS,
        permit: Permit = permit_everybody,
    ) -> None:
        self._log = log
        self._change_item = partial(change_item, log, limits=limits, permit=permit)
        self._change_project = partial(change_project, log, new_salt=new_salt, limits=limits, permit=permit)

    def create_flag(
        self,
        project: str,
        definition: FlagDefinition,
        *,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Create a flag: off in every environment, each with a random salt.

        A boolean flag without variations gets `on` and `off`. Raises `NotFound` for the project, `AlreadyExists`,
        `FlagArchived` for a key that an archived flag has, and `Invalid` with the path into the definition.
        """

        def create(working: WorkingProject, _: Writing) -> None:
            if (taken := working.definition(definition.key)) is not None:
                raise FlagArchived(taken.key) if taken.archived else AlreadyExists("flag", taken.key)
            working.define(_sound(definition))

        command = ProjectCommand(project=project, action="createFlag", by=by, why=why, idempotency=idempotency)
        return self._change_definition(command, definition.key, create)

    def change_definition(  # noqa: PLR0913  # where, what, on what condition, and who
        self,
        project: str,
        definition: FlagDefinition,
        *,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
        leave: Leave = NO_LEAVE,
    ) -> Outcome:
        """Make *definition* the definition of the flag of its key.

        Raises `NotFound`, `PreconditionFailed` with the current definition unless its version is as *expected*,
        `VariationStillServed` for a removed variation, naming where, `FlagArchived`, and `Invalid`.
        """

        def change(working: WorkingProject, writing: Writing) -> None:
            if _require_definition(writing, project, definition.key, expected).archived:
                raise FlagArchived(definition.key)
            working.define(_sound(definition))

        command = ProjectCommand(
            project=project, action="changeDefinition", by=by, why=why, idempotency=idempotency, leave=leave
        )
        return self._change_definition(command, definition.key, change)

    def archive_flag(  # noqa: PLR0913  # where, what, on what condition, and who
        self,
        project: str,
        key: str,
        *,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
        leave: Leave = NO_LEAVE,
    ) -> Outcome:
        """Archive a flag: it evaluates no more, in no environment, and its key stays reserved.

        What environments did with it is kept. One that is archived stays so. Raises `NotFound`, `PreconditionFailed`
        with the current definition, and `FlagStillRequired` naming the flags that have it as a prerequisite.
        """

        def archive(working: WorkingProject, writing: Writing) -> None:
            working.archive(_require_definition(writing, project, key, expected))

        command = ProjectCommand(
            project=project, action="archiveFlag", by=by, why=why, idempotency=idempotency, leave=leave
        )
        return self._change_definition(command, key, archive)

    def restore_flag(  # noqa: PLR0913  # what, on what condition, and who
        self,
        project: str,
        key: str,
        *,
        how: HowRestored = "off",
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
        leave: Leave = NO_LEAVE,
    ) -> Outcome:
        """Put an archived flag back into every environment. One that is not archived stays as it is.

        Raises `NotFound`, `PreconditionFailed` with the current definition, and `Invalid` where it names what is gone
        since: a segment, a prerequisite.
        """

        def restore(working: WorkingProject, writing: Writing) -> None:
            if (definition := _require_definition(writing, project, key, expected)).archived:
                working.restore(definition, how)

        command = ProjectCommand(
            project=project, action="restoreFlag", by=by, why=why, idempotency=idempotency, leave=leave
        )
        return self._change_definition(command, key, restore)

    def delete_flag(  # noqa: PLR0913  # what, on what condition, and who
        self,
        project: str,
        key: str,
        *,
        confirm: str | None,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
        leave: Leave = NO_LEAVE,
    ) -> Outcome:
        """Delete a flag, archived or not, in every environment. Its key is free then.

        Raises `NotFound`, `NotConfirmed` unless *confirm* repeats the key, `PreconditionFailed` with the current
        definition, and `FlagStillRequired` naming the flags that have it as a prerequisite.
        """

        def delete(working: WorkingProject, writing: Writing) -> None:
            _require_definition(writing, project, key, expected)
            if confirm != key:
                mend = f"confirm with the key {key!r}, or archive it, which can be taken back"
                raise NotConfirmed("flag", key, mend=mend)
            working.delete(key)

        command = ProjectCommand(
            project=project, action="deleteFlag", by=by, why=why, idempotency=idempotency, leave=leave
        )
        return self._change_definition(command, key, delete)

    def set_configuration(  # noqa: PLR0913  # where, what, and who
        self,
        environment: EnvironmentName,
        key: str,
        configuration: FlagConfiguration,
        *,
        expected: int | None = None,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
        leave: Leave = NO_LEAVE,
    ) -> Outcome:
        """Make *configuration* what *environment* does with a flag; without a salt, it keeps the one it has.

        Weights are taken as they are: whoever sends a whole configuration says how users move. The outcome's position
        is the environment's, its item the flag. Raises `NotFound`, `PreconditionFailed` with the current flag unless
        its version is as *expected*, `FlagArchived`, and `Invalid` with the path into the flag.
        """

        def configure(state: WorkingState) -> None:
            if (flag := state.flag(key)) is None:
                raise FlagArchived(key) if state.archived(key) else NotFound("flag", key)
            state.put(configured(flag, configuration))

        command = ItemCommand(
            environment=environment,
            name=("flag", key),
            action="setConfiguration",
            by=by,
            why=why,
            idempotency=idempotency,
            leave=leave,
            expected=expected,
        )
        return self._change_item(command, configure)

    def _change_definition(
        self, command: ProjectCommand, key: str, edit: Callable[[WorkingProject, Writing], None]
    ) -> Outcome:
        def edit_and_check(working: WorkingProject, writing: Writing) -> None:
            edit(working, writing)
            require_faultless_project(working, key)

        writing = self._change_project(command, edit_and_check)
        log = project_log(command.project)
        with self._log.reading() as reading:
            return outcome_of(writing, log, ("definition", key), unchanged=reading.item(log, "definition", key))


def _sound(definition: FlagDefinition) -> FlagDefinition:
    if definition.archived:
        raise Invalid.at("/archived", "saying so archives nothing", "leave it out, and archive the flag")
    return completed(definition)


def _require_definition(writing: Writing, project: str, key: str, expected: int | None) -> FlagDefinition:
    stored = writing.item(project_log(project), "definition", key)
    if stored is None:
        raise NotFound("flag", key)
    require_version(stored, expected, f"definition of flag {key!r}")
    return stored.read(FlagDefinition)
