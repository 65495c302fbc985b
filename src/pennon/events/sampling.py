"""Samples of distinct things: bounded, uniform, and the same whatever order the things came in. Pure.

Each thing has a priority, a hash of it, and those with the lowest are kept (a bottom-k sketch: E. Cohen and H. Kaplan,
"Summarizing Data Using Bottom-k Sketches", PODC 2007). So one that comes a thousand times has the chance of one that
comes once, which a reservoir over the stream (J. S. Vitter, "Random Sampling with a Reservoir", 1985) does not give;
and the sample of all is had from the samples of its parts, exactly, wherever they were taken.
"""

import hashlib
import heapq

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


class Lowest:
    """The lowest of the priorities that were offered, at most *most* of them: whose things are the sample."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: set[int] = set()
        self._heap: list[int] = []

    def __len__(self) -> int:
        return len(self._kept)

    def offer(self, priority: int) -> bool:
        """Take *priority* if it belongs to the lowest. Return whether it is new among them; another may go for it."""
        if priority in self._kept:
            return False
        if len(self._kept) < self._most:
            heapq.heappush(self._heap, -priority)
        elif priority > -self._heap[0]:
            return False
        else:
            self._kept.remove(-heapq.heapreplace(self._heap, -priority))
        self._kept.add(priority)
        return True

    def holds(self, priority: int) -> bool:
        """Whether *priority* is among them."""
        return priority in self._kept
