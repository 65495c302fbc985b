"""Whether a real PostgreSQL answers: one that hangs does not, one that ends the connection that asks does."""

import time
from collections.abc import Callable, Iterator

import pytest

from pennon.control.errors import Unavailable
from pennon.control.storage.database import Database
from tests.postgres import Postgres


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come to that within a minute"
        time.sleep(0.02)


@pytest.fixture
def database(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr("pennon.control.storage.watch.EVERY_S", 0.05)
    monkeypatch.setattr("pennon.control.storage.watch.ANSWERS_S", 0.5)
    made = Database(postgres.database(), wait_s=5)
    yield made
    made.close()


def ask(database: Database) -> None:
    with database.reading() as connection:
        connection.exec_driver_sql("SELECT 1")


def test_one_that_hangs_lets_nobody_wait_and_is_asked_again_when_it_is_back(
    database: Database, postgres: Postgres
) -> None:
    ask(database)
    with database.watched():
        with postgres.hanging():
            started = time.monotonic()
            with pytest.raises(Unavailable):
                ask(database)
            until(lambda: not database.answers)
            with pytest.raises(Unavailable, match="does not answer"):
                ask(database)
            assert time.monotonic() - started < 55, "a statement of its own would have ended after a minute"
        until(lambda: database.answers)
        ask(database)


def test_what_ends_the_connection_that_asks_says_nothing(database: Database, postgres: Postgres) -> None:
    with database.watched():
        until(lambda: _watching(database) == 1)
        watching = "pg_stat_activity WHERE application_name = 'pennon watch'"
        postgres.execute(f"SELECT pg_terminate_backend(pid) FROM {watching}")
        until(lambda: _watching(database) == 1)
        assert database.answers


def _watching(database: Database) -> int:
    with database.reading() as connection:
        ours = "application_name = 'pennon watch' AND datname = current_database()"
        query = f"SELECT count(*) FROM pg_stat_activity WHERE {ours}"
        return int(connection.exec_driver_sql(query).scalar_one())
