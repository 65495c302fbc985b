"""The schemas and the model say the same: fields, requirements, defaults, types; and what is written fits them."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec import inspect
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from pennon import events, model
from pennon.engine import check_flag, compile_snapshot
from pennon.model import Delta, ErrorCode, Flag, Item, Reason, Snapshot, snapshots
from pennon.model.strict import shape_problems
from pennon.model.validation import flag_problems
from tests.spec.strategies import FLAGS, Chance, likely_context, snapshot
from tests.spec.vectors import SPEC

Json = Any
PATHS = sorted((SPEC / "schema").glob("*.json"))
TEXTS: Mapping[str, Json] = {path.name: json.loads(path.read_bytes()) for path in PATHS}
REGISTRY: Registry[Any] = Registry().with_resources(
    [(name, Resource.from_contents(contents, default_specification=DRAFT202012)) for name, contents in TEXTS.items()]
)
STRUCTS: list[tuple[type, str]] = [
    (model.Flag, "flag.json"),
    (model.Variation, "flag.json#/$defs/variation"),
    (model.Prerequisite, "flag.json#/$defs/prerequisite"),
    (model.Target, "flag.json#/$defs/target"),
    (model.Rule, "flag.json#/$defs/rule"),
    (model.Condition, "flag.json#/$defs/condition"),
    (model.Serve, "flag.json#/$defs/serve"),
    (model.Split, "flag.json#/$defs/split"),
    (model.Weight, "flag.json#/$defs/weight"),
    (model.Experiment, "flag.json#/$defs/experiment"),
    (model.Staleness, "flag.json#/$defs/staleness"),
    (model.Compat, "flag.json#/$defs/compat"),
    (model.Segment, "segment.json"),
    (model.SegmentRule, "segment.json#/$defs/segmentRule"),
    (model.Layer, "layer.json"),
    (model.Slot, "layer.json#/$defs/slot"),
    (model.KeyRecord, "key.json"),
    (model.Evaluation, "evaluation.json"),
    (model.Head, "head.json"),
    (model.Rotation, "head.json#/$defs/rotation"),
    (snapshots._SnapshotWire, "snapshot.json"),
    (snapshots._DeltaWire, "delta.json"),
    (events.EventBatch, "events.json"),
    (events.Counter, "events.json#/$defs/counter"),
    (events.Exposure, "events.json#/$defs/exposure"),
    (events.Metric, "events.json#/$defs/metric"),
]
FRAMES_ONLY = {"age"}


@cache
def validator(ref: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": ref}, registry=REGISTRY)


def looked_up(ref: str) -> Json:
    return REGISTRY.resolver().lookup(ref).contents


@pytest.mark.parametrize("name", TEXTS)
def test_a_schema_is_one_and_its_references_lead_somewhere(name: str) -> None:
    Draft202012Validator.check_schema(TEXTS[name])
    assert TEXTS[name]["title"]
    assert TEXTS[name]["description"]
    resolver = REGISTRY.resolver(base_uri=name)
    for ref in refs(TEXTS[name]):
        assert resolver.lookup(ref).contents


def refs(schema: Json) -> list[str]:
    if isinstance(schema, list):
        return [ref for child in schema for ref in refs(child)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
    return own + [ref for child in schema.values() for ref in refs(child)]


@pytest.mark.parametrize(("struct", "ref"), STRUCTS, ids=[ref for _, ref in STRUCTS])
def test_fields_requirements_and_defaults_are_those_of_the_model(struct: type, ref: str) -> None:
    schema = looked_up(ref)
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    fields = {field.encode_name: field for field in info.fields}
    assert schema["properties"].keys() - FRAMES_ONLY == fields.keys()
    assert set(schema["required"]) == {name for name, field in fields.items() if field.required}
    for name, field in fields.items():
        described = schema["properties"][name]
        if not field.required:
            default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
            assert described["default"] == json.loads(msgspec.json.encode(default)), name
            assert isinstance(described["default"], bool) == isinstance(default, bool), name
        assert "description" in described or "$ref" in described, name


@pytest.mark.parametrize(("struct", "ref"), STRUCTS, ids=[ref for _, ref in STRUCTS])
def test_types_are_those_of_the_model(struct: type, ref: str) -> None:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    base = ref.split("#", maxsplit=1)[0]
    for field in info.fields:
        described = looked_up(ref)["properties"][field.encode_name]
        assert types_of_schema(described, base) == types_of_model(field.type), field.encode_name


JSON_TYPES: Mapping[type[inspect.Type], set[str]] = {
    inspect.NoneType: {"null"},
    inspect.BoolType: {"boolean"},
    inspect.IntType: {"integer"},
    inspect.FloatType: {"number"},
    inspect.StrType: {"string"},
    inspect.DateTimeType: {"string"},
    inspect.StructType: {"object"},
    inspect.DictType: {"object"},
    inspect.VarTupleType: {"array"},
    inspect.LiteralType: {"string"},
    inspect.EnumType: {"string"},
}
ANYTHING = {"anything"}


def types_of_model(shape: inspect.Type) -> set[str]:
    if isinstance(shape, inspect.UnionType):
        found = set().union(*map(types_of_model, shape.types))
        return found - {"integer"} if "number" in found else found
    if isinstance(shape, inspect.Metadata):
        return types_of_model(shape.type)
    return JSON_TYPES.get(type(shape), ANYTHING)


def types_of_schema(schema: Json, base: str) -> set[str]:
    if "$ref" in schema:
        place = schema["$ref"] if not schema["$ref"].startswith("#") else base + schema["$ref"]
        return types_of_schema(looked_up(place), place.split("#")[0])
    if "anyOf" in schema:
        return set().union(*(types_of_schema(member, base) for member in schema["anyOf"]))
    if "enum" in schema:
        return {"null" if member is None else "string" for member in schema["enum"]}
    if "const" in schema:
        return {"integer"}
    found = schema.get("type", "anything")
    return set(found) if isinstance(found, list) else {found}


def test_the_closed_sets_are_those_of_the_model() -> None:
    answer = TEXTS["evaluation.json"]["properties"]
    assert answer["reason"]["enum"] == list(Reason)
    assert answer["errorCode"]["enum"] == [*ErrorCode, None]
    expect = TEXTS["vectors.json"]["$defs"]["evaluation"]["properties"]["expect"]["properties"]
    assert expect["reason"]["enum"] == list(Reason)
    assert expect["errorCode"]["enum"] == [*ErrorCode, None]


@given(st.integers(0, 2**32 - 1))
def test_a_flag_without_problems_fits_the_schema_and_answers(seed: int) -> None:
    document = snapshot(seed)
    known = Snapshot.from_json(json.dumps(document))
    rules, chance = compile_snapshot(known), Chance(seed)
    for key in FLAGS:
        flag = known.flags[key]
        answer = rules.evaluate(key, likely_context(chance))
        # A prerequisite that does not exist is refused on write, and on read is not met.
        broken = [problem for problem in check_flag(flag, known) if not problem.path.startswith("/prerequisites")]
        assert (answer.error_code is ErrorCode.PARSE_ERROR) == bool(broken), (broken, answer)
        salted = msgspec.structs.replace(flag, salt=flag.salt or "s")
        if not flag_problems(salted):
            validator("flag.json").validate(document["flags"][key])
            assert shape_problems(document["flags"][key], Flag) == []


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["flag", "segment", "layer"]), st.text(min_size=1, max_size=3))
def test_a_field_that_is_not_known_fits_no_schema_of_an_author(seed: int, kind: str, name: str) -> None:
    for item in snapshot(seed)[f"{kind}s"].values():
        assert not validator(f"{kind}.json").is_valid({**item, name + "!": 1})


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_what_is_written_fits_the_schemas(seed: int) -> None:
    document = snapshot(seed)
    sound = {key: flag for key, flag in document["flags"].items() if validator("flag.json").is_valid(flag)}
    items = {key: Item.of(msgspec.convert(flag, Flag)) for key, flag in sound.items()}
    known = Snapshot.of({"flag": items}, environment="shop/production", digest="0" * 64)
    validator("snapshot.json").validate(json.loads(known.to_json()))
    delta = Delta(epoch=1, from_=2, to=3, digest="0" * 64, flags={**items, "gone": None})
    validator("delta.json").validate(json.loads(delta.to_json()))
    rules, chance = compile_snapshot(known), Chance(seed)
    for key in [*FLAGS, "gone"]:
        context = likely_context(chance)
        validator("context.json").validate(context)
        answer = rules.evaluate(key, context, {"any": "default"})
        validator("evaluation.json").validate(msgspec.to_builtins(answer))


def test_a_batch_of_events_fits_its_schema() -> None:
    counter = {"flag": "a", "reason": "SPLIT", "count": 2, "from": 1_714_564_800_000, "to": "2024-05-01T12:00:00Z"}
    exposure = {"time": 1_714_564_800_000, "flag": "a", "variation": "on", "unit": 7, "experiment": "e"}
    metric = {"time": 1_714_564_800_000, "key": "order-value", "unit": "u1", "value": 42.5, "variations": {"a": "on"}}
    batch = {"instance": "i", "sequence": 0, "dropped": {"exposures": 3}, "revision": "1.7"}
    batch |= {"counters": [counter], "exposures": [exposure], "metrics": [metric]}
    validator("events.json").validate(batch)
    read = events.EventBatch.from_json(json.dumps(batch).encode())
    validator("events.json").validate(json.loads(read.to_json()))
    assert not validator("events.json").is_valid({**batch, "counters": [{**counter, "count": 0}]})


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("flag", {"key": "a", "on": True, "variations": [], "fallthrough": {}}),
        ("flag", {"key": "a\n", "on": True, "variations": [{"key": "on", "value": 1}], "fallthrough": {}}),
        ("segment", {"key": ""}),
        ("layer", {"key": "a", "slots": [{"from": 0, "to": 100_001, "experiment": "e"}]}),
        ("key", {"key": "secret", "kind": "server"}),
        ("delta", {"epoch": 1, "from": 1, "to": 2, "digest": "x"}),
        ("snapshot", {"spec": 2}),
        ("context", ["u1"]),
        ("evaluation", {"value": 1, "variation": None, "reason": "DEFAULT"}),
        ("events", {"instance": "i"}),
    ],
)
def test_what_does_not_fit_is_refused(name: str, document: Json) -> None:
    assert not validator(f"{name}.json").is_valid(document)
