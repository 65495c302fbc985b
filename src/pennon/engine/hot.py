"""Which flags stay compiled, where not all of them may: those asked for lately.

There are two generations. A flag that is asked for is in the young one; when that is full it becomes the old one, and
the old one is forgotten. So a use costs nothing beyond the look-up: there is no list to keep in the order of use.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

Function: TypeAlias = Callable[..., Any]


class Hot:
    """Compiled flags by key. *room*: the size of all that are kept, None for no bound; a flag's size is its text's.

    `functions` are the young generation, always the same dict. Another thread that asks meanwhile compiles once more at
    worst.
    """

    __slots__ = ("_old", "_room", "_size", "_sizes", "functions")

    def __init__(self, room: int | None = None) -> None:
        self.functions: dict[str, Function] = {}
        self._old: dict[str, Function] = {}
        self._room = room
        self._sizes: dict[str, int] = {}
        self._size = 0

    @property
    def is_bounded(self) -> bool:
        """Whether flags are forgotten."""
        return self._room is not None

    def __len__(self) -> int:
        return len(self.functions) + sum(key not in self.functions for key in tuple(self._old))

    def recalled(self, key: str) -> Function | None:
        """Return a flag that is not young, if it is not forgotten. `keep` it, for it was asked for."""
        return self._old.get(key)

    def keep(self, key: str, function: Function, size: int | None = None) -> bool:
        """Keep a flag that was asked for; None: its size is known. Return whether others were forgotten for it."""
        if self._room is None:
            self.functions[key] = function
            return False
        size = self._sizes.get(key, 0) if size is None else size
        is_full = self._size + size > self._room // 2 and bool(self.functions)
        if is_full:
            self._old = dict(self.functions)
            self._sizes = {each: self._sizes.get(each, 0) for each in self._old}
            self.functions.clear()
            self._size = 0
        self.functions[key] = function
        self._sizes[key] = size
        self._size += size
        return is_full

    def emptied(self) -> "Hot":
        """Return none, with the same room."""
        return Hot(self._room)

    def without(self, keys: Iterable[str]) -> "Hot":
        """Return the same flags but for *keys*."""
        later = Hot(self._room)
        later.functions, later._old, later._sizes = self.functions.copy(), self._old.copy(), self._sizes.copy()
        later._size = self._size
        for key in keys:
            if later.functions.pop(key, None) is not None:
                later._size -= later._sizes.get(key, 0)
            later._old.pop(key, None)
        return later
