"""A long command, carried out before its logs are locked: on a reading, and then brought up to what others did since.

So the lock is held for the writing alone, and whoever turns a flag off meanwhile does not wait for thousands of checks.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from msgspec.structs import replace
from sqlalchemy import Connection, select

from pennon.control.log import Change, Head, Reading, State, Stored, Writing
from pennon.control.storage.reading import StoredReading
from pennon.control.storage.seen import Seen
from pennon.control.storage.tables import items
from pennon.control.storage.writing import Command, Place, StoredWriting, found_item, written
from pennon.model.items import ItemModel

MOST_REVISIONS = 1000
"""So many changes of others to one log are looked through. Whoever was overtaken by more starts again."""
MOST_LOOKUPS = 100
"""Who looks up more items of one kind reads all of them instead: one by one, thousands take seconds."""


class OvertakenOnce(Exception):
    """Others changed what the command had read: carried out again, it may come to something else."""


class AheadWriting(StoredWriting):
    """A command that remembers what it reads, so that it can go on from where the logs stand later."""

    def __init__(self, connection: Connection, logs: Iterable[str], command: Command) -> None:
        super().__init__(connection, logs, command)
        self._seen = Seen()
        self._all: dict[tuple[str, str], dict[str, Stored]] = {}
        self._lookups: Counter[tuple[str, str]] = Counter()
        self._models: dict[Place, ItemModel] = {}
        self._opened: set[str] = set()
        self._demands: list[Callable[[Reading], None]] = []
        self._last: list[Callable[[Writing], None]] = []
        # The first thing that is read, so that it says of which state all the rest is.
        self._heads: Mapping[str, Head] = super().heads()
        self._locked = {log: head for log, head in self._heads.items() if log in self._named}

    def demand(self, check: Callable[[Reading], None]) -> None:
        """Call *check* now, so that who is refused is so early, and again once all is locked."""
        super().demand(check)
        self._demands.append(check)

    def finish(self, do: Callable[[Writing], None]) -> None:
        """Call *do* once the logs are locked."""
        self._last.append(do)

    def catch_up(self, connection: Connection) -> None:
        """Go on from where the logs stand by *connection*. Raises `OvertakenOnce`."""
        current = StoredReading(connection)
        now = current.heads()
        moved = {log for log, head in now.items() if head != self._heads.get(log)}
        if any(self._is_altered(current, log, now[log]) for log in sorted(moved) if self._seen.is_of(log)):
            raise OvertakenOnce
        self._heads = now
        self._locked |= {log: now[log] for log in moved & self._named}
        self._number_again(moved & self._named)

    def lock_by(self, connection: Connection, now: datetime) -> None:
        """Lock the logs by *connection* and catch up; the command is of *now*. Raises `OvertakenOnce`."""
        self._connection, self._command = connection, replace(self._command, now=now)
        self._all.clear()  # what of it was not looked up may be another now
        self._lock_heads()
        self.catch_up(connection)

    def conclude(self) -> None:
        """Do what was left for when the logs are locked: ask again what was demanded, begin logs, what comes last."""
        for check in self._demands:
            super().demand(check)
        for log in self._opened - self._heads.keys():
            super()._begin(log)
        for do in self._last:
            do(self)

    def put(self, log: str, kind: str, model: ItemModel) -> Stored:
        """Make *model* the item of its kind and key, and return it as it would be stored now."""
        self._models[log, kind, model.key] = model
        return super().put(log, kind, model)

    def heads(self, prefix: str = "") -> Mapping[str, Head]:
        """See `Reading`. What is asked is remembered, here and in all that follow."""
        self._seen.logs(prefix)
        return super().heads(prefix)

    def head(self, log: str) -> Head | None:
        """See `Reading`."""
        self._seen.log(log)
        return super().head(log)

    def item(self, log: str, kind: str, key: str) -> Stored | None:
        """See `Reading`."""
        self._seen.item(log, kind, key)
        return super().item(log, kind, key)

    def items(self, log: str, kind: str, *, after: str | None = None, limit: int | None = None) -> list[Stored]:
        """See `Reading`."""
        self._seen.kind(log, kind)
        return super().items(log, kind, after=after, limit=limit)

    def items_with(self, log: str, kind: str, part: bytes) -> list[Stored]:
        """See `Reading`."""
        self._seen.kind(log, kind, part=part)
        return super().items_with(log, kind, part)

    def count(self, log: str, kind: str) -> int:
        """See `Reading`."""
        self._seen.kind(log, kind)
        return super().count(log, kind)

    def changes(
        self, log: str, *, after: int = 0, until: int | None = None, limit: int, max_bytes: int | None = None
    ) -> list[Change]:
        """See `Reading`."""
        self._seen.log(log)
        return super().changes(log, after=after, until=until, limit=limit, max_bytes=max_bytes)

    def size(self, log: str) -> int:
        """See `Reading`."""
        self._seen.log(log)
        return super().size(log)

    def latest(
        self, log: str, *, before: int | None = None, limit: int, item: tuple[str, str] | None = None
    ) -> list[Change]:
        """See `Reading`."""
        self._seen.log(log) if item is None else self._seen.item(log, *item)
        return super().latest(log, before=before, limit=limit, item=item)

    def times(self, log: str, kind: str, *, key: str | None = None) -> Mapping[str, datetime]:
        """See `Reading`."""
        self._seen.kind(log, kind) if key is None else self._seen.item(log, kind, key)
        return super().times(log, kind, key=key)

    def change(self, log: str, revision: int) -> Change | None:
        """See `Reading`."""
        if (found := super().change(log, revision)) is None:  # one that is there stays
            self._seen.log(log)
        return found

    def revision_before(self, log: str, time: datetime) -> int:
        """See `Reading`."""
        self._seen.log(log)
        return super().revision_before(log, time)

    def head_at(self, log: str, *, revision: int | None = None, time: datetime | None = None) -> Head:
        """See `Reading`."""
        self._seen.log(log)
        return super().head_at(log, revision=revision, time=time)

    def items_at(
        self, log: str, kind: str, *, revision: int, part: str = "", after: str | None = None, limit: int | None = None
    ) -> list[Stored]:
        """See `Reading`."""
        self._seen.log(log)
        return super().items_at(log, kind, revision=revision, part=part, after=after, limit=limit)

    def item_at(self, log: str, kind: str, key: str, *, revision: int) -> Stored | None:
        """See `Reading`."""
        self._seen.log(log)
        return super().item_at(log, kind, key, revision=revision)

    def state(self, log: str) -> State:
        """See `Reading`."""
        self._seen.log(log)
        return super().state(log)

    def state_at(self, log: str, *, revision: int | None = None, time: datetime | None = None) -> State:
        """See `Reading`."""
        self._seen.log(log)
        return super().state_at(log, revision=revision, time=time)

    def _begin(self, log: str) -> None:
        self._opened.add(log)

    def _as_found(self, log: str, kind: str, key: str) -> Stored | None:
        self._seen.item(log, kind, key)
        return super()._as_found(log, kind, key)

    def _find(self, log: str, kind: str, key: str) -> Stored | None:
        place = (log, kind)
        if place in self._all:
            return self._all[place].get(key)
        self._lookups[place] += 1
        if self._lookups[place] > MOST_LOOKUPS:
            rows = self._connection.execute(select(items).where(items.c.log == log, items.c.kind == kind))
            self._all[place] = {row.key: found_item(row) for row in rows}
        return super()._find(log, kind, key)

    def _is_altered(self, current: StoredReading, log: str, head: Head) -> bool:
        """Return whether what others did to *log*, up to *head*, alters what was read."""
        before = self._heads.get(log)
        if before is None:
            before = Head(head.epoch, 0, "", head.time)
        if before.epoch != head.epoch or head.revision - before.revision > MOST_REVISIONS:
            return True
        made = current.stream(log, after=before.revision, until=head.revision)
        return any(self._seen.is_altered(log, change.edits) for change in made)

    def _number_again(self, moved: set[str]) -> None:
        """Say of what is put into logs that have *moved* in which revision it is so now."""
        for (log, kind, key), model in self._models.items():
            left, found = self._left[log, kind, key], self._found[log, kind, key]
            if log in moved and left is not None and (found is None or left.text != found.text):
                revision = self._locked[log].revision + 1
                self._left[log, kind, key] = written(kind, model, left.version, revision)
