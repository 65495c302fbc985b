"""Connections and transactions: one writer at a time on SQLite, a pool on PostgreSQL, and errors in domain words."""

import math
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError, TimeoutError

from pennon.control.errors import Busy, StorageUnusable, Unavailable
from pennon.control.storage.turns import Turns
from pennon.control.storage.watch import Watch

WAIT_S = 10
"""How long a command waits for a connection or for a lock before it says that the database is busy."""
_STATEMENT_S = 60
_CONNECT_S = 5
_FORMS = "write sqlite:///path/to/pennon.db or postgresql://user@host/database"


class Database:
    """A database by its URL. `reading` and `writing` give connections in a transaction."""

    def __init__(self, url: str, *, wait_s: float = WAIT_S) -> None:
        self.url = _parsed(url)
        # SQLite has one writer. PostgreSQL lets those of different logs go on side by side.
        self._turn = Turns(wait_s).turn if self.is_sqlite else nullcontext
        self._writer, self._reader = (_sqlite if self.is_sqlite else _postgres)(self.url, wait_s)
        self._watch = None if self.is_sqlite else Watch(self._writer)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite: one writer at a time, whatever it writes."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def shown(self) -> str:
        """The URL as people may see it, without a password."""
        return self.url.render_as_string(hide_password=True)

    @property
    def answers(self) -> bool:
        """Whether it did when it was asked last; that is so until `watched` asks."""
        return self._watch is None or self._watch.reason is None

    def watched(self) -> AbstractContextManager[None]:
        """Ask it each second whether it answers. While it does not, whoever wants a connection is refused at once."""
        return nullcontext() if self._watch is None else self._watch.running()

    def _check(self) -> None:
        if self._watch is not None:
            self._watch.check()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of everything and cannot write. Raises `Unavailable`."""
        self._check()
        with translated(), self._reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a transaction, which is rolled back unless the caller commits. Raises `Unavailable`."""
        with self._turn(), self.asking() as connection:
            yield connection

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """Give a connection like `writing` does, to a writer that lost the one it had and keeps its turn."""
        self._check()
        with translated(), self._writer.connect() as connection:
            connection.begin()
            yield connection

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._writer.dispose()
        self._reader.dispose()


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the database's driver raises into `Unavailable` or `Busy`, apart from faults that are ours."""
    try:
        yield
    except TimeoutError as error:
        raise Busy("the database is busy", mend="try again") from error
    except (IntegrityError, ProgrammingError, DataError):
        raise
    except DBAPIError as error:
        if _is_locked(error):
            raise Busy(f"the database is busy: {_reason(error)}", mend="try again; another program holds it") from error
        raise Unavailable("the database does not answer", mend=_mend(error), cause=_reason(error)) from error


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise StorageUnusable("the database URL cannot be read", mend=_FORMS) from error
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise StorageUnusable(f"Pennon cannot store in {parsed.drivername}", mend=_FORMS)
    if parsed.database in (None, "", ":memory:"):
        raise StorageUnusable("a database in memory is lost with the process", mend=_FORMS)
    return parsed


def _sqlite(url: URL, wait_s: float) -> tuple[Engine, Engine]:
    _make_file(Path(str(url.database)).absolute())
    arguments = {"isolation_level": None, "timeout": wait_s, "check_same_thread": False}
    writer = create_engine(url, pool_size=1, max_overflow=1, pool_timeout=wait_s, connect_args=arguments)
    reader = create_engine(url, pool_size=4, max_overflow=12, pool_timeout=wait_s, connect_args=arguments)
    _use_wal(writer, wait_s)
    _on_connect(writer, "synchronous=FULL", "foreign_keys=ON")
    _on_connect(reader, "foreign_keys=ON", "query_only=ON")
    _on_begin(writer, "BEGIN IMMEDIATE")
    _on_begin(reader, "BEGIN")
    return writer, reader


def _make_file(file: Path) -> None:
    """Make the file and its folder if they are not there, for nobody else to read: SQLite would ask the umask."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.touch(mode=0o600)
    except OSError as error:
        raise StorageUnusable(
            f"{file} cannot be made: {error.strerror}", mend="name a file in a folder that can be written"
        ) from error


def _postgres(url: URL, wait_s: float) -> tuple[Engine, Engine]:
    options = {
        "lock_timeout": wait_s,
        "statement_timeout": _STATEMENT_S,
        # A writer that stopped in the middle must not hold an environment's head for ever.
        "idle_in_transaction_session_timeout": _STATEMENT_S,
    }
    arguments: dict[str, str | int] = {
        "connect_timeout": max(2, min(_CONNECT_S, math.ceil(wait_s))),
        "options": " ".join(f"-c {name}={round(seconds * 1000)}" for name, seconds in options.items()),
        "application_name": "pennon",
    }
    arguments = {name: value for name, value in arguments.items() if name not in url.query}
    writer = create_engine(
        url,
        pool_size=8,
        max_overflow=16,
        pool_timeout=wait_s,
        pool_pre_ping=True,
        use_native_hstore=False,  # it takes a query on each new connection, which nobody could cut off
        connect_args=arguments,
    )
    return writer, writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _on_connect(engine: Engine, *pragmas: str) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def _use_wal(engine: Engine, wait_s: float) -> None:
    """Have a write-ahead log. While another process makes the file, SQLite refuses at once instead of waiting."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        until = time.monotonic() + wait_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL").close()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(random.uniform(0.002, 0.02))
            else:
                return


def _on_begin(engine: Engine, statement: str) -> None:
    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)


def _reason(error: DBAPIError) -> str:
    return (str(error.orig).strip() or type(error.orig).__name__).splitlines()[0]


def _is_locked(error: DBAPIError) -> bool:
    reason = _reason(error)
    return "locked" in reason or "lock timeout" in reason


def _mend(error: DBAPIError) -> str:
    reason = _reason(error)
    if "full" in reason:
        return "free space on its disk"
    if "readonly" in reason or "read-only" in reason:
        return "make it writable for Pennon"
    return "see that it runs and can be reached, then try again"
