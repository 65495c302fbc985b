"""Keeps how people get in: hashes of passwords, sessions, and how often somebody guessed."""

from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Delete, Select, delete, select

from pennon.control.access.people import SESSION_IDLE, SESSION_LONGEST, Session, account_stamp
from pennon.control.storage.database import Database
from pennon.control.storage.stamps import stamping
from pennon.control.storage.tables import last_used, micros, moment, passwords, sessions, sign_in_failures, upsert

Q = TypeVar("Q", Select[Any], Delete)


class StoredDoors:
    """See `pennon.control.access.signing_in.DoorStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def password(self, account: str) -> str | None:
        """Return the hash of an account's password; None if it has none."""
        query = select(passwords.c.hash).where(passwords.c.account == account)
        with self._database.reading() as connection:
            return connection.execute(query).scalar_one_or_none()

    def keep_password(self, account: str, password: str, time: datetime) -> None:
        """Keep the hash of an account's password."""
        with self._database.writing() as connection:
            row = {"account": account, "hash": password, "at": micros(time)}
            connection.execute(upsert(passwords, connection.dialect.name), row)
            connection.commit()

    def session(self, key: str) -> Session | None:
        """Return a session."""
        query = select(sessions).where(sessions.c.key == key)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _session(row)

    def sessions(self, account: str | None = None) -> list[Session]:
        """Return the sessions of an account, or (None) of everybody, the last seen first; also those that ran out."""
        query = select(sessions).order_by(sessions.c.seen_at.desc(), sessions.c.key)
        with self._database.reading() as connection:
            return [_session(row) for row in connection.execute(_of(query, account))]

    def keep_session(self, session: Session) -> None:
        """Keep a session, in the place of the one with its key. Those that have run out are swept."""
        row = {
            "key": session.key,
            "account": session.account,
            "created_at": micros(session.created),
            "seen_at": micros(session.seen),
            "how": session.how,
        }
        over = (sessions.c.seen_at <= micros(session.seen - SESSION_IDLE)) | (
            sessions.c.created_at <= micros(session.seen - SESSION_LONGEST)
        )
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(over))
            connection.execute(upsert(sessions, connection.dialect.name), row)
            connection.execute(stamping(connection.dialect.name, account_stamp(session.account), session.seen))
            connection.commit()

    def end_session(self, key: str) -> None:
        """Keep a session no more."""
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.key == key))
            connection.commit()

    def close_sessions(self, account: str | None) -> None:
        """End every session of an account, or (None) of everybody."""
        with self._database.writing() as connection:
            connection.execute(_of(delete(sessions), account))
            connection.commit()

    def shut(self, account: str) -> None:
        """End every session of an account, and let nobody in by its password any more."""
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.account == account))
            connection.execute(delete(passwords).where(passwords.c.account == account))
            connection.execute(delete(last_used).where(last_used.c.key == account_stamp(account)))
            connection.commit()

    def failures(self, key: str) -> tuple[int, datetime] | None:
        """Return how often something failed, and when it did last."""
        query = select(sign_in_failures).where(sign_in_failures.c.key == key)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (row.failures, moment(row.at))

    def keep_failures(self, key: str, count: int, time: datetime) -> None:
        """Keep that; 0: forget it."""
        with self._database.writing() as connection:
            if count:
                row = {"key": key, "failures": count, "at": micros(time)}
                connection.execute(upsert(sign_in_failures, connection.dialect.name), row)
                # A stranger chooses the names of accounts: what is a day old is swept, or they fill the table.
                old = micros(time) - 86_400_000_000
                connection.execute(delete(sign_in_failures).where(sign_in_failures.c.at < old))
            else:
                connection.execute(delete(sign_in_failures).where(sign_in_failures.c.key == key))
            connection.commit()


def _session(row: Any) -> Session:
    # One that an older Pennon made does not say how.
    return Session(row.key, row.account, moment(row.created_at), moment(row.seen_at), row.how or "password")


def _of(query: Q, account: str | None) -> Q:
    return query if account is None else query.where(sessions.c.account == account)
