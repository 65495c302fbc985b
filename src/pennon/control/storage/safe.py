"""Keeps the sealed private parts of signing keys."""

from sqlalchemy import delete, select

from pennon.control.storage.database import Database
from pennon.control.storage.tables import sealed_keys, upsert


class StoredSafe:
    """See `pennon.control.signing.sealing.Safe`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, key: str, sealed: bytes) -> None:
        """Keep *sealed*."""
        with self._database.writing() as connection:
            connection.execute(upsert(sealed_keys, connection.dialect.name), {"key": key, "sealed": sealed})
            connection.commit()

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
