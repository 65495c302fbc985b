"""Reads edits from JSON as the admin API does."""

from collections.abc import Sequence

import msgspec

from pennon.control.changes.edits import AnyEdit
from pennon.control.errors import Invalid
from pennon.model import Json
from pennon.model.strict import shape_problems


def read_edits(values: Sequence[Json]) -> list[AnyEdit]:
    """Return *values* as edits. Raises `Invalid` with every fault."""
    if problems := shape_problems(list(values), list[AnyEdit]):
        raise Invalid(problem.under("/edits") for problem in problems)
    return msgspec.convert(list(values), list[AnyEdit])
