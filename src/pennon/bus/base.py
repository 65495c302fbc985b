"""The port of the bus: "this environment stands at this position", and where there is room, the step to there.

A hint, never the truth: a notice may be lost, doubled or late. Who stands where the step begins may take it; all others
read the log, and read it now and then without being told.
"""

from typing import Protocol, Self

import msgspec

from pennon.model import Position


class Notice(msgspec.Struct, frozen=True):
    """An environment, and the position that it has reached at least."""

    environment: str
    position: Position
    delta: bytes | None = None
    """The step to *position*, as the JSON of a `Delta` of the edge projection: hashes of keys are in it, no secrets."""


class Subscription(Protocol):
    """The notices from the moment of subscribing on, those of one environment in the order of their positions.

    Several may be folded into the newest, unless each has a delta and they are few.
    """

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> Notice: ...

    async def aclose(self) -> None:
        """End the subscription, and the iteration over it."""


class Bus(Protocol):
    """Carries notices from whoever wrote a change to every node."""

    async def publish(self, environment: str, position: Position, *, delta: bytes | None = None) -> None:
        """Tell every subscriber that *environment* stands at *position*, to which *delta* leads.

        A delta that the bus cannot carry is left out.
        """

    def announce(self, environment: str, position: Position, *, delta: bytes | None = None) -> None:
        """Publish without waiting, from whatever thread."""

    def subscribe(self) -> Subscription:
        """Return a subscription that misses nothing published from now on. Call it in a running event loop."""
