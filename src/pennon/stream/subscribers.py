"""Those who listen to an environment: what waits for each, bounded, and a nudge when there is something to do.

What a change costs here is one encoded frame shared by all, and a reference to it per listener. Who takes the bytes to
the socket is not this module's business: today a task per stream.
"""

import asyncio
from enum import StrEnum

from pennon.model import Position
from pennon.protocol import Projection


class Ended(StrEnum):
    """Why a stream ended."""

    LEFT = "left"
    REVOKED = "revoked"
    STUCK = "stuck"
    DRAINED = "drained"
    REMOVED = "removed"
    FAILED = "failed"


class Subscription:
    """One stream's side of the fan-out.

    `position` is what the client holds once everything taken has been sent. When more waits than fits, it is dropped
    and the stream is `lagging`: its next frame is a new opening from `position`, one delta for all that was missed.
    A notify stream is never offered frames: it lags whenever there is something to tell, `urgent` or not.
    """

    __slots__ = (
        "_limit",
        "_pending",
        "_size",
        "_waiter",
        "ended",
        "key_hash",
        "lagging",
        "position",
        "projection",
        "sending_since",
        "task",
        "urgent",
    )

    def __init__(self, key_hash: str, projection: Projection, *, limit: int) -> None:
        self.key_hash = key_hash
        self.projection: Projection = projection
        self.position: Position | None = None
        self.lagging = False
        self.urgent = False
        self.ended: Ended | None = None
        self.sending_since: float | None = None
        self.task: asyncio.Task[None] | None = None
        self._limit = limit
        self._pending: list[tuple[bytes, Position]] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, frame: bytes, position: Position) -> bool:
        """Leave *frame*, which leads to *position*. False where it did not fit, and the stream begins to lag."""
        if self.lagging:
            return True
        self._pending.append((frame, position))
        self._size += len(frame)
        fits = self._size <= self._limit or len(self._pending) == 1
        if not fits:
            self.fall_behind()
        self.wake()
        return fits

    def fall_behind(self) -> None:
        """Forget what waits: the next frame opens the stream anew from `position`."""
        self._pending.clear()
        self._size = 0
        self.lagging = True
        self.wake()

    def take(self) -> list[bytes]:
        """Return the frames that wait, and count them as sent."""
        if not self._pending:
            return []
        taken, self._pending, self._size = self._pending, [], 0
        self.position = taken[-1][1]
        return [frame for frame, _ in taken]

    def end(self, reason: Ended) -> None:
        """Ask the stream to end; the first reason stands."""
        if self.ended is None:
            self.ended = reason
        self.wake()

    def abort(self, reason: Ended) -> None:
        """End the stream even in the middle of a send that never comes back."""
        self.end(reason)
        if self.task is not None:
            self.task.cancel()

    def wake(self) -> None:
        """Let `wait` return."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, until: float) -> None:
        """Wait until there is something to do, or until *until* of the loop's clock."""
        if self._pending or self.lagging or self.ended:
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_at(until, self.wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None
