"""Looks through a log for the changes of somebody, of an action, of a time."""

from datetime import datetime

import msgspec

from pennon.control.environments.protection import broke_glass
from pennon.control.log import Change, Reading

MOST_LOOKED_AT = 3000
"""So many rows are looked at for one page. The next goes on behind them."""
_BATCH = 200


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """Which changes are asked for. `who` is a part of a name, or an id; `action` is a word as in `turnOff`."""

    item: tuple[str, str] | None = None
    who: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None
    is_break_glass: bool = False

    @property
    def is_picky(self) -> bool:
        """Whether rows have to be looked at to know if they are asked for."""
        return bool(self.who or self.action or self.is_break_glass)

    def takes_in(self, change: Change) -> bool:
        """Return whether *change* is asked for, as far as who made it, and how, says."""
        who = self.who.casefold()
        return (
            (who in change.actor.name.casefold() or self.who == change.actor.id)
            and _plain(self.action) in ("", _plain(change.action))
            and (not self.is_break_glass or broke_glass(change.why))
        )


class Found(msgspec.Struct, frozen=True):
    """The newest changes that are asked for; `next`: there may be more before that revision."""

    changes: tuple[Change, ...]
    next: int | None


def search(reading: Reading, log: str, sought: Sought, *, before: int | None, limit: int) -> Found:
    """Return the newest changes of *log* that are asked for, of those before a revision."""
    if sought.until is not None:
        end = reading.revision_before(log, sought.until) + 1
        before = end if before is None else min(before, end)
    batch = _BATCH if sought.is_picky else limit + 1
    found: list[Change] = []
    for _ in range(MOST_LOOKED_AT // batch):
        rows = reading.latest(log, before=before, limit=batch, item=sought.item)
        for change in rows:
            if sought.since is not None and change.time < sought.since:
                return Found(tuple(found), None)
            if not sought.takes_in(change):
                continue
            if len(found) == limit:
                return Found(tuple(found), found[-1].revision)
            found.append(change)
        if len(rows) < batch:
            return Found(tuple(found), None)
        before = rows[-1].revision
    return Found(tuple(found), before)


def _plain(action: str) -> str:
    return action.replace(" ", "").casefold()
