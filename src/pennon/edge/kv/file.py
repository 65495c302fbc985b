"""A folder as a key-value store: a file a value, put in place whole, readable by its owner only.

Each file begins with a line that says its name, length and SHA-256: a file system that lost the end of a file, a
flipped bit and a file of something else are found.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec

from pennon.edge.kv.base import Allows, KvSpoiled, KvUnavailable, check_size
from pennon.model import DECODE_ERRORS

FORMAT = 1
_SUFFIX = ".kv"
_LONG = 200
_DRAFT_S = 60.0
_LOCK_S = 5.0
_encode = msgspec.json.Encoder().encode


class _Head(msgspec.Struct, frozen=True, rename="camel"):
    pennon_kv: int
    name: str
    bytes: int
    sha256: str


_HEAD_DECODER = msgspec.json.Decoder(_Head)


class FileKv:
    """See `pennon.edge.kv.base.KeyValueStore`. Several processes may share the *folder*, on one machine."""

    def __init__(self, folder: Path, *, lock_s: float = _LOCK_S) -> None:
        self.folder = folder
        self._lock_s = lock_s
        self._is_swept = False

    def __repr__(self) -> str:
        return f"FileKv({str(self.folder)!r})"

    async def read(self, name: str) -> bytes | None:
        """Return what is kept under *name*, None for nothing. Raises `KvSpoiled` if it is not what was written."""
        return await asyncio.to_thread(self._read, name)

    async def write(self, name: str, value: bytes) -> None:
        """Keep *value* under *name*; it is on the disk when this returns."""
        check_size(value)
        await asyncio.to_thread(self._write, name, value)

    async def write_if(self, name: str, value: bytes, allows: Allows) -> bool:
        """Write if *allows* says so of what is there; return whether it did."""
        check_size(value)
        return await asyncio.to_thread(self._write_if, name, value, allows)

    async def names(self) -> list[str]:
        """Return every name under which something is kept."""
        return await asyncio.to_thread(self._names)

    async def delete(self, name: str) -> None:
        """Keep nothing under *name* any more."""
        await asyncio.to_thread(self._delete, name)

    async def close(self) -> None:
        """Do nothing: no file stays open."""

    def _read(self, name: str) -> bytes | None:
        path = self._path(name)
        with _unavailable(path):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                return None
        return _value(data, name, path)

    def _write(self, name: str, value: bytes) -> None:
        head = _Head(FORMAT, name, len(value), hashlib.sha256(value).hexdigest())
        path = self._path(name)
        with _unavailable(path):
            self._prepare()
            handle, draft = tempfile.mkstemp(prefix=".", suffix=".draft", dir=self.folder)  # it has mode 0600
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_encode(head) + b"\n")
                    file.write(value)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(draft, path)
            except BaseException:  # nothing is swallowed: no draft is left behind, whatever ended the writing
                with contextlib.suppress(OSError):
                    os.unlink(draft)
                raise
            self._sync_folder()

    def _write_if(self, name: str, value: bytes, allows: Allows) -> bool:
        with self._locked():
            try:
                found = self._read(name)
            except KvSpoiled:
                found = None
            if not allows(found):
                return False
            self._write(name, value)
            return True

    def _names(self) -> list[str]:
        found = []
        with _unavailable(self.folder):
            try:
                entries = sorted(os.listdir(self.folder))
            except FileNotFoundError:
                return []
        for entry in (entry for entry in entries if entry.endswith(_SUFFIX)):
            path, stem = self.folder / entry, entry.removesuffix(_SUFFIX)
            with contextlib.suppress(OSError, KvSpoiled):  # gone meanwhile, or of no use to anybody
                found.append(unquote(stem) if not stem.startswith("=") else _head(_first_line(path), path).name)
        return found

    def _delete(self, name: str) -> None:
        path = self._path(name)
        with _unavailable(path):
            path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        quoted = quote(name, safe="")
        if len(quoted) > _LONG:
            quoted = "=" + hashlib.sha256(name.encode()).hexdigest()
        return self.folder / (quoted + _SUFFIX)

    def _prepare(self) -> None:
        """Make the folder; once, remove the drafts of writers that did not live to put them in place."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._is_swept:
            return
        self._is_swept = True
        for draft in self.folder.glob(".*.draft"):
            with contextlib.suppress(OSError):
                if time.time() - draft.stat().st_mtime > _DRAFT_S:
                    draft.unlink()

    def _sync_folder(self) -> None:
        """See the new name onto the disk too."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder's lock, which the kernel takes from a process that dies."""
        with _unavailable(self.folder):
            self._prepare()
            handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._lock(handle)
            yield
        finally:
            os.close(handle)

    def _lock(self, handle: int) -> None:
        until = time.monotonic() + self._lock_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    raise KvUnavailable(f"{self.folder} is locked by another process") from None
                time.sleep(0.005)  # in a thread of its own
            except OSError as error:
                raise KvUnavailable(f"{self.folder} cannot be locked: {error}") from error


@contextlib.contextmanager
def _unavailable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KvUnavailable(f"{path}: {error.strerror or error}") from error


def _first_line(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline(8192).rstrip(b"\n")


def _head(line: bytes, path: Path) -> _Head:
    try:
        head = _HEAD_DECODER.decode(line)
    except DECODE_ERRORS as error:
        raise KvSpoiled(f"{path} does not begin as a value of this store does") from error
    if head.pennon_kv != FORMAT:
        raise KvSpoiled(f"{path} has format {head.pennon_kv}, and this Pennon reads {FORMAT}")
    return head


def _value(data: bytes, name: str, path: Path) -> bytes:
    line, _, value = data.partition(b"\n")
    head = _head(line, path)
    if head.name != name:
        raise KvSpoiled(f"{path} holds the value of {head.name!r}")
    if len(value) != head.bytes:
        raise KvSpoiled(f"{path} holds {len(value)} bytes where {head.bytes} were written")
    if hashlib.sha256(value).hexdigest() != head.sha256:
        raise KvSpoiled(f"{path} is damaged: its SHA-256 is not that of what was written")
    return value
