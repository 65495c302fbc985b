"""What a change under way would alter, told without writing it. Pure."""

import msgspec

from pennon.control.changes.diff import ItemChange, Texts, diff_all
from pennon.control.changes.moving import SampledMoves
from pennon.control.flags.project import WorkingProject
from pennon.control.log import ChangeWarning, EnvironmentName
from pennon.control.working.state import ARCHIVED, WorkingState


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a change would alter: definitions and items of its environment, and how many items of other environments.

    `moves` is whom it moves in its environment, where that was asked for and contexts are known.
    """

    changed: bool
    items: tuple[ItemChange, ...]
    elsewhere: tuple[tuple[EnvironmentName, tuple[ItemChange, ...]], ...] = ()
    warnings: tuple[ChangeWarning, ...] = ()
    moves: SampledMoves | None = None


def preview(working: WorkingProject, environment: EnvironmentName, warnings: tuple[ChangeWarning, ...]) -> Preview:
    """Return what *working* would alter, as seen from *environment*."""
    changes = {name: _changes(state) for name, state in working.environments.items()}
    items = (*_definition_changes(working), *changes.pop(environment))
    elsewhere = tuple((name, altered) for name, altered in changes.items() if altered)
    return Preview(changed=bool(items or elsewhere), items=items, elsewhere=elsewhere, warnings=warnings)


def _changes(state: WorkingState) -> tuple[ItemChange, ...]:
    texts: dict[tuple[str, str], Texts] = {}
    for name in state.touched():
        before, after = state.stored(name), state.record(name)
        texts[name] = (before.text if before else None, after.text if after else None)
    texts |= {(ARCHIVED, key): _encoded(state.archived_before(key), state.archived(key)) for key in state.kept()}
    return diff_all(texts)


def _definition_changes(working: WorkingProject) -> tuple[ItemChange, ...]:
    touched = working.touched()
    pairs = {("definition", key): (working.definition_before(key), working.definition(key)) for key in touched}
    return diff_all({name: _encoded(*pair) for name, pair in pairs.items()})


def _encoded(before: msgspec.Struct | None, after: msgspec.Struct | None) -> Texts:
    return (
        None if before is None else msgspec.json.encode(before),
        None if after is None else msgspec.json.encode(after),
    )
