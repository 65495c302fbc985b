"""What a look at a flag is called: Pennon's and OpenFeature's own names, and those that a code base adds."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Literal, TypeAlias

import msgspec

from pennon.codemod.errors import InvalidConventions
from pennon.model.flags import KEY_PATTERN

Kind: TypeAlias = Literal["boolean", "string", "number", "integer", "float", "object", "any"]
"""What a call answers: a value of this kind; `any`: of the flag's own kind."""


class Shape(msgspec.Struct, frozen=True):
    """What a call does with a flag. *place* is that of the key among the arguments, *name* its keyword.

    *answers* is None where the call says nothing of the flag's value. *details*: it answers the whole result.
    """

    answers: Kind | None
    place: int = 0
    name: str = "flag"
    details: bool = False
    awaited: bool = False
    several: bool = False


_PENNON: dict[str, Shape] = {
    "boolean": Shape("boolean"),
    "string": Shape("string"),
    "number": Shape("number"),
    "object": Shape("object"),
    "evaluation": Shape("any", details=True),
    "explain": Shape(None),
    "override": Shape(None),
}
"""Methods of Pennon's clients. Their names are common words, so the receiver has to look like a client, too."""

_GUARDS = dict.fromkeys(("requires_flags", "require_current"), Shape(None, several=True))
_COMMON_GUARDS = dict.fromkeys(("outdated", "refusal"), Shape(None, several=True))


def _openfeature() -> Iterator[tuple[str, Shape]]:
    for kind in ("boolean", "string", "integer", "float", "object"):
        for suffix, details in (("value", False), ("details", True)):
            for tail, awaited in (("", False), ("_async", True)):
                shape = Shape(kind, name="flag_key", details=details, awaited=awaited)
                yield f"get_{kind}_{suffix}{tail}", shape


_OPENFEATURE = dict(_openfeature())
_LIKELY = ("flag", "client", "feature", "pennon", "rules")
RECEIVERS = tuple(f"*{each}*" for each in _LIKELY)
"""Names that a client has, as patterns, in lower case."""

PURE = ("*context*", "*ctx*", "request_flags", "get_client", "current_user")
"""Functions that are called for a flag's context or its client and change nothing."""

_BUILDING = ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple", "range", "asdict")
_ASKING = ("callable", "getattr", "hasattr", "hash", "id", "isinstance", "issubclass", "len", "type")
_COMPUTING = ("abs", "all", "any", "divmod", "enumerate", "format", "max", "min", "repr", "reversed", "round")
_FUNCTIONS = frozenset((*_BUILDING, *_ASKING, *_COMPUTING, "sorted", "sum", "zip"))
_OF_STRINGS = ("lower", "upper", "strip", "lstrip", "rstrip", "casefold", "title", "split", "join", "format", "encode")
_OF_VALUES = (
    "get",
    "items",
    "keys",
    "values",
    "copy",
    "isoformat",
    "total_seconds",
    "date",
    "hex",
    "model_dump",
    "dict",
)
_METHODS = frozenset((*_OF_STRINGS, *_OF_VALUES, "decode", "startswith", "endswith"))
"""Functions and methods of Python's own types that change nothing, and `get`, which changes nothing anywhere."""

_OF_OPENFEATURE = re.compile(r"get_(?:boolean|string|integer|float|object)_(?:value|details)")
_OF_A_CLIENT = re.compile(rf"\.(?:{'|'.join((*_PENNON, *_COMMON_GUARDS))})\b")
_MAKERS = ("Client(", "Client]", ": Client", "request_flags", "RequestFlags", "PinnedRules", "OpenFeatureClient")
_NEAR = 200
"""So many characters around a method are looked at to see whether its file is worth parsing."""

_ELSEWHERE = {
    r"get(?:Boolean|String|Number|Integer|Double|Float|Object|Int)(?:Value|Details|Evaluation)(?:Async)?",
    r"(?:Boolean|String|Float|Int|Object)Value(?:Details)?",
    r"Get(?:Boolean|String|Integer|Double|Object)(?:Value|Details)(?:Async)?",
    r"fetch_(?:boolean|string|number|integer|float|object)_(?:value|details)",
    r"use(?:Boolean|String|Number|Object)?Flag(?:Value|Details)?",
    r"use(?:Evaluation|FeatureFlag)",
}
"""OpenFeature's names in JavaScript, Java, Kotlin, PHP, C#, Swift, Go and Ruby, and the hooks of React."""

_ELSEWHERE_METHODS = ("boolean", "string", "number", "object", "evaluation")


