"""Machines that fail: a disk without room, a clock that jumps."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import pytest

from tests.faults.world import Reporting

_FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


@contextlib.contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """A folder on a file system of its own, of that size. Skips the test where none may be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounting = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounting.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounting.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    """Fill the disk with one file."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def refusals_on_a_full_disk(reporting: Reporting) -> list[int]:
    """Report until nothing is taken any more, and return how that was said."""
    before = len(reporting.refused)
    with pytest.raises(AssertionError, match="nobody took a batch"):
        _report_on(reporting)
    return reporting.refused[before:]


def _report_on(reporting: Reporting) -> None:
    for _ in range(100):  # the last block of a file has room for some
        reporting.report(patience_s=1.0)


def faked_clock(folder: Path) -> tuple[Path, Mapping[str, str]]:
    """Return a file that tells the time, as in `+1d`, and the environment of a process that goes by it."""
    if _FAKETIME is None:
        _give_up("needs the Debian package faketime")
    told = folder / "time"
    told.write_text("+0")
    return told, {
        "LD_PRELOAD": str(_FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(told),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def _give_up(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
