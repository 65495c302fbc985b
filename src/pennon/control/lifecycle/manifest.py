"""A project's flags as the OpenFeature CLI reads them, which makes typed accessors of them. Pure.

The format is schema/v0/flag-manifest.json of https://github.com/open-feature/cli.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from pennon.control.flags.definitions import FlagDefinition, initial_configuration
from pennon.model import Json

SCHEMA = "https://raw.githubusercontent.com/open-feature/cli/refs/heads/main/schema/v0/flag-manifest.json"
ManifestType: TypeAlias = Literal["boolean", "string", "integer", "float", "object"]
_STRUCTURE = ("type", "properties", "required", "items", "additionalProperties")
_TYPES = ("object", "array", "string", "number", "integer", "boolean")


class ManifestFlag(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A flag, as code asks for it. `default_value` is what code gets when nobody answers."""

    flag_type: ManifestType
    default_value: Json
    description: str = ""
    schema: Json = None


class Manifest(msgspec.Struct, frozen=True):
    """The flags of a project by their keys."""

    schema: str = msgspec.field(name="$schema")
    flags: Mapping[str, ManifestFlag]


def manifest(definitions: Iterable[FlagDefinition]) -> Manifest:
    """Return the manifest of *definitions*, in the order of their keys; archived flags are left out.

    The default is what the flag serves while it is off: false, or the last variation. A number is an integer if it is
    one in all variations. A value schema goes along as far as the format can say what it says of the structure.
    """
    described = {each.key: _flag(each) for each in definitions if not each.archived}
    return Manifest(SCHEMA, {key: flag for key, flag in sorted(described.items()) if flag is not None})


def _flag(definition: FlagDefinition) -> ManifestFlag | None:
    off = initial_configuration(definition, "").off_variation
    # Null stands for the caller's default, in imported flags only.
    values = [each.value for each in sorted(definition.variations, key=lambda each: each.key != off)]
    values = [value for value in values if value is not None]
    if not values:
        return None
    is_whole = definition.kind == "number" and all(_is_whole(value) for value in values)
    kind: ManifestType = definition.kind if definition.kind != "number" else "integer" if is_whole else "float"
    return ManifestFlag(
        flag_type=kind,
        default_value=int(values[0]) if is_whole else values[0],
        description=definition.description or definition.name,
        schema=_structure(definition.value_schema) if kind == "object" else None,
    )


def _is_whole(value: Json) -> bool:
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _structure(schema: Any) -> Json:
    """Return what *schema* says of the structure of values, None where the format cannot say it."""
    if not isinstance(schema, dict) or schema.get("type") not in _TYPES:
        return None
    found = {name: schema[name] for name in _STRUCTURE if name in schema}
    if "additionalProperties" in found and not isinstance(found["additionalProperties"], bool):
        return None
    inner = [*found.get("properties", {}).values(), *([found["items"]] if "items" in found else [])]
    if any(_structure(each) is None for each in inner):
        return None
    if "properties" in found:
        found["properties"] = {name: _structure(each) for name, each in found["properties"].items()}
    if "items" in found:
        found["items"] = _structure(found["items"])
    return found
