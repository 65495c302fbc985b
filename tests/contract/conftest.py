"""One suite, every storage: the fixture `storage` is each of them in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pennon.control.storage import Storage, open_storage
from tests.clock import HandClock
from tests.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'pennon.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.database()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def storage(url: str, clock: HandClock) -> Iterator[Storage]:
    opened = open_storage(url, clock=clock)
    yield opened
    opened.close()
