"""What a change under way would alter, told without writing it. Pure."""

from collections.abc import Iterator

import msgspec

from pennon.control.changes.diff import ItemChange, diff_texts
from pennon.control.flags.project import WorkingProject
from pennon.control.log import ChangeWarning, EnvironmentName
from pennon.control.working.state import WorkingState


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a change would alter: definitions and items of its environment, and how many items of other environments."""

    changed: bool
    items: tuple[ItemChange, ...]
    elsewhere: tuple[tuple[EnvironmentName, tuple[ItemChange, ...]], ...] = ()
    warnings: tuple[ChangeWarning, ...] = ()


def preview(working: WorkingProject, environment: EnvironmentName, warnings: tuple[ChangeWarning, ...]) -> Preview:
    """Return what *working* would alter, as seen from *environment*."""
    changes = {name: tuple(_changes(state)) for name, state in working.environments.items()}
    items = (*_definition_changes(working), *changes.pop(environment))
    elsewhere = tuple((name, altered) for name, altered in changes.items() if altered)
    return Preview(changed=bool(items or elsewhere), items=items, elsewhere=elsewhere, warnings=warnings)


def _changes(state: WorkingState) -> Iterator[ItemChange]:
    for name in state.touched():
        before, after = state.stored(name), state.record(name)
        change = diff_texts(name, before.text if before else None, after.text if after else None)
        if change is not None:
            yield change


def _definition_changes(working: WorkingProject) -> Iterator[ItemChange]:
    for key in working.touched():
        texts = (working.definition_before(key), working.definition(key))
        before, after = (None if each is None else msgspec.json.encode(each) for each in texts)
        change = diff_texts(("definition", key), before, after)
        if change is not None:
            yield change
