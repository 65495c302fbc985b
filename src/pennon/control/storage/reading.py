"""Reads the logs over one connection, in one transaction that sees one state."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, LargeBinary, Row, Select, bindparam, func, literal, select

from pennon.control.errors import NotFound
from pennon.control.log import NO_HASH, Change, Head, State, Stored
from pennon.control.storage.rows import read_row
from pennon.control.storage.tables import changes, heads, items, micros, moment, touched

STREAMED_ROWS = 16
"""Rows fetched at a time where a log is folded: a row may hold a segment twice, 16 MiB."""
FIRST_EPOCH = 1
_LAST = "\U0010ffff"
# Built once: an import of thousands of flags asks for each of them, every process asks for all heads each second, and
# building a statement costs more than to run it.
_HEADS = select(heads).where(heads.c.log >= bindparam("first"), heads.c.log < bindparam("end")).order_by(heads.c.log)
_STORED = [items.c[name] for name in Stored.__struct_fields__]
"""What is read of an item, in the order in which it is kept."""
_HEAD = select(heads).where(heads.c.log == bindparam("of"))
_ITEM = select(*_STORED).where(
    items.c.log == bindparam("of"),
    items.c.kind == bindparam("of_kind"),
    items.c.key == bindparam("named"),
    items.c.text.is_not(None),
)
_NAMED = select(*_STORED).where(
    items.c.log == bindparam("of"),
    items.c.kind == bindparam("of_kind"),
    items.c.key.in_(bindparam("named", expanding=True)),
    items.c.text.is_not(None),
)
_NEXT = (
    select(func.min(touched.c.revision))
    .where(touched.c.log == items.c.log, touched.c.kind == items.c.kind, touched.c.key == items.c.key)
    .where(touched.c.revision > bindparam("at"))
    .scalar_subquery()
    .label("next")
)
_WITH_NEXT = (
    select(*_STORED, _NEXT)
    .where(items.c.log == bindparam("of"), items.c.kind == bindparam("of_kind"))
    .where(items.c.key.in_(bindparam("named", expanding=True)))
    .order_by(items.c.key)
)
_ITEMS_AT_ONCE, _KEYS_AT_ONCE = 500, 1000


class StoredReading:
    """See `pennon.control.log.Reading`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def heads(self, prefix: str = "") -> Mapping[str, Head]:
        """Return where each log stands whose name starts with *prefix*."""
        # A range, for SQLite's LIKE takes "a" for "A".
        rows = self._connection.execute(_HEADS, {"first": prefix, "end": prefix + _LAST})
        return {row.log: head_of(row) for row in rows}

    def head(self, log: str) -> Head | None:
        """Return where *log* stands; None: there is no such log."""
        row = self._connection.execute(_HEAD, {"of": log}).one_or_none()
        return head_of(row) if row else None

    def item(self, log: str, kind: str, key: str) -> Stored | None:
        """Return one item as it is now."""
        row = self._connection.execute(_ITEM, {"of": log, "of_kind": kind, "named": key}).one_or_none()
        return _stored(row) if row else None

    def items(self, log: str, kind: str, *, after: str | None = None, limit: int | None = None) -> list[Stored]:
        """Return the items of one kind in the order of their keys (by code point), from behind *after*."""
        query = _items(log, kind).order_by(items.c.key).limit(limit)
        if after is not None:
            query = query.where(items.c.key > after)
        return [_stored(row) for row in self._connection.execute(query)]

    def items_named(self, log: str, kind: str, keys: Collection[str]) -> list[Stored]:
        """Return the items of one kind that have these *keys*, in their order, without those that are not there."""
        found: dict[str, Stored] = {}
        wanted = iter(keys)
        while named := list(islice(wanted, _ITEMS_AT_ONCE)):  # neither database takes any number of them
            rows = self._connection.execute(_NAMED, {"of": log, "of_kind": kind, "named": named})
            found |= {row.key: _stored(row) for row in rows}
        return [found[key] for key in keys if key in found]

    def items_with(self, log: str, kind: str, part: bytes) -> list[Stored]:
        """Return the items of one kind whose text has *part* in it, in the order of their keys."""
        found = _has(part, self._connection.dialect.name)
        query = _items(log, kind).where(found).order_by(items.c.key)
        return [_stored(row) for row in self._connection.execute(query)]

    def count(self, log: str, kind: str) -> int:
        """Return how many items of one kind there are."""
        query = select(func.count()).where(items.c.log == log, items.c.kind == kind, items.c.text.is_not(None))
        return self._connection.execute(query).scalar_one()

    def changes(
        self, log: str, *, after: int = 0, until: int | None = None, limit: int, max_bytes: int | None = None
    ) -> list[Change]:
        """Return the changes with *after* < revision ≤ *until*, oldest first, at most *limit*."""
        if max_bytes is not None:
            until = self._last_within(log, after=after, until=until, limit=limit, max_bytes=max_bytes)
        query = _changes(log).where(changes.c.revision > after).order_by(changes.c.revision).limit(limit)
        if until is not None:
            query = query.where(changes.c.revision <= until)
        return [_change(row) for row in self._connection.execute(query)]

    def size(self, log: str) -> int:
        """Return how many bytes the rows of *log* hold."""
        query = select(func.sum(changes.c.size)).where(changes.c.log == log)
        return self._connection.execute(query).scalar() or 0

    def latest(
        self, log: str, *, before: int | None = None, limit: int, item: tuple[str, str] | None = None
    ) -> list[Change]:
        """Return the changes with revision < *before*, newest first; only those that touched *item* (kind, key)."""
        if item is None:
            query = _changes(log) if before is None else _changes(log).where(changes.c.revision < before)
        else:
            query = _changes(log).where(changes.c.revision.in_(_touching(log, *item, before=before, limit=limit)))
        query = query.order_by(changes.c.revision.desc()).limit(limit)
        return [_change(row) for row in self._connection.execute(query)]

    def times(self, log: str, kind: str, *, key: str | None = None) -> Mapping[str, datetime]:
        """Return when each item of one kind, or only *key*, became what it is, by its key."""
        made = (changes.c.log == items.c.log) & (changes.c.revision == items.c.changed_at)
        query = select(items.c.key, changes.c.at).join(changes, made)
        query = query.where(items.c.log == log, items.c.kind == kind, items.c.text.is_not(None))
        if key is not None:
            query = query.where(items.c.key == key)
        found: dict[int, datetime] = {}  # many items have the time of one import
        rows = self._connection.execute(query).all()
        return {of: found.get(at) or found.setdefault(at, moment(at)) for of, at in rows}

    def written_together(self, change_id: str) -> list[Change]:
        """Return the rows that one command wrote, in the order of the logs' names."""
        query = select(changes).where(changes.c.change_id == change_id).order_by(changes.c.log)
        return [_change(row) for row in self._connection.execute(query)]

    def change(self, log: str, revision: int) -> Change | None:
        """Return one change."""
        row = self._connection.execute(_changes(log).where(changes.c.revision == revision)).one_or_none()
        return _change(row) if row else None

    def revision_before(self, log: str, time: datetime) -> int:
        """Return the last revision of a log that was made before *time*; 0: none was."""
        return self._last_made(log, changes.c.at < micros(time))

    def head_at(self, log: str, *, revision: int | None = None, time: datetime | None = None) -> Head:
        """Return where *log* stood after *revision*, or at *time*; where neither is named, where it stands."""
        head = self._known_head(log)
        if revision is None:
            revision = head.revision if time is None else self._revision_at(log, time)
        if not 0 <= revision <= head.revision:
            raise NotFound("revision", str(revision), mend=f"the log {log} is at revision {head.revision}")
        return self._head_at(log, revision, head)

    def items_at(
        self, log: str, kind: str, *, revision: int, part: str = "", after: str | None = None, limit: int | None = None
    ) -> list[Stored]:
        """Return the items of one kind as they were after *revision*, those with *part* in the key.

        What nothing has touched since is as it is now; of the rest, the first change since tells what it found.
        """
        found: list[Stored] = []
        at_once = _ITEMS_AT_ONCE if limit is None else min(limit, _ITEMS_AT_ONCE)
        for keys in self._keys(log, kind, part.lower(), after, at_once=at_once):
            found += self._as_they_were(log, kind, keys, revision)
            if limit is not None and len(found) >= limit:
                break
        return found[:limit]

    def item_at(self, log: str, kind: str, key: str, *, revision: int) -> Stored | None:
        """Return one item as it was after *revision*."""
        return next(iter(self._as_they_were(log, kind, [key], revision)), None)

    def state(self, log: str) -> State:
        """Return all current items and the head that they belong to. Raises `NotFound`."""
        return State(self._known_head(log), self._current(log))

    def state_at(self, log: str, *, revision: int | None = None, time: datetime | None = None) -> State:
        """Return the items as they were after *revision*, or at *time*: the log folded up to there.

        It folds from the nearer end: forwards from nothing by what each change left, or backwards from the current
        items by what each change found.
        """
        head, then = self._known_head(log), self.head_at(log, revision=revision, time=time)
        if then.revision > head.revision // 2:
            return State(then, self._unfolded(log, then.revision, head.revision))
        return State(then, self._folded(log, then.revision))

    def stream(self, log: str, *, after: int, until: int, newest_first: bool = False) -> Iterator[Change]:
        """Yield the changes with *after* < revision ≤ *until*, only a few of them in memory at a time."""
        order = changes.c.revision.desc() if newest_first else changes.c.revision
        query = _changes(log).where(changes.c.revision > after, changes.c.revision <= until).order_by(order)
        with self._connection.execute(query.execution_options(yield_per=STREAMED_ROWS)) as result:
            for row in result:
                yield _change(row)

    def _keys(self, log: str, kind: str, part: str, after: str | None, *, at_once: int) -> Iterator[list[str]]:
        """Yield, some *at_once*, the keys of what is or was there with *part* in them, from behind *after*."""
        query = select(items.c.key).where(items.c.log == log, items.c.kind == kind).order_by(items.c.key)
        if after is not None:
            query = query.where(items.c.key > after)
        with self._connection.execute(query.execution_options(yield_per=_KEYS_AT_ONCE)) as result:
            found = (key for key in result.scalars() if part in key.lower())
            while keys := list(islice(found, at_once)):
                yield keys

    def _as_they_were(self, log: str, kind: str, keys: list[str], revision: int) -> Iterator[Stored]:
        rows = self._connection.execute(_WITH_NEXT, {"of": log, "of_kind": kind, "named": keys, "at": revision}).all()
        before = self._found_by(log, kind, {row.next for row in rows if row.next is not None})
        for row in rows:
            text = row.text if row.next is None else before[row.next, row.key]
            if text is not None:
                yield _stored(row) if row.next is None else Stored.of(kind, row.key, text)

    def _found_by(self, log: str, kind: str, revisions: Iterable[int]) -> dict[tuple[int, str], bytes | None]:
        """Return what the changes of these *revisions* found of each item of one kind that they touched."""
        made = _changes(log).where(changes.c.revision.in_(list(revisions)))
        return {
            (change.revision, edit.key): edit.before
            for change in map(_change, self._connection.execute(made))
            for edit in change.edits
            if edit.kind == kind
        }

    def _known_head(self, log: str) -> Head:
        if (head := self.head(log)) is None:
            raise NotFound("log", log)
        return head

    def _current(self, log: str) -> dict[str, dict[str, Stored]]:
        query = select(*_STORED).where(items.c.log == log, items.c.text.is_not(None))
        current: dict[str, dict[str, Stored]] = {}
        for row in self._connection.execute(query.order_by(items.c.kind, items.c.key)):
            current.setdefault(row.kind, {})[row.key] = _stored(row)
        return current

    def _folded(self, log: str, revision: int) -> dict[str, dict[str, Stored]]:
        state: dict[str, dict[str, Stored]] = {}
        for change in self.stream(log, after=0, until=revision):
            for edit in change.edits:
                _set(state, edit.kind, edit.key, edit.after)
        return _ordered(state)

    def _unfolded(self, log: str, revision: int, current: int) -> dict[str, dict[str, Stored]]:
        state = self._current(log)
        for change in self.stream(log, after=revision, until=current, newest_first=True):
            for edit in change.edits:
                _set(state, edit.kind, edit.key, edit.before)
        return _ordered(state)

    def _head_at(self, log: str, revision: int, head: Head) -> Head:
        if revision == head.revision:
            return head
        columns = (changes.c.epoch, changes.c.revision, changes.c.hash, changes.c.at)
        query: Select[Any] = select(*columns).where(changes.c.log == log)
        if revision:
            return head_of(self._connection.execute(query.where(changes.c.revision == revision)).one())
        first = self._connection.execute(query.where(changes.c.revision == 1)).one()
        return Head(FIRST_EPOCH, 0, NO_HASH, moment(first.at))

    def _revision_at(self, log: str, time: datetime) -> int:
        return self._last_made(log, changes.c.at <= micros(time))

    def _last_made(self, log: str, until: ColumnElement[bool]) -> int:
        # Row times never go back, so the last row is the one with the highest time. Its revision is the highest, too,
        # but asked for that a database goes through all rows up to there.
        query = select(changes.c.revision).where(changes.c.log == log, until)
        latest = query.order_by(changes.c.at.desc(), changes.c.revision.desc()).limit(1)
        return self._connection.execute(latest).scalar() or 0

    def _last_within(self, log: str, *, after: int, until: int | None, limit: int, max_bytes: int) -> int | None:
        query = select(changes.c.revision, changes.c.size).where(changes.c.log == log, changes.c.revision > after)
        held, last = 0, until
        for revision, size in self._connection.execute(query.order_by(changes.c.revision).limit(limit)):
            held += size
            if held > max_bytes and revision > after + 1:
                break
            last = revision
        return last if until is None or last is None else min(last, until)


