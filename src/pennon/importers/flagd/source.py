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
_FLAG_MEMBERS = frozenset({"state", "variants", "defaultVariant", "targeting", "metadata", "description", "key"})
_ORIGINS = frozenset({"source", "selector", "flagSetId", "priority"})
"""Members of a flag that say where it comes from."""
_ERROR = "where it is reached, it answers an error, and so does Pennon"


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

    def __init__(self, data: bytes, dialect: str) -> None:
        document = read(data)
        self.notes: list[Note] = []
        self._problems: list[Problem] = []
        for name in sorted(document.keys() - _MEMBERS):
            self._note(pointer(name), "flagd's SDKs read no such member, so it is not carried")
        self._take_metadata(document.get("metadata"), "/metadata")
        self._evaluators = self._named_rules(document, dialect)
        found = [self._flag(key, flag, path) for key, path, flag in _entries(document["flags"])]
        self.flags = [flag for flag in found if flag is not None]
        if self._problems:
            raise ImportRefused(VENDOR, self._problems)

    def _refuse(self, path: str, message: str, mend: str = "") -> None:
        self._problems.append(Problem(path, message, mend))

    def _note(self, path: str, message: str) -> None:
        self.notes.append(Note(path, message))

    def _object(self, value: Any, path: str) -> dict[str, Any]:
        if value is not None and not isinstance(value, dict):
            self._refuse(path, "it is no object", "write an object, or leave it out")
        return value if isinstance(value, dict) else {}

    def _take_metadata(self, value: Any, path: str) -> None:
        for name, item in self._object(value, path).items():
            if not name or not isinstance(item, (str, int, float)):
                message = "metadata are texts, numbers or booleans with a name"
                self._refuse(path + pointer(name), message, "correct it, or leave it out")
        if value:
            self._note(path, "metadata change no answer, and are not carried")

    def _named_rules(self, document: dict[str, Any], dialect: str) -> Evaluators:
        rules = self._object(document.get("$evaluators"), "/$evaluators")
        evaluators = Evaluators(rules, are_names_patterns=dialect == "v1")
        evaluators.check_size(document["flags"])
        used = frozenset(evaluators.used(document["flags"]))
        for name in rules:
            if name not in used:
                self._note(pointer("$evaluators", name), "no flag uses this evaluator, and it is not carried")
        return evaluators

    def _flag(self, key: str, written: Any, path: str) -> Found | None:
        if not isinstance(written, dict):
            self._refuse(path, "it is no object", "a flag is an object")
            return None
        flag = self._evaluators.replaced(written)
        self._check_members(flag, path)
        variants = self._object(flag.get("variants"), path + "/variants")
        return Found(
            key=key,
            path=path,
            is_enabled=flag.get("state") == "ENABLED",
            variants=variants,
            default_variant=self._default_variant(flag.get("defaultVariant"), path + "/defaultVariant"),
            targeting=self._targeting(flag.get("targeting"), path + "/targeting"),
            description=str(flag.get("description", "")),
            spoilt=tuple(sorted(self._evaluators.spoilt.intersection(self._evaluators.used(written)))),
        )

    def _check_members(self, flag: dict[str, Any], path: str) -> None:
        for name in sorted(flag.keys() - _FLAG_MEMBERS):
            if name in _ORIGINS:
                self._note(path + pointer(name), "where a flag comes from changes no answer, and is not carried")
            else:
                self._refuse(path + pointer(name), f"a flag of flagd has no member {name!r}", "correct or remove it")
        self._take_metadata(flag.get("metadata"), path + "/metadata")
        if not flag.get("variants"):
            self._refuse(path + "/variants", "there is none", "a flag has at least one")
        if flag.get("state") not in ("ENABLED", "DISABLED"):  # it may be of any type
            self._refuse(path + "/state", f"{flag.get('state')!r} is neither ENABLED nor DISABLED", "write one of them")
        if not isinstance(flag.get("description", ""), str):
            self._refuse(path + "/description", "it is no text", "write a text, or leave it out")

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
            self._note(path, f"flagd's SDK finds no evaluator {name!r}: {_ERROR}")
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
