"""What the one who makes a change may not have thought of. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.split_edits import NewSaltForSplit
from pennon.control.working.state import WorkingState
from pennon.control.working.uses import users_of
from pennon.model import Flag

Altered: TypeAlias = tuple[Flag, Flag]
"""A flag as it was and as it is."""


def warnings(altered: Iterable[Altered], state: WorkingState, edits: Sequence[AnyEdit]) -> tuple[str, ...]:
    """Return what follows from *edits*, which *altered* flags and led to *state*, without their saying so."""
    reshuffled = {edit.flag for edit in edits if isinstance(edit, NewSaltForSplit)}
    found: list[str] = []
    for before, after in altered:
        found += _of_turning_off(before, after, state)
        if before.salt != after.salt and after.key not in reshuffled:
            found.append(f"flag {after.key!r} has another salt: every percentage of it chooses its users anew")
        if not before.on and not after.on:
            found.append(f"flag {after.key!r} is off: nobody sees this change before it is turned on")
    return tuple(found)


def _of_turning_off(before: Flag, after: Flag, state: WorkingState) -> Iterator[str]:
    if before.on and not after.on and (users := users_of(state, ("flag", after.key))):
        names = ", ".join(dict.fromkeys(use.user[1] for use in users))
        yield f"flag {after.key!r} is a prerequisite: while it is off, these serve their off variation: {names}"
