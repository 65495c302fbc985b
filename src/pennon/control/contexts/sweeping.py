"""Forgets sampled contexts: after a week, with their environment, and where no sample is wanted any more."""

from datetime import datetime

from pennon.control.clock import Clock
from pennon.control.contexts.keeping import KEPT, ContextStore
from pennon.control.environments.views import environment as find_environment
from pennon.control.errors import NotFound
from pennon.control.log import ChangeLog, EnvironmentName, Reading

EVERY_S = 3600.0
WAKES_ON = frozenset({"environment"})


class Sweeping:
    """A chore."""

    def __init__(self, log: ChangeLog, store: ContextStore, clock: Clock, *, is_on: bool) -> None:
        self._log = log
        self._store = store
        self._clock = clock
        self._is_on = is_on

    def run(self) -> datetime | None:
        """Forget what is to be forgotten. Raises `Unavailable`."""
        names = self._store.environments()
        with self._log.reading() as reading:
            gone = [name for name in names if not (self._is_on and _is_there(reading, name))]
        self._store.forget(before=self._clock.now() - KEPT, environments=gone)
        return None


def _is_there(reading: Reading, name: str) -> bool:
    project, _, environment = name.partition("/")
    try:
        find_environment(reading, EnvironmentName(project, environment))
    except NotFound:
        return False
    return True
