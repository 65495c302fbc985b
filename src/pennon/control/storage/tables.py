"""The tables. Migrations make them; a test holds the two to each other.

Times are integers, microseconds since 1970 in UTC, which both databases compare alike. Keys are compared by code point.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Insert,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)
from sqlalchemy.dialects import postgresql, sqlite

metadata = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"},
)
_KEY = String().with_variant(String(collation="C"), "postgresql")
Upsert: TypeAlias = postgresql.Insert | sqlite.Insert
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FEW = 50

heads = Table(
    "heads",
    metadata,
    Column("log", _KEY, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("log", _KEY, primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("change_id", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("row", LargeBinary, nullable=False),  # the bytes that are hashed; everything else here is read from them
    Index(None, "log", "at"),
    Index(None, "change_id"),
)

touched = Table(  # which changes touched an item: an index over the rows
    "touched",
    metadata,
    Column("log", _KEY, primary_key=True),
    Column("kind", _KEY, primary_key=True),
    Column("key", _KEY, primary_key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
)

items = Table(
    "items",
    metadata,
    Column("log", _KEY, primary_key=True),
    Column("kind", _KEY, primary_key=True),
    Column("key", _KEY, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("hash", String(16), nullable=False),
    Column("text", LargeBinary),  # NULL: deleted; the row stays, so that its version is never used again
)

commands = Table(  # what came with an idempotency key
    "commands",
    metadata,
    Column("actor", _KEY, primary_key=True),
    Column("key", _KEY, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("outcome", LargeBinary, nullable=False),
    Index(None, "at"),
)

last_used = Table(
    "last_used",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("at", BigInteger, nullable=False),
)

evaluation_counts = Table(
    "evaluation_counts",
    metadata,
    Column("environment", _KEY, primary_key=True),
    Column("flag", _KEY, primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),  # seconds since 1970, a multiple of 3600
    Column("variation", _KEY, primary_key=True),  # empty: the caller's default was served
    Column("total", BigInteger, nullable=False),
    Index(None, "environment", "hour"),
)

evaluation_spans = Table(  # when a flag first and last served a variation: the counts say how often in between
    "evaluation_spans",
    metadata,
    Column("environment", _KEY, primary_key=True),
    Column("flag", _KEY, primary_key=True),
    Column("variation", _KEY, primary_key=True),  # empty: the caller's default was served
    Column("first", BigInteger, nullable=False),  # hours, as in evaluation_counts
    Column("last", BigInteger, nullable=False),
)

instances = Table(  # which batches of events each SDK instance has had counted
    "instances",
    metadata,
    Column("environment", _KEY, primary_key=True),
    Column("key", _KEY, primary_key=True),
    Column("instance", _KEY, primary_key=True),
    Column("counted", LargeBinary, nullable=False),  # JSON [[first, last], …] of sequence numbers
    Column("at", BigInteger, nullable=False),
    Column("sdk", String),  # what it says that it is, with versions
    Index(None, "at"),
)

sampled_contexts = Table(  # for whom flags were evaluated, sealed
    "sampled_contexts",
    metadata,
    Column("environment", _KEY, primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),  # as in evaluation_counts
    Column("priority", BigInteger, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Index(None, "environment", "priority"),
    Index(None, "hour"),
)

edge_nodes = Table(  # the last that each node of the tree reported of itself
    "edge_nodes",
    metadata,
    Column("environment", _KEY, primary_key=True),
    Column("node", _KEY, primary_key=True),
    Column("writer", _KEY, primary_key=True),  # a process of the origin that reports itself; empty for edge nodes
    Column("heard_at", BigInteger, nullable=False),
    Column("report", LargeBinary, nullable=False),  # JSON, as it travels
    Index(None, "heard_at"),
)

arrivals = Table(  # after how many seconds a change was applied where, as far as a process of the origin heard
    "arrivals",
    metadata,
    Column("environment", _KEY, primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("writer", _KEY, primary_key=True),
    Column("committed_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("delays", LargeBinary, nullable=False),  # JSON {node: seconds}
    Index(None, "at"),
)

sealed_keys = Table(  # the private parts of signing keys, sealed by a secret that is not in here
    "sealed_keys",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

passwords = Table(
    "passwords",
    metadata,
    Column("account", _KEY, primary_key=True),
    Column("hash", String, nullable=False),  # Argon2id, with its parameters and salt
    Column("at", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("key", _KEY, primary_key=True),  # the SHA-256 of the secret in somebody's cookie
    Column("account", _KEY, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("how", String),  # NULL: by a password, as it was before there was another way
    Index(None, "account"),
)

sign_in_failures = Table(  # how often in a row it failed, by account and by address
    "sign_in_failures",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "at"),
)

external_events = Table(  # what other systems told of themselves: deploys, changes of their configuration
    "external_events",
    metadata,
    Column("project", _KEY, primary_key=True),
    Column("key", _KEY, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("reported_at", BigInteger, nullable=False),
    Column("event", LargeBinary, nullable=False),  # JSON
    Index(None, "project", "revision", unique=True),
    Index(None, "project", "at"),
)

external_heads = Table(  # the last revision of each project's external events: who writes has it locked
    "external_heads",
    metadata,
    Column("project", _KEY, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

webhook_cursors = Table(  # up to where each log was made deliveries of
    "webhook_cursors",
    metadata,
    Column("log", _KEY, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

webhook_lines = Table(  # the deliveries of a webhook stand in line; one server at a time tends it
    "webhook_lines",
    metadata,
    Column("line", _KEY, primary_key=True),
    Column("owner", _KEY, nullable=False),  # the log that has the webhook
    Column("webhook", _KEY, nullable=False),
    Column("failures", Integer, nullable=False),  # in a row
    Column("open_until", BigInteger, nullable=False),  # the circuit is open: nothing is tried
    Column("claimed_until", BigInteger, nullable=False),
    Column("claimant", String(32), nullable=False),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("line", _KEY, primary_key=True),
    Column("source", _KEY, primary_key=True),  # what it tells of: a change id, an external event, a test
    Column("id", String(64), nullable=False),
    Column("type", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("place", Integer, nullable=False),  # of those created at one time
    Column("body", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),  # tried no more after it
    Column("status", Integer),
    Column("said", String, nullable=False),
    Column("ended_at", BigInteger),
    Index(None, "id", unique=True),
    Index(None, "state", "due_at"),
    Index(None, "line", "created_at"),
    Index(None, "created_at"),
)


code_reports = Table(  # the newest scan of each repository for what it knows of a project's flags
    "code_reports",
    metadata,
    Column("project", _KEY, primary_key=True),
    Column("repository", _KEY, primary_key=True),
    Column("revision", String, nullable=False),
    Column("scanned_at", BigInteger, nullable=False),
)

code_references = Table(
    "code_references",
    metadata,
    Column("project", _KEY, primary_key=True),
    Column("flag", _KEY, primary_key=True),
    Column("repository", _KEY, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("places", LargeBinary, nullable=False),  # JSON [[file, line, owner], …] in order: a row each would be many
    Index(None, "project", "repository"),
)

schemas = Table(  # each schema that the database has had, and the oldest whose servers can still use it
    "schemas",
    metadata,
    Column("schema", String(32), primary_key=True),
    Column("oldest", String(32), nullable=False),
)


def micros(time: datetime) -> int:
    """Return an aware *time* as the tables hold it."""
    return (time - _EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    """Return what the tables hold as an aware time in UTC."""
    return _EPOCH + timedelta(microseconds=at)


@cache
def upsert(table: Table, dialect: str) -> Upsert:
    """Return the statement that inserts rows into *table*, each replacing the one with its primary key."""
    statement = insert_into(table, dialect)
    own = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=own)


def insert_all(connection: Connection, statement: Insert, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert *rows*, of which each has all columns that the first one has, with values as the driver takes them."""
    if len(rows) <= _FEW:
        connection.execute(statement, rows)
        return
    # SQLAlchemy goes through each value of each row, and that takes as long as to store them.
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(rows[0]))
    names = compiled.positiontup  # None: the driver takes them by their names
    values = rows if names is None else [tuple(row[name] for name in names) for row in rows]
    connection.exec_driver_sql(str(compiled), values)


def insert_into(table: Table, dialect: str) -> Upsert:
    """Return an insert that can say what is to happen on a conflict, in the words of a database."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
