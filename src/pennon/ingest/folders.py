"""Which folder each worker of a server has for its spool, and what is left in those that nobody has.

Worker 0 has the folder that a server of one process has, so that either follows the other and finds what it left.
"""

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from pennon.ingest.accept import Ingest
from pennon.ingest.counting import Counting, Counts
from pennon.ingest.spool import SpoolError, SpoolInUse, has_unread

_log = structlog.get_logger(__name__)
_NAME = "worker-"
_LOOK_S = 2.0


def folder_of(base: Path, number: int) -> Path:
    """Return the folder of the spool of that number below *base*."""
    return base / f"{_NAME}{number}" if number else base


def leftovers(base: Path) -> list[Path]:
    """Return the folders that hold what nobody has read, oldest number first. One that is in use may be among them."""
    numbers = [path.name.removeprefix(_NAME) for path in base.glob(f"{_NAME}*")]
    found = [0, *sorted(int(number) for number in numbers if number.isdecimal())]
    return [folder for number in found if has_unread(folder := folder_of(base, number))]


@contextlib.contextmanager
def held(base: Path) -> Iterator[None]:
    """Keep every other server out of *base*. Raises `SpoolInUse` where one has it."""
    base.mkdir(parents=True, exist_ok=True)
    file = os.open(base / "server", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SpoolInUse(f"{base} is in use by another process") from error
        yield
    finally:
        os.close(file)


async def adopt_leftovers(base: Path, counts: Counts) -> None:
    """Count what lies below *base* in folders that nobody has, now and later, until cancelled."""
    while True:
        for folder in await asyncio.to_thread(leftovers, base):
            await _adopt(folder, counts)
        await asyncio.sleep(_LOOK_S)


async def _adopt(folder: Path, counts: Counts) -> None:
    ingest = Ingest(folder, time.time)
    try:
        await ingest.start()
        counting, found = Counting(ingest, counts), 0
        while some := await counting.count_some():
            found += some
        _log.info("events that a worker left are counted", folder=str(folder), batches=found)
    except SpoolInUse:
        return  # its worker lives
    except (SpoolError, OSError) as error:
        _log.error("events that a worker left cannot be read", folder=str(folder), problem=str(error))
    finally:
        await ingest.stop()
