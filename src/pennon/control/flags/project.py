"""A project's flags as a change under way would leave them: the definitions, and the merged flags of environments.

Everything that alters a definition goes through here, so that it is merged anew everywhere, in one transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from pennon.control.access.permissions import Permission
from pennon.control.environments.gate import NO_LEAVE, Alteration, Permit
from pennon.control.environments.protection import Leave
from pennon.control.environments.readers import Awaited
from pennon.control.environments.views import environment as find_environment
from pennon.control.environments.views import environments
from pennon.control.errors import Conflict, FlagArchived
from pennon.control.flags.definitions import FlagDefinition, initial_configuration, merge, redefined
from pennon.control.flags.schema_steps import activates, carried
from pennon.control.log import Actor, ChangeLog, EnvironmentName, Idempotency, Reading, Writing, project_log
from pennon.control.working.commands import write
from pennon.control.working.salts import NewSalt
from pennon.control.working.state import LogItems, WorkingState, same_content
from pennon.model import Compat, Flag
from pennon.model.limits import Limits

HowRestored: TypeAlias = Literal["off", "asItWas", "new"]
"""What an environment does with a flag that is restored: what it did, but off; what it did; what a new flag does."""
_ATTEMPTS = 10


class WorkingProject:
    """A project's definitions, and the environments that a command has locked, with edits not written yet."""

    def __init__(
        self,
        project: str,
        reading: Reading,
        environments: Sequence[EnvironmentName],
        *,
        new_salt: NewSalt,
        limits: Limits,
    ) -> None:
        self.project = project
        self.environments: Mapping[EnvironmentName, WorkingState] = {
            name: WorkingState(LogItems(reading, name.log), limits=limits) for name in environments
        }
        self.new_salt = new_salt
        self.limits = limits
        self._reading = reading
        self._before: dict[str, FlagDefinition | None] = {}
        self._after: dict[str, FlagDefinition | None] = {}

    def definition(self, key: str) -> FlagDefinition | None:
        """Return a definition as it is now."""
        return self._after[key] if key in self._after else self.definition_before(key)

    def definition_before(self, key: str) -> FlagDefinition | None:
        """Return a definition as it was before the change."""
        if key not in self._before:
            stored = self._reading.item(project_log(self.project), "definition", key)
            self._before[key] = None if stored is None else stored.read(FlagDefinition)
        return self._before[key]

    def touched(self) -> list[str]:
        """Return the keys of the definitions that the change leaves different from before."""
        return sorted(k for k, after in self._after.items() if not same_content(self.definition_before(k), after))

    def define(self, definition: FlagDefinition, *, compat: Compat | None = None) -> None:
        """Make *definition* the one of its key, in every environment; where the flag is new it is off.

        *compat* is of a flag that is imported into one of them: where it is off, too, it has an imported flag's key.
        Values that are prepared for it, and those from before, stay. Raises `FlagArchived` for a flag that is.
        """
        current = self.definition(definition.key)
        self.settle(carried(definition, current), compat=compat)

    def settle(self, definition: FlagDefinition, *, compat: Compat | None = None) -> None:
        """Do as `define`, with the values beside its own that *definition* says."""
        if (current := self.definition(definition.key)) is not None and current.archived:
            raise FlagArchived(definition.key)
        self._after[definition.key] = definition
        for state in self.environments.values():
            flag = state.flag(definition.key)
            state.put(redefined(flag, definition) if flag else self.new_flag(definition, compat=compat))

    def new_flag(self, definition: FlagDefinition, *, compat: Compat | None = None) -> Flag:
        """Return the flag that a new *definition* is in an environment: off, with a salt of its own."""
        configuration = initial_configuration(definition, self.new_salt())
        return merge(definition, msgspec.structs.replace(configuration, compat=compat))

    def compat(self, key: str) -> Compat | None:
        """Return what a flag is read by in the first environment that imported it; None if none did."""
        flags = (state.flag(key) or state.archived(key) for state in self.environments.values())
        return next((flag.compat for flag in flags if flag is not None and flag.compat is not None), None)

    def delete(self, key: str) -> None:
        """Remove a flag, everywhere."""
        self._after[key] = None
        for state in self.environments.values():
            if state.flag(key) is not None:
                state.delete(("flag", key))
            state.keep(key, None)

    def archive(self, definition: FlagDefinition) -> None:
        """Take the flag of *definition* out of every environment, which keeps what it did with it."""
        self._after[definition.key] = replace(definition, archived=True)
        for state in self.environments.values():
            if (flag := state.flag(definition.key)) is not None:
                state.archive(flag)

    def restore(self, definition: FlagDefinition, how: HowRestored) -> None:
        """Put the archived flag of *definition* back into every environment; where nothing was kept, as a new one."""
        restored = replace(definition, archived=False)
        self._after[definition.key] = restored
        compat = self.compat(definition.key)
        for state in self.environments.values():
            kept = state.archived(definition.key)
            state.keep(definition.key, None)
            if kept is None or how == "new":
                state.put(self.new_flag(restored, compat=kept.compat if kept else compat))
            else:
                state.put(kept if how == "asItWas" else replace(kept, on=False))

    def activation(self, key: str) -> Awaited | None:
        """Return whom the change awaits: those that have to be able to read what it makes a flag's values."""
        before = self.definition_before(key)
        if before is None or before.prepared is None or not activates(before, self.definition(key)):
            return None
        return Awaited(read_by=before.prepared.read_by, gone_after_h=before.prepared.gone_after_h)

    def put_back(self, definition: FlagDefinition) -> None:
        """Make *definition*, archived or not, what it was before a change that is taken back."""
        if definition.archived:
            self.archive(definition)
            return
        if (current := self.definition(definition.key)) is not None and current.archived:
            self.restore(current, "asItWas")
        self.settle(definition)

    def write(self, writing: Writing) -> None:
        """Write what the change leaves different, in the project's log and in those of its environments."""
        log = project_log(self.project)
        for key in self.touched():
            if (definition := self._after[key]) is None:
                writing.delete(log, "definition", key)
            else:
                writing.put(log, "definition", definition)
        for name, state in self.environments.items():
            write(writing, name.log, state)


