"""The recent changes of an environment, kept so that a receiver who missed some needs no snapshot."""

from collections import deque
from collections.abc import Mapping

import msgspec

from pennon.model import Item, ItemKind
from pennon.protocol.projection import Projection
from pennon.protocol.state import Changes

_OVERHEAD = 200
"""What an entry, or an item in it, takes beside its text; near enough."""


class Entry(msgspec.Struct, frozen=True):
    """One step from a revision to a later one, as each projection sees it."""

    since: int
    to: int
    changes: Mapping[Projection, Changes]

    @property
    def size(self) -> int:
        """About how many bytes it keeps in memory. Projections share the items that are the same in them."""
        items = {
            id(item): len(item.text) if item is not None else 0
            for changes in self.changes.values()
            for edits in changes.values()
            for item in edits.values()
        }
        return _OVERHEAD + sum(size + _OVERHEAD for size in items.values())


class History:
    """The latest entries, without a gap between them, as many as fit into *limit* bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: deque[tuple[Entry, int]] = deque()
        self._size = 0

    def add(self, entry: Entry) -> None:
        """Append the step that comes next; the oldest ones leave."""
        size = entry.size
        self._entries.append((entry, size))
        self._size += size
        while self._size > self._limit:
            self._size -= self._entries.popleft()[1]

    def clear(self) -> None:
        """Forget everything: what comes next does not follow on it."""
        self._entries.clear()
        self._size = 0

    def since(self, projection: Projection, revision: int) -> tuple[int, Changes] | None:
        """Return all that changed after *revision* as one step, the last word on each item; None if it is gone.

        A receiver may stand at a revision that this hub jumped over. Then the step begins where the jump began, which
        is returned with it; but clients get None: what entered and left their projection during the jump is not known.
        """
        if not self._entries or self._entries[0][0].since > revision:
            return None
        start = revision
        merged: dict[ItemKind, dict[str, Item | None]] = {}
        for entry, _ in reversed(self._entries):
            if entry.to <= revision:
                break
            start = min(start, entry.since)
            for kind, edits in entry.changes[projection].items():
                into = merged.setdefault(kind, {})
                for key, item in edits.items():
                    into.setdefault(key, item)
        return None if start < revision and projection == "client" else (start, merged)
