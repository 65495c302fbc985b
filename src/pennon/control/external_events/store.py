"""The port in which external events are kept. They are reports and not changes, and numbered by project like those."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from pennon.control.external_events.models import ExternalEvent


class Reported(msgspec.Struct, frozen=True):
    """An event as it is kept: numbered without gaps in its project, in the order in which they were reported."""

    revision: int
    event: ExternalEvent


class EventStore(Protocol):
    """Keeps external events. All raise `Unavailable`."""

    def keep(self, event: ExternalEvent) -> tuple[Reported, bool]:
        """Keep *event*, unless there is one of its id in the project; return what is kept, and whether it is new."""

    def heads(self) -> Mapping[str, int]:
        """Return the last revision of each project that has events."""

    def since(self, project: str, revision: int, *, limit: int) -> Sequence[Reported]:
        """Return a project's events after *revision*, in their order."""

    def revision_before(self, project: str, time: datetime) -> int:
        """Return the last revision of a project of what was reported before *time*; 0: nothing was."""

    def between(
        self, project: str, start: datetime, stop: datetime, *, after: str | None = None, limit: int
    ) -> Sequence[Reported]:
        """Return a project's events by the time at which they happened, in [*start*, *stop*), the newest first.

        From behind the one with the id *after*.
        """

    def sweep(self, before: datetime) -> int:
        """Forget what happened before, and return how much it was."""
