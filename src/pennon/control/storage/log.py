"""The change log over a database: transactions around readings and commands, and word to subscribers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from pennon.control.clock import Clock
from pennon.control.errors import OutcomeUnknown, Overtaken, Unavailable
from pennon.control.log import Actor, Change, Head, Idempotency, Subscriber, Verification, Writing
from pennon.control.storage.ahead import AheadWriting, OvertakenOnce
from pennon.control.storage.check import check_log
from pennon.control.storage.commands import Outcome, check_key, find_outcome, record_outcome
from pennon.control.storage.database import Database
from pennon.control.storage.reading import StoredReading
from pennon.control.storage.rows import check_text
from pennon.control.storage.tables import changes, heads
from pennon.control.storage.writing import Command, Lengthy, StoredWriting

logger = structlog.get_logger(__name__)
MOST_LOCKED = 250
"""A command that deals with more items goes on without its locks: that many take some hundredths of a second."""
ATTEMPTS = 5
"""So often a long command is made, where others change meanwhile what it read."""


class StoredLog:
    """See `pennon.control.log.ChangeLog`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._subscribers: tuple[Subscriber, ...] = ()

    @contextmanager
    def reading(self) -> Iterator[StoredReading]:
        """Open a consistent view. Raises `Unavailable`."""
        with self._database.reading() as connection:
            yield StoredReading(connection)

    @contextmanager
    def writing(
        self, *logs: str, by: Actor, action: str, why: str = "", idempotency: Idempotency | None = None
    ) -> Iterator[StoredWriting]:
        """Open one command that may change *logs*. See the port for what it promises."""
        command = self._command(by, action, why, idempotency)
        with self._locked(logs, command, idempotency) as writing:
            yield writing

    def carry_out(
        self,
        do: Callable[[Writing], None],
        *logs: str,
        by: Actor,
        action: str,
        why: str = "",
        idempotency: Idempotency | None = None,
    ) -> StoredWriting:
        """Let *do* make one command that may change *logs*. See the port for what it promises."""
        command = self._command(by, action, why, idempotency)
        try:
            with self._locked(logs, command, idempotency, most=MOST_LOCKED) as writing:
                do(writing)
            return writing
        except Lengthy:
            pass
        for _ in range(ATTEMPTS):
            try:
                return self._carry_out_ahead(do, logs, command, idempotency)
            except OvertakenOnce:
                logger.info("a long command was overtaken", action=action, logs=len(logs))
        raise Overtaken(
            "others changed again and again what this was to change, or what it depends on",
            mend="try again when less is being changed, or change less at once",
        )

    def subscribe(self, callback: Subscriber) -> None:
        """Call *callback* after each commit of this process with the change that was written to each log."""
        self._subscribers = (*self._subscribers, callback)

    def check(self, log: str, *, witnesses: Sequence[Head] = ()) -> Verification:
        """Verify the chain, fold the log, and compare with the current items and with heads seen elsewhere."""
        with self._database.reading() as connection:
            return check_log(connection, log, witnesses)

    def _command(self, by: Actor, action: str, why: str, idempotency: Idempotency | None) -> Command:
        for name, text in (("by", by), ("action", action), ("why", why), ("idempotencyKey", idempotency)):
            check_text(text, name)
        if idempotency is not None:
            check_key(idempotency)
        return Command(by, action, why, self._clock.now())

    @contextmanager
    def _locked(
        self, logs: Sequence[str], command: Command, idempotency: Idempotency | None, *, most: int | None = None
    ) -> Iterator[StoredWriting]:
        with self._database.writing() as connection:
            writing = StoredWriting(connection, logs, command, most=most)
            writing.lock()
            self._replay(connection, writing, idempotency, command)
            yield writing
            if not writing.replayed:
                self._write(connection, writing, idempotency, command)
        self._tell(writing)

    def _carry_out_ahead(
        self, do: Callable[[Writing], None], logs: Sequence[str], command: Command, idempotency: Idempotency | None
    ) -> StoredWriting:
        with self._database.reading() as connection:
            writing = AheadWriting(connection, logs, command)
            self._replay(connection, writing, idempotency, command)
            do(writing)
        if writing.replayed:
            return writing
        with self._database.reading() as connection:  # a first time without the lock, for it may take a moment
            writing.catch_up(connection)
        with self._database.writing() as connection:
            now = self._clock.now()
            writing.lock_by(connection, now)
            if idempotency is not None and find_outcome(connection, command.by, idempotency, now) is not None:
                raise OvertakenOnce  # by itself, sent twice
            writing.conclude()
            self._write(connection, writing, idempotency, command)
        self._tell(writing)
        return writing

    def _write(
        self, connection: Connection, writing: StoredWriting, idempotency: Idempotency | None, command: Command
    ) -> None:
        writing.write()
        if idempotency is not None:
            outcome = Outcome(writing.heads_after, tuple(writing.changes_made))
            record_outcome(connection, command.by, idempotency, command.now, outcome)
        self._commit(connection, writing.changes_made)

    def _replay(
        self, connection: Connection, writing: StoredWriting, idempotency: Idempotency | None, command: Command
    ) -> None:
        if idempotency is None:
            return
        outcome = find_outcome(connection, command.by, idempotency, command.now)
        if outcome is None:
            return
        made = {log: writing.change(log, outcome.heads[log].revision) for log in outcome.changed}
        writing.replay({log: change for log, change in made.items() if change is not None}, outcome.heads)

    def _commit(self, connection: Connection, made: Mapping[str, Change]) -> None:
        try:
            connection.commit()
        except DBAPIError as error:
            # The answer to a commit was lost, which says nothing about the commit.
            connection.invalidate()
            if not made or not self._is_committed(next(iter(made.values())), error):
                raise Unavailable("the change could not be committed", mend="try again") from error

    def _is_committed(self, change: Change, error: DBAPIError) -> bool:
        try:
            with self._database.asking() as connection:
                # Waits until a commit that still goes on has ended.
                connection.execute(select(heads.c.log).where(heads.c.log == change.log).with_for_update())
                query = select(changes.c.hash).where(changes.c.log == change.log, changes.c.revision == change.revision)
                return connection.execute(query).scalar_one_or_none() == change.hash
        except Unavailable:
            raise OutcomeUnknown(
                "the connection to the database broke while the change was being committed",
                mend="send it again with the same idempotency key, or look whether it is there",
            ) from error

    def _tell(self, writing: StoredWriting) -> None:
        made = writing.changes_made
        if writing.replayed or not made:
            return
        for subscriber in self._subscribers:
            try:
                subscriber(made)
            except Exception:  # boundary: the change is committed, whatever its followers do
                revisions = {log: change.revision for log, change in made.items()}
                logger.exception("a follower of the change log failed", revisions=revisions)
