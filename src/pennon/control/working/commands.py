"""What every command on an environment's items shares: where it acts, what it answers, and how it is written."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from pennon.control.environments.gate import NO_LEAVE, Alteration, Permit
from pennon.control.environments.protection import Leave
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import Invalid, PreconditionFailed
from pennon.control.log import (
    Actor,
    Change,
    ChangeLog,
    ChangeWarning,
    EnvironmentName,
    Idempotency,
    Outcome,
    Reading,
    Stored,
    Writing,
    outcome_of,
)
from pennon.control.working.checks import faults
from pennon.control.working.state import ARCHIVED, WORKING_KINDS, ItemName, LogItems, WorkingState, decoded
from pennon.control.working.warnings import proved
from pennon.model.limits import Limits


class Expectation(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What the caller believes to be current: the environment's revision, versions of items (0: not there)."""

    revision: int | None = None
    flags: Mapping[str, int] = {}
    segments: Mapping[str, int] = {}
    layers: Mapping[str, int] = {}

    def versions(self) -> Iterable[tuple[ItemName, int]]:
        """Yield each item with the version that it is expected to have."""
        yield from ((("flag", key), version) for key, version in self.flags.items())
        yield from ((("segment", key), version) for key, version in self.segments.items())
        yield from ((("layer", key), version) for key, version in self.layers.items())


def require_version(current: Stored | None, expected: int | None, what: str) -> None:
    """Raise `PreconditionFailed` if a version is *expected* and it is not the current one (0: not there)."""
    version = 0 if current is None else current.version
    if expected is not None and expected != version:
        found = f"is at version {version}" if current is not None else "is not there"
        raise PreconditionFailed(f"{what} {found}, not at version {expected}", current=current)


def require_expected(reading: Reading, name: EnvironmentName, expected: Expectation | None) -> None:
    """Raise `PreconditionFailed`, with the head or the item that differs, unless all is as *expected*."""
    if expected is None:
        return
    if expected.revision is not None:  # who reads a head for nothing is overtaken for nothing
        head = reading.head(name.log)
        if head is not None and head.revision != expected.revision:
            message = f"environment {str(name)!r} is at revision {head.revision}, not {expected.revision}"
            raise PreconditionFailed(message, current=head)
    for (kind, key), version in expected.versions():
        require_version(reading.item(name.log, kind, key), version, f"{kind} {key!r}")


class ItemCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command on one item of one environment."""

    environment: EnvironmentName
    name: ItemName
    action: str
    by: Actor
    why: str = ""
    idempotency: Idempotency | None = None
    expected: int | None = None
    leave: Leave = NO_LEAVE

    def alteration(self, items: Sequence[ItemName]) -> Alteration:
        """Return what it does to the environment, where it comes to altering *items*."""
        return Alteration(
            project=self.environment.project,
            environment=self.environment.environment,
            permission="flag.change",
            by=self.by,
            why=self.why,
            leave=self.leave,
            items=tuple(items),
        )


def change_item(
    log: ChangeLog, command: ItemCommand, edit: Callable[[WorkingState], None], *, limits: Limits, permit: Permit
) -> Outcome:
    """Carry out *command*: let *edit* alter the environment's state, check what comes of it, and write it.

    Raises `NotFound` for the environment, `PreconditionFailed`, `Invalid`, and what *edit* and *permit* raise.
    """
    name, place = command.name, command.environment.log
    why = command.leave.reason(command.why)
    current: Stored | None = None

    def change(writing: Writing) -> None:
        nonlocal current
        current = writing.item(place, *name)
        if writing.replayed:
            return
        find_environment(writing, command.environment)
        state = WorkingState(LogItems(writing, place), limits=limits)
        if current is not None:
            require_version(current, command.expected, f"{name[0]} {name[1]!r}")
        edit(state)
        require_faultless(state)
        if touched := state.touched():
            writing.demand(lambda reading: permit(reading, command.alteration(touched)))
        write(writing, place, state)

    writing = log.carry_out(
        change, place, by=command.by, action=command.action, why=why, idempotency=command.idempotency
    )
    outcome = outcome_of(writing, place, name, unchanged=current)
    if (made := writing.changes_made.get(place)) is None:
        return outcome
    with log.reading() as reading:  # the change is made: what is said of it need not hold up others
        return msgspec.structs.replace(outcome, warnings=warnings_of(reading, place, made))


def require_faultless(state: WorkingState) -> None:
    """Raise `Invalid` unless *state* may be; paths lead into the item that was changed, or to `/flags/{key}`."""
    if found := faults(state):
        raise Invalid(fault.problem if fault.item == fault.cause else fault.from_environment() for fault in found)


def write(writing: Writing, log: str, state: WorkingState) -> dict[ItemName, Stored]:
    """Write what the change leaves different, and return the items as they are now stored."""
    stored = {}
    for name in state.touched():
        if (model := state.model(name)) is None:
            writing.delete(log, *name)
        else:
            stored[name] = writing.put(log, name[0], model)
    for key in state.kept():
        if (flag := state.archived(key)) is None:
            writing.delete(log, ARCHIVED, key)
        else:
            writing.put(log, ARCHIVED, flag)
    return stored


def warnings_of(reading: Reading, log: str, made: Change) -> tuple[ChangeWarning, ...]:
    """Return what is proved of the items that the change *made* to *log* touched."""
    state = WorkingState(LogItems(reading, log))
    before = state.before_state()
    edits = [(kind, edit) for edit in made.edits for kind in WORKING_KINDS if kind == edit.kind]
    for kind, edit in edits:
        if edit.before is None:
            before.delete((kind, edit.key))
        else:
            before.put(decoded(kind, edit.before))
    return proved(state, before, [(kind, edit.key) for kind, edit in edits])
