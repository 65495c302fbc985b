"""Brings a database to the schema of this version, once, however many servers start at the same time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import DatabaseError

from pennon.control.errors import StorageUnusable, Unavailable
from pennon.control.health.checks import Schema
from pennon.control.storage.database import Database
from pennon.control.storage.tables import metadata
from pennon.control.storage.tables import schemas as known

_SCRIPTS = Path(__file__).with_name("migrations")
_LOCK = 0x50656E6E6F6E  # "Pennon"; any number that other programs in the same database do not use


def migrate(database: Database) -> None:
    """Run the migrations that *database* lacks, all or none.

    A database of a newer schema is used as it is, where it says that this one's servers can.

    Raises `StorageUnusable` for something that is not a database of ours, or one that is too new; `Unavailable`.
    """
    try:
        with database.writing() as connection:
            if not database.is_sqlite:  # SQLite's BEGIN IMMEDIATE has let in one server only
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            _upgrade(connection)
            connection.commit()
    except Unavailable as error:
        if "not a database" in str(error):
            raise StorageUnusable(f"{database.shown} is not a database", mend="name another file") from error
        raise
    except DatabaseError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise StorageUnusable(
            f"{database.shown} cannot be made ready: {reason}", mend="give Pennon a database of its own"
        ) from error


def schema(database: Database) -> Schema:
    """Return how the schema of *database* stands to that of this version. Raises `Unavailable`."""
    scripts = ScriptDirectory.from_config(_config())
    head = str(scripts.get_current_head())
    with database.reading() as connection:
        has = MigrationContext.configure(connection).get_current_revision()
        starts = has is None or _is_known(scripts, has) or _is_usable(connection, has, head)
    return Schema(has=has, wants=head, starts=starts)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    has = MigrationContext.configure(connection).get_current_revision()
    head = str(scripts.get_current_head())
    if has == head:
        return
    if has is None:
        _check_own(connection)
    elif not _is_known(scripts, has):
        if _is_usable(connection, has, head):
            return
        raise StorageUnusable(
            f"the database was made by a newer Pennon (schema {has})", mend="update Pennon, or give it another database"
        )
    command.upgrade(config, "head")


def _is_known(scripts: ScriptDirectory, schema: str) -> bool:
    return schema in {script.revision for script in scripts.walk_revisions()}


def _is_usable(connection: Connection, has: str, head: str) -> bool:
    """Return whether servers of schema *head* can use a database of the newer schema *has*: it says so itself.

    Migrations only add, so a server of the version before can be started again when an update went wrong.
    """
    if not inspect(connection).has_table(known.name):
        return False
    oldest = connection.execute(select(known.c.oldest).where(known.c.schema == has)).scalar_one_or_none()
    return oldest is not None and oldest <= head


def _check_own(connection: Connection) -> None:
    foreign = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
    if foreign:
        raise StorageUnusable(
            f"the database has tables of somebody else: {', '.join(foreign)}", mend="give Pennon a database of its own"
        )
