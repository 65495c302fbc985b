"""Pages of items: some of them in the order of their keys, and the key from which to go on."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from pennon.control.log import Reading, Stored

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some of a list. `next` is what to ask the next page from; None: there is no more."""

    items: tuple[T, ...]
    next: str | None = None


def page_of(reading: Reading, log: str, kind: str, *, after: str | None = None, limit: int) -> Page[Stored]:
    """Return up to *limit* items of one kind, in the order of their keys, from behind the key *after*."""
    found = reading.items(log, kind, after=after, limit=limit + 1)
    return Page(tuple(found[:limit]), found[limit - 1].key if len(found) > limit else None)


def keys_behind(keys: Sequence[str], after: str | None, limit: int | None) -> Page[str]:
    """Return up to *limit* of *keys*, in their order, from behind *after*; where that is not there, from the first."""
    first = keys.index(after) + 1 if after in keys else 0
    shown = tuple(keys[first:] if limit is None else keys[first : first + limit])
    return Page(shown, shown[-1] if first + len(shown) < len(keys) else None)
