"""The flags of a flagd file, each member looked at: known, of its type, its references replaced."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pennon.importers.flagd.checking import operator_problems
from pennon.importers.flagd.evaluators import Evaluators, references
from pennon.importers.flagd.reading import VENDOR, read, refuse
from pennon.importers.plan import ImportRefused, Note
from pennon.model import Problem
from pennon.model.problems import pointer

_MEMBERS = frozenset({"flags", "$evaluators", "metadata", "$schema"})
_FLAG_MEMBERS = frozenset({"state", "variants", "defaultVariant", "targeting", "metadata", "description"})
_ORIGINS = frozenset({"key", "source", "selector", "flagSetId", "priority"})
"""Members of a flag that say where it comes from."""


class Found(NamedTuple):
    """A flag of the file. `default_variant` is None where there is none, `targeting` where it is empty.

    `spoilt` names the evaluators that it uses and that an SDK in Python cannot read.
    """

    key: str
    path: str
    is_enabled: bool
    variants: dict[str, Any]
    default_variant: str | None
    targeting: dict[str, Any] | None
    description: str
    spoilt: tuple[str, ...]


class Source:
    """The flags of a file, in its order, and notes on what of it is not carried. Raises `ImportRefused`."""

    def __init__(self, data: bytes) -> None:
        document = read(data)
        self.notes: list[Note] = []
        self._problems: list[Problem] = []
        for name in document.keys() - _MEMBERS:
            self.notes.append(Note(pointer(name), "flagd's SDKs read no such member, so it is not carried"))
        self._note_metadata(document.get("metadata"), "/metadata")
        self._evaluators = Evaluators(self._object(document.get("$evaluators"), "/$evaluators"))
        self._evaluators.check_size(document["flags"])
        found = [self._flag(key, flag, path) for key, path, flag in _entries(document["flags"])]
        self.flags = [flag for flag in found if flag is not None]
        self.notes.sort(key=lambda note: note.path)
        if self._problems:
            raise ImportRefused(VENDOR, self._problems)

    def _refuse(self, path: str, message: str, mend: str = "") -> None:
        self._problems.append(Problem(path, message, mend))

    def _object(self, value: Any, path: str) -> dict[str, Any]:
        if value is not None and not isinstance(value, dict):
            self._refuse(path, "it is no object", "write an object, or leave it out")
        return value if isinstance(value, dict) else {}

    def _note_metadata(self, value: Any, path: str) -> None:
        for name, item in self._object(value, path).items():
            if not name or not isinstance(item, (str, int, float)):
                self._refuse(
                    path + pointer(name), "metadata are texts, numbers or booleans with a name", "leave it out"
                )
        if value:
            self.notes.append(Note(path, "metadata are not carried: they change no answer"))

    def _flag(self, key: str, flag: Any, path: str) -> Found | None:
        if not isinstance(flag, dict):
            self._refuse(path, "a flag is an object", "")
            return None
        flag = self._evaluators.replaced(original := flag)
        for name in flag.keys() - _FLAG_MEMBERS - _ORIGINS:
            self._refuse(path + pointer(name), f"a flag of flagd has no member {name!r}", "correct or remove it")
        self._note_metadata(flag.get("metadata"), path + "/metadata")
        variants = self._object(flag.get("variants"), path + "/variants")
        if not variants:
            self._refuse(path + "/variants", "there is none", "a flag has at least one")
        if flag.get("state") not in {"ENABLED", "DISABLED"}:
            self._refuse(path + "/state", f"{flag.get('state')!r} is neither ENABLED nor DISABLED", "write one of them")
        return Found(
            key=key,
            path=path,
            is_enabled=flag.get("state") == "ENABLED",
            variants=variants,
            default_variant=self._default_variant(flag.get("defaultVariant"), path + "/defaultVariant"),
            targeting=self._targeting(flag.get("targeting"), path + "/targeting"),
            description=flag["description"] if isinstance(flag.get("description"), str) else "",
            spoilt=tuple(sorted(self._evaluators.spoilt.intersection(self._evaluators.used(original)))),
        )

    def _default_variant(self, value: Any, path: str) -> str | None:
        if isinstance(value, bool):
            return "true" if value else "false"
        if value is not None and not isinstance(value, str):
            self._refuse(path, f"{value!r} is no name of a variant", "write a text, true, false or null")
            return None
        return value or None

    def _targeting(self, value: Any, path: str) -> dict[str, Any] | None:
        targeting = self._object(value, path)
        self._problems += operator_problems(targeting, path)
        for name in dict.fromkeys(references(targeting)):
            message = (
                f"there is no evaluator {name!r}: where it is reached flagd's SDK answers an error, and so does Pennon"
            )
            self.notes.append(Note(path, message))
        return targeting or None


def _entries(flags: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield key, path and content of each flag. The daemon also takes an array of flags that have their `key`."""
    if isinstance(flags, dict):
        for key, flag in flags.items():
            yield key, pointer("flags", key), flag
        return
    known = set()
    for index, flag in enumerate(flags):
        path = pointer("flags", index)
        key = flag.get("key") if isinstance(flag, dict) else None
        if not isinstance(key, str):
            refuse(path + "/key", "a flag in an array has its key", "write one")
        if key in known:
            refuse(path + "/key", f"the flag {key!r} is there twice", "keep one of them")
        known.add(key)
        yield key, path, flag
