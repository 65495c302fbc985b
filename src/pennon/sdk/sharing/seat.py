"""The leader's seat: a lock on a file beside the store, which the kernel takes from a process that dies.

The same file has the leader's notice. The lock is flock's: it belongs to the open file, so two clients of one process
do not share it, and a forked child must give up its copy without unlocking (`forget`).
"""

import contextlib
import os
from pathlib import Path
from types import ModuleType

from pennon.sdk.sharing.notice import PAGE, Notice

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


class Seat:
    """May be held by one client of the host at a time. Who makes one takes it if it is free: so it is known to work.

    Raises `OSError` where there can be none.
    """

    def __init__(self, store: Path) -> None:
        self.path = store.with_name(store.name + ".lock")
        self.is_held = False
        self._handle: int | None = None
        if fcntl is None:
            raise OSError("this system has no flock")
        self._open()
        try:
            self.take()
        except OSError:
            self.forget()
            raise

    def take(self) -> bool:
        """Take the seat if it is free. Return whether it is held now. Raises `OSError` where there are no locks."""
        if fcntl is None or self._handle is None:
            return False
        if not self.is_held:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self.is_held = True
        return True

    def leave(self) -> None:
        """Let somebody else take it. To be told of it, they watch who closes the file."""
        self.is_held = False
        if self._handle is not None and fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(self._handle, fcntl.LOCK_UN)
        self.forget()

    def forget(self) -> None:
        """Have nothing to do with it any more, without taking it from whoever has the same open file: a parent."""
        self.is_held = False
        handle, self._handle = self._handle, None
        if handle is not None:
            with contextlib.suppress(OSError):
                os.close(handle)

    def is_in_place(self) -> bool:
        """Return whether the file is still the one that others find."""
        try:
            return self._handle is not None and os.stat(self.path).st_ino == os.fstat(self._handle).st_ino
        except OSError:
            return False

    def reopen(self) -> None:
        """Begin anew with the file that others find. Raises `OSError`."""
        self.leave()
        self._open()

    def write(self, notice: Notice) -> None:
        """Put up *notice*. Raises `OSError`."""
        if self._handle is not None:
            os.pwrite(self._handle, notice.to_page(), 0)

    def read(self) -> Notice | None:
        """Return the notice, None where there is none that can be read."""
        if self._handle is None:
            return None
        for _ in range(2):  # the first may have been read while it was written
            try:
                if (notice := Notice.from_page(os.pread(self._handle, PAGE, 0))) is not None:
                    return notice
            except OSError:
                return None
        return None

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
