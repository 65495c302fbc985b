"""What the OpenFeature CLI is told of a project's flags."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from pennon.control.flags.definitions import BOOLEAN_VARIATIONS, FlagDefinition
from pennon.control.lifecycle.manifest import manifest
from pennon.model import Variation

TYPES = {"boolean": "boolean", "string": "string", "integer": "integer", "float": "number"}
FORMAT = Draft202012Validator(
    {
        "type": "object",
        "required": ["$schema", "flags"],
        "properties": {"flags": {"type": "object", "additionalProperties": {"$ref": "#/$defs/flag"}}},
        "$defs": {
            "flag": {
                "type": "object",
                "required": ["flagType", "defaultValue"],
                "properties": {
                    "flagType": {"enum": [*TYPES, "object"]},
                    "defaultValue": True,
                    "description": {"type": "string"},
                    "schema": {"type": "object", "required": ["type"]},
                },
                "additionalProperties": False,
                "allOf": [
                    {
                        "if": {"properties": {"flagType": {"const": kind}}},
                        "then": {"properties": {"defaultValue": {"type": type_}}},
                    }
                    for kind, type_ in TYPES.items()
                ],
            }
        },
    }
)


def of(*values: Any) -> tuple[Variation, ...]:
    return tuple(Variation(f"v{number}", value) for number, value in enumerate(values))


def shown(*definitions: FlagDefinition) -> Mapping[str, Any]:
    whole = msgspec.to_builtins(manifest(definitions))
    FORMAT.validate(whole)
    flags: Mapping[str, Any] = whole["flags"]
    return flags


@pytest.mark.parametrize(
    ("definition", "kind", "default"),
    [
        (FlagDefinition(key="f", variations=BOOLEAN_VARIATIONS), "boolean", False),
        (FlagDefinition(key="f", kind="string", variations=of("a", "b")), "string", "b"),
        (FlagDefinition(key="f", kind="number", variations=of(10, 50)), "integer", 50),
        (FlagDefinition(key="f", kind="number", variations=of(10, 50.0)), "integer", 50),
        (FlagDefinition(key="f", kind="number", variations=of(1.5, 2)), "float", 2),
        (FlagDefinition(key="f", kind="object", variations=of({"a": 1}, {})), "object", {}),
        (FlagDefinition(key="f", variations=of(True, None)), "boolean", True),
    ],
    ids=["boolean", "string", "integer", "whole", "float", "object", "imported, the caller's default when off"],
)
def test_default_is_what_a_flag_serves_while_it_is_off(definition: FlagDefinition, kind: str, default: Any) -> None:
    flag = shown(definition)["f"]
    assert (flag["flagType"], flag["defaultValue"]) == (kind, default)
    assert type(flag["defaultValue"]) is type(default)


def test_flags_stand_in_order_without_archived_ones_and_those_without_a_value() -> None:
    flags = shown(
        FlagDefinition(key="b", variations=BOOLEAN_VARIATIONS, description="Why it is."),
        FlagDefinition(key="a", variations=BOOLEAN_VARIATIONS, name="A name"),
        FlagDefinition(key="gone", variations=BOOLEAN_VARIATIONS, archived=True),
        FlagDefinition(key="empty", kind="object", variations=of(None)),
    )
    assert list(flags) == ["a", "b"]
    assert (flags["a"]["description"], flags["b"]["description"]) == ("A name", "Why it is.")


PAGE = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}


@pytest.mark.parametrize(
    ("schema", "structure"),
    [
        (None, None),
        (PAGE, PAGE),
        (PAGE | {"title": "A page", "minProperties": 1}, PAGE),
        (
            {"type": "array", "items": {"type": "string", "maxLength": 3}},
            {"type": "array", "items": {"type": "string"}},
        ),
        ({"type": ["object", "null"]}, None),
        ({"oneOf": [PAGE]}, None),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}, None),
        ({"type": "object", "additionalProperties": {"type": "string"}}, None),
        ({"type": "object", "properties": {"a": True}}, None),
    ],
)
def test_value_schema_goes_along_as_far_as_the_format_can_say_it(schema: Any, structure: Any) -> None:
    definition = FlagDefinition(key="f", kind="object", variations=of({"size": 1}), value_schema=schema)
    assert shown(definition)["f"].get("schema") == structure
