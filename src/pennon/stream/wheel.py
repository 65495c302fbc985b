"""A timer wheel: everybody comes round once in a turn, spread over it, whoever came together."""

import math
from collections.abc import Collection
from typing import Generic, Protocol, TypeVar


class Seated(Protocol):
    """Something that sits in a wheel, and keeps its seat there for it."""

    seat: int


_GOLDEN = 0.618

S = TypeVar("S", bound=Seated)


class Wheel(Generic[S]):
    """A wheel of *seats*; each `turn` shows who sits in the next one."""

    __slots__ = ("_hand", "_next", "_seats", "_size", "_stride")

    def __init__(self, seats: int) -> None:
        self._seats: list[set[S]] = [set() for _ in range(seats)]
        self._hand = 0
        self._next = 0
        self._size = 0
        # Neighbours in time sit far from each other, and every seat is given before one is given again.
        strides = range(max(1, round(seats * _GOLDEN)), seats + 1)
        self._stride = next(stride for stride in strides if math.gcd(stride, seats) == 1)

    def __len__(self) -> int:
        return self._size

    def add(self, member: S) -> None:
        """Give *member* a seat."""
        member.seat = self._next
        self._seats[self._next].add(member)
        self._next = (self._next + self._stride) % len(self._seats)
        self._size += 1

    def remove(self, member: S) -> None:
        """Take *member* out; nothing if it is not in."""
        if member.seat >= 0:
            self._seats[member.seat].discard(member)
            member.seat = -1
            self._size -= 1

    def turn(self) -> Collection[S]:
        """Return those in the next seat, as they are now."""
        seat = self._seats[self._hand]
        self._hand = (self._hand + 1) % len(self._seats)
        return tuple(seat)

    def skip(self, most: int) -> int:
        """Pass over the empty seats that come next, *most* of them at the most, and return how many there were."""
        seats, count = self._seats, 0
        while count < most and not seats[self._hand]:
            self._hand = (self._hand + 1) % len(seats)
            count += 1
        return count
