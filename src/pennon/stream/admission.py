"""How many whole snapshots are on their way at once, and when to come back for those beyond.

A herd that needs the environment whole is bounded by bytes and by number, for each of them fills the kernel's buffers
until its reader has taken it. Who is refused is given a place in a queue that nobody stands in: the later of them, the
later to come. Deltas pass by freely. Pure but for the clock and chance, which are given.
"""

import math
import random
from collections.abc import Callable

import msgspec

_WINDOW_S = 1.0
_FIRST_RATE = 0.2
"""Until it was measured: five seconds for as much as may be in flight."""
_SLOWEST_RATE = 0.01


class Later(msgspec.Struct, frozen=True):
    """Not now: come back after so many whole seconds, which differ from one to the next."""

    retry_after_s: int


class Ticket:
    """The leave to send one snapshot. To be given back when it is sent, or its reader is gone."""

    __slots__ = ("_admission", "size")

    def __init__(self, admission: "Admission", size: int) -> None:
        self._admission: Admission | None = admission
        self.size = size

    def leave(self) -> None:
        """Make room for another. Doing it twice does no harm."""
        if (admission := self._admission) is not None:
            self._admission = None
            admission.left(self.size)


class Admission:
    """Lets in at most *count* snapshots of *size* bytes together, one at least, however large it is."""

    def __init__(
        self,
        *,
        count: int,
        size: int,
        longest_s: float,
        now: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._count = count
        self._size = size
        self._longest_s = longest_s
        self._now = now
        self._chance = chance
        self.count = 0
        """How many are in flight."""
        self.size = 0
        """How many bytes they have together."""
        self._rate = _FIRST_RATE
        self._booked_until = -math.inf
        self._window_from: float | None = None
        self._left_in_window = 0.0

    def has_room(self, size: int) -> bool:
        """Whether *size* bytes more may be sent now."""
        return not self.count or (self.count < self._count and self.size + size <= self._size)

    def try_enter(self, size: int) -> Ticket | Later:
        """Return the leave to send *size* bytes now, or when to ask again."""
        if not self.has_room(size):
            return Later(self._wait(size))
        self.count += 1
        self.size += size
        return Ticket(self, size)

    def left(self, size: int) -> None:
        """Note that a snapshot of *size* bytes was sent. Tickets call this."""
        self.count -= 1
        self.size -= size
        if self._window_from is not None:
            self._left_in_window += self._share(size)
            self._measure(self._window_from)

    def _wait(self, size: int) -> int:
        """Return when the turn of who asks now comes, give or take a half, so that no two come at once."""
        now = self._now()
        if self._window_from is None:
            # What leaves while there is room says how much is asked for, not how much could leave.
            self._window_from, self._left_in_window = now, 0.0
        booked = max(now, self._booked_until) + self._share(size) / self._rate
        self._booked_until = min(booked, now + self._longest_s)
        return max(1, math.ceil((self._booked_until - now) * (0.5 + self._chance())))

    def _measure(self, begun: float) -> None:
        """Take what left since *begun* for what can leave, as long as more wanted to."""
        lasted = (now := self._now()) - begun
        is_crowded = 2 * self.count >= self._count or 2 * self.size >= self._size
        if is_crowded and lasted < _WINDOW_S:
            return
        rate = self._left_in_window / max(lasted, _WINDOW_S / 10)
        self._rate = max(_SLOWEST_RATE, (self._rate + rate) / 2)
        self._window_from, self._left_in_window = (now if is_crowded else None), 0.0

    def _share(self, size: int) -> float:
        """Return how much of all that may be in flight *size* bytes are."""
        return max(1 / self._count, min(1.0, size / self._size))
