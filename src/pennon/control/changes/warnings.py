"""What the one who makes a change may not have thought of. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.split_edits import NewSaltForSplit
from pennon.control.log import ChangeWarning
from pennon.control.working.state import WorkingState
from pennon.control.working.uses import users_of
from pennon.model import Flag, pointer

Altered: TypeAlias = tuple[Flag, Flag]
"""A flag as it was and as it is."""


def warnings(
    altered: Iterable[Altered], state: WorkingState, edits: Sequence[AnyEdit] = ()
) -> tuple[ChangeWarning, ...]:
    """Return what follows from *edits*, which *altered* flags and led to *state*, without their saying so."""
    reshuffled = {edit.flag for edit in edits if isinstance(edit, NewSaltForSplit)}
    found: list[ChangeWarning] = []
    for before, after in altered:
        found += _of_turning_off(before, after, state)
        if before.salt != after.salt and after.key not in reshuffled:
            message = f"flag {after.key!r} has another salt: every percentage of it chooses its users anew"
            mend = "give it its old salt, unless that is meant"
            found.append(ChangeWarning(code="salt-changed", path=_path(after, "salt"), message=message, mend=mend))
        if not before.on and not after.on:
            message = f"flag {after.key!r} is off: nobody sees this change before it is turned on"
            mend = "turn it on when it is ready"
            found.append(ChangeWarning(code="flag-off", path=_path(after, "on"), message=message, mend=mend))
    return tuple(found)


def _of_turning_off(before: Flag, after: Flag, state: WorkingState) -> Iterator[ChangeWarning]:
    if before.on and not after.on and (users := users_of(state, ("flag", after.key))):
        names = ", ".join(dict.fromkeys(use.user[1] for use in users))
        message = f"flag {after.key!r} is a prerequisite: while it is off, these serve their off variation: {names}"
        mend = "take it out of their prerequisites, unless that is meant"
        yield ChangeWarning(code="prerequisite-turned-off", path=_path(after, "on"), message=message, mend=mend)


def _path(flag: Flag, member: str) -> str:
    return pointer("flags", flag.key, member)
