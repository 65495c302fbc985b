"""Takes a change back: finds all that it did, and what stands in the way, and undoes it in a working state. Pure but
for reading the log.

A flag has two halves, and only the half that the change altered is put back: a later change of a definition does not
stand in the way of reverting a configuration.
"""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from pennon.control.errors import ChangedSince, Conflict, NotFound
from pennon.control.flags.definitions import FlagDefinition, configuration_of, configured
from pennon.control.flags.project import WorkingProject, environments_of
from pennon.control.log import Change, Edit, EnvironmentName, Reading, project_log
from pennon.control.working.state import ARCHIVED, ItemName, WorkingModel, WorkingState, same_content
from pennon.model import Flag, Layer, Problem, Segment, pointer

_MODELS: dict[str, type[WorkingModel]] = {"flag": Flag, "segment": Segment, "layer": Layer, ARCHIVED: Flag}


class Reversal(msgspec.Struct, frozen=True, kw_only=True):
    """What reverting a change has to undo: its row here, and those that it wrote with it elsewhere."""

    environment: EnvironmentName
    change: Change
    definitions: tuple[Edit, ...] = ()
    elsewhere: tuple[tuple[EnvironmentName, tuple[Edit, ...]], ...] = ()


def find_reversal(reading: Reading, environment: EnvironmentName, revision: int) -> Reversal:
    """Return what reverting a change has to undo.

    Raises `NotFound` for a revision that is not there, and `Conflict` for a change that cannot be reverted: of keys,
    or one that created the environment.
    """
    change = reading.change(environment.log, revision)
    if change is None:
        raise NotFound("revision", str(revision))
    _check_revertible(change)
    # Looked up by its id: a flag deleted and made anew in one change leaves its definition as it was.
    written = {row.log: row for row in reading.written_together(change.change_id)}
    defined = written.get(project_log(environment.project))
    definitions = tuple(edit for edit in defined.edits if edit.kind == "definition") if defined else ()
    if not definitions and any(edit.kind == "flag" and _alters_definition(edit) for edit in change.edits):
        raise Conflict(
            f"revision {revision} created or deleted the environment", mend="delete or create the environment instead"
        )
    elsewhere = ((name, written[name.log].edits) for name in _others(reading, environment) if name.log in written)
    return Reversal(environment=environment, change=change, definitions=definitions, elsewhere=tuple(elsewhere))


def apply_reversal(working: WorkingProject, reading: Reading, reversal: Reversal) -> None:
    """Undo the change in *working*. Raises `ChangedSince`, naming each item that was changed later."""
    if later := list(_later_changes(working, reading, reversal)):
        raise ChangedSince(reversal.change.revision, later)
    for edit in reversal.definitions:
        if edit.before is None:
            working.delete(edit.key)
        else:
            working.put_back(msgspec.json.decode(edit.before, type=FlagDefinition))
    for name, edits in _edits_by_environment(reversal):
        if name in working.environments:  # it may have been deleted since
            for edit in edits:
                _undo(working, working.environments[name], edit)


def _check_revertible(change: Change) -> None:
    for edit in change.edits:
        if edit.kind not in _MODELS:
            message = f"revision {change.revision} changed keys, and access that was taken away stays so"
            raise Conflict(message, mend="make a new key instead")


def _alters_definition(edit: Edit) -> bool:
    before, after = _model(edit, edit.before), _model(edit, edit.after)
    if not (isinstance(before, Flag) and isinstance(after, Flag)):
        return True
    return not same_content(before, configured(after, configuration_of(before)))


def _alters_configuration(edit: Edit) -> bool:
    before, after = _model(edit, edit.before), _model(edit, edit.after)
    if not (isinstance(before, Flag) and isinstance(after, Flag)):
        return True
    return not same_content(after, configured(after, configuration_of(before)))


def _others(reading: Reading, environment: EnvironmentName) -> Iterator[EnvironmentName]:
    return (name for name in environments_of(reading, environment.project) if name != environment)


def _edits_by_environment(reversal: Reversal) -> Iterator[tuple[EnvironmentName, tuple[Edit, ...]]]:
    yield reversal.environment, reversal.change.edits
    yield from reversal.elsewhere


def _undo(working: WorkingProject, state: WorkingState, edit: Edit) -> None:
    name: ItemName = (edit.kind, edit.key)  # type: ignore[assignment]  # kinds were checked when it was found
    before = _model(edit, edit.before)
    if edit.kind == ARCHIVED:
        state.keep(edit.key, before if isinstance(before, Flag) else None)
    elif before is None:
        if state.record(name) is not None:
            state.delete(name)
    elif isinstance(before, Flag):
        flag = state.flag(edit.key)
        if flag is not None and _alters_configuration(edit):
            state.put(configured(flag, configuration_of(before)))
    else:
        state.put(before)


def _later_changes(working: WorkingProject, reading: Reading, reversal: Reversal) -> Iterator[Problem]:
    for edit in reversal.definitions:
        if not same_content(working.definition(edit.key), _definition(edit.after)):
            yield _later(reading, project_log(working.project), ("definition", edit.key), "")
    for name, edits in _edits_by_environment(reversal):
        where = _where(reversal, name)
        for edit in edits if name in working.environments else ():
            if not _is_as_left(working.environments[name], edit):
                yield _later(reading, name.log, (edit.kind, edit.key), where)

    yield from _later_configurations(working, reading, reversal)


def _later_configurations(working: WorkingProject, reading: Reading, reversal: Reversal) -> Iterator[Problem]:
    """Find configurations, in environments made since, of flags that would go."""
    known = {name for name, _ in _edits_by_environment(reversal)}
    created = [edit.key for edit in reversal.definitions if edit.before is None]
    for name, state in working.environments.items():
        for key in created if name not in known else ():
            flag, definition = state.flag(key), working.definition(key)
            if flag and definition and not same_content(flag, replace(working.new_flag(definition), salt=flag.salt)):
                yield _later(reading, name.log, ("flag", key), _where(reversal, name))


def _where(reversal: Reversal, name: EnvironmentName) -> str:
    return "" if name == reversal.environment else f" in environment {name.environment!r}"


def _is_as_left(state: WorkingState, edit: Edit) -> bool:
    name: ItemName = (edit.kind, edit.key)  # type: ignore[assignment]  # kinds were checked when it was found
    left = _model(edit, edit.after)
    if edit.kind == ARCHIVED:
        return same_content(state.archived(edit.key), left)
    now = state.model(name)
    if isinstance(left, Flag) and edit.before is not None:
        # Its definition is the project's, and is looked at there.
        return isinstance(now, Flag) and (
            not _alters_configuration(edit) or same_content(now, configured(now, configuration_of(left)))
        )
    return same_content(now, left)


def _later(reading: Reading, log: str, item: tuple[str, str], where: str) -> Problem:
    kind, key = item
    latest = reading.latest(log, limit=1, item=item)
    what = "flag" if kind in ("definition", ARCHIVED) else kind
    by = f", in revision {latest[0].revision} by {latest[0].actor.name}" if latest else ""
    definition = "the definition of " if kind == "definition" else ""
    message = f"{definition}{what} {key!r}{where} was changed since{by}"
    return Problem(pointer(what + "s", key), message, "revert that change first, or edit the item")


def _definition(text: bytes | None) -> FlagDefinition | None:
    return None if text is None else msgspec.json.decode(text, type=FlagDefinition)


def _model(edit: Edit, text: bytes | None) -> WorkingModel | None:
    return None if text is None else msgspec.json.decode(text, type=_MODELS[edit.kind])
