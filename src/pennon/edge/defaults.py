"""The flags that an operator bundled with a node, to be served where nothing else is known."""

from pathlib import Path

import msgspec

from pennon.edge.replicas import Defaults
from pennon.model import Snapshot
from pennon.sdk.errors import InvalidFile
from pennon.sdk.sources.file import read_flags

EPOCH = 0
"""Before every epoch of an origin, so that whoever was served the defaults takes what comes from there."""
_UNNAMED = frozenset({"", "file"})
_NAME = "defaults"


class BundledDefaults:
    """What the file at *path* holds, as it was when the node started. Raises `InvalidFile` and `OSError`."""

    def __init__(self, path: Path) -> None:
        self._snapshot = read_flags(path.read_bytes(), path.name)
        self._written_at = path.stat().st_mtime

    @property
    def environment(self) -> str:
        """The environment that the file names, or one made up."""
        named = self._snapshot.environment
        return _NAME if named in _UNNAMED else named

    @property
    def has_keys(self) -> bool:
        """Whether anybody can be admitted by it."""
        return bool(self._snapshot.keys)

    def of(self, environment: str) -> Defaults | None:
        """Return the defaults of *environment*; None where the file is another's. One that names none is for all."""
        if self._snapshot.environment not in _UNNAMED | {environment}:
            return None
        return Defaults(_in(self._snapshot, environment), self._written_at)


def _in(snapshot: Snapshot, environment: str) -> Snapshot:
    return msgspec.structs.replace(snapshot, environment=environment, epoch=EPOCH)


def bundled(path: Path | None) -> BundledDefaults | None:
    """Return the defaults at *path*, None for none. Raises `InvalidFile`, which says what is wrong and where."""
    if path is None:
        return None
    try:
        return BundledDefaults(path)
    except OSError as error:
        raise InvalidFile(f"it cannot be read: {error.strerror or error}") from error
