"""The bus within one process: no server, no serialisation, any thread may publish."""

import asyncio
from typing import Self

from pennon.bus.base import Notice
from pennon.model import Position

_STEPS = 32
"""So many notices of one environment wait, with their deltas. More would be a slow reader's, who reads the log."""


class MemorySubscription:
    """Holds the newest notices of each environment until they are read, few of each: a slow reader costs no memory."""

    def __init__(self, bus: "MemoryBus") -> None:
        self._bus = bus
        self._loop = asyncio.get_running_loop()
        self._pending: dict[str, list[Notice]] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Notice:
        while not self._pending:
            if self._closed:
                raise StopAsyncIteration
            self._waiter = self._loop.create_future()
            await self._waiter
        environment, waiting = next(iter(self._pending.items()))
        notice = waiting.pop(0)
        if not waiting:
            del self._pending[environment]
        return notice

    async def aclose(self) -> None:
        """End the subscription, and the iteration over it."""
        self._bus.forget(self)
        self._closed = True
        self._wake()

    def offer(self, notice: Notice) -> None:
        """Take *notice*, from whatever thread."""
        if self._loop.is_closed():
            self._bus.forget(self)
            return
        self._loop.call_soon_threadsafe(self._take, notice)

    def _take(self, notice: Notice) -> None:
        waiting = self._pending.setdefault(notice.environment, [])
        if not waiting or waiting[-1].position < notice.position:
            # Steps are of use in a row only: where one is missing, the newest says enough.
            if notice.delta is None or (waiting and waiting[-1].delta is None) or len(waiting) >= _STEPS:
                waiting.clear()
            waiting.append(notice)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class MemoryBus:
    """A bus for one process. See `pennon.bus.base.Bus`."""

    def __init__(self) -> None:
        self._subscriptions: tuple[MemorySubscription, ...] = ()

    async def publish(self, environment: str, position: Position, *, delta: bytes | None = None) -> None:
        """Tell every subscriber that *environment* stands at *position*, to which *delta* leads."""
        self.announce(environment, position, delta=delta)

    def announce(self, environment: str, position: Position, *, delta: bytes | None = None) -> None:
        """Publish without waiting, from whatever thread: a writer's commit hook calls this."""
        notice = Notice(environment, position, delta)
        for subscription in self._subscriptions:
            subscription.offer(notice)

    def subscribe(self) -> MemorySubscription:
        """Return a subscription that misses nothing published from now on. Call it in a running event loop."""
        subscription = MemorySubscription(self)
        # Replaced whole, so that a publishing thread never walks a list that changes under it.
        self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def forget(self, subscription: MemorySubscription) -> None:
        """Publish to *subscription* no more."""
        self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)
