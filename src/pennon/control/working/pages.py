"""Pages of items: some of them in the order of their keys, and the key from which to go on."""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from pennon.control.log import Reading, Stored

T = TypeVar("T")
_BATCH = 500


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some of a list. `next` is what to ask the next page from; None: there is no more."""

    items: tuple[T, ...]
    next: str | None = None


def page_of(
    reading: Reading,
    log: str,
    kind: str,
    *,
    after: str | None = None,
    limit: int,
    matches: Callable[[Stored], bool] | None = None,
) -> Page[Stored]:
    """Return up to *limit* items of one kind that match, in the order of their keys, from behind the key *after*."""
    found: list[Stored] = []
    size = limit + 1 if matches is None else max(_BATCH, limit + 1)
    while len(found) <= limit:
        batch = reading.items(log, kind, after=after, limit=size)
        found += [item for item in batch if matches is None or matches(item)]
        if len(batch) < size:
            break
        after = batch[-1].key
    more = len(found) > limit
    return Page(tuple(found[:limit]), found[limit - 1].key if more else None)
