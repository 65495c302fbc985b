"""What items are searched by: a few words of each, kept between requests as long as they hold.

Reading ten thousand items takes a fifth of a second, and lists are searched as people type. What is kept belongs to a
revision of a log; a later one is reached by the changes between.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from pennon.control.log import Head, Reading

_MOST_CHANGES = 500
"""Beyond so many all is read anew."""
_MOST_LOGS = 50
T = TypeVar("T")


class _Known(msgspec.Struct, Generic[T], frozen=True):
    head: Head
    entries: Mapping[str, T]
    ordered: tuple[T, ...]


class Index(Generic[T]):
    """Keeps, of each log that somebody asks about, what its items of one kind are found by.

    That is what *read* makes of their text; None leaves an item out. With *parts*, only texts with one of these in them
    are looked at. *dated* adds to an entry when its item became what it is.
    """

    def __init__(
        self,
        kind: str,
        read: Callable[[bytes], T | None],
        parts: Sequence[bytes] = (),
        *,
        dated: Callable[[T, datetime], T] | None = None,
    ) -> None:
        self._kind = kind
        self._read = read
        self._parts = parts
        self._dated = dated
        self._known: dict[str, _Known[T]] = {}
        self._changing = threading.Lock()

    def entries(self, reading: Reading, log: str) -> tuple[T, ...]:
        """Return what *reading* has of the log's items, in the order of their keys."""
        found = self._found(reading, log)
        return () if found is None else found.ordered

    def by_key(self, reading: Reading, log: str) -> Mapping[str, T]:
        """Return what *reading* has of the log's items, by their keys."""
        found = self._found(reading, log)
        return {} if found is None else found.entries

    def _found(self, reading: Reading, log: str) -> _Known[T] | None:
        head = reading.head(log)
        if head is None:
            return None
        known = self._known.get(log)
        if known is not None and known.head == head:
            return known
        entries = self._followed(reading, log, known, head)
        if entries is None:
            entries = self._read_anew(reading, log)
        found = _Known(head, entries, tuple(entries[key] for key in sorted(entries)))
        self._keep(log, found)
        return found

    def _followed(self, reading: Reading, log: str, known: _Known[T] | None, head: Head) -> dict[str, T] | None:
        """Return *known* with the changes up to *head*; None where that is not how it came about."""
        if known is None or known.head.epoch != head.epoch:
            return None
        if not 0 < head.revision - known.head.revision <= _MOST_CHANGES:
            return None
        changes = reading.changes(log, after=known.head.revision, until=head.revision, limit=_MOST_CHANGES)
        if not changes or changes[0].previous != known.head.hash or changes[-1].hash != head.hash:
            return None
        entries = dict(known.entries)
        made = ((change.time, edit) for change in changes for edit in change.edits if edit.kind == self._kind)
        for time, edit in made:
            entry = None if edit.after is None or not self._is_worth(edit.after) else self._read(edit.after)
            if entry is not None and self._dated is not None:
                entry = self._dated(entry, time)
            if entry is None:
                entries.pop(edit.key, None)
            else:
                entries[edit.key] = entry
        return entries

    def _read_anew(self, reading: Reading, log: str) -> dict[str, T]:
        if self._parts:
            found = {item.key: item.text for part in self._parts for item in reading.items_with(log, self._kind, part)}
        else:
            found = {item.key: item.text for item in reading.items(log, self._kind)}
        read = ((key, self._read(text)) for key, text in found.items())
        entries = {key: entry for key, entry in read if entry is not None}
        if self._dated is None:
            return entries
        times = reading.times(log, self._kind)
        return {key: self._dated(entry, times[key]) for key, entry in entries.items()}

    def _is_worth(self, text: bytes) -> bool:
        return not self._parts or any(part in text for part in self._parts)

    def _keep(self, log: str, found: _Known[T]) -> None:
        with self._changing:
            known = self._known.pop(log, None)
            is_newer = known is None or _place(found.head) >= _place(known.head)
            self._known[log] = found if is_newer or known is None else known
            while len(self._known) > _MOST_LOGS:
                del self._known[next(iter(self._known))]


def _place(head: Head) -> tuple[int, int]:
    return head.epoch, head.revision
