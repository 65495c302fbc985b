"""One command on some logs: collects what it puts and deletes, and writes a row in each log that it changed."""

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, TypeAlias, cast

import msgspec
from sqlalchemy import Connection, Row, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from pennon.control.errors import AlreadyExists, NotFound
from pennon.control.log import NO_HASH, Actor, Change, Edit, Head, Reading, Stored, Writing
from pennon.control.storage.belongings import clear_for_new
from pennon.control.storage.reading import FIRST_EPOCH, StoredReading, head_of
from pennon.control.storage.rows import check_text, has_nul, write_row
from pennon.control.storage.tables import changes, heads, insert_all, items, micros, touched, upsert
from pennon.model import Flag, Item
from pennon.model.items import ItemModel

Place: TypeAlias = tuple[str, str, str]
"""Log, kind and key of an item."""

# Built once: building a statement anew costs more than SQLite needs to run it.
_LOCK = select(heads).where(heads.c.log.in_(bindparam("logs", expanding=True))).order_by(heads.c.log).with_for_update()
_OPEN = insert(heads)
_FIND = select(items).where(
    items.c.log == bindparam("log"), items.c.kind == bindparam("kind"), items.c.key == bindparam("key")
)
_APPEND = insert(changes)
_TOUCH = insert(touched)
_MOVE = update(heads).where(heads.c.log == bindparam("of"))


class Command(msgspec.Struct, frozen=True):
    """Who does what, why, and when."""

    by: Actor
    action: str
    why: str
    now: datetime


class Lengthy(Exception):
    """The command deals with so many items that others should not wait for it."""


