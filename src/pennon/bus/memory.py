"""The bus within one process: no server, no serialisation, any thread may publish."""

import asyncio
from typing import Self

from pennon.bus.base import Notice
from pennon.model import Position


class MemorySubscription:
    """Holds the newest notice of each environment until it is read, so a slow reader costs no memory."""

    def __init__(self, bus: "MemoryBus") -> None:
        self._bus = bus
        self._loop = asyncio.get_running_loop()
        self._pending: dict[str, Position] = {}
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
        environment = next(iter(self._pending))
        return Notice(environment, self._pending.pop(environment))

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
        known = self._pending.get(notice.environment)
        if known is None or known < notice.position:
            self._pending[notice.environment] = notice.position
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class MemoryBus:
    """A bus for one process. See `pennon.bus.base.Bus`."""

    def __init__(self) -> None:
        self._subscriptions: tuple[MemorySubscription, ...] = ()

    async def publish(self, environment: str, position: Position) -> None:
        """Tell every subscriber that *environment* stands at *position*."""
        self.announce(environment, position)

    def announce(self, environment: str, position: Position) -> None:
        """Publish without waiting, from whatever thread: a writer's commit hook calls this."""
        notice = Notice(environment, position)
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
