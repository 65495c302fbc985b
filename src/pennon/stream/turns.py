"""Whose turn it is to send a slice: round robin, edge nodes first, and what is urgent before what is not."""

from collections import deque
from enum import IntEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Rank(IntEnum):
    """How soon a broadcast gets a turn."""

    EDGES = 0
    URGENT = 1
    OTHERS = 2


class Turns(Generic[T]):
    """A queue of those who have something to send. Each is in it once, by the best rank that it was given."""

    def __init__(self) -> None:
        self._queues: tuple[deque[T], ...] = tuple(deque() for _ in Rank)
        self._ranks: dict[T, Rank] = {}
        self._was_urgent = False

    def __len__(self) -> int:
        return len(self._ranks)

    def add(self, item: T, rank: Rank) -> None:
        """Let *item* have a turn after those of its *rank* who wait already."""
        if (before := self._ranks.get(item)) is not None:
            if before <= rank:
                return
            self._queues[before].remove(item)
        self._ranks[item] = rank
        self._queues[rank].append(item)

    def next(self) -> tuple[T, Rank]:
        """Take whose turn it is, with its rank. Raises `IndexError` where there is nobody.

        Edge nodes are few, and many wait behind each. Urgent ones get every other turn at least, so that the others
        come to an end too however many there are.
        """
        edges, urgent, others = self._queues
        if edges:
            rank = Rank.EDGES
        else:
            rank = Rank.URGENT if urgent and not (self._was_urgent and others) else Rank.OTHERS
            self._was_urgent = rank is Rank.URGENT
        item = self._queues[rank].popleft()
        del self._ranks[item]
        return item, rank
