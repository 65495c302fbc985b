"""The local store as a file: one line that says what follows, then the snapshot as it would travel.

The line is a JSON object: `pennonStore` (the format, 1), `knownAt` (when the state was last known to be current,
in seconds since 1970), `bytes` and `sha256` of the rest. So a reader sees a whole state, or knows that it does not.
"""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import msgspec

from pennon.model import DECODE_ERRORS, ModelError, Snapshot
from pennon.sdk.errors import CorruptStore
from pennon.sdk.stores.base import Stored

FORMAT = 1


class _Head(msgspec.Struct, frozen=True, rename="camel"):
    pennon_store: int
    known_at: float
    bytes: int
    sha256: str


class FileStore:
    """Keeps the state in the file at *path*, which several processes may share: the last one to save wins."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"FileStore({str(self.path)!r})"

    def load(self) -> Stored | None:
        """Return what the file holds, None if it is not there. Raises `CorruptStore`, or `OSError`."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        line, _, body = data.partition(b"\n")
        try:
            head = msgspec.json.decode(line, type=_Head)
        except DECODE_ERRORS as error:
            raise self._corrupt("its first line is not that of a store") from error
        if head.pennon_store > FORMAT:
            raise self._corrupt(f"format {head.pennon_store} is newer than this SDK reads ({FORMAT})")
        if len(body) != head.bytes or hashlib.sha256(body).hexdigest() != head.sha256:
            raise self._corrupt(f"{len(body)} bytes do not match the {head.bytes} that its first line announces")
        try:
            return Stored(Snapshot.from_json(body), head.known_at)
        except ModelError as error:
            raise self._corrupt(str(error)) from error

    def save(self, stored: Stored) -> None:
        """Write *stored* beside the file, see it onto the disk, and only then put it in the file's place."""
        body = stored.snapshot.to_json()
        head = _Head(FORMAT, stored.known_at, len(body), hashlib.sha256(body).hexdigest())
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(head) + b"\n" + body)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)
        except BaseException:  # nothing is swallowed: no draft is left behind, whatever ended the writing
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
        self._sync_folder()

    def _sync_folder(self) -> None:
        """See the new name onto the disk too, where the system has folders that can be opened."""
        with contextlib.suppress(OSError):
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _corrupt(self, what: str) -> CorruptStore:
        return CorruptStore(f"{self.path} is not usable: {what}; it is ignored and will be replaced")
