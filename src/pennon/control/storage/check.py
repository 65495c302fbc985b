"""Checks a log: its chain of hashes, what each row says against the one before, and the tables made from it."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Connection, Row, select

from pennon.control.log import NO_HASH, Change, Edit, Head, Stored, Verification
from pennon.control.storage.reading import STREAMED_ROWS, StoredReading
from pennon.control.storage.rows import chained, read_row
from pennon.control.storage.tables import changes, items, moment, touched
from pennon.model import DECODE_ERRORS

Place: TypeAlias = tuple[str, str]


class _Broken(Exception):
    """The first thing that is not as it must be."""


class _Kept(msgspec.Struct, frozen=True):
    """What is remembered of an item while folding: enough to compare it, whatever its size."""

    version: int
    changed_at: int
    digest: bytes | None

    @classmethod
    def of(cls, version: int, changed_at: int, text: bytes | None) -> "_Kept":
        return cls(version, changed_at, None if text is None else hashlib.sha256(text).digest())


def check_log(connection: Connection, log: str, witnesses: Sequence[Head]) -> Verification:
    """Return what is wrong with *log*, or that nothing is. Memory stays small, whatever the log's length."""
    head = StoredReading(connection).head(log)
    if head is None:
        return Verification(log, 0, "there is no such log")
    checker = _Checker(log, {(witness.epoch, witness.revision): witness.hash for witness in witnesses})
    try:
        for row in _streamed(connection, select(changes).where(changes.c.log == log).order_by(changes.c.revision)):
            checker.take(row)
        checker.finish(head)
        _compare_items(connection, log, checker.folded)
        _compare_touched(connection, log, checker.touches)
    except _Broken as broken:
        return Verification(log, checker.revision, str(broken))
    return Verification(log, checker.revision)


class _Checker:
    def __init__(self, log: str, witnesses: dict[tuple[int, int], str]) -> None:
        self.log = log
        self.revision = 0
        self.folded: dict[Place, _Kept] = {}
        self.touches = 0
        self._witnesses = witnesses
        self._hash = NO_HASH
        self._epoch = 1
        self._time: datetime | None = None

    def take(self, row: Row[Any]) -> None:
        """Check the next row of the log."""
        where = f"row {row.revision} of {self.log}"
        if row.revision != self.revision + 1:
            raise _Broken(f"{where}: row {self.revision + 1} is missing")
        if row.previous != self._hash:
            raise _Broken(f"{where}: its previous hash is not that of row {self.revision}")
        if chained(row.previous, row.row) != row.hash:
            raise _Broken(f"{where}: its hash is not that of its bytes")
        try:
            change = read_row(row.row, row.previous, row.hash)
        except DECODE_ERRORS as error:
            raise _Broken(f"{where}: its bytes cannot be read: {error}") from error
        self._compare_columns(where, row, change)
        for edit in change.edits:
            self._fold(where, change.revision, edit)
        self._witness(where, change)
        self.revision, self._hash, self._epoch, self._time = row.revision, row.hash, row.epoch, change.time

    def finish(self, head: Head) -> None:
        """Compare the last row with the head, and with witnesses of rows that are not there."""
        if (head.revision, head.hash) != (self.revision, self._hash):
            raise _Broken(f"{self.log} ends at row {self.revision}, but its head is at revision {head.revision}")
        if self._witnesses:
            epoch, revision = min(self._witnesses)
            raise _Broken(f"row {revision} of {self.log}: it was seen in epoch {epoch} and is not there")

    def _compare_columns(self, where: str, row: Row[Any], change: Change) -> None:
        said = (change.log, change.revision, change.epoch, change.change_id, change.time, len(row.row))
        if said != (row.log, row.revision, row.epoch, row.change_id, moment(row.at), row.size):
            raise _Broken(f"{where}: its columns do not say what its bytes say")
        if self._time is not None and change.time < self._time:
            raise _Broken(f"{where}: its time is before that of the row before it")
        if change.epoch < self._epoch:
            raise _Broken(f"{where}: its epoch is before that of the row before it")

    def _fold(self, where: str, revision: int, edit: Edit) -> None:
        place = (edit.kind, edit.key)
        self.touches ^= _touch(edit.kind, edit.key, revision)
        kept = self.folded.get(place, _Kept(0, 0, None))
        if _Kept.of(0, 0, edit.before).digest != kept.digest:
            raise _Broken(f"{where}: {edit.kind} {edit.key!r} was something else before")
        if edit.after is None:
            self.folded[place] = _Kept(kept.version, revision, None)
            return
        item = Stored.of(edit.kind, edit.key, edit.after)
        if not item.item.is_intact:
            raise _Broken(f"{where}: the hash of {edit.kind} {edit.key!r} is not that of its text")
        if (item.version, item.changed_at) != (kept.version + 1, revision):
            raise _Broken(f"{where}: {edit.kind} {edit.key!r} is not version {kept.version + 1} of revision {revision}")
        self.folded[place] = _Kept.of(item.version, item.changed_at, edit.after)

    def _witness(self, where: str, change: Change) -> None:
        seen = self._witnesses.pop((change.epoch, change.revision), change.hash)
        if seen != change.hash:
            raise _Broken(f"{where}: it was seen with another hash, {seen}")


def _compare_items(connection: Connection, log: str, folded: dict[Place, _Kept]) -> None:
    rows = _streamed(connection, select(items).where(items.c.log == log).order_by(items.c.kind, items.c.key))
    for row, place in zip_longest(rows, sorted(folded)):
        if row is None or (place is not None and (row.kind, row.key) > place):
            raise _Broken(f"{place[0]} {place[1]!r} of {log} is in the log and not among the items")
        if place is None or (row.kind, row.key) < place:
            raise _Broken(f"{row.kind} {row.key!r} of {log} is among the items and not in the log")
        if _Kept.of(row.version, row.changed_at, row.text) != folded[place]:
            raise _Broken(f"{row.kind} {row.key!r} of {log} is not what the log says")


def _compare_touched(connection: Connection, log: str, told: int) -> None:
    found = 0
    for row in _streamed(connection, select(touched).where(touched.c.log == log)):
        found ^= _touch(row.kind, row.key, row.revision)
    if found != told:
        raise _Broken(f"the index of {log} does not say which rows touched which items")


def _touch(kind: str, key: str, revision: int) -> int:
    """Return a number that stands for one entry of the index; a set of them is compared by their XOR."""
    return int.from_bytes(hashlib.sha256(f"{revision}:{kind}:{key}".encode()).digest())


def _streamed(connection: Connection, query: Any) -> Iterator[Row[Any]]:
    with connection.execute(query.execution_options(yield_per=STREAMED_ROWS)) as result:
        yield from result
