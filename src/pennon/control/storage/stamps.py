"""Keeps when tokens and keys were used last."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import select

from pennon.control.storage.database import Database
from pennon.control.storage.tables import insert_into, last_used, micros, moment


class StoredStamps:
    """See `pennon.control.access.service.LastUsed`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stamp(self, key: str, time: datetime) -> None:
        """Note that the token or key with this hash was used. Times never go back."""
        with self._database.writing() as connection:
            statement = insert_into(last_used, connection.dialect.name).values(key=key, at=micros(time))
            later = {"at": statement.excluded.at}
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[last_used.c.key], set_=later, where=last_used.c.at < statement.excluded.at
                )
            )
            connection.commit()

    def times(self, keys: Iterable[str]) -> Mapping[str, datetime]:
        """Return when each was used last; those never used are left out."""
        query = select(last_used).where(last_used.c.key.in_(sorted(keys)))
        with self._database.reading() as connection:
            return {row.key: moment(row.at) for row in connection.execute(query)}
