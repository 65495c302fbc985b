"""Applies edits to a working state, in order, and checks what they lead to as a whole. Pure."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from pennon.control.changes.editing import EditRefused, FlagEdit, LayerEdit, SegmentEdit
from pennon.control.changes.edits import (
    ActivateSchema,
    AnyEdit,
    ArchiveFlag,
    CleanUpSchema,
    DeleteFlag,
    DeleteLayer,
    DeleteSegment,
    PrepareSchema,
    PutFlag,
    PutLayer,
    PutSegment,
    RestoreFlag,
)
from pennon.control.changes.origins import Origins
from pennon.control.errors import FlagArchived, Invalid
from pennon.control.flags import schema_steps
from pennon.control.flags.checks import definition_faults
from pennon.control.flags.definitions import FlagDefinition, completed, configured
from pennon.control.flags.project import WorkingProject
from pennon.control.log import EnvironmentName
from pennon.control.working.checks import faults
from pennon.control.working.state import WorkingState
from pennon.model import Layer, Problem, Segment, pointer

SchemaEdit: TypeAlias = PrepareSchema | ActivateSchema | CleanUpSchema
ProjectEdit: TypeAlias = PutFlag | DeleteFlag | ArchiveFlag | RestoreFlag | SchemaEdit
"""Edits of what the whole project shares."""


def alters_definitions(edits: Sequence[AnyEdit]) -> bool:
    """Return whether *edits* may alter what the whole project shares."""
    return any(isinstance(edit, ProjectEdit) for edit in edits)


def apply_edits(working: WorkingProject, environment: EnvironmentName, edits: Sequence[AnyEdit]) -> None:
    """Apply *edits* to *environment*. An edit may use what another one of them creates.

    Raises `Invalid` with paths below `/edits`, and the conflicts of deleting what is in use.
    """
    refused = []
    for index, edit in enumerate(edits):
        try:
            _apply(working, working.environments[environment], edit)
        except EditRefused as refusal:
            refused.append(refusal.problem.under(pointer("edits", index)))
    if refused:  # what the others lead to was never meant
        raise Invalid(refused)
    if problems := list(_problems(working, environment, Origins(edits))):
        raise Invalid(problems)


def _problems(working: WorkingProject, environment: EnvironmentName, origins: Origins) -> Iterator[Problem]:
    found = definition_faults(working)
    if found:  # they would show again in each environment
        yield from (origins.of_definition(fault.key, fault.problem) for fault in found)
        return
    for name, state in working.environments.items():
        for fault in faults(state):
            problem = origins.of_fault(fault, state.model(fault.item))
            elsewhere = "" if name == environment else f"in environment {name.environment!r}: "
            yield replace(problem, message=elsewhere + problem.message)


def _apply(working: WorkingProject, state: WorkingState, edit: AnyEdit) -> None:
    if isinstance(edit, FlagEdit):
        if (flag := state.flag(edit.flag)) is None:
            raise _archived("flag", edit.flag) if state.archived(edit.flag) else _missing("flag", edit.flag, "putFlag")
        state.put(edit.apply(flag, working.new_salt))
    elif isinstance(edit, SegmentEdit):
        if (segment := state.segment(edit.segment)) is None:
            raise _missing("segment", edit.segment, "putSegment")
        state.put(edit.apply(segment))
    elif isinstance(edit, LayerEdit):
        if (layer := state.layer(edit.layer)) is None:
            raise _missing("layer", edit.layer, "putLayer")
        state.put(edit.apply(layer))
    elif isinstance(edit, ProjectEdit):
        _apply_to_project(working, state, edit)
    elif isinstance(edit, PutSegment | PutLayer):
        _put(working, state, edit.segment if isinstance(edit, PutSegment) else edit.layer)
    else:
        _delete(state, edit)


def _apply_to_project(working: WorkingProject, state: WorkingState, edit: ProjectEdit) -> None:
    if isinstance(edit, PutFlag):
        _put_flag(working, state, edit)
        return
    if (definition := working.definition(edit.flag)) is None:
        raise _missing("flag", edit.flag, "")
    if isinstance(edit, DeleteFlag):
        working.delete(edit.flag)
    elif isinstance(edit, ArchiveFlag):
        working.archive(definition)
    elif isinstance(edit, SchemaEdit):
        _move_values(working, definition, edit)
    elif definition.archived:
        working.restore(definition, edit.how)


def _move_values(working: WorkingProject, definition: FlagDefinition, edit: SchemaEdit) -> None:
    try:
        if isinstance(edit, PrepareSchema):
            working.settle(schema_steps.prepared(definition, edit.prepared))
        elif isinstance(edit, ActivateSchema):
            working.settle(schema_steps.activated(definition))
        else:
            working.settle(schema_steps.cleaned_up(definition))
    except FlagArchived as error:
        raise _archived("flag", definition.key) from error


def _put_flag(working: WorkingProject, state: WorkingState, edit: PutFlag) -> None:
    definition = completed(edit.definition)
    if (current := working.definition(definition.key)) is not None and current.archived:
        raise _archived("definition/key", definition.key)
    if definition.archived:
        raise EditRefused("/definition/archived", "saying so archives nothing", "leave it out, and use archiveFlag")
    working.define(definition, compat=edit.configuration.compat if edit.configuration is not None else None)
    flag = state.flag(definition.key)
    if flag is not None and edit.configuration is not None:
        state.put(configured(flag, edit.configuration))


def _put(working: WorkingProject, state: WorkingState, model: Segment | Layer) -> None:
    before = state.segment(model.key) if isinstance(model, Segment) else state.layer(model.key)
    if isinstance(model, Segment) and model.compat is not None:  # an imported salt may be any, and none
        state.put(model)
    else:
        state.put(replace(model, salt=model.salt or (before.salt if before else working.new_salt())))


def _delete(state: WorkingState, edit: DeleteSegment | DeleteLayer) -> None:
    if state.record(edit.item) is None:
        raise _missing(*edit.item, "")
    state.delete(edit.item)


def _missing(kind: str, key: str, maker: str) -> EditRefused:
    mend = f"create it with {maker}, before this edit or in it" if maker else "leave the edit out"
    return EditRefused(pointer(kind), f"there is no {kind} {key!r}", mend)


def _archived(path: str, key: str) -> EditRefused:
    mend = "restore it, by restoreFlag before this edit or by pennon flag restore, or choose another key"
    return EditRefused(f"/{path}", f"flag {key!r} is archived, and its key is reserved", mend)
