"""Pages of items: some of them in the order of their keys, and the key from which to go on."""

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
