"""Keeps external events. Who keeps one has its project's head locked, so that their numbers are in order of commit."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from pennon.control.external_events.models import ExternalEvent
from pennon.control.external_events.store import Reported
from pennon.control.storage.database import Database
from pennon.control.storage.tables import external_events, external_heads, insert_into, micros

_E, _H = external_events.c, external_heads.c
_decode = msgspec.json.Decoder(ExternalEvent).decode


class StoredEvents:
    """See `pennon.control.external_events.store.EventStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, event: ExternalEvent) -> tuple[Reported, bool]:
        """Keep *event*, unless there is one of its id in the project."""
        with self._database.writing() as connection:
            revision = _next(connection, event.project)
            if (known := _find(connection, event.project, event.id)) is not None:
                return _reported(known), False
            row = {
                "project": event.project,
                "key": event.id,
                "revision": revision,
                "at": micros(event.time),
                "reported_at": micros(event.reported),
                "event": msgspec.json.encode(event),
            }
            connection.execute(insert(external_events).values(row))
            connection.commit()
        return Reported(revision, event), True

    def heads(self) -> Mapping[str, int]:
        """Return the last revision of each project that has events."""
        with self._database.reading() as connection:
            return {row.project: row.revision for row in connection.execute(select(external_heads))}

    def since(self, project: str, revision: int, *, limit: int) -> Sequence[Reported]:
        """Return a project's events after *revision*."""
        query = select(external_events).where(_E.project == project, _E.revision > revision)
        with self._database.reading() as connection:
            return [_reported(row) for row in connection.execute(query.order_by(_E.revision).limit(limit))]

    def revision_before(self, project: str, time: datetime) -> int:
        """Return the last revision of what was reported before *time*."""
        query = select(func.max(_E.revision)).where(_E.project == project, _E.reported_at < micros(time))
        with self._database.reading() as connection:
            return connection.execute(query).scalar() or 0

    def between(
        self, project: str, start: datetime, stop: datetime, *, after: str | None = None, limit: int
    ) -> Sequence[Reported]:
        """Return a project's events by the time at which they happened, the newest first."""
        query = select(external_events).where(_E.project == project, _E.at >= micros(start), _E.at < micros(stop))
        with self._database.reading() as connection:
            if after is not None and (last := _find(connection, project, after)) is not None:
                query = query.where(or_(_E.at < last.at, and_(_E.at == last.at, _E.revision < last.revision)))
            rows = connection.execute(query.order_by(_E.at.desc(), _E.revision.desc()).limit(limit))
            return [_reported(row) for row in rows]

    def sweep(self, before: datetime) -> int:
        """Forget what happened before."""
        with self._database.writing() as connection:
            gone = connection.execute(delete(external_events).where(_E.at < micros(before)))
            connection.commit()
        return int(gone.rowcount)


def _next(connection: Connection, project: str) -> int:
    """Return the number of the next event, with the project's head locked until the transaction is over."""
    first = insert_into(external_heads, connection.dialect.name).values({"project": project, "revision": 0})
    connection.execute(first.on_conflict_do_nothing())
    raised = update(external_heads).where(_H.project == project).values(revision=_H.revision + 1)
    return int(connection.execute(raised.returning(_H.revision)).scalar_one())


def _find(connection: Connection, project: str, key: str) -> Row[Any] | None:
    return connection.execute(select(external_events).where(_E.project == project, _E.key == key)).one_or_none()


def _reported(row: Row[Any]) -> Reported:
    return Reported(row.revision, _decode(bytes(row.event)))
