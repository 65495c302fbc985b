"""The schemas within a JSON Schema (draft 2020-12), each with its place. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from pennon.model import Json, pointer

_HOLDS_ONE = (
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_HOLDS_LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
_HOLDS_NAMED = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")


_IN_PLACE = ("allOf", "anyOf", "dependentSchemas", "else", "if", "not", "oneOf", "then")
"""Keywords that apply schemas to the same value, and not to a part of it."""


class Endless(Exception):
    """A schema, at `path`, that is applied to a value again and again."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(path)


class Subschema(msgspec.Struct, frozen=True):
    """A schema within another, itself included, and the JSON pointer to it. True and false have no keywords."""

    path: str
    schema: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """What a `$ref` calls it, percent-decoded."""
        anchor = self.schema.get("$anchor")
        return ("#" + self.path, "#" + anchor) if isinstance(anchor, str) else ("#" + self.path,)


def subschemas(schema: Json, path: str = "") -> Iterator[Subschema]:
    """Yield *schema* and all that it holds where the draft puts schemas, outermost first."""
    if isinstance(schema, bool):
        yield Subschema(path, {})
    if not isinstance(schema, dict):
        return
    yield Subschema(path, schema)
    for step, inner in _held(schema):
        yield from subschemas(inner, path + step)


def longest_chain(parts: Iterable[Subschema]) -> int:
    """Return how many of *parts* are applied to one value at most, each because of the one before.

    Raises `Endless` where there is no end to it.
    """
    named = {name: part for part in parts for name in part.names}
    lengths: dict[str, int] = {}
    # By hand and not by recursion: a chain may be as long as the schema is large.
    waiting = [(part, False) for part in named.values()]
    open_paths: set[str] = set()
    while waiting:
        part, is_done = waiting.pop()
        if is_done:
            open_paths.discard(part.path)
            lengths[part.path] = 1 + max((lengths[each.path] for each in _applied(part, named)), default=0)
        elif part.path in open_paths:
            raise Endless(part.path)
        elif part.path not in lengths:
            open_paths.add(part.path)
            waiting.append((part, True))
            waiting += [(each, False) for each in _applied(part, named)]
    return max(lengths.values(), default=0)


def _applied(part: Subschema, named: Mapping[str, Subschema]) -> list[Subschema]:
    """Return the schemas that *part* applies to the value that it is applied to itself."""
    steps = [step for step, _ in _held(part.schema) if step.split("/")[1] in _IN_PLACE]
    found = [named["#" + part.path + step] for step in steps if "#" + part.path + step in named]
    reference = part.schema.get("$ref")
    target = named.get(unquote(reference)) if isinstance(reference, str) else None
    return found if target is None else [*found, target]


def _held(schema: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    for keyword in _HOLDS_ONE:
        if keyword in schema:
            yield pointer(keyword), schema[keyword]
    for keyword in _HOLDS_LIST:
        listed = schema.get(keyword)
        for index, inner in enumerate(listed if isinstance(listed, list) else ()):
            yield pointer(keyword, index), inner
    for keyword in _HOLDS_NAMED:
        named = schema.get(keyword)
        for name, inner in named.items() if isinstance(named, dict) else ():
            yield pointer(keyword, name), inner
