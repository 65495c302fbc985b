"""How long every page takes in a grown installation, beside a floor that does nothing, and how large it is on the wire.

The floor is /healthz of the same server, asked in turn with each page by the same client. Told are the CPU of the
process, which runs server and client; the time by a clock on the wall; and the CPU of the first answer to an address,
for some things are read once and kept for as long as they hold. `--cold` changes a flag before each answer.

`--data=FOLDER` keeps the world in a folder for another run, `--database=URL` in a PostgreSQL, whose CPU only the wall
tells. `--only=TEXT` asks for the addresses with it in them.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx2
import msgspec

from bench.pages.addresses import addresses, answers
from bench.pages.world import ACCOUNT, PASSWORD, PRODUCTION, Size, fill, flag_key
from pennon.cli.demo.embedded import Embedded
from pennon.cli.logs import set_up_logs
from pennon.control.config import Settings
from pennon.control.log import INSTALLATION
from pennon.control.storage import open_storage

ROUNDS = 15
GOAL_MS, GOAL_BYTES = 50, 100_000
T = TypeVar("T")


class Measured(msgspec.Struct, frozen=True):
    """One page: milliseconds of CPU (at first, median, that of the floor) and on the wall; bytes, whole and as sent."""

    path: str
    status: int
    first_ms: float
    cpu_ms: float
    floor_ms: float
    wall_ms: float
    whole: int
    sent: int

    @property
    def is_good(self) -> bool:
        """Whether it is as quick and as small as pages are to be."""
        return self.status == 200 and self.cpu_ms < GOAL_MS and self.whole < GOAL_BYTES


def main(arguments: list[str] | None = None) -> None:
    """Measure every page of a server that has grown."""
    options = _options(arguments or [])
    set_up_logs(level="critical", form="auto")
    with (
        tempfile.TemporaryDirectory() as folder,
        _installation(Path(options.data or folder), options.database) as client,
    ):
        print(f"   {Size()}; median of {ROUNDS}; the floor is /healthz")
        before = _change(client) if options.cold else _nothing
        found = [
            _measured(client, path, before) for path in (*addresses(client), *answers(client)) if options.only in path
        ]
        for each in found:
            _show(each)
    slow = [each for each in found if not each.is_good]
    print(f"   {len(found)} addresses; over {GOAL_MS} ms of CPU, over {GOAL_BYTES:,} bytes, or not there: {len(slow)}")


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("bench pages")
    parser.add_argument("--data")
    parser.add_argument("--database")
    parser.add_argument("--only", default="")
    parser.add_argument("--cold", action="store_true")
    return parser.parse_args(arguments)


def _show(found: Measured) -> None:
    sizes = f"{found.whole / 1000:5.1f} kB, {found.sent / 1000:4.1f} sent"
    times = f"{found.first_ms:7.1f} ms first, {found.cpu_ms:6.1f} ms, {found.cpu_ms / found.floor_ms:5.1f} x the floor"
    mark = " " if found.is_good else "!"
    rest = "" if found.status == 200 else f"  ({found.status})"
    print(f" {mark} {times}, {found.wall_ms:6.1f} ms wall  {sizes}  {found.path}{rest}")


def _measured(client: httpx2.Client, path: str, before: Callable[[], object]) -> Measured:
    (first_ms, _), (sent, status) = _took(lambda: _sent(client, path))
    whole = len(client.get(path).content)
    pages, floors = [], []
    for _ in range(ROUNDS):
        before()
        pages.append(_took(lambda: client.get(path))[0])
        floors.append(_took(lambda: client.get("/healthz"))[0])
    cpu_ms, wall_ms = (statistics.median(each) for each in zip(*pages, strict=True))
    floor_ms = statistics.median(cpu for cpu, _ in floors)
    return Measured(path, status, first_ms, cpu_ms, floor_ms, wall_ms, whole, sent)


def _sent(client: httpx2.Client, path: str) -> tuple[int, int]:
    with client.stream("GET", path, headers={"Accept-Encoding": "br, gzip"}) as answer:
        return sum(len(piece) for piece in answer.iter_raw()), answer.status_code


def _took(call: Callable[[], T]) -> tuple[tuple[float, float], T]:
    """Return the milliseconds that *call* took, of CPU and on the wall, and what it returned."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = call()
    return ((time.process_time() - cpu) * 1000, (time.perf_counter() - wall) * 1000), found


def _nothing() -> None:
    pass


def _change(client: httpx2.Client) -> Callable[[], object]:
    """Return what turns a flag of production on, then off."""
    here = f"/api/v1/projects/{PRODUCTION.project}/environments/{PRODUCTION.environment}/changes"
    csrf = client.get("/api/v1/session").json()["csrf"]
    turns = itertools.cycle(("turnOn", "turnOff"))

    def change() -> None:
        edit = {"do": next(turns), "flag": flag_key(1)}
        client.post(here, json={"edits": [edit]}, headers={"X-Pennon-CSRF": csrf}).raise_for_status()

    return change


@contextmanager
def _installation(folder: Path, database: str | None) -> Iterator[httpx2.Client]:
    """Run a server in the world, which is made if the database is empty, and give a client that is signed in."""
    settings = Settings(data=str(folder), database_url=database)
    if _is_empty(settings):
        fill(settings, Size())
    with (
        Embedded(folder, 0, database) as server,
        httpx2.Client(base_url=server.url, timeout=60, follow_redirects=True) as client,
    ):
        client.post("/sign-in", data={"account": ACCOUNT, "password": PASSWORD}).raise_for_status()
        yield client


def _is_empty(settings: Settings) -> bool:
    Path(settings.data).mkdir(parents=True, exist_ok=True)
    storage = open_storage(settings.database)
    try:
        with storage.log.reading() as reading:
            return reading.head(INSTALLATION) is None
    finally:
        storage.close()
