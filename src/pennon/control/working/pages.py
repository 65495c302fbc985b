"""Pages of items: some of them in the order of their keys, and the key from which to go on."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec

from pennon.control.log import Reading, Stored

T = TypeVar("T")
_DIVIDER = "~"


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some of a list. `next` is what to ask the next page from; None: there is no more."""

    items: tuple[T, ...]
    next: str | None = None


def page_of(reading: Reading, log: str, kind: str, *, after: str | None = None, limit: int) -> Page[Stored]:
    """Return up to *limit* items of one kind, in the order of their keys, from behind the key *after*."""
    found = reading.items(log, kind, after=after, limit=limit + 1)
    return Page(tuple(found[:limit]), found[limit - 1].key if len(found) > limit else None)


def newest_first(made: Iterable[tuple[int, str]], after: str | None, limit: int | None) -> Page[str]:
    """Return up to *limit* keys of what was *made* when, the newest first, from behind the `next` of the page before.

    That is a place, which stays where it is when what stood there goes: nobody who pages meets anything twice. From
    what is no place it begins at the first.
    """
    places = sorted((-when, key) for when, key in made)
    when, _, key = (after or "").partition(_DIVIDER)
    if when.isdecimal():
        places = places[bisect_right(places, (-int(when), key)) :]
    shown = places if limit is None else places[:limit]
    following = f"{-shown[-1][0]}{_DIVIDER}{shown[-1][1]}" if shown and len(shown) < len(places) else None
    return Page(tuple(key for _, key in shown), following)
