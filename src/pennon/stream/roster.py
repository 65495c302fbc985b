"""Who is due in a broadcast: a ring that is walked in slices, from a new place each time, while members come and go.

It knows nothing of what its members are told, nor when.
"""

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

_FEWEST_HOLES = 32


class Member(Protocol):
    """Something that stands in a roster, and keeps its place there for it."""

    index: int


M = TypeVar("M", bound=Member)


class Roster(Generic[M]):
    """The members of a ring. Adding and removing one is cheap; a removed one leaves a hole until there are many."""

    __slots__ = ("_at", "_holes", "_left", "_ring")

    def __init__(self) -> None:
        self._ring: list[M | None] = []
        self._holes = 0
        self._at = 0
        self._left = 0

    def __len__(self) -> int:
        return len(self._ring) - self._holes

    def __iter__(self) -> Iterator[M]:
        """Yield the members as they are now."""
        return iter([member for member in self._ring if member is not None])

    @property
    def left(self) -> int:
        """How many places are to be walked over yet."""
        return self._left

    def add(self, member: M) -> None:
        """Put *member* at the end."""
        member.index = len(self._ring)
        self._ring.append(member)
        if self._left:
            # The end lies before the hand or behind it: one place more is walked over, so that nobody is passed by.
            self._left += 1

    def remove(self, member: M) -> None:
        """Take *member* out; nothing if it is not in."""
        if member.index < 0:
            return
        self._ring[member.index] = None
        member.index = -1
        self._holes += 1
        if self._holes > _FEWEST_HOLES and self._holes * 2 > len(self._ring):
            self._close_holes()

    def begin(self) -> None:
        """Let everybody be due: first those who still were, then the others.

        A walk that begins while none is under way begins elsewhere in the ring, so that nobody is always last.
        """
        if not self._left and self._ring:
            self._at = (self._at + 1 + len(self._ring) // 3) % len(self._ring)
        self._left = len(self._ring)

    def take(self, most: int) -> list[M | None]:
        """Return the next ones who are due, with the holes between them: at most *most* places, none at the end."""
        ring, at = self._ring, self._at
        count = min(most, self._left, len(ring) - at)
        self._left -= count
        self._at = (at + count) % len(ring) if ring else 0
        return ring[at : at + count]

    def _close_holes(self) -> None:
        walk = self._ring[self._at :] + self._ring[: self._at]
        due = [member for member in walk[: self._left] if member is not None]
        self._ring = [*due, *(member for member in walk[self._left :] if member is not None)]
        self._at, self._left, self._holes = 0, len(due), 0
        for index, member in enumerate(self._ring):
            if member is not None:
                member.index = index
