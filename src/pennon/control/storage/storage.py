"""Opens a storage by its URL: the database made ready, and the ports that services are given."""

from contextlib import AbstractContextManager

from sqlalchemy import text

from pennon.control.clock import Clock, SystemClock
from pennon.control.health.checks import Schema
from pennon.control.log import ChangeLog
from pennon.control.storage.belongings import StoredRemains
from pennon.control.storage.code import StoredCode
from pennon.control.storage.contexts import StoredContexts
from pennon.control.storage.counts import StoredCounts
from pennon.control.storage.database import WAIT_S, Database
from pennon.control.storage.doors import StoredDoors
from pennon.control.storage.external_events import StoredEvents
from pennon.control.storage.log import StoredLog
from pennon.control.storage.migrate import migrate, schema
from pennon.control.storage.propagation import StoredPropagation
from pennon.control.storage.safe import StoredSafe
from pennon.control.storage.stamps import StoredStamps
from pennon.control.storage.webhooks import StoredDeliveries


class Storage:
    """The change log, and what is kept beside it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self.log: ChangeLog = StoredLog(database, clock)
        self.last_used = StoredStamps(database)
        self.counts = StoredCounts(database, clock)
        self.code = StoredCode(database)
        self.contexts = StoredContexts(database)
        self.doors = StoredDoors(database)
        self.safe = StoredSafe(database)
        self.deliveries = StoredDeliveries(database)
        self.external_events = StoredEvents(database)
        self.remains = StoredRemains(database)
        self.propagation = StoredPropagation(database, clock)

    @property
    def answers(self) -> bool:
        """Whether the database did when it was asked last."""
        return self._database.answers

    def watched(self) -> AbstractContextManager[None]:
        """Ask the database each second whether it answers. While it does not, all raises `Unavailable` at once."""
        return self._database.watched()

    def schema(self) -> Schema:
        """Return how the schema of the database stands to that of this version. Raises `Unavailable`."""
        return schema(self._database)

    def ping(self) -> None:
        """Return if the database answers. Raises `Unavailable`."""
        with self._database.reading() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close the connections. What runs ends first."""
        self._database.close()


def open_storage(url: str, *, clock: Clock | None = None, wait_s: float = WAIT_S) -> Storage:
    """Return the storage at *url* (`sqlite:///path`, `postgresql://…`), brought to the schema of this version.

    A command waits *wait_s* seconds for a lock or a connection before it says that the database is busy.

    Raises `StorageUnusable` for a URL or a database that cannot be used, `Unavailable` for one that does not answer.
    """
    database = Database(url, wait_s=wait_s)
    try:
        migrate(database)
    except BaseException:  # nothing is swallowed: what was opened is closed, whatever ended the start
        database.close()
        raise
    return Storage(database, clock or SystemClock())