def _items(log: str, kind: str) -> Select[Any]:
    return select(*_STORED).where(items.c.log == log, items.c.kind == kind, items.c.text.is_not(None))


def _has(part: bytes, dialect: str) -> ColumnElement[bool]:
    wanted = literal(part, LargeBinary)
    # Neither takes the other's word for it; LIKE is for text and knows wildcards.
    place = func.instr(items.c.text, wanted) if dialect == "sqlite" else func.position(wanted.op("IN")(items.c.text))
    return place > 0


def _changes(log: str) -> Select[Any]:
    return select(changes.c.row, changes.c.previous, changes.c.hash).where(changes.c.log == log)


def _touching(log: str, kind: str, key: str, *, before: int | None, limit: int) -> Select[Any]:
    """Return the query for the last revisions that touched an item.

    Joined with the changes, SQLite would go through the whole log for an item that rests since long.
    """
    table = touched.c
    query = select(table.revision).where(table.log == log, table.kind == kind, table.key == key)
    if before is not None:
        query = query.where(table.revision < before)
    return query.order_by(table.revision.desc()).limit(limit)


def head_of(row: Row[Any]) -> Head:
    """Return the head that a row of `heads`, or the same columns of `changes`, holds."""
    return Head(row.epoch, row.revision, row.hash, moment(row.at))


def _stored(row: Sequence[Any]) -> Stored:
    return Stored(*row[: len(_STORED)])  # by their names they take twice as long, and ten thousand come at once


def _change(row: Row[Any]) -> Change:
    return read_row(row.row, row.previous, row.hash)


def _set(state: dict[str, dict[str, Stored]], kind: str, key: str, text: bytes | None) -> None:
    of_kind = state.setdefault(kind, {})
    if text is None:
        of_kind.pop(key, None)
    else:
        of_kind[key] = Stored.of(kind, key, text)


def _ordered(state: dict[str, dict[str, Stored]]) -> dict[str, dict[str, Stored]]:
    """Return *state* in the order in which current items are read, kinds without items left out."""
    return {kind: dict(sorted(state[kind].items())) for kind in sorted(state) if state[kind]}
