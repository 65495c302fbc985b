"""The port of the bus: "this environment stands at this position". A hint, never the truth.

A notice may be lost, doubled or late: who hears one reads the log, and reads it now and then without being told.
"""

from typing import Protocol, Self

import msgspec

from pennon.model import Position


class Notice(msgspec.Struct, frozen=True):
    """An environment, and the position that it has reached at least."""

    environment: str
    position: Position


class Subscription(Protocol):
    """The notices from the moment of subscribing on. Several of one environment may be folded into the newest."""

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> Notice: ...

    async def aclose(self) -> None:
        """End the subscription, and the iteration over it."""


class Bus(Protocol):
    """Carries notices from whoever wrote a change to every node."""

    async def publish(self, environment: str, position: Position) -> None:
        """Tell every subscriber that *environment* stands at *position*."""

    def announce(self, environment: str, position: Position) -> None:
        """Publish without waiting, from whatever thread."""

    def subscribe(self) -> Subscription:
        """Return a subscription that misses nothing published from now on. Call it in a running event loop."""
