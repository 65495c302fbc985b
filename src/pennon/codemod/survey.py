"""What the references of a code base say beside the flags that Pennon has: which are missing where."""

import difflib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from pennon.codemod.references import Reference


class Unknown(msgspec.Struct, frozen=True):
    """A key in code that Pennon does not have, and those that may be meant."""

    key: str
    meant: tuple[str, ...]
    references: tuple[Reference, ...]


class Survey(msgspec.Struct, frozen=True):
    """All that a scan found. `flags` has the references of each flag, in the order of keys; `unknown`, `unused`
    (flags that no code names) are empty where Pennon's flags are not known. `unread` are files that could not be read.
    """

    flags: Mapping[str, tuple[Reference, ...]]
    unknown: tuple[Unknown, ...] = ()
    unused: tuple[str, ...] = ()
    dynamic: tuple[Reference, ...] = ()
    unread: Mapping[str, str] = {}
    files: int = 0

    @property
    def references(self) -> Iterable[Reference]:
        """All references to flags, in the order of keys, files and lines."""
        return (each for references in self.flags.values() for each in references)


def survey(
    references: Sequence[Reference],
    known: Mapping[str, str | None] | None,
    *,
    files: int = 0,
    unread: Mapping[str, str] | None = None,
) -> Survey:
    """Compare *references* with *known*, Pennon's flags each with its owner; None where they are not known."""
    flags: dict[str, list[Reference]] = {}
    dynamic: list[Reference] = []
    for each in sorted(references, key=lambda one: (one.flag or "", one.file, one.line, one.column)):
        if each.flag is None:
            dynamic.append(each)
        elif each.certain or each.flag in (known or {}):
            flags.setdefault(each.flag, []).append(each)
    found = {key: tuple(of_flag) for key, of_flag in flags.items()}
    if known is None:
        return Survey(found, dynamic=tuple(dynamic), unread=dict(unread or {}), files=files)
    names = list(known)
    unknown = tuple(
        Unknown(key, tuple(difflib.get_close_matches(key, names, n=2, cutoff=0.75)), of_flag)
        for key, of_flag in found.items()
        if key not in known
    )
    unused = tuple(key for key in known if key not in found)
    return Survey(found, unknown, unused, tuple(dynamic), dict(unread or {}), files)
