"""When a change may be made that is made later. Pure."""

import datetime
from collections.abc import Sequence

from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.flag_edits import TurnOff
from pennon.control.environments.protection import Protection, freeze_objections
from pennon.model import Problem

LONGEST_AHEAD = datetime.timedelta(days=5 * 366)


def time_problem(path: str, at: datetime.datetime, now: datetime.datetime) -> Problem | None:
    """Return why nothing can be planned for the time *at*, None if it can."""
    if at.tzinfo is None:
        return Problem(path, "the time has no zone", "write it as in 2026-12-01T09:00:00+01:00")
    if at <= now:
        return Problem(path, "this time has passed", "choose one to come")
    if at > now + LONGEST_AHEAD:
        return Problem(path, "more than five years from now", "choose an earlier time")
    return None


def frozen(protection: Protection | None, edits: Sequence[AnyEdit], at: datetime.datetime) -> str | None:
    """Return why *edits* are not made at the time *at*; None if they are. Turning off always passes."""
    if protection is None or all(isinstance(edit, TurnOff) for edit in edits):
        return None
    return next((problem.message for problem in freeze_objections(protection, at)), None)
