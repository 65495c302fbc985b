"""A folder in which the worker processes of a server leave compressed documents for each other.

One of them makes a document, under a lock that dies with its process, and puts it in place whole; the others map it.
Each file ends with its checksum, so that what a crash of the machine left is not served, but made anew.
"""

import contextlib
import fcntl
import hashlib
import mmap
import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import structlog

from pennon.model import Position

_TRAILER = struct.Struct(">II")
_MAKING = ".making"
_AS_A_FILE = 128 * 1024
"""What is larger is kept as a file, which a process may have so many of."""
_log = structlog.get_logger(__name__)


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What a body is: a *kind* of document (a projection, or what is made of one) of an environment, or a step.

    `edition` tells apart what is said at one position: the digest, and whatever goes with the document.
    """

    environment: str
    kind: str
    since: str = ""
    position: Position
    edition: str


class Packed:
    """A compressed document. A large one is in a file, where there are files in memory: the kernel can send it."""

    __slots__ = ("body", "file")

    def __init__(self, body: bytes | memoryview, file: int | None = None) -> None:
        self.body = body
        self.file = file

    def __len__(self) -> int:
        return len(self.body)

    def __del__(self) -> None:
        if self.file is not None:
            os.close(self.file)


def in_memory(body: bytes) -> Packed:
    """Return *body* as a document that is in no folder."""
    if len(body) <= _AS_A_FILE or not hasattr(os, "memfd_create"):
        return Packed(body)
    try:
        packed = Packed(body, os.memfd_create("pennon"))
    except OSError:
        return Packed(body)
    with open(packed.file or 0, "wb", closefd=False) as file:
        file.write(body)
    packed.body = memoryview(mmap.mmap(packed.file or 0, len(body), access=mmap.ACCESS_READ))
    return packed


class Shelf:
    """The documents in *folder*. Its methods block: they are for threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, document: Document, coding: str, make: Callable[[], bytes]) -> Packed:
        """Return a document that is there, or *make* it and leave it there.

        Where the folder cannot be used, each process makes its own: that costs time and memory, and nothing else.
        """
        path = self._folder / _name(document, coding)
        if (found := _mapped(path)) is not None:
            return found
        try:
            with self._held(document):
                # Whoever held the lock before us may just have made it.
                if (found := _mapped(path)) is not None:
                    return found
                made = make()
                self._put(path, made)
                self._tidy(path, document)
        except OSError as error:
            _log.warning("compressed documents cannot be shared among workers", problem=str(error))
            return in_memory(make())
        return _mapped(path) or in_memory(made)

    @contextlib.contextmanager
    def _held(self, document: Document) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        # One an environment: of the few documents of a revision each is made by whoever comes first, in turn.
        handle = os.open(self._folder / f"{_environment(document)}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _put(self, path: Path, made: bytes) -> None:
        handle, name = tempfile.mkstemp(suffix=_MAKING, prefix=path.name, dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(made)
                file.write(_TRAILER.pack(len(made), zlib.crc32(made)))
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def _tidy(self, kept: Path, document: Document) -> None:
        """Remove what *document*'s environment is no longer, and what was left half made. Who maps it keeps it."""
        here = document.position.epoch, document.position.revision
        alike = kept.name.rpartition("-")[0]
        for path in self._folder.glob(f"{_environment(document)}-*"):
            is_older = path.name.endswith(_MAKING) or _place(path.name) < here
            if is_older or (path != kept and path.name.rpartition("-")[0] == alike):
                path.unlink(missing_ok=True)


def _environment(document: Document) -> str:
    return _hashed(document.environment)


def _name(document: Document, coding: str) -> str:
    """Return the file's name: environment, epoch, revision, what it is, and which edition of that."""
    place = f"{document.position.epoch}-{document.position.revision}"
    what = _hashed(f"{document.kind}\0{document.since}\0{coding}")
    return f"{_environment(document)}-{place}-{what}-{_hashed(document.edition)}"


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _place(name: str) -> tuple[int, int]:
    _, epoch, revision, _ = name.split("-", 3)
    return int(epoch), int(revision)


def _mapped(path: Path) -> Packed | None:
    """Return the document in the file at *path*, None where there is none that is whole."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    file: int | None = handle
    try:
        whole = memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_READ))
        body, trailer = whole[: -_TRAILER.size], whole[-_TRAILER.size :]
        if len(trailer) < _TRAILER.size or _TRAILER.unpack(trailer) != (len(body), zlib.crc32(body)):
            return None
        if len(body) <= _AS_A_FILE:
            return Packed(body)
        file = None
        return Packed(body, handle)
    except (OSError, ValueError):
        return None
    finally:
        if file is not None:
            os.close(file)
