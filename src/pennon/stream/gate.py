"""How many may be sent something large at a time; the others wait in the order in which they came."""

from typing import Generic, TypeVar

T = TypeVar("T")


class Gate(Generic[T]):
    """Room for *most*."""

    __slots__ = ("_inside", "_most", "_waiting")

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside: set[T] = set()
        self._waiting: dict[T, None] = {}

    def enter(self, item: T) -> bool:
        """Let *item* in; or let it wait, and say False."""
        if item in self._inside:
            return True
        if len(self._inside) < self._most:
            self._inside.add(item)
            self._waiting.pop(item, None)
            return True
        self._waiting[item] = None
        return False

    def leave(self, item: T) -> T | None:
        """Let *item* go, or wait no more. Return who is in instead, if anybody waits."""
        self._waiting.pop(item, None)
        if item not in self._inside:
            return None
        self._inside.discard(item)
        if not self._waiting:
            return None
        following = next(iter(self._waiting))
        del self._waiting[following]
        self._inside.add(following)
        return following
