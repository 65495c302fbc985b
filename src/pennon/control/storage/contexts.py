"""Keeps sampled contexts: sealed, of each hour those with the lowest priorities."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, select

from pennon.control.contexts.keeping import MOST, SealedContext, hour_at
from pennon.control.storage.database import Database
from pennon.control.storage.tables import insert_into, sampled_contexts

_table = sampled_contexts.c


class StoredContexts:
    """See `pennon.control.contexts.keeping.ContextStore`."""

    def __init__(self, database: Database, *, most: int = MOST) -> None:
        self._database = database
        self._most = most

    def keep(self, contexts: Iterable[SealedContext]) -> None:
        """Keep them, and of each hour those with the lowest priorities."""
        # In one order whoever calls, so that two processes never wait for each other.
        ordered = sorted(contexts)
        rows = [
            {"environment": each.environment, "hour": each.hour, "priority": each.priority, "sealed": each.sealed}
            for each in ordered
        ]
        if not rows:
            return
        with self._database.writing() as connection:
            statement = insert_into(sampled_contexts, connection.dialect.name).on_conflict_do_nothing()
            connection.execute(statement, rows)
            for environment, hour in sorted({(each.environment, each.hour) for each in ordered}):
                self._thin(connection, environment, hour)
            connection.commit()

    def _thin(self, connection: Connection, environment: str, hour: int) -> None:
        of_hour = (_table.environment == environment, _table.hour == hour)
        lowest = select(_table.priority).where(*of_hour).order_by(_table.priority)
        beyond = connection.execute(lowest.offset(self._most).limit(1)).scalar_one_or_none()
        if beyond is not None:
            connection.execute(delete(sampled_contexts).where(*of_hour, _table.priority >= beyond))

    def find(self, environment: str, *, since: datetime, limit: int) -> list[SealedContext]:
        """Return those with the lowest priorities of an environment, of the hours from *since* on."""
        query = select(sampled_contexts).where(_table.environment == environment, _table.hour >= hour_at(since))
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(_table.priority).limit(limit))
            return [SealedContext(row.environment, row.hour, row.priority, bytes(row.sealed)) for row in rows]

    def environments(self) -> list[str]:
        """Return the environments of which something is kept."""
        with self._database.reading() as connection:
            return list(
                connection.execute(select(_table.environment).distinct().order_by(_table.environment)).scalars()
            )

    def forget(self, *, before: datetime | None = None, environments: Collection[str] = ()) -> None:
        """Forget the hours before a time, and all of these *environments*."""
        with self._database.writing() as connection:
            if before is not None:
                connection.execute(delete(sampled_contexts).where(_table.hour < hour_at(before)))
            for environment in sorted(environments):
                connection.execute(delete(sampled_contexts).where(_table.environment == environment))
            connection.commit()
