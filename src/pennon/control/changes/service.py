"""Commands that change several items of an environment at once, and the one that takes a change back."""

from collections.abc import Iterator, Sequence
from functools import partial

import msgspec
from msgspec.structs import replace

from pennon.control.changes.apply import alters_definitions, apply_edits
from pennon.control.changes.bases import base_left, base_now
from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.flag_edits import TurnOff
from pennon.control.changes.foreseeing import Foreseeing, Left
from pennon.control.changes.moving import moves_of
from pennon.control.changes.preview import Preview, preview
from pennon.control.changes.revert import apply_reversal, find_reversal
from pennon.control.changes.warnings import Altered, warnings
from pennon.control.contexts.views import ContextViews, Sample
from pennon.control.environments.gate import NO_LEAVE, Permit, permit_everybody
from pennon.control.environments.protection import Leave
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import Invalid
from pennon.control.flags.checks import require_faultless_project
from pennon.control.flags.project import ProjectCommand, WorkingProject, change_project, environments_of
from pennon.control.log import (
    Actor,
    Change,
    ChangeLog,
    ChangeWarning,
    EnvironmentName,
    Idempotency,
    Outcome,
    Reading,
    Writing,
    outcome_of,
)
from pennon.control.working.commands import Expectation, require_expected, warnings_of
from pennon.control.working.salts import NewSalt, random_salt
from pennon.control.working.state import LogItems, WorkingState
from pennon.control.working.warnings import proved
from pennon.model import Flag
from pennon.model.limits import DEFAULT_LIMITS, Limits


