"""Event batches that no upstream will ever take: a file for each, with why and when, for a person to look at.

`dead/` holds what was refused, `again/` what somebody wants to be sent once more: the node looks there. Everything here
blocks. Bounded: the oldest go when there are too many.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from pennon.events import without_contexts
from pennon.ingest.forward import Letter
from pennon.ingest.spool import replace_file

_SUFFIX = ".json"


class DeadLetter(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A batch as it lies in its file. `at` is when it was refused, `received_at` when it came, RFC 3339 and ms."""

    why: str
    at: str
    upstream: str
    environment: str
    key: str
    received_at: int
    via: tuple[str, ...] = ()
    instance: str
    sequence: int
    batch: msgspec.Raw

    @classmethod
    def of(cls, letter: Letter, *, why: str, at: str, upstream: str) -> "DeadLetter":
        """Return what is written of *letter*."""
        return cls(
            why=why,
            at=at,
            upstream=upstream,
            environment=letter.environment,
            key=letter.key_hash,
            received_at=letter.received_at,
            via=letter.via,
            instance=letter.instance,
            sequence=letter.sequence,
            batch=msgspec.Raw(without_contexts(letter.batch)),
        )

    @property
    def letter(self) -> Letter:
        """The batch as it goes on its way again."""
        return Letter(
            environment=self.environment,
            key_hash=self.key,
            received_at=self.received_at,
            batch=msgspec.json.format(bytes(self.batch), indent=-1),  # as long as it was, not as the file has it
            instance=self.instance,
            sequence=self.sequence,
            via=self.via,
        )

    @property
    def name(self) -> str:
        """The name of its file: the same for the same batch, so that a crash makes no second one; older ones first."""
        who = msgspec.json.encode([self.environment, self.key, self.instance, self.sequence, self.via])
        return f"{self.received_at:015d}-{hashlib.sha256(who).hexdigest()[:16]}{_SUFFIX}"


_DECODER = msgspec.json.Decoder(DeadLetter)


class DeadLetters:
    """The folder of dead letters, which may have *max_bytes*."""

    def __init__(self, folder: Path, *, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._dead = folder / "dead"
        self._again = folder / "again"
        self._max_bytes = max_bytes

    def put(self, letter: DeadLetter, *, again: str | None = None) -> int:
        """Keep *letter*, on disk when this returns. Return how many older ones had to go. Raises `OSError`.

        *again* is its file, if it was sent once more. That is moved, so that it is never in both folders: somebody
        may want it to be sent again at once.
        """
        self._dead.mkdir(parents=True, exist_ok=True)
        path = self._dead / letter.name
        written = path if again is None else self._again / again
        replace_file(written, msgspec.json.format(msgspec.json.encode(letter), indent=1) + b"\n")
        if written != path:
            written.replace(path)
        return self._make_room(path)

    def names(self) -> list[str]:
        """Return the names of the dead letters, the oldest first."""
        return _names(self._dead)

    def size(self) -> int:
        """Return how many bytes they have."""
        return sum(size for _, size in _sizes(self._dead))

    def read(self, name: str) -> DeadLetter:
        """Return a dead letter. Raises `OSError` and `msgspec.DecodeError`."""
        return _DECODER.decode((self._dead / name).read_bytes())

    def send_again(self, name: str) -> None:
        """Let the node, when it runs, send a dead letter once more. Raises `OSError`."""
        self._again.mkdir(parents=True, exist_ok=True)
        (self._dead / name).replace(self._again / name)

    def sending_again(self) -> Iterator[tuple[str, DeadLetter | None]]:
        """Yield those that are to be sent once more, by their names; None for one that cannot be read."""
        for name in _names(self._again):
            try:
                yield name, _DECODER.decode((self._again / name).read_bytes())
            except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                yield name, None

    def sent(self, name: str) -> None:
        """Forget one that was sent once more and taken."""
        (self._again / name).unlink(missing_ok=True)

    def _make_room(self, newest: Path) -> int:
        sizes = _sizes(self._dead)
        total, gone = sum(size for _, size in sizes), 0
        for path, size in sizes:
            if total <= self._max_bytes:
                break
            if path != newest:
                path.unlink(missing_ok=True)
                total -= size
                gone += 1
        return gone


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*" + _SUFFIX))


def _sizes(folder: Path) -> list[tuple[Path, int]]:
    """Return the files with their sizes, the oldest first. One that somebody takes away meanwhile has none."""
    found = []
    for name in _names(folder):
        path = folder / name
        try:
            found.append((path, path.stat().st_size))
        except FileNotFoundError:
            continue
    return found