class StoredWriting(StoredReading):
    """See `pennon.control.log.Writing`. One that deals with more than *most* items raises `Lengthy`."""

    def __init__(
        self, connection: Connection, logs: Iterable[str], command: Command, *, most: int | None = None
    ) -> None:
        super().__init__(connection)
        self._command = command
        self._most = most
        self._dealt_with = 0
        self._locked: dict[str, Head] = {}
        self._named = frozenset(logs)
        self._found: dict[Place, Stored | None] = {}  # as they are in the table, tombstones too
        self._left: dict[Place, Stored | None] = {}  # as this command leaves them; None: deleted
        self.replayed = False
        self.changes_made: Mapping[str, Change] = {}
        self.heads_after: Mapping[str, Head] = {}

    def lock(self) -> None:
        """Lock the heads of the named logs, in the order of their names. SQLite has locked all logs before."""
        self._locked = self._lock_heads()

    def replay(self, made: Mapping[str, Change], after: Mapping[str, Head]) -> None:
        """Be the same command over again, which *made* these changes then."""
        self.replayed, self.changes_made, self.heads_after = True, made, after

    def head(self, log: str) -> Head | None:
        """Return where *log* stands, without this command; None: there is no such log."""
        return self._locked[log] if log in self._locked else super().head(log)

    def item(self, log: str, kind: str, key: str) -> Stored | None:
        """Return one item as this command leaves it."""
        self._deal_with(1)
        place = (log, kind, key)
        if place in self._left:
            return self._left[place]
        found = self._as_found(log, kind, key)
        return found if found is not None and found.text else None

    def items(self, log: str, kind: str, *, after: str | None = None, limit: int | None = None) -> list[Stored]:
        """Return the items of one kind as this command leaves them, in the order of their keys."""
        left = {
            key: item
            for (of_log, of_kind, key), item in self._left.items()
            if of_log == log and of_kind == kind and (after is None or key > after)
        }
        # Each of ours may hide one that was read, so read that many more.
        read = super().items(log, kind, after=after, limit=None if limit is None else limit + len(left))
        self._deal_with(len(read))
        merged = {item.key: item for item in read} | left
        return list(islice((item for _, item in sorted(merged.items()) if item is not None), limit))

    def items_named(self, log: str, kind: str, keys: Collection[str]) -> list[Stored]:
        """Return the items of one kind that have these *keys*, as this command leaves them."""
        return [item for key in keys if (item := self.item(log, kind, key)) is not None]

    def items_with(self, log: str, kind: str, part: bytes) -> list[Stored]:
        """Return the items of one kind whose text, as this command leaves it, has *part* in it."""
        left = {key: item for (of_log, of_kind, key), item in self._left.items() if (of_log, of_kind) == (log, kind)}
        found = {item.key: item for item in super().items_with(log, kind, part) if item.key not in left}
        found |= {key: item for key, item in left.items() if item is not None and part in item.text}
        self._deal_with(len(found))
        return [item for _, item in sorted(found.items())]

    def count(self, log: str, kind: str) -> int:
        """Return how many items of one kind there are, as this command leaves them."""
        return len(self.items(log, kind)) if self._left else super().count(log, kind)

    def demand(self, check: Callable[[Reading], None]) -> None:
        """Call *check* with what is there without this command, which is refused if it raises."""
        check(StoredReading(self._connection))

    def finish(self, do: Callable[[Writing], None]) -> None:
        """Call *do* once the logs are locked, as they are."""
        do(self)

    def open(self, log: str) -> None:
        """Begin *log*, which must have been named for this command. One that is already there goes on."""
        self._refuse_replayed()
        if log not in self._named:
            raise RuntimeError(f"{log} was not named for this command, and logs are locked in order")
        if log not in self._locked:
            self._locked[log] = Head(FIRST_EPOCH, 0, NO_HASH, self._command.now)
            self._begin(log)

    def put(self, log: str, kind: str, model: ItemModel) -> Stored:
        """Make *model* the item of its kind and key, and return it with its version, changedAt and hash."""
        self._deal_with(1)
        self._refuse_replayed()
        head = self._changing(log)
        found = self._as_found(log, kind, model.key)
        left = written(kind, model, found.version, found.changed_at) if found else None
        if found is None or left is None or left.text != found.text:
            left = written(kind, model, found.version + 1 if found else 1, head.revision + 1)
        self._left[log, kind, model.key] = left
        return left

    def delete(self, log: str, kind: str, key: str) -> None:
        """Remove an item. Its version is never used again. Raises `NotFound`."""
        self._deal_with(1)
        self._refuse_replayed()
        self._changing(log)
        if self.item(log, kind, key) is None:
            raise NotFound(kind, key)
        self._as_found(log, kind, key)
        self._left[log, kind, key] = None

    def write(self) -> None:
        """Write a row in each log that something changed in. The connection commits after it."""
        edits = self._edits()
        change_id = secrets.token_hex(16)
        # One time for all rows; and rows never go back in time, even when the clock does.
        time = max([self._command.now, *(self._locked[log].time for log in edits)])
        made = [self._row(log, change_id, time, edits[log]) for log in sorted(edits)]
        for row, change in made:
            self._insert(row, change)
        self._write_items(edits)
        clear_for_new(self._connection, edits)
        self.changes_made = {change.log: change for _, change in made}
        after = {log: Head(c.epoch, c.revision, c.hash, c.time) for log, c in self.changes_made.items()}
        self.heads_after = {**self._locked, **after}

    def _lock_heads(self) -> dict[str, Head]:
        return {row.log: head_of(row) for row in self._connection.execute(_LOCK, {"logs": sorted(self._named)})}

    def _begin(self, log: str) -> None:
        head = self._locked[log]
        row = {"log": log, "epoch": head.epoch, "revision": 0, "hash": head.hash, "at": micros(head.time)}
        try:
            self._connection.execute(_OPEN, row)
        except IntegrityError as error:  # only PostgreSQL lets two commands open one log at once
            raise AlreadyExists("log", log) from error

    def _deal_with(self, items: int) -> None:
        self._dealt_with += items
        if self._most is not None and self._dealt_with > self._most:
            raise Lengthy

    def _refuse_replayed(self) -> None:
        if self.replayed:
            raise RuntimeError("this command was accepted before; look at `replayed` before writing")

    def _changing(self, log: str) -> Head:
        if log not in self._named:
            raise RuntimeError(f"{log} was not named for this command")
        if log not in self._locked:
            raise NotFound("log", log)
        return self._locked[log]

    def _as_found(self, log: str, kind: str, key: str) -> Stored | None:
        """Return the item as the table has it; a deleted one has its version and an empty text."""
        place = (log, kind, key)
        if place not in self._found:
            self._found[place] = self._find(log, kind, key)
        return self._found[place]

    def _find(self, log: str, kind: str, key: str) -> Stored | None:
        row = self._connection.execute(_FIND, {"log": log, "kind": kind, "key": key}).one_or_none()
        return None if row is None else found_item(row)

    def _edits(self) -> dict[str, list[Edit]]:
        """Return what changed in each log, in the order of kinds and keys; what is as before is left out."""
        edits: dict[str, list[Edit]] = {}
        for (log, kind, key), left in sorted(self._left.items(), key=lambda entry: entry[0]):
            found = self._found[log, kind, key]
            before = (found.text or None) if found else None
            after = left.text if left else None
            if before != after:
                edits.setdefault(log, []).append(Edit(kind, key, before, after))
        return edits

    def _row(self, log: str, change_id: str, time: datetime, edits: list[Edit]) -> tuple[bytes, Change]:
        head = self._locked[log]
        change = Change(
            log=log,
            epoch=head.epoch,
            revision=head.revision + 1,
            change_id=change_id,
            time=time,
            actor=self._command.by,
            action=self._command.action,
            why=self._command.why,
            edits=tuple(edits),
            previous=head.hash,
            hash="",
        )
        return write_row(change)

    def _insert(self, row: bytes, change: Change) -> None:
        at = micros(change.time)
        columns = {
            "log": change.log,
            "revision": change.revision,
            "epoch": change.epoch,
            "change_id": change.change_id,
            "at": at,
            "previous": change.previous,
            "hash": change.hash,
            "size": len(row),
            "row": row,
        }
        self._connection.execute(_APPEND, columns)
        rows = [{"log": change.log, "kind": e.kind, "key": e.key, "revision": change.revision} for e in change.edits]
        insert_all(self._connection, _TOUCH, rows)
        head = {"of": change.log, "epoch": change.epoch, "revision": change.revision, "hash": change.hash, "at": at}
        self._connection.execute(_MOVE, head)

    def _write_items(self, edits: Mapping[str, list[Edit]]) -> None:
        rows = [self._item_row(log, edit) for log, of_log in edits.items() for edit in of_log]
        if not rows:
            return
        insert_all(self._connection, upsert(items, self._connection.dialect.name), rows)

    def _item_row(self, log: str, edit: Edit) -> dict[str, Any]:
        place = (log, edit.kind, edit.key)
        kept = self._left[place] or self._found[place]
        assert kept is not None  # an edit has an item before it or after it
        changed_at = self._locked[log].revision + 1
        return {
            "log": log,
            "kind": edit.kind,
            "key": edit.key,
            "version": kept.version,
            "changed_at": changed_at,
            "hash": kept.hash,
            "text": edit.after,
        }


def found_item(row: Row[Any]) -> Stored:
    """Return the item of *row*, its text empty where it was deleted."""
    return Stored(row.kind, row.key, row.version, row.changed_at, row.hash, row.text or b"")


def written(kind: str, model: ItemModel, version: int, changed_at: int) -> Stored:
    """Return *model* as it is stored. Raises `Invalid` for text that no storage takes."""
    numbered = cast("ItemModel", msgspec.structs.replace(cast("Flag", model), version=version, changed_at=changed_at))
    try:
        item = Item.of(numbered)
    except UnicodeEncodeError:
        check_text(model)
        raise
    if has_nul(item.text):
        check_text(model)
    return Stored(kind, item.key, item.version, item.changed_at, item.hash, item.text)
