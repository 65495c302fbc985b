"""flagd's `$evaluators`: rules with a name, which `{"$ref": name}` stands for anywhere in the flags.

The SDKs replace them in the text of the flags, one evaluator after the other. So a rule may refer to a later one, and
a reference to an earlier one or to none stays as it is. Python's way of replacing text spoils a rule that JSON writes
with a backslash, and in the first dialect a name that is no plain regular expression: these are read as they are meant,
and who uses them is told.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pennon.importers.flagd.reading import DEEPEST, LARGEST, refuse
from pennon.model.problems import pointer

REF = "$ref"
_SPECIAL = re.compile(r"[\^$*+?{}\[\]()|]")
_PLAIN = re.compile(r'[^\x00-\x1f"\\\x7f-\U0010ffff]*')


class Evaluators:
    """The named rules of a file. `spoilt` names those that the Python SDK reads otherwise, or not at all."""

    def __init__(self, rules: Mapping[str, Any], *, are_names_patterns: bool = False) -> None:
        self._rules: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self._depths: dict[str, int] = {}
        self._uses: dict[str, frozenset[str]] = {}
        self.spoilt: set[str] = set()
        for name, rule in reversed([*rules.items()]):
            if not _PLAIN.fullmatch(name):
                continue  # JSON writes the name otherwise in the text, and so no SDK in Python finds it
            path = pointer("$evaluators", name)
            self._sizes[name], self._depths[name] = self._measured(rule, path)
            self._uses[name] = frozenset(self.used(rule))
            self._rules[name] = self.replaced(rule)
            if _is_spoilt(rule) or (are_names_patterns and _SPECIAL.search(name)):
                self.spoilt.add(name)

    def replaced(self, value: Any) -> Any:
        """Return *value* with a rule in the place of each reference to one."""
        if isinstance(value, list):
            return [self.replaced(item) for item in value]
        if not isinstance(value, dict):
            return value
        name = reference(value)
        if name in self._rules:
            return self._rules[name]
        return {key: self.replaced(item) for key, item in value.items()}

    def used(self, value: Any) -> Iterator[str]:
        """Yield the evaluators that *value* refers to, and those that they do."""
        for name in references(value):
            if name in self._rules:
                yield name
                yield from self._uses[name]

    def check_size(self, flags: Any) -> None:
        """Refuse flags that would grow beyond measure, rules within rules within rules."""
        self._measured(flags, "/flags")

    def _measured(self, value: Any, path: str) -> tuple[int, int]:
        size, depth = self._grown(value), self._deep(value)
        for found, most, what in ((size, LARGEST, "values"), (depth, DEEPEST, "objects and arrays within each other")):
            if found > most:
                refuse(path, f"more than {most} {what} once each $ref is replaced", "refer to fewer rules within rules")
        return size, depth

    def _deep(self, value: Any) -> int:
        if not isinstance(value, (dict, list)):
            return 0
        if (name := reference(value)) in self._depths:
            return self._depths[name]
        within = value.values() if isinstance(value, dict) else value
        return 1 + max([self._deep(item) for item in within], default=0)

    def _grown(self, value: Any) -> int:
        if isinstance(value, dict):
            name = reference(value)
            if name in self._sizes:
                return self._sizes[name]
            return 1 + sum(self._grown(item) for item in value.values())
        return 1 + sum(self._grown(item) for item in value) if isinstance(value, list) else 1


def reference(value: Any) -> str | None:
    """Return the name that *value* refers to, None where it is no reference."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(name := value.get(REF), str):
        return name
    return None


def references(value: Any) -> Iterator[str]:
    """Yield the name of each reference within *value*, the text of what is no name."""
    if isinstance(value, dict) and [*value] == [REF]:
        yield str(value[REF])
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from references(item)


def _is_spoilt(rule: Any) -> bool:
    text = json.dumps(rule)
    if "\\" not in text:
        return False
    try:
        return bool(json.loads(re.sub("x", text, "x")) != rule)
    except (re.error, ValueError, IndexError):
        return True
