"""Being told of what happens to a file: writing and closing wake, and where that is not to be had nothing breaks."""

import ctypes
import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pennon.sdk.sharing.wakeups import Wakeups

linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    handle = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    yield handle
    os.close(handle)


def woken(wakeups: Wakeups) -> bool:
    assert wakeups.handle is not None
    return bool(select.select([wakeups.handle], [], [], 0)[0])


@linux
def test_writing_wakes_and_closing_is_told_apart(tmp_path: Path, file: int) -> None:
    wakeups = Wakeups()
    wakeups.watch(tmp_path / "lock")
    assert wakeups.is_watching
    assert (woken(wakeups), wakeups.take()) == (False, (False, False))
    os.pwrite(file, b"x", 0)
    assert (woken(wakeups), wakeups.take(), woken(wakeups)) == (True, (True, False), False)
    os.close(os.open(tmp_path / "lock", os.O_RDWR))
    assert (woken(wakeups), wakeups.take()) == (True, (False, True))
    wakeups.ignore()
    wakeups.take()
    os.pwrite(file, b"x", 0)
    assert (woken(wakeups), wakeups.is_watching) == (False, False)
    wakeups.watch(tmp_path / "lock")
    os.pwrite(file, b"x", 0)
    assert woken(wakeups)
    wakeups.close()
    assert (wakeups.handle, wakeups.is_watching, wakeups.take()) == (None, False, (False, False))
    wakeups.close()


@linux
def test_a_file_that_is_not_there_is_not_watched(tmp_path: Path) -> None:
    wakeups = Wakeups()
    wakeups.watch(tmp_path / "nothing")
    assert not wakeups.is_watching
    wakeups.close()


class NoInotify:
    def __init__(self, *_: object, **__: object) -> None:
        pass


class NoneLeft(NoInotify):
    def inotify_init1(self, _flags: int) -> int:
        return -1


@pytest.mark.parametrize("libc", [NoInotify, NoneLeft])
def test_without_inotify_nobody_is_told_and_nothing_breaks(
    libc: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", libc)
    wakeups = Wakeups()
    wakeups.watch(tmp_path / "lock")
    assert (wakeups.handle, wakeups.is_watching, wakeups.take()) == (None, False, (False, False))
    wakeups.ignore()
    wakeups.close()
