"""One suite, every storage: the fixture `storage` is each of them in turn."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from pennon.control.storage import Storage, open_storage
from pennon.control.storage.tables import metadata
from tests.clock import HandClock
from tests.contract.shop import Shop
from tests.postgres import Postgres

Backend = Literal["sqlite", "postgres"]
_CLEAR = "TRUNCATE " + ", ".join(table.name for table in metadata.sorted_tables)


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
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with tables, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "pennon.db"
    open_storage(f"sqlite:///{file}").close()
    return file


@pytest.fixture(scope="session")
def cleared_database(postgres: Postgres) -> Callable[[], str]:
    """Clears the tables of a PostgreSQL database, which is quicker than making one, and returns its URL."""
    url = postgres.database()
    open_storage(url).close()

    def clear() -> str:
        postgres.execute(_CLEAR, url=url)
        return url

    return clear


@pytest.fixture
def url(backend: Backend, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with tables in which nothing is."""
    if backend == "sqlite":
        file = tmp_path / "pennon.db"
        shutil.copy(request.getfixturevalue("migrated_file"), file)
        return f"sqlite:///{file}"
    cleared: Callable[[], str] = request.getfixturevalue("cleared_database")
    return cleared()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def storage(url: str, clock: HandClock) -> Iterator[Storage]:
    opened = open_storage(url, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def shop(storage: Storage) -> Shop:
    """A shop with the environments production and staging."""
    opened = Shop(storage.log)
    opened.open()
    return opened