def environments_of(reading: Reading, project: str) -> list[EnvironmentName]:
    """Return the names of a project's environments, in order. Raises `NotFound` for the project."""
    return [EnvironmentName(project, environment.key) for environment in environments(reading, project)]


class ProjectCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command on a project's flags. With `only`, it alters no definition, and nothing outside that environment.

    `is_planned`: it is not carried out now, but looked at, so that it may be at another time.
    """

    project: str
    only: EnvironmentName | None = None
    action: str
    by: Actor
    why: str = ""
    idempotency: Idempotency | None = None
    leave: Leave = NO_LEAVE
    is_planned: bool = False

    @property
    def reason(self) -> str:
        """Why, as the log has it."""
        return self.leave.reason(self.why)

    def alteration(
        self, permission: Permission, items: Sequence[tuple[str, str]], environment: str | None = None
    ) -> Alteration:
        """Return what it does to *items* (kind, key) of an environment, or (None) of the project."""
        return Alteration(
            project=self.project,
            environment=environment,
            permission=permission,
            by=self.by,
            why=self.why,
            leave=self.leave,
            items=tuple(items),
            is_planned=self.is_planned,
        )


ProjectEdit: TypeAlias = Callable[[WorkingProject, Writing], None]
"""Alters the working project and checks what comes of it."""


class _EnvironmentsChanged(Exception):
    """An environment was created or deleted between looking which there are and locking them."""


def change_project(
    log: ChangeLog, command: ProjectCommand, edit: ProjectEdit, *, new_salt: NewSalt, limits: Limits, permit: Permit
) -> Writing:
    """Carry out *command* with what it may alter locked: the project and all its environments, or one environment.

    *edit* is called again where environments came or went meanwhile, and where it is long and others changed what it
    had read (see `ChangeLog.carry_out`); not at all for a command that was accepted before. *permit* is asked for each
    definition that is another after it, and each environment in which users may see another variation. Returns what
    was written. Raises `NotFound` for the project or the environment, and what *edit* and *permit* raise.
    """

    def edit_locked(writing: Writing, names: Sequence[EnvironmentName]) -> None:
        working = WorkingProject(command.project, writing, names, new_salt=new_salt, limits=limits)
        edit(working, writing)
        altered = list(_alterations(working, command))  # here it is known what the command comes to
        writing.demand(lambda reading: _require_permitted(reading, altered, permit))
        working.write(writing)

    for _ in range(_ATTEMPTS):
        names = [command.only] if command.only else _look_up(log, command.project)
        try:
            return _change_locked(log, command, names, edit_locked)
        except _EnvironmentsChanged:
            continue
    raise Conflict(f"the environments of project {command.project!r} keep changing", mend="try again")


def require_permitted(reading: Reading, working: WorkingProject, command: ProjectCommand, permit: Permit) -> None:
    """Ask *permit* for each definition that *working* alters, and for each environment in which users may see it."""
    _require_permitted(reading, _alterations(working, command), permit)


def _require_permitted(reading: Reading, altered: Iterable[Alteration], permit: Permit) -> None:
    for alteration in altered:
        permit(reading, alteration)


def _alterations(working: WorkingProject, command: ProjectCommand) -> Iterator[Alteration]:
    touched: dict[Permission, list[tuple[str, str]]] = {}
    awaited: dict[str, Awaited] = {}
    for key in working.touched():
        permission: Permission = "flag.delete" if working.definition(key) is None else "flag.define"
        touched.setdefault(permission, []).append(("definition", key))
        if (move := working.activation(key)) is not None:
            awaited[key] = move
    for permission, items in touched.items():  # once, however many there are
        yield replace(command.alteration(permission, items), awaited=awaited if permission == "flag.define" else {})
    for name, state in working.environments.items():
        if (needed := _needed(state)) is not None:
            yield command.alteration(needed, state.touched(), name.environment)


def _look_up(log: ChangeLog, project: str) -> list[EnvironmentName]:
    with log.reading() as reading:
        return environments_of(reading, project)


def _change_locked(
    log: ChangeLog,
    command: ProjectCommand,
    names: Sequence[EnvironmentName],
    edit: Callable[[Writing, Sequence[EnvironmentName]], None],
) -> Writing:
    logs = [name.log for name in names] if command.only else [project_log(command.project), *(n.log for n in names)]

    def change(writing: Writing) -> None:
        if writing.replayed:
            return
        if command.only:
            find_environment(writing, command.only)
        elif environments_of(writing, command.project) != names:
            raise _EnvironmentsChanged
        edit(writing, names)

    return log.carry_out(
        change, *logs, by=command.by, action=command.action, why=command.reason, idempotency=command.idempotency
    )


def _needed(state: WorkingState) -> Permission | None:
    """Return what it takes to alter what *state* alters. None: nothing but new flags, which are off."""
    found: Permission | None = None
    for item in state.touched():
        before, after = state.before(item), state.model(item)
        if before is None and isinstance(after, Flag) and not after.on:
            continue
        if isinstance(before, Flag) and isinstance(after, Flag) and same_content(replace(before, on=False), after):
            found = found or "flag.turnOff"
        else:
            return "flag.change"
    return found
