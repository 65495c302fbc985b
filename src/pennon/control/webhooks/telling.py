"""Tells others, as the work that a server does by itself: looks at what is new, delivers what is due, forgets the old.

And it says in the log of this process, for those who watch that, when somebody broke the glass.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter

from pennon.control.clock import Clock
from pennon.control.environments.protection import broke_glass
from pennon.control.external_events import models as external
from pennon.control.external_events.store import EventStore
from pennon.control.log import Change
from pennon.control.webhooks.collecting import Collecting
from pennon.control.webhooks.deliveries import KEPT, DeliveryStore
from pennon.control.webhooks.delivering import Delivering

LOOK_EVERY_S = 2.0
"""How often it looks for what other processes left. What this one does it knows at once."""
SWEEP_EVERY_S = 3600.0
_MEASURE_EVERY = timedelta(seconds=10)

_log = structlog.get_logger(__name__)


class Telling:
    """Collects and delivers."""

    def __init__(
        self,
        collecting: Collecting,
        delivering: Delivering,
        store: DeliveryStore,
        events: EventStore,
        clock: Clock,
    ) -> None:
        self.metrics = delivering.metrics
        self._collecting = collecting
        self._delivering = delivering
        self._store = store
        self._events = events
        self._clock = clock
        self._measured: datetime | None = None

    def run(self) -> datetime | None:
        """Look at what is new, have what is due delivered, and return when to look again; None: in a while."""
        now = self._clock.now()
        has_more = self._collecting.run()
        due = self._delivering.start()
        if self._measured is None or not self._measured <= now < self._measured + _MEASURE_EVERY:
            self.metrics.stand(self._store.backlog(), now)
            self._measured = now
        if has_more:
            return now
        # What is due and not begun waits for a worker, or for another server: there is no use in asking at once.
        return due if due is not None and due > now else None

    def sweep(self) -> datetime | None:
        """Forget deliveries and external events that are too old."""
        now = self._clock.now()
        self._store.sweep(now - KEPT)
        self._events.sweep(now - external.KEPT)
        return None

    def stop(self) -> None:
        """Deliver no more."""
        self._delivering.stop()


class Alarm:
    """Says that the glass was broken: a warning in the log, and a number for Prometheus."""

    def __init__(self) -> None:
        self.broken = Counter(
            "pennon_break_glass", "Changes made without what their environments demand.", registry=None
        )

    def hear(self, changes: Mapping[str, Change]) -> None:
        """Look at what one command wrote."""
        rows = [change for change in changes.values() if broke_glass(change.why)]
        if rows:
            self.broken.inc()
            first = rows[0]
            _log.warning(
                "the glass was broken",
                logs=sorted(changes),
                change=first.change_id,
                actor=first.actor.name,
                why=first.why,
            )
