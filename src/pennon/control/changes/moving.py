"""Whom a change under way would give another variation, told by the sample of its environment's contexts."""

from datetime import datetime

import msgspec

from pennon.control.contexts.moves import Moves, count_moves
from pennon.control.contexts.views import Sample
from pennon.control.working.state import ItemName, WorkingState
from pennon.control.working.uses import users_of


class SampledMoves(msgspec.Struct, frozen=True, kw_only=True):
    """The moves, and since when contexts are there."""

    moves: Moves
    since: datetime


def moves_of(state: WorkingState, sample: Sample) -> SampledMoves | None:
    """Return whom *state* moves, in its flags and in those that need them; None where nothing is known of anybody."""
    if sample.since is None:
        return None
    found = count_moves(state.before_state().snapshot(), state.snapshot(), concerned_flags(state), sample.contexts)
    return None if found is None else SampledMoves(moves=found, since=sample.since)


def concerned_flags(state: WorkingState) -> list[str]:
    """Return the flags that may answer otherwise: those that are altered, then who has them or a segment of theirs."""
    found: dict[ItemName, None] = dict.fromkeys(state.touched())
    waiting = list(found)
    while waiting:
        for use in users_of(state, waiting.pop(0)):
            if use.user not in found:
                found[use.user] = None
                waiting.append(use.user)
    return [key for kind, key in found if kind == "flag"]
