"""The overrides of a node in its data folder: what people ask for in one file, what the node makes of it in another.

A file, and no request to the node: it works for whoever has a shell on the machine and may write the folder, with
nothing alive upstream, no key at hand, and a node that has no time to answer, or is not running yet.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pennon.edge.overrides import Override
from pennon.model.flags import Wire
from pennon.model.problems import DECODE_ERRORS

FILE = "overrides.json"
SEEN = "overrides.seen.json"
IN_FORCE = "in force"
_LOCK = ".overrides.lock"


class OverridesUnreadable(Exception):
    """The file is no list of overrides: what it says cannot be served. The text says what is wrong."""


class InForce(Wire, frozen=True, kw_only=True):
    """An override as the node has it: `state` is `in force`, or why it cannot be; `differs`: the origin says other."""

    override: Override
    state: str
    differs: bool = False


class Dropped(Wire, frozen=True, kw_only=True):
    """An override that the node has ended by itself."""

    override: Override
    at: float
    because: str


class Seen(Wire, frozen=True, kw_only=True):
    """What the node made of the file whose content has the digest `of`. `ages`: of its environments, in seconds."""

    node: str
    of: str
    at: float
    pid: int
    ages: Mapping[str, float | None] = msgspec.field(default_factory=dict)
    overrides: tuple[InForce, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    problem: str = ""


class _File(Wire, frozen=True):
    overrides: tuple[Override, ...] = ()


_FILES = msgspec.json.Decoder(_File)
_SEEN = msgspec.json.Decoder(Seen)


class OverrideFile:
    """The overrides in the folder *folder*, which is made when it is first written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def stamp(self) -> tuple[int, int, int] | None:
        """Return what differs whenever the file does; None where there is none. Cheap, to be asked often."""
        try:
            status = (self._folder / FILE).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size

    def read(self) -> tuple[tuple[Override, ...], str]:
        """Return the overrides, and the digest of the file. Raises `OverridesUnreadable`."""
        try:
            content = (self._folder / FILE).read_bytes()
        except FileNotFoundError:
            content = b"{}"
        except OSError as error:
            raise OverridesUnreadable(f"{self._folder / FILE} cannot be read: {error.strerror}") from error
        try:
            found = _FILES.decode(content).overrides
        except DECODE_ERRORS as error:
            raise OverridesUnreadable(f"{self._folder / FILE} is not what Pennon wrote: {error}") from error
        return found, hashlib.sha256(content).hexdigest()

    def edit(self, change: Callable[[tuple[Override, ...]], tuple[Override, ...]]) -> str:
        """Replace the overrides by what *change* makes of them, and return the digest of the file.

        One at a time, the node and however many people. It is on the disk when this returns.
        Raises `OverridesUnreadable`, and `OSError` where the folder cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            before, digest = self.read()
            after = change(before)
            if after == before:
                return digest
            content = msgspec.json.format(msgspec.json.encode(_File(after)), indent=1)
            self._write(FILE, content)
            return hashlib.sha256(content).hexdigest()

    def seen(self) -> Seen | None:
        """Return what the node last said of it, None where none ever ran in this folder."""
        try:
            return _SEEN.decode((self._folder / SEEN).read_bytes())
        except (OSError, *DECODE_ERRORS):
            return None

    def say(self, seen: Seen) -> None:
        """Write what the node made of it. Raises `OSError`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write(SEEN, msgspec.json.encode(seen))

    def _write(self, name: str, content: bytes) -> None:
        draft = self._folder / f".{name}.{os.getpid()}"
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # For reading, which suffices to lock it: the node may be another user than the one who made it.
        lock = os.open(self._folder / _LOCK, os.O_RDONLY | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
