"""What applying files would change, told without writing it. Pure, but for what it is read from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from pennon.control.changes.diff import ItemChange, diff_texts
from pennon.control.changes.edits import AnyEdit, DeleteFlag, DeleteLayer, DeleteSegment, PutFlag, PutLayer, PutSegment
from pennon.control.changes.flag_edits import SetConfiguration
from pennon.control.changes.warnings import warnings
from pennon.control.files.drift import Drifted, Kill
from pennon.control.flags.definitions import configuration_of, redefined
from pennon.control.flags.project import WorkingProject
from pennon.control.log import ChangeWarning, EnvironmentName
from pennon.control.working.state import ItemName, WorkingState
from pennon.control.working.warnings import proved
from pennon.model import Flag, Layer, Segment
from pennon.model.flags import Wire

Edits: TypeAlias = tuple[str, tuple[AnyEdit, ...]]
"""The key of an environment, and what is to be changed in it."""
_UNSAID = "flag-off"  # of nearly every flag of a plan: what files say of a flag that is off is no oversight


class Revisions(Wire, frozen=True, kw_only=True):
    """Where the logs stood that a plan was made from: the project's, and those of the environments it speaks of."""

    project: int
    environments: Mapping[str, int]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be changed: definitions, and by environment what each does with them, segments and layers.

    `absent` (environment, item) is in Pennon and not in the files, `unsaid` (environment, flag) are flags of which they
    do not say what an environment does: both stay as they are. `kills` are flags that would be turned on again.
    """

    revisions: Revisions
    definitions: tuple[ItemChange, ...]
    environments: Mapping[str, tuple[ItemChange, ...]]
    warnings: Mapping[str, tuple[ChangeWarning, ...]]
    kills: tuple[Kill, ...]
    absent: tuple[tuple[str | None, ItemName], ...]
    unsaid: tuple[tuple[str, str], ...]
    drift: Mapping[str, tuple[Drifted, ...]]

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.definitions or self.environments)


def definition_changes(working: WorkingProject) -> tuple[ItemChange, ...]:
    """Return how definitions would be different."""
    found = (
        diff_texts(("definition", key), _encoded(working.definition_before(key)), _encoded(working.definition(key)))
        for key in working.touched()
    )
    return tuple(change for change in found if change is not None)


def environment_changes(working: WorkingProject) -> dict[str, tuple[ItemChange, ...]]:
    """Return how each environment would be different, but for what its flags have of their definitions."""
    found = {}
    for name, state in working.environments.items():
        changes = (_item_change(working, state, item) for item in state.touched())
        if told := tuple(change for change in changes if change is not None):
            found[name.environment] = told
    return found


def plan_warnings(working: WorkingProject, names: Sequence[EnvironmentName]) -> dict[str, tuple[ChangeWarning, ...]]:
    """Return what those who planned it may not have thought of, in the environments *names*."""
    found = {}
    for name in names:
        state = working.environments[name]
        touched = state.touched()
        models = ((state.before(item), state.model(item)) for item in touched)
        altered = [(one, other) for one, other in models if isinstance(one, Flag) and isinstance(other, Flag)]
        said = (*warnings(altered, state), *proved(state, state.before_state(), touched))
        if told := tuple(warning for warning in said if warning.code != _UNSAID):
            found[name.environment] = told
    return found


def edits_of(working: WorkingProject, names: Sequence[EnvironmentName]) -> tuple[Edits, ...]:
    """Return the edits of the environments *names* that change the same as *working*, for a change request."""
    told: set[str] = set()
    found = {name.environment: list(_edits(working, name, told)) for name in names}
    rest: list[AnyEdit] = []
    for key in working.touched():
        definition = working.definition(key)
        if definition is None:
            rest.append(DeleteFlag(flag=key))
        elif key not in told:
            rest.append(PutFlag(definition=definition))
    if rest and names:
        found[names[0].environment] += rest
    return tuple((environment, tuple(edits)) for environment, edits in found.items() if edits)


def _edits(working: WorkingProject, name: EnvironmentName, told: set[str]) -> Iterator[AnyEdit]:
    state = working.environments[name]
    redefinitions = frozenset(working.touched())
    for kind, key in reversed(state.touched()):  # what flags name comes before them
        model = state.model((kind, key))
        if isinstance(model, Segment):
            yield PutSegment(segment=model)
        elif isinstance(model, Layer):
            yield PutLayer(layer=model)
        elif kind != "flag":
            yield DeleteSegment(segment=key) if kind == "segment" else DeleteLayer(layer=key)
        elif isinstance(model, Flag) and (definition := working.definition(key)) is not None:
            configuration = configuration_of(model)
            if key in redefinitions:  # in each environment: they are looked at one by one
                told.add(key)
                yield PutFlag(definition=definition, configuration=configuration)
            else:
                yield SetConfiguration(flag=key, configuration=configuration)


def _item_change(working: WorkingProject, state: WorkingState, item: ItemName) -> ItemChange | None:
    """Return how *item* would be different; one that is new, also from what new ones are by themselves."""
    _, key = item
    before, after = state.before(item), state.model(item)
    if after is None:
        return diff_texts(item, _encoded(before), None)
    definition = working.definition(key) if isinstance(after, Flag) else None
    if before is None:
        if isinstance(after, Flag) and definition is not None:
            blank: Flag | Segment | Layer = replace(working.new_flag(definition, compat=after.compat), on=after.on)
        else:
            blank = Segment(key=key) if isinstance(after, Segment) else Layer(key=key)
        more = diff_texts(item, _encoded(replace(blank, salt=after.salt)), _encoded(after))
        created = diff_texts(item, None, _encoded(after))
        return created and replace(created, sentences=(*created.sentences, *(more.sentences if more else ())))
    if isinstance(before, Flag) and definition is not None:
        before = redefined(before, definition)
    return diff_texts(item, _encoded(before), _encoded(after))


def _encoded(model: msgspec.Struct | None) -> bytes | None:
    return None if model is None else msgspec.json.encode(model)
