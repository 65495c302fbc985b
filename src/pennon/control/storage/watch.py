"""Watches whether a PostgreSQL answers, so that nobody waits for one that does not.

One that is stopped refuses connections at once. One that hangs, or a network that swallows, lets everybody wait: the
server's own timeouts do not run there, and TCP has all it wants. So one connection asks each second, with a deadline of
its own, and where no answer comes all others are cut.
"""

import contextlib
import os
import select
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from sqlalchemy import Engine, event

from pennon.control.errors import Unavailable

if TYPE_CHECKING:
    import psycopg

EVERY_S = 1.0
ANSWERS_S = 3.0
"""A database that needs longer to answer nothing at all is not there."""
_CONNECTS_S = 3
_MEND = "see that it runs and can be reached; pennon change apply --queue keeps a command and sends it again"

_FULL = ("too many clients", "too many connections", "connection slots")
"""Said by a server that is there and has no connection left for us. Those that we have are good."""

_log = structlog.get_logger(__name__)


class _Fault(msgspec.Struct, frozen=True):
    """Why there was no answer, and whether those who wait for one may wait for ever."""

    reason: str
    hangs: bool


class Watch:
    """Whether the database of *engine* answers. Until it runs, and for SQLite, it does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reason: str | None = None
        self._end = threading.Event()
        self._state = threading.Lock()
        self._connections: weakref.WeakSet[Any] = weakref.WeakSet()
        self._asking: psycopg.Connection[Any] | None = None
        event.listen(engine, "connect", self._connected, insert=True)

    @property
    def reason(self) -> str | None:
        """Why the database is not asked; None while it answers."""
        return self._reason

    def check(self) -> None:
        """Raise `Unavailable` where the database did not answer when it was asked last."""
        if self._reason is not None:
            raise Unavailable("the database does not answer", mend=_MEND, cause=self._reason)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Ask again and again, in a thread."""
        thread = threading.Thread(target=self._run, name="pennon-database", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()
            self._reason = None

    def _run(self) -> None:
        try:
            while True:
                self._note(self._asked())
                if self._end.wait(EVERY_S):
                    return
        finally:
            self._forget()

    def _note(self, found: _Fault | None) -> None:
        before, self._reason = self._reason, None if found is None else found.reason
        if found is None:
            if before is not None:
                _log.info("the database answers again")
            return
        if before is None:
            _log.error("the database does not answer", reason=found.reason)
        if found.hangs:
            self._cut()  # each time: who was connecting when it was noticed may wait by now

    def _asked(self) -> _Fault | None:
        """Ask, and return what is wrong; None: there was an answer."""
        import psycopg  # noqa: PLC0415  # SQLite does without, and starts sooner

        try:
            if self._asking is None:
                arguments, named = self._engine.dialect.create_connect_args(self._engine.url)
                options = {**named, "connect_timeout": _CONNECTS_S, "application_name": "pennon watch"}
                self._asking = psycopg.connect(*arguments, autocommit=True, **options)
            if _answers(self._asking.pgconn, ANSWERS_S):
                return None
        except (psycopg.Error, OSError) as error:
            if self._asking is not None:  # one connection may end for its own reasons: a new one says more
                self._forget()
                return self._asked()
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            if any(words in reason for words in _FULL):
                return None
            return _Fault(reason, hangs=isinstance(error, psycopg.errors.ConnectionTimeout))
        self._forget()
        return _Fault(f"nothing came within {ANSWERS_S:g} s", hangs=True)

    def _forget(self) -> None:
        if self._asking is not None:
            self._asking.close()
            self._asking = None

    def _connected(self, connection: Any, _record: object) -> None:
        with self._state:
            self._connections.add(connection)

    def _cut(self) -> None:
        import psycopg  # noqa: PLC0415  # as above

        with self._state:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(psycopg.Error, OSError):
                _shut(connection)


def _shut(connection: Any) -> None:
    """End the connection for whoever waits on it, who owns it and closes it."""
    with socket.socket(fileno=os.dup(connection.fileno())) as copy:
        copy.shutdown(socket.SHUT_RDWR)


def _answers(connection: Any, within_s: float) -> bool:
    """Return whether *connection*, as libpq has it, answers in time. psycopg itself waits without end."""
    connection.send_query(b"SELECT 1")
    until = time.monotonic() + within_s
    while True:
        connection.flush()
        if not connection.is_busy():
            if connection.get_result() is None:
                return True
            continue
        left = until - time.monotonic()
        if left <= 0 or not select.select([connection.socket], [], [], left)[0]:
            return False
        connection.consume_input()
