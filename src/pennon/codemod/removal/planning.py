"""What removing a flag would do to a code base: the new text of each file, and what is left for people."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

import msgspec

from pennon.codemod.conventions import Conventions
from pennon.codemod.errors import NotRewritable
from pennon.codemod.files import Edition, edition
from pennon.codemod.patterns import find_mentions
from pennon.codemod.references import Reference
from pennon.codemod.removal.kept import Kept
from pennon.codemod.removal.rewriting import Note, rewrite
from pennon.codemod.scanning import Found, is_python, python_texts


class Change(msgspec.Struct, frozen=True):
    """A file before and after."""

    path: str
    before: str
    after: str
    edition: Edition


class Plan(msgspec.Struct, frozen=True):
    """What removing a flag would do. `notes` are of Python files, by path, with the lines of their new text.

    `left` are references that are not in Python, `dynamic` calls that may be of this flag or of any other,
    `unread` files that are as they were, each with the reason.
    """

    changes: tuple[Change, ...]
    notes: Mapping[str, tuple[Note, ...]]
    left: tuple[Reference, ...]
    dynamic: tuple[Reference, ...]
    unread: Mapping[str, str]

    @property
    def by_hand(self) -> int:
        """How many places a person has to look at."""
        return sum(map(len, self.notes.values())) + len(self.left) + len(self.unread)


def plan_removal(root: Path, found: Found, kept: Kept, conventions: Conventions) -> Plan:
    """Return what taking the flag of *kept* out of the code base below *root* would do. *found* is what scan found."""
    texts = {path: text for path, text in python_texts(root, conventions) if kept.flag in text or path in found.calls}
    changes: list[Change] = []
    notes: dict[str, tuple[Note, ...]] = {}
    named = kept.flag.encode()
    unread = {path: why for path, why in found.unread.items() if named in _bytes(root / path)}
    for path, text in texts.items():
        calls = [each for each in found.calls.get(path, ()) if each.key == kept.flag]
        try:
            done = rewrite(text, calls, kept, conventions, exported=_Exported(root, path, conventions))
        except NotRewritable as error:
            unread[path] = str(error)
            continue
        if done.text != text:
            changes.append(Change(path, text, done.text, edition(path, (root / path).read_bytes(), done.text)))
        if of_file := tuple(sorted({*done.notes, *_mentions(done.text, path, kept.flag, done.notes)})):
            notes[path] = of_file
    left = tuple(each for each in found.references if each.flag == kept.flag and not is_python(each.file))
    dynamic = tuple(each for each in found.references if each.flag is None)
    return Plan(tuple(changes), notes, left, dynamic, unread)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _mentions(text: str, path: str, flag: str, told: Collection[Note]) -> Iterator[Note]:
    lines = text.splitlines()
    for each in find_mentions(text, path, {flag}):
        if each.line not in {note.line for note in told}:
            yield Note(each.line, lines[each.line - 1].strip(), "the key is still written here")


class _Exported(Collection[str]):
    """The names that other files take from the module at *path*; found when they are asked for."""

    def __init__(self, root: Path, path: str, conventions: Conventions) -> None:
        self._root = root
        self._path = path
        self._conventions = conventions
        self._names: frozenset[str] | None = None

    def __contains__(self, name: object) -> bool:
        return PurePosixPath(self._path).stem == "__init__" or name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    @property
    def _known(self) -> frozenset[str]:
        if self._names is None:
            last = re.escape(PurePosixPath(self._path).stem)
            # Also `views.client` and a test's patch("shop.views.client"): whatever looks as if it took the name.
            taken = re.compile(rf"\b{last}\.(\w+)")
            imported = re.compile(rf"\bfrom\s+[\w.]*\b{last}\s+import\s+(\([^)]*\)|[^\n]+)")
            others = (text for path, text in python_texts(self._root, self._conventions) if path != self._path)
            names: set[str] = set()
            for text in others:
                names.update(taken.findall(text))
                names.update(word for line in imported.findall(text) for word in re.findall(r"\w+", line))
            self._names = frozenset(names)
        return self._names
