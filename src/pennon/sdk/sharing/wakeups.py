"""Being told at once that a file was written or closed, by Linux's inotify. Elsewhere one has to look.

Through ctypes: the standard library has no inotify, and the SDK takes no library for it.
"""

import contextlib
import functools
import operator
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

_MODIFY, _CLOSE_WRITE = 0x2, 0x8
_EVENT_BYTES = 16
_READ = 65536


class Happened(NamedTuple):
    """What happened to a file: somebody wrote to it; somebody closed it, as the kernel does for who dies."""

    written: bool
    closed: bool


class Wakeups:
    """Watches one file. `handle` can be read from once something happened; None where that cannot be had."""

    def __init__(self) -> None:
        self.handle: int | None = None
        self._libc: Any = None
        self._watch = -1
        try:
            import ctypes  # noqa: PLC0415  # only who shares needs it, and not every build of Python has it

            self._libc = ctypes.CDLL(None, use_errno=True)
            handle = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        except (ImportError, OSError, AttributeError, TypeError):
            return
        if handle >= 0:
            self.handle = handle

    def watch(self, path: Path) -> None:
        """Watch the file at *path*, in place of the one before."""
        self.ignore()
        if self.handle is not None:
            self._watch = self._libc.inotify_add_watch(self.handle, os.fsencode(path), _MODIFY | _CLOSE_WRITE)

    def ignore(self) -> None:
        """Watch no file for now."""
        if self.handle is not None and self._watch >= 0:
            self._libc.inotify_rm_watch(self.handle, self._watch)
        self._watch = -1

    @property
    def is_watching(self) -> bool:
        """Whether one is told."""
        return self.handle is not None and self._watch >= 0

    def take(self) -> Happened:
        """Return what happened since the last time."""
        data = b""
        if self.handle is not None:
            with contextlib.suppress(OSError):  # nothing happened
                data = os.read(self.handle, _READ)
        masks = (int.from_bytes(data[at + 4 : at + 8], sys.byteorder) for at in range(0, len(data), _EVENT_BYTES))
        every = functools.reduce(operator.or_, masks, 0)
        return Happened(bool(every & _MODIFY), bool(every & _CLOSE_WRITE))

    def close(self) -> None:
        """Watch nothing any more."""
        handle, self.handle = self.handle, None
        if handle is not None:
            with contextlib.suppress(OSError):
                os.close(handle)
