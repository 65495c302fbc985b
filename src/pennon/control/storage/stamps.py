"""Keeps when tokens, keys and accounts were used last."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import select

from pennon.control.storage.database import Database
from pennon.control.storage.tables import Upsert, insert_into, last_used, micros, moment


class StoredStamps:
    """See `pennon.control.access.service.LastUsed`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stamp(self, key: str, time: datetime) -> None:
        """Note that the token or key with this hash was used. Times never go back."""
        with self._database.writing() as connection:
            connection.execute(stamping(connection.dialect.name, key, time))
            connection.commit()

    def times(self, keys: Iterable[str]) -> Mapping[str, datetime]:
        """Return when each was used last; those never used are left out."""
        query = select(last_used).where(last_used.c.key.in_(sorted(keys)))
        with self._database.reading() as connection:
            return {row.key: moment(row.at) for row in connection.execute(query)}


def stamping(dialect: str, key: str, time: datetime) -> Upsert:
    """Return the statement that notes that *key* was used. Times never go back."""
    statement = insert_into(last_used, dialect).values(key=key, at=micros(time))
    return statement.on_conflict_do_update(
        index_elements=[last_used.c.key],
        set_={"at": statement.excluded.at},
        where=last_used.c.at < statement.excluded.at,
    )
