"""A spool: a folder of append-only segments that keeps records from their acknowledgement until they are read.

Everything here blocks; `pennon.ingest.accept` keeps it off the event loop. What `append` has returned for is on disk,
whatever is killed next. Errors:

    SpoolError
    ├── SpoolInUse      another process has the folder
    └── SpoolFull       the records could not be made durable; none of them is there
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import msgspec

from pennon.ingest.frames import framed, intact_length, records

_SUFFIX = ".seg"
_DIGITS = 16


class SpoolError(Exception):
    """Base of what a spool raises."""


class SpoolInUse(SpoolError):
    """Another process appends to this folder."""


class SpoolFull(SpoolError):
    """The disk took nothing, or too little is free. No record of the append is kept."""


class SpoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`retain` keeps segments that were read, for whoever wants them later. `reserve_bytes` of the disk stay free.

    The folder never holds more than `max_bytes`, if that is given. It should be several times `segment_bytes`: what was
    read goes a segment at a time.
    """

    segment_bytes: int = 16 * 1024 * 1024
    reserve_bytes: int = 0
    max_bytes: int | None = None
    retain: bool = False


class Place(msgspec.Struct, frozen=True, order=True):
    """A place in a spool: the number of a segment, and an offset in it."""

    segment: int
    offset: int


class Record(msgspec.Struct, frozen=True):
    """A record, and the place after it: where reading goes on. `payload` is None where bytes were damaged."""

    payload: bytes | None
    after: Place


class Spool:
    """One writer, one reader, one process. Opening it truncates what a crash tore."""

    def __init__(self, folder: Path, settings: SpoolSettings = SpoolSettings()) -> None:  # noqa: B008  # immutable
        self._folder = folder
        self._settings = settings
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder / "lock")
        self._file: int | None = None
        self._place = self._recovered()
        self.bytes = self.size
        """What `size` would say, kept up to date."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files. What was appended stays."""
        self._close_segment()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def end(self) -> Place:
        """The place after the last record."""
        return self._place

    @property
    def size(self) -> int:
        """How many bytes lie in the folder."""
        return sum(self._path(segment).stat().st_size for segment in self.segments())

    def segments(self) -> list[int]:
        """Return the numbers of the segments that are there, oldest first."""
        return _segments(self._folder)

    def append(self, payloads: Sequence[bytes]) -> None:
        """Write *payloads* and return when they are on disk: one fsync for all. Raises `SpoolFull`: none is kept."""
        data = b"".join(framed(payload) for payload in payloads)
        self._check_space(len(data))
        try:
            if self._place.offset >= self._settings.segment_bytes:
                self._close_segment()
                self._place = Place(self._place.segment + 1, 0)
            file = self._opened()
            _write_all(file, data)
            os.fdatasync(file)
        except OSError as error:
            self._abandon()
            raise SpoolFull(f"{self._folder}: {error.strerror or error}") from error
        self._place = Place(self._place.segment, self._place.offset + len(data))
        self.bytes += len(data)

    def read(self, start: Place) -> Iterator[Record]:
        """Yield the records from *start* on, to the end that the spool has now."""
        for segment in self.segments():
            if not start.segment <= segment <= self._place.segment:
                continue
            first = start.offset if segment == start.segment else 0
            last = self._place.offset if segment == self._place.segment else None
            for found in records(_stretch(self._path(segment), first, last)):
                yield Record(found.payload, Place(segment, first + found.end))

    def consumed(self) -> Place:
        """Return the place up to which everything was read for good."""
        return _consumed(self._folder)

    def consume(self, place: Place) -> list[int]:
        """Note that everything before *place* was read for good. Return the segments that nobody reads any more."""
        replace_file(self._folder / "consumed", msgspec.json.encode(place))
        return [segment for segment in self.segments() if segment < place.segment]

    def delete(self, segments: Sequence[int]) -> None:
        """Delete *segments*, unless they are to be retained."""
        for segment in segments:
            if self._settings.retain or segment >= self._place.segment:
                continue
            self._path(segment).unlink(missing_ok=True)
        self.bytes = self.size

    def _path(self, segment: int) -> Path:
        return self._folder / f"{segment:0{_DIGITS}}{_SUFFIX}"

    def _recovered(self) -> Place:
        """Cut off what a crash tore from the last segment, and return its end."""
        segments = self.segments()
        if not segments:
            # Numbers are never used twice: `consumed` may speak of segments that are deleted.
            return Place(self.consumed().segment + 1, 0)
        last = segments[-1]
        path = self._path(last)
        length = intact_length(path.read_bytes())
        if length < path.stat().st_size:
            _truncate(path, length)
        return Place(last, length)

    def _check_space(self, length: int) -> None:
        most = self._settings.max_bytes
        if most is not None and self.bytes + length > most:
            raise SpoolFull(f"{self._folder}: at most {most} bytes may wait here, and {self.bytes} do")
        if not self._settings.reserve_bytes:
            return
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize - length < self._settings.reserve_bytes:
            raise SpoolFull(f"{self._folder}: less than {self._settings.reserve_bytes} bytes would be left free")

    def _opened(self) -> int:
        if self._file is None:
            path = self._path(self._place.segment)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.lseek(self._file, self._place.offset, os.SEEK_SET)
            _sync_folder(self._folder)
        return self._file

    def _close_segment(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _abandon(self) -> None:
        """Cut off what a failed append left, and never write to that file again.

        After a failed fsync the kernel may hold pages for clean that never reached the disk, so trying again on the
        same file could acknowledge what is not there.
        """
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, self._place.offset)
            os.fsync(self._file)
        self._close_segment()
        if self._place.offset:
            self._place = Place(self._place.segment + 1, 0)
        else:
            self._path(self._place.segment).unlink(missing_ok=True)


def has_unread(folder: Path) -> bool:
    """Whether the spool in *folder* has what nobody has read. Opens nothing, so that one may look often."""
    consumed = _consumed(folder)
    for segment in _segments(folder):
        with contextlib.suppress(FileNotFoundError):  # its worker may live, and delete what is read
            size = (folder / f"{segment:0{_DIGITS}}{_SUFFIX}").stat().st_size
            if size and Place(segment, size) > consumed:
                return True
    return False


def _segments(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.glob("?" * _DIGITS + _SUFFIX) if path.stem.isdecimal())


def _consumed(folder: Path) -> Place:
    try:
        return msgspec.json.decode((folder / "consumed").read_bytes(), type=Place)
    except (FileNotFoundError, msgspec.DecodeError):
        # A spoiled note costs reading again, which the reader's own marks make harmless.
        return Place(0, 0)


def _stretch(path: Path, first: int, last: int | None) -> bytes:
    with path.open("rb") as file:
        file.seek(first)
        return file.read(-1 if last is None else last - first)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _locked(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        raise SpoolInUse(f"{path.parent} is in use by another process") from error
    return file


def _truncate(path: Path, length: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(file, length)
        os.fsync(file)
    finally:
        os.close(file)


def replace_file(path: Path, content: bytes) -> None:
    """Write *content* to *path* so that a crash leaves the old or the new, never a part."""
    beside = path.with_name(path.name + ".new")
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _write_all(file, content)
        os.fsync(file)
    finally:
        os.close(file)
    beside.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
