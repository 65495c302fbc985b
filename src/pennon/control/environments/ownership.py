"""An environment that its files own: where they are, which of them says what, and when they were applied last. Pure.

Definitions of flags belong to the whole project: the files own them as soon as they own any environment of it. A new
flag is off everywhere, so anybody who may still makes one.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator

from pennon.model import Problem
from pennon.model.flags import Wire

LONGEST_SOURCE = 500
LONGEST_COMMIT = 200
_NAMED = 3
_LONGEST_STEM = 200
_STEM = 180
_DIGITS = 12
_SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_ESCAPED = re.compile(rb"[^A-Za-z0-9._-]")
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class FilesOwner(Wire, frozen=True, kw_only=True):
    """Whose an environment is: the files of `source`, a repository as people name it, as in `git@host:team/flags`."""

    source: str


class Origin(Wire, frozen=True, kw_only=True):
    """Where files come from: a repository, and the commit in it."""

    source: str = ""
    commit: str = ""


class AppliedFiles(Wire, frozen=True, kw_only=True):
    """What files were applied to an environment last. An item (`files`) of the project's log, under its key.

    `revision` is the environment's after it, `definitions` the project's. `kept_off` are flags that the files have on,
    and that were left off because somebody had turned them off.
    """

    key: str
    version: int = 1
    changed_at: int = 0
    hash: str = ""
    source: str = ""
    commit: str = ""
    revision: int
    definitions: int
    kept_off: tuple[str, ...] = ()


def owner_objections(
    owner: FilesOwner, files: str | None, items: Iterable[tuple[str, str]], *, environment: str
) -> Iterator[Problem]:
    """Yield why a change of *items* (kind, key) is not for who brings it: *files* is its source, None for none."""
    if files is not None and same_source(files, owner.source):
        return
    if files is not None:
        message = f"it belongs to the files of {owner.source}, and these are of {files or 'an unnamed place'}"
        yield Problem("", message, f"apply those, with --source {owner.source}")
        return
    names = [file_of(kind, key, environment) for kind, key in items]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    named = ", ".join(names[:_NAMED]) + more or "the files"
    yield Problem(
        "", f"it belongs to the files of {owner.source}", f"change {named} there and merge, or break the glass"
    )


def owner_problems(owner: FilesOwner) -> Iterator[Problem]:
    """Yield what is wrong with *owner* itself; paths begin at the environment."""
    if not owner.source.strip():
        yield Problem("/files/source", "is empty", "name the repository, as in git@host:team/flags")
    yield from _line_problems(owner.source, "/files/source", LONGEST_SOURCE)


def origin_problems(origin: Origin) -> Iterator[Problem]:
    """Yield what is wrong with *origin* itself."""
    yield from _line_problems(origin.source, "/source", LONGEST_SOURCE)
    yield from _line_problems(origin.commit, "/commit", LONGEST_COMMIT)


def _line_problems(text: str, path: str, longest: int) -> Iterator[Problem]:
    if len(text) > longest or _CONTROL.search(text):
        yield Problem(path, f"is longer than {longest} characters, or has control characters", "write it on one line")


def same_source(one: str, other: str) -> bool:
    """Return whether both name one repository: `git@host:a/b.git` is `https://host/a/b`."""
    return _repository(one) == _repository(other)


def _repository(source: str) -> str:
    rest = _SCHEME.sub("", source.strip())
    host, slash, path = rest.rpartition("@")[2].replace(":", "/", 1).partition("/")
    return host.lower() + slash + path.strip("/").removesuffix(".git")


def file_of(kind: str, key: str, environment: str, *, is_alone: bool = True) -> str:
    """Return the name of the file that says what an item is, below the folder of all files.

    Not *is_alone*: another key differs from this one by case only, and a file system may not tell their names apart.
    """
    name = file_name(key, is_alone=is_alone)
    if kind in {"flag", "definition"}:
        return f"flags/{name}"
    return f"{kind}s/{file_name(environment).removesuffix('.yaml')}/{name}"


def file_name(key: str, *, is_alone: bool = True) -> str:
    """Return the name of an item's file. No key leads out of its folder, and no two keys share a name."""
    stem = key if _SAFE.fullmatch(key) else _escaped(key)
    if _DEVICES.match(stem):  # Windows keeps these names for itself, whatever follows the dot
        stem = f"%{ord(stem[0]):02X}{stem[1:]}"
    if len(stem) > _LONGEST_STEM:
        return f"{_cut(stem)}~{_digits(key)}.yaml"
    if not is_alone and stem != stem.lower():
        return f"{stem}~{_digits(key)}.yaml"
    return f"{stem}.yaml"


def _escaped(key: str) -> str:
    stem = _ESCAPED.sub(lambda match: b"%%%02X" % match[0][0], key.encode()).decode()
    return f"%2E{stem[1:]}" if stem.startswith(".") else stem


def _cut(stem: str) -> str:
    return re.sub(r"%.?$", "", stem[:_STEM])


def _digits(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:_DIGITS]
