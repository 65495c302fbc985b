"""Writes files so that each is old or new whole, and all of a removal are new in the end, whenever it is killed."""

import contextlib
import hashlib
import os
import tokenize
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import msgspec

from pennon.codemod.errors import CodemodError

JOURNAL = ".pennon-removal.json"
"""What is being written lies here, in the root of the code base, until all of it is."""


class Edition(msgspec.Struct, frozen=True):
    """What a file is to hold, and the SHA-256 of what it holds until then. The path is relative, with slashes."""

    path: str
    before: str
    after: bytes


def edition(path: str, before: bytes, text: str) -> Edition:
    """Return the edition of the Python file *before* that has *text*: in its encoding, with a mark if it has one."""
    encoding, _ = tokenize.detect_encoding(BytesIO(before).readline)
    return Edition(path, _digest(before), text.encode(encoding))


def write(root: Path, editions: Sequence[Edition]) -> tuple[str, ...]:
    """Write *editions* below *root*, and return those paths that somebody changed meanwhile, which stay as they are.

    When this is killed, `finish` does the rest.
    """
    write_whole(root / JOURNAL, msgspec.json.encode(list(editions)))
    return finish(root)


def is_unfinished(root: Path) -> bool:
    """Return whether a removal was interrupted below *root*."""
    return (root / JOURNAL).is_file()


def finish(root: Path) -> tuple[str, ...]:
    """Write what an interrupted removal did not, and return the paths that somebody has changed since.

    Raises `CodemodError` where what it left cannot be read.
    """
    journal = root / JOURNAL
    try:
        editions = msgspec.json.decode(journal.read_bytes(), type=list[Edition])
    except msgspec.DecodeError as error:
        raise CodemodError(f"{journal} cannot be read: {error}") from error
    changed = tuple(each.path for each in editions if not _written(root, each))
    journal.unlink()
    return changed


def write_whole(path: Path, data: bytes) -> None:
    """Write *data* to *path*, with the mode it has, so that it is never there in part."""
    mode = path.stat().st_mode & 0o7777 if path.exists() else 0o644
    draft = path.with_name(f".{path.name}.{os.getpid()}.pennon")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            os.chmod(draft, mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:  # nothing is swallowed: a draft is not left behind
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def _written(root: Path, edition: Edition) -> bool:
    """Write *edition*, and return whether its file is as it says now."""
    path = root / edition.path
    if not path.resolve().is_relative_to(root.resolve()) or not path.is_file():
        return False
    present = path.read_bytes()
    if present == edition.after:
        return True
    if _digest(present) != edition.before:
        return False
    write_whole(path, edition.after)
    return True


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
