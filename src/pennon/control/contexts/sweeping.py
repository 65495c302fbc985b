"""Forgets sampled contexts: after a week, and where no sample is wanted any more."""

from datetime import datetime

from pennon.control.clock import Clock
from pennon.control.contexts.keeping import KEPT, ContextStore

EVERY_S = 3600.0


class Sweeping:
    """A chore."""

    def __init__(self, store: ContextStore, clock: Clock, *, is_on: bool) -> None:
        self._store = store
        self._clock = clock
        self._is_on = is_on

    def run(self) -> datetime | None:
        """Forget what is to be forgotten. Raises `Unavailable`."""
        unwanted = () if self._is_on else self._store.environments()
        self._store.forget(before=self._clock.now() - KEPT, environments=unwanted)
        return None
