"""Samples of distinct things: bounded, uniform, and the same whatever order the things came in. Pure.

Each thing has a priority, a hash of it, and those with the lowest are kept (a bottom-k sketch: E. Cohen and H. Kaplan,
"Summarizing Data Using Bottom-k Sketches", PODC 2007). So one that comes a thousand times has the chance of one that
comes once, which a reservoir over the stream (J. S. Vitter, "Random Sampling with a Reservoir", 1985) does not give;
and the sample of all is had from the samples of its parts, exactly, wherever they were taken.
"""

import hashlib
import heapq
from typing import Generic, TypeVar

T = TypeVar("T")
_BYTES = 8
BITS = 63
"""Priorities are integers below two to this power: what every database can hold."""


def priority(hour: int, text: bytes) -> int:
    """Return the priority of *text* within an hour, by its number. Each hour draws anew."""
    digest = hashlib.sha256(b"%d." % hour + text).digest()
    return first_bits(digest)


def first_bits(digest: bytes) -> int:
    """Return the priority that a digest is."""
    return int.from_bytes(digest[:_BYTES], "big") >> (8 * _BYTES - BITS)


class Lowest(Generic[T]):
    """The things with the lowest priorities, at most *most* of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._things: dict[int, T] = {}
        self._heap: list[int] = []

    def __len__(self) -> int:
        return len(self._things)

    def offer(self, priority: int, thing: T) -> bool:
        """Take *thing* if it belongs to the lowest. Return whether it is new among them; another may go for it."""
        if priority in self._things:
            return False
        if len(self._things) < self._most:
            heapq.heappush(self._heap, -priority)
        elif priority > -self._heap[0]:
            return False
        else:
            del self._things[-heapq.heapreplace(self._heap, -priority)]
        self._things[priority] = thing
        return True

    def holds(self, priority: int) -> bool:
        """Whether the thing of that priority is among them."""
        return priority in self._things

    def things(self) -> list[T]:
        """Return them, the lowest first."""
        return [self._things[each] for each in sorted(self._things)]