class ChangeService:
    """Applies semantic edits, several as one change, and reverts changes.

    A change is one row and one revision of the environment's log. What it does to definitions is written to the
    project's log, and to those of the other environments, in the same transaction under the same change id.
    """

    def __init__(
        self,
        log: ChangeLog,
        *,
        new_salt: NewSalt = random_salt,
        limits: Limits = DEFAULT_LIMITS,
        permit: Permit = permit_everybody,
        contexts: ContextViews | None = None,
        foreseeing: Sequence[Foreseeing] = (),
    ) -> None:
        self._log = log
        self._foreseeing = foreseeing
        self._contexts = contexts
        self._limits = limits
        self._new_salt = new_salt
        self._change_project = partial(change_project, log, new_salt=new_salt, limits=limits, permit=permit)

    def apply(  # noqa: PLR0913  # where, what, on what condition, and who
        self,
        environment: EnvironmentName,
        edits: Sequence[AnyEdit],
        *,
        expected: Expectation | None = None,
        leave: Leave = NO_LEAVE,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Apply *edits*, in order, as one change. Edits without effect change nothing and write nothing.

        An edit may use what another one of them creates: only what they lead to has to be valid. The outcome's item
        is the one that all edits are about, None if they are about several.

        Raises `NotFound`, `PreconditionFailed` with the head or the item that is not as *expected*, `Invalid` with
        paths below `/edits`, the conflicts of deleting what is in use, and what the gate raises: `Forbidden`, and
        `Protected` for what the environment demands and *leave* does not bring.
        """
        _require_some(edits)

        def edit(working: WorkingProject, writing: Writing) -> None:
            find_environment(writing, environment)
            require_expected(writing, environment, expected)
            apply_edits(working, environment, edits)

        command = ProjectCommand(
            project=environment.project,
            only=None if alters_definitions(edits) else environment,
            action="import" if by.kind == "import" else _action(edits),
            by=by,
            why=why,
            idempotency=idempotency,
            leave=leave,
        )
        writing = self._change_project(command, edit)
        return self._outcome(writing, environment, edits)

    def preview(
        self,
        environment: EnvironmentName,
        edits: Sequence[AnyEdit],
        *,
        expected: Expectation | None = None,
        with_moves: bool = False,
    ) -> Preview:
        """Return what `apply` would change, and change nothing; *with_moves*, whom it moves, too. Raises the same."""
        _require_some(edits)
        sample = self._contexts.sample(environment) if with_moves and self._contexts is not None else Sample()
        with self._log.reading() as reading:
            find_environment(reading, environment)
            require_expected(reading, environment, expected)
            names = environments_of(reading, environment.project) if alters_definitions(edits) else [environment]
            working = WorkingProject(environment.project, reading, names, new_salt=self._new_salt, limits=self._limits)
            apply_edits(working, environment, edits)
            state = working.environments[environment]
            said = warnings(_altered(state), state, edits) + proved(state, state.before_state(), state.touched())
            said += self._foreseen(reading, environment, edits, partial(base_left, working, environment))
            return replace(preview(working, environment, said), moves=moves_of(state, sample))

    def foresee(self, environment: EnvironmentName, flag: str) -> tuple[ChangeWarning, ...]:
        """Return what will turn *flag* on again, if it is turned off now. Raises `NotFound`, and `Invalid`."""
        edits = [TurnOff(flag=flag)]
        with self._log.reading() as reading:
            find_environment(reading, environment)
            working = WorkingProject(
                environment.project, reading, [environment], new_salt=self._new_salt, limits=self._limits
            )
            apply_edits(working, environment, edits)
            return self._foreseen(reading, environment, edits, partial(base_left, working, environment))

    def revert(
        self,
        environment: EnvironmentName,
        revision: int,
        *,
        leave: Leave = NO_LEAVE,
        by: Actor,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> Outcome:
        """Take back the change that made *revision*, as a new change.

        What that change did to definitions and to other environments is taken back too. Raises `NotFound`,
        `ChangedSince` naming each item that was changed later, with the revision and who did it (nothing is taken
        back then), `Conflict` for a change that cannot be reverted, `Invalid`, and the conflicts of what is in use.
        """
        with self._log.reading() as reading:
            find_environment(reading, environment)
            reversal = find_reversal(reading, environment, revision)

        def undo(working: WorkingProject, writing: Writing) -> None:
            find_environment(writing, environment)
            apply_reversal(working, writing, reversal)
            require_faultless_project(working)

        command = ProjectCommand(
            project=environment.project,
            only=None if reversal.definitions or reversal.elsewhere else environment,
            action="revert",
            by=by,
            why=why or _reverting(revision, reversal.change.why),
            idempotency=idempotency,
            leave=leave,
        )
        writing = self._change_project(command, undo)
        made = writing.changes_made.get(environment.log)
        with self._log.reading() as reading:
            said = _warnings(reading, environment.log, made, ()) if made else ()
        return replace(outcome_of(writing, environment.log), warnings=said)

    def _outcome(self, writing: Writing, environment: EnvironmentName, edits: Sequence[AnyEdit]) -> Outcome:
        log, items = environment.log, {edit.item for edit in edits}
        name = items.pop() if len(items) == 1 else None
        with self._log.reading() as reading:  # the change is made: what is said of it need not hold up others
            unchanged = None if name is None else reading.item(log, *name)
            outcome = outcome_of(writing, log, name, unchanged=unchanged)
            made = writing.changes_made.get(log)
            said = _warnings(reading, log, made, edits) if made else ()
            said += self._foreseen(reading, environment, edits, partial(base_now, reading, environment))
        return replace(outcome, warnings=said)

    def _foreseen(
        self, reading: Reading, environment: EnvironmentName, edits: Sequence[AnyEdit], left: Left
    ) -> tuple[ChangeWarning, ...]:
        """Return what turns on again what *edits* turn off, also where it was off before: then it is meant to stay."""
        flags = list(dict.fromkeys(edit.flag for edit in edits if isinstance(edit, TurnOff)))
        if not flags:
            return ()
        return tuple(warning for foresee in self._foreseeing for warning in foresee(reading, environment, flags, left))


def _warnings(reading: Reading, log: str, made: Change, edits: Sequence[AnyEdit]) -> tuple[ChangeWarning, ...]:
    state = WorkingState(LogItems(reading, log))
    return warnings(_flags_of(made), state, edits) + warnings_of(reading, log, made)


def _altered(state: WorkingState) -> Iterator[Altered]:
    for name in state.touched():
        before, after = state.before(name), state.model(name)
        if isinstance(before, Flag) and isinstance(after, Flag):
            yield before, after


def _flags_of(change: Change) -> Iterator[Altered]:
    for edit in change.edits:
        if edit.kind == "flag" and edit.before is not None and edit.after is not None:
            yield msgspec.json.decode(edit.before, type=Flag), msgspec.json.decode(edit.after, type=Flag)


def _require_some(edits: Sequence[AnyEdit]) -> None:
    if not edits:
        raise Invalid.at("/edits", "there are no edits", "send at least one")


def _action(edits: Sequence[AnyEdit]) -> str:
    """Return the word of the edits if they are all of one kind, as in `turnOn`; else `edit`."""
    words = {str(edit.__struct_config__.tag) for edit in edits}
    return words.pop() if len(words) == 1 else "edit"


def _reverting(revision: int, why: str) -> str:
    return f"reverts revision {revision}: {why}" if why else f"reverts revision {revision}"
