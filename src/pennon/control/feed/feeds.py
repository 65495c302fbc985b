"""The feeds that are open in this process, how many and for whom; woken by what it commits, and ended with it."""

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from pennon.control.clock import Clock
from pennon.control.errors import TooManyAttempts, Unavailable
from pennon.control.external_events.store import EventStore
from pennon.control.feed.following import Admit, Following, Scope
from pennon.control.feed.places import Place
from pennon.control.log import ChangeLog

MOST_OF_ONE = 10
"""Feeds that one token or account may have open in a process."""
_COME_BACK = timedelta(seconds=30)


class OpenFeed:
    """One feed that is open. Made in the thread of the loop that writes it."""

    def __init__(self, who: str) -> None:
        self.who = who
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Have it look at once. From any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    async def wait(self, seconds: float) -> None:
        """Wait for so long, or until it is woken."""
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return
        self._woken.clear()


class Feeds:
    """All open feeds of a process, at most *most*. From any thread."""

    def __init__(self, log: ChangeLog, events: EventStore, clock: Clock, *, most: int) -> None:
        self._log = log
        self._events = events
        self._clock = clock
        self._most = most
        self._open: set[OpenFeed] = set()
        self._lock = threading.Lock()
        self._is_draining = False

    @property
    def is_draining(self) -> bool:
        """Whether they are to end, for the server stops."""
        return self._is_draining

    def __len__(self) -> int:
        return len(self._open)

    def following(self, scope: Scope, *, admit: Admit, after: Place | None) -> Following:
        """Return a reader of *scope*, who may see what *admit* says at each look, and goes on from *after*."""
        return Following(self._log, self._events, self._clock, scope, admit=admit, after=after)

    def add(self, feed: OpenFeed) -> None:
        """Count one more. Raises `TooManyAttempts` for who has too many, `Unavailable` where there are too many."""
        with self._lock:
            if self._is_draining or len(self._open) >= self._most:
                raise Unavailable("no more feeds can be opened here now", mend="come back later")
            if Counter(each.who for each in self._open)[feed.who] >= MOST_OF_ONE:
                raise TooManyAttempts(_COME_BACK)
            self._open.add(feed)

    def remove(self, feed: OpenFeed) -> None:
        """Count one less. Nothing for one that is not counted."""
        with self._lock:
            self._open.discard(feed)

    def hear(self, _changes: Mapping[str, object]) -> None:
        """Wake all, for something was committed."""
        self.wake()

    def wake(self) -> None:
        """Have all look at once."""
        with self._lock:
            feeds = list(self._open)
        for feed in feeds:
            feed.wake()

    def drain(self) -> None:
        """End all of them, and let nobody in any more."""
        self._is_draining = True
        self.wake()
