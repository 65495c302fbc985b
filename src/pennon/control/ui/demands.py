"""What an environment demands of a change, before it is sent. Services ask again."""

from collections.abc import Sequence
from datetime import datetime

from pennon.control.changes.diff import ItemChange
from pennon.control.changes.edits import AnyEdit
from pennon.control.changes.flag_edits import TurnOff
from pennon.control.environments.ownership import owner_objections
from pennon.control.environments.protection import Leave, objections
from pennon.control.environments.views import Environment
from pennon.model import Problem


def demands(  # where, what, with what, and when
    environment: Environment,
    edits: Sequence[AnyEdit],
    items: Sequence[ItemChange],
    leave: Leave,
    *,
    why: str,
    at: datetime | None,
) -> list[Problem]:
    """Return what *edits*, which alter *items*, lack in *environment*. Turning flags off lacks nothing, ever."""
    if all(isinstance(edit, TurnOff) for edit in edits):
        return []
    lacking: list[Problem] = []
    if environment.files is not None:
        named = [(item.kind, item.key) for item in items]
        lacking += owner_objections(environment.files, leave.files, named, environment=environment.key)
    if environment.protection is not None:
        lacking += objections(environment.protection, leave, why=why, at=at)
    return lacking
