"""One suite, every storage: the fixture `storage` is each of them in turn."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import create_engine

from pennon.control.storage import Storage, open_storage
from pennon.control.storage.tables import metadata
from tests.clock import HandClock
from tests.contract.shop import Shop
from tests.postgres import Postgres
from tests.storages import migrated, migrated_storage

Backend = Literal["sqlite", "postgres"]
# Of a few rows this is far quicker than TRUNCATE, which makes the files of each table and each index anew.
_CLEAR = f"DO $$ BEGIN {' '.join(f'DELETE FROM {table.name};' for table in reversed(metadata.sorted_tables))} END $$"


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request: pytest.FixtureRequest) -> Backend:
    backend: Backend = request.param
    return backend


@pytest.fixture
def empty_url(backend: Backend, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path / 'pennon.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.database()


@pytest.fixture(scope="session")
def cleared_database(postgres: Postgres) -> Iterator[Callable[[], str]]:
    """Clears the tables of a PostgreSQL database, which is quicker than making one, and returns its URL."""
    url = postgres.database()
    open_storage(url).close()
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:

        def clear() -> str:
            connection.exec_driver_sql(_CLEAR)
            return url

        yield clear
    engine.dispose()


@pytest.fixture
def url(backend: Backend, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with tables in which nothing is."""
    if backend == "sqlite":
        file = tmp_path / "pennon.db"
        file.write_bytes(migrated())
        return f"sqlite:///{file}"
    cleared: Callable[[], str] = request.getfixturevalue("cleared_database")
    return cleared()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def storage(url: str, clock: HandClock) -> Iterator[Storage]:
    opened = migrated_storage(url, clock)
    yield opened
    opened.close()


@pytest.fixture
def shop(storage: Storage) -> Shop:
    """A shop with the environments production and staging."""
    opened = Shop(storage.log)
    opened.open()
    return opened
