"""Keeps the sealed private parts of signing keys, and what servers of one database know and others do not."""

from sqlalchemy import delete, select

from pennon.control.storage.database import Database
from pennon.control.storage.tables import insert_into, sealed_keys, upsert


class StoredSafe:
    """See `pennon.control.signing.sealing.Safe`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, key: str, sealed: bytes) -> None:
        """Keep *sealed*."""
        with self._database.writing() as connection:
            connection.execute(upsert(sealed_keys, connection.dialect.name), {"key": key, "sealed": sealed})
            connection.commit()

    def keep_first(self, key: str, sealed: bytes) -> bytes:
        """Return what is kept of *key*, which is *sealed* where nothing was, whoever else comes at the same time."""
        with self._database.writing() as connection:
            row = {"key": key, "sealed": sealed}
            statement = insert_into(sealed_keys, connection.dialect.name).values(row).on_conflict_do_nothing()
            connection.execute(statement)
            kept = connection.execute(select(sealed_keys.c.sealed).where(sealed_keys.c.key == key)).scalar_one()
            connection.commit()
        return bytes(kept)

    def find(self, key: str) -> bytes | None:
        """Return what is kept of *key*; None if nothing is."""
        with self._database.reading() as connection:
            found = connection.execute(
                select(sealed_keys.c.sealed).where(sealed_keys.c.key == key)
            ).scalar_one_or_none()
        return None if found is None else bytes(found)

    def forget(self, key: str) -> None:
        """Keep nothing of *key* any more."""
        with self._database.writing() as connection:
            connection.execute(delete(sealed_keys).where(sealed_keys.c.key == key))
            connection.commit()
