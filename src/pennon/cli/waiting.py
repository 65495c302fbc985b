"""Closes connections on which nothing is asked for too long, with one timer for all of them."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

C = TypeVar("C", bound=asyncio.Transport)


class Waiting(Generic[C]):
    """Connections, in the order in which they began to wait. All may wait for the same time, then *end* ends them."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, end: Callable[[C], None] = lambda connection: connection.close()
    ) -> None:
        self._loop = loop
        self._end = end
        self._until: dict[C, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._until)

    def add(self, connection: C, patience_s: float) -> None:
        """End *connection* after so long, unless it is removed."""
        self._until[connection] = until = self._loop.time() + patience_s
        if self._timer is None:
            self._timer = self._loop.call_at(until, self._close_late)

    def remove(self, connection: C) -> bool:
        """Leave *connection* open. Return whether it waited; nothing happens if not."""
        return self._until.pop(connection, None) is not None

    def take(self) -> list[C]:
        """Return all of them, who wait no more."""
        waiting = list(self._until)
        self._until.clear()
        return waiting

    def _close_late(self) -> None:
        self._timer = None
        now = self._loop.time()
        late = []
        for connection, until in self._until.items():
            if until > now:
                self._timer = self._loop.call_at(until, self._close_late)
                break
            late.append(connection)
        for connection in late:
            del self._until[connection]
            self._end(connection)
