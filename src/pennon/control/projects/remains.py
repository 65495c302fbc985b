"""What projects and environments leave beside the logs when they are deleted, and the chore that clears it up."""

from datetime import datetime
from typing import Protocol

from pennon.control.clock import Clock

EVERY_S = 300.0
"""What came late, as of a batch that was on its way, is found after so long."""
WAKES_ON = frozenset({"project", "environment"})


class Remains(Protocol):
    """What is kept by the key of a project or an environment that is there no more."""

    def clear(self) -> bool:
        """Forget a little of it, for others wait; return whether there may be more. Raises `Unavailable`."""


class ClearingUp:
    """A chore."""

    def __init__(self, remains: Remains, clock: Clock) -> None:
        self._remains = remains
        self._clock = clock

    def run(self) -> datetime | None:
        """Forget some, and return when to go on. Raises `Unavailable`."""
        return self._clock.now() if self._remains.clear() else None
