"""The local store as a file. `layout` says what is in it, `opened` reads it; here it is loaded, saved and continued."""

import contextlib
import os
import tempfile
import time
from pathlib import Path

from msgspec.structs import replace

from pennon.model import Delta, Position
from pennon.sdk.errors import CorruptStore
from pennon.sdk.stores.base import Stored
from pennon.sdk.stores.layout import FORMAT, LINE, Head, write_body, write_head, write_record
from pennon.sdk.stores.opened import Opened, latest, open_store

_LONG_JOURNAL = 256 * 1024
_DRAFT_S = 60.0


class FileStore:
    """Keeps the state in the file at *path*, which several processes may share.

    *owner* is a name of whose state it is: that of another is not loaded, and replaced.
    """

    def __init__(self, path: str | os.PathLike[str], owner: str = "") -> None:
        self.path = Path(path)
        self.owner = owner
        self.opened: Opened | None = None

    def __repr__(self) -> str:
        return f"FileStore({str(self.path)!r})"

    def open(self) -> Opened | None:
        """Open the file, None if it is not there. Raises `CorruptStore`, or `OSError`."""
        try:
            return open_store(self.path, self.owner)
        except CorruptStore as error:
            raise self.corrupt(error) from error

    def load(self) -> Stored | None:
        """Return what the file holds, None if it is not there. Raises `CorruptStore`, or `OSError`."""
        if (opened := self.open()) is None:
            return None
        try:
            return latest(opened, opened.whole())
        except CorruptStore as error:
            raise self.corrupt(error) from error

    def load_in_place(self) -> Stored | None:
        """Do as `load`, and leave the items in the file, which stays `opened`. Raises `CorruptStore`, or `OSError`."""
        self.opened = None
        if not hasattr(os, "pread"):
            return self.load()  # Windows: nobody shares there, and nothing takes the place of a file that is open
        if (opened := self.open()) is None:
            return None
        try:
            stored = latest(opened, opened.snapshot() if opened.head.index else opened.whole())
        except CorruptStore as error:
            raise self.corrupt(error) from error
        self.opened = opened
        return stored

    def save(self, stored: Stored) -> None:
        """Write *stored* beside the file, see it onto the disk, and only then put it in the file's place."""
        self._save(stored)

    def begin(self, stored: Stored) -> "Journal":
        """Save *stored*, and return the journal of what comes next. Raises `OSError`."""
        head, end = self._save(stored)
        handle = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        return Journal(self.path, handle, head, end, stored.snapshot.position)

    def resume(self, opened: Opened) -> "Journal | None":
        """Return the journal of a file that was read to its end, None where it cannot go on. Raises `OSError`."""
        if not opened.head.index or opened.body.is_damaged:
            return None
        handle = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        if os.fstat(handle).st_ino != opened.inode:
            os.close(handle)
            return None
        os.ftruncate(handle, opened.end)  # a record that its writer did not live to finish
        return Journal(self.path, handle, opened.head, opened.end, opened.position)

    def sweep(self) -> None:
        """Remove the drafts of writers that did not live to put them in the file's place."""
        for draft in self.path.parent.glob(f".{self.path.name}.*.draft"):
            with contextlib.suppress(OSError):
                if time.time() - draft.stat().st_mtime > _DRAFT_S:
                    draft.unlink()

    def corrupt(self, error: CorruptStore) -> CorruptStore:
        """Return *error* with the name of the file, and what becomes of it."""
        return CorruptStore(f"{self.path} is not usable: {error}; it is ignored and will be replaced")

    def _save(self, stored: Stored) -> tuple[Head, int]:
        head = Head(FORMAT, stored.known_at, 0, "", owner=self.owner)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", suffix=".draft", dir=self.path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(write_head(head))
                written = write_body(stored.snapshot, file.write)
                end = file.tell()
                head = replace(head, bytes=written.body, index=written.index, sha256=written.sha256)
                file.seek(0)
                file.write(write_head(head))
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)
        except BaseException:  # nothing is swallowed: no draft is left behind, whatever ended the writing
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
        self._sync_folder()
        return head, end

    def _sync_folder(self) -> None:
        """See the new name onto the disk too, where the system has folders that can be opened."""
        with contextlib.suppress(OSError):
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


class Journal:
    """The end of a store's file, where its one writer says what happens. `position` is where that leads."""

    def __init__(self, path: Path, handle: int, head: Head, end: int, position: Position) -> None:
        self.position = position
        self._path = path
        self._handle = handle
        self._end = end
        self._room = LINE + head.bytes + head.index + max(_LONG_JOURNAL, head.bytes // 2)
        self._is_synced = True
        self._left = self._stamp()

    @property
    def is_long(self) -> bool:
        """Whether the file should be written anew."""
        return self._end > self._room

    def add(self, known_at: float, delta: Delta | None = None) -> None:
        """Say that the state was current at *known_at*, and became that by *delta* if something changed.

        Raises `OSError`; then nothing was said.
        """
        record = write_record(known_at, delta)
        try:
            written = 0
            while written < len(record):
                written += os.pwrite(self._handle, record[written:], self._end + written)
        except OSError:
            os.ftruncate(self._handle, self._end)
            raise
        self._end += len(record)
        self._is_synced = False
        self._left = self._stamp()
        if delta is not None:
            self.position = Position(delta.epoch, delta.to)

    def sync(self) -> None:
        """See what was said onto the disk. Raises `OSError`."""
        if not self._is_synced:
            self._is_synced = True  # first: another thread may add meanwhile
            os.fsync(self._handle)

    def is_untouched(self) -> bool:
        """Return whether the file is in its place, and as this left it."""
        try:
            return os.stat(self._path).st_ino == os.fstat(self._handle).st_ino and self._stamp() == self._left
        except OSError:
            return False

    def close(self) -> None:
        """Say nothing any more."""
        with contextlib.suppress(OSError):
            os.close(self._handle)

    def _stamp(self) -> tuple[int, int]:
        found = os.fstat(self._handle)
        return found.st_size, found.st_mtime_ns
