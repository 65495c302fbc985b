"""Buckets remembered for units that come again: so many over all splits, without a lock.

A bucket is a function of what comes before the unit and of the unit, so none is ever wrong, whatever becomes of a flag.
"""

from itertools import count
from weakref import WeakValueDictionary

from pennon.bucketing import bucket_after

LENGTH = 128
"""A longer unit is hashed each time."""


class BucketCache:
    """All buckets remembered. When there are *entries* of them, it forgets them all.

    Forgetting the oldest would want an order, which costs each hit what remembering saves. Several threads may hold a
    few entries more, one each.
    """

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._taken = count(1).__next__
        self._tables: WeakValueDictionary[bytes, Buckets] = WeakValueDictionary()

    def after(self, prefix: bytes) -> "Buckets":
        """Return the buckets of units after *prefix*: one table for all that ask, as long as any of them lives."""
        table = self._tables.get(prefix)
        if table is None:
            table = self._tables[prefix] = Buckets(prefix, self)
        return table

    def make_room(self) -> None:
        """Take note that an entry is about to be added."""
        if self._taken() > self._entries:
            self._taken = count(2).__next__
            for reference in self._tables.valuerefs():
                if (table := reference()) is not None:
                    table.clear()

    def __len__(self) -> int:
        return sum(len(table) for reference in self._tables.valuerefs() if (table := reference()) is not None)


class Buckets(dict[str, int]):
    """Buckets by unit, after one prefix. One that is not there is found out and remembered."""

    __slots__ = ("__weakref__", "_cache", "_prefix")

    def __init__(self, prefix: bytes, cache: BucketCache) -> None:
        super().__init__()
        self._prefix = prefix
        self._cache = cache

    def __missing__(self, unit: str) -> int:
        bucket = bucket_after(self._prefix, unit)
        if len(unit) <= LENGTH:
            self._cache.make_room()
            self[unit] = bucket
        return bucket