class Conventions(msgspec.Struct, frozen=True, dict=True, forbid_unknown_fields=True, rename="kebab"):
    """What a code base calls things, as `[tool.pennon.scan]` in pyproject.toml or `[scan]` in .pennon.toml says it.

    `functions` and `methods` take a flag's key as their first argument and return its value; `guards` take keys and
    return nothing that is used. `receivers` are names of clients, `constants` of strings that are keys wherever they
    stand, `pure` of functions whose calls may be dropped; all of these are patterns as in a shell. `include` and
    `exclude` are patterns of paths.
    """

    functions: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    pure: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def shape_of(self, name: str) -> Shape | None:
        """Return what a function or method called *name* does with a flag, None if nothing."""
        return self._shapes.get(name)

    def is_common(self, name: str) -> bool:
        """Return whether *name* is a word that many things are called, so that the receiver has to say more."""
        return (name in _PENNON or name in _COMMON_GUARDS) and name not in self._own

    def is_method_only(self, name: str) -> bool:
        """Return whether *name* means a flag only after a dot."""
        return name not in _GUARDS and name not in (*self.functions, *self.guards)

    def is_client(self, name: str) -> bool:
        """Return whether a client may be called *name*."""
        lower = name.lower()
        return any(fnmatchcase(lower, each) for each in RECEIVERS) or any(
            fnmatchcase(name, each) for each in self.receivers
        )

    def is_harmless(self, name: str, *, is_method: bool) -> bool:
        """Return whether a call of what is called *name* may be dropped: it changes nothing."""
        if any(fnmatchcase(name.lower(), each) for each in PURE) or any(fnmatchcase(name, each) for each in self.pure):
            return True
        if not is_method:
            return name in _FUNCTIONS
        shape = self.shape_of(name)
        return name in _METHODS or (shape is not None and shape.answers is not None)

    def is_key_constant(self, name: str) -> bool:
        """Return whether the constant *name* is a flag's key."""
        return any(fnmatchcase(name, each) for each in self.constants)

    def takes(self, path: str) -> bool:
        """Return whether the file at *path*, relative and with slashes, is looked at."""
        if self.include and not any(_is_at(path, each) for each in self.include):
            return False
        return not any(_is_at(path, each) for each in self.exclude)

    def may_name_flags(self, source: str) -> bool:
        """Return whether Python *source* is worth parsing. Wrong only in this direction; most files are not."""
        if any(word in source for word in self._words) or _OF_OPENFEATURE.search(source):
            return True
        if self.constants and any(re.search(_word(each), source) for each in self.constants):
            return True
        return any(self._may_be_client(source, found) for found in _OF_A_CLIENT.finditer(source))

    def _may_be_client(self, source: str, method: re.Match[str]) -> bool:
        """Return whether what stands before a method of a common name may be a client, or an argument is a default."""
        before = source[max(0, method.start() - _NEAR) : method.start()].lower()
        if any(word in before for word in _LIKELY) or "default" in source[method.end() : method.end() + _NEAR]:
            return True
        return bool(self.receivers) or any(word in source for word in _MAKERS)

    @cached_property
    def elsewhere(self) -> re.Pattern[str]:
        """A call in another language, up to its first quoted argument: the key is in the group `key`."""
        own = {re.escape(each) for each in (*self.functions, *self.methods, *self.guards)}
        names = "|".join(sorted(_ELSEWHERE | own, key=len, reverse=True))
        common = "|".join((*_ELSEWHERE_METHODS, *(each.capitalize() for each in _ELSEWHERE_METHODS)))
        method = rf"(?P<receiver>[\w$]+)(?:\(\))?\??\.(?P<method>{common})"
        called = rf"(?:(?<![\w$])(?P<name>{names})|{method}|(?<![\w$.])(?P<plain>flag))"
        before = r"(?P<before>[^\"'`;]{0,120}?)"
        key = r"(?P<quote>[\"'`])(?P<key>[^\"'`\n]{1,200})(?P=quote)"
        return re.compile(rf"{called}\s*(?:<[^<>()]{{0,80}}>)?\(\s*{before}{key}")

    @cached_property
    def _words(self) -> tuple[str, ...]:
        return (*_GUARDS, *self._own, "pennon.testing")

    @cached_property
    def _own(self) -> frozenset[str]:
        return frozenset((*self.functions, *self.methods, *self.guards))

    @cached_property
    def _shapes(self) -> Mapping[str, Shape]:
        own = dict.fromkeys((*self.functions, *self.methods), Shape("any"))
        guards = dict.fromkeys(self.guards, Shape(None, several=True))
        return _PENNON | _COMMON_GUARDS | _GUARDS | _OPENFEATURE | own | guards


def read_conventions(found: Any) -> Conventions:
    """Return the conventions in a table of TOML. Raises `InvalidConventions`, which says what is wrong where."""
    try:
        return msgspec.convert(found, Conventions)
    except msgspec.ValidationError as error:
        raise InvalidConventions(str(error)) from error


_KEY = re.compile(KEY_PATTERN)


def is_key(text: str) -> bool:
    """Return whether *text* can be a flag's key."""
    return _KEY.match(text) is not None


def _is_at(path: str, pattern: str) -> bool:
    return fnmatchcase(path, pattern) or fnmatchcase(path, f"{pattern.rstrip('/')}/*")


def _word(pattern: str) -> str:
    last = re.escape(pattern.rpartition(".")[2])
    return r"\b" + last.replace(r"\*", r"\w*").replace(r"\?", r"\w") + r"\b"
