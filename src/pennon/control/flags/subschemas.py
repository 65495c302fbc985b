"""The schemas within a JSON Schema (draft 2020-12), each with its place. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

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


class Subschema(msgspec.Struct, frozen=True):
    """A schema within another, itself included, and the JSON pointer to it. True and false have no keywords."""

    path: str
    schema: Mapping[str, Any]


def subschemas(schema: Json, path: str = "") -> Iterator[Subschema]:
    """Yield *schema* and all that it holds where the draft puts schemas, outermost first."""
    if isinstance(schema, bool):
        yield Subschema(path, {})
    if not isinstance(schema, dict):
        return
    yield Subschema(path, schema)
    for step, inner in _held(schema):
        yield from subschemas(inner, path + step)


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
