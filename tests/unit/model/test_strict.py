"""Strict reading: all that is wrong with what an author wrote, each with its path and a mend."""

import datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.model import Flag, Json, Layer, Segment, Variation
from pennon.model.strict import shape_problems

GOOD = {"key": "a", "on": True, "variations": [], "fallthrough": {}}


class TurnOn(msgspec.Struct, frozen=True, tag_field="do", tag="turnOn"):
    flag: str


class SetTargets(msgspec.Struct, frozen=True, tag_field="do", tag="setTargets", rename="camel"):
    flag: str
    new_values: tuple[str, ...] = ()


class Body(msgspec.Struct, frozen=True):
    edits: tuple[TurnOn | SetTargets, ...]
    why: Annotated[str, msgspec.Meta(max_length=5)] = ""
    value: Any = None


def found(value: object, annotation: object = Body) -> dict[str, str]:
    return {problem.path: problem.mend for problem in shape_problems(value, annotation)}


def test_all_faults_are_named_at_once() -> None:
    value = {"edits": [{"do": "turnOn"}, {"do": "setTargets", "flag": 1, "newValue": []}], "why": "too long", "wy": 1}
    assert found(value) == {
        "/wy": "did you mean 'why'?",
        "/edits/0/flag": "add it",
        "/edits/1/newValue": "did you mean 'newValues'?",
        "/edits/1/flag": "send a string",
        "/why": "send at most 5 characters",
    }


def test_an_unknown_edit_names_what_there_is() -> None:
    assert found({"edits": [{"do": "turnUp"}, {}, {"do": "explode"}]}) == {
        "/edits/0/do": "did you mean 'turnOn'?",
        "/edits/1/do": "send one of setTargets, turnOn",
        "/edits/2/do": "send one of setTargets, turnOn",
    }


def test_nested_models_are_looked_into() -> None:
    value = {"fallthrough": {"split": {"weights": [{"variation": "a", "wieght": 1}]}}, "rules": [{"id": "r"}]}
    assert set(found(GOOD | value, Flag)) == {
        "/fallthrough/split/weights/0/wieght",
        "/fallthrough/split/weights/0/weight",
        "/rules/0/conditions",
        "/rules/0/serve",
    }


def test_a_path_is_a_json_pointer() -> None:
    assert shape_problems({"edits": [], "a/b~": 1}, Body)[0].path == "/a~1b~0"


def test_null_is_taken_where_the_model_takes_it() -> None:
    assert found(GOOD | {"fallthrough": {"variation": None, "split": None}, "staleness": None}, Flag) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["edits", "do", "flag", "why", "x"]), inner),
    max_leaves=15,
)


@given(JSON)
def test_whatever_has_no_fault_converts(value: object) -> None:
    problems = shape_problems(value, Body)
    assert all(problem.mend for problem in problems)
    if not problems:
        assert isinstance(msgspec.convert(value, Body), Body)


def test_fields_within_a_value_are_the_authors_own() -> None:
    assert found({"key": "a", "value": {"whatever": {"is": "here"}}}, Variation) == {}


def test_every_missing_field_is_named() -> None:
    assert set(found({}, Flag)) == {"/key", "/variations", "/on", "/fallthrough"}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"key": 1}, "/key"),
        ({"key": None}, "/key"),
        ({"on": 1}, "/on"),
        ({"on": "true"}, "/on"),
        ({"version": 1.5}, "/version"),
        ({"version": True}, "/version"),
        ({"variations": {}}, "/variations"),
        ({"variations": [3]}, "/variations/0"),
        ({"kind": "enum"}, "/kind"),
        ({"offVariation": []}, "/offVariation"),
        ({"staleness": {"maxAgeS": "60", "serve": {}}}, "/staleness/maxAgeS"),
        ({"targets": [{"values": ["a", 2], "variation": "on"}]}, "/targets/0/values/1"),
    ],
)
def test_a_wrong_type_is_named_with_its_path(fields: dict[str, Any], path: str) -> None:
    assert list(found(GOOD | fields, Flag)) == [path]


def test_a_document_too_deep_to_walk_is_one_problem() -> None:
    value: dict[str, Json] = {}
    for _ in range(5_000):
        value = {"inner": value}
    assert [problem.message for problem in shape_problems(value, Node)] == ["nested too deeply"]


class Node(msgspec.Struct):
    inner: "Node | None" = None


@pytest.mark.parametrize(
    ("model", "value"),
    [
        (Flag, GOOD),
        (Segment, {"key": "s", "rules": [{"conditions": [{"op": "inBucket", "from": 0, "to": 5}]}]}),
        (Layer, {"key": "l", "slots": [{"from": 0, "to": 5, "experiment": "e"}]}),
    ],
)
def test_reading_back_what_was_written_finds_nothing(model: Any, value: dict[str, Any]) -> None:
    written = msgspec.json.decode(msgspec.json.encode(msgspec.convert(value, model)))
    assert shape_problems(written, model) == []


class Sized(msgspec.Struct, frozen=True):
    """What has bounds of every kind."""

    why: Annotated[str, msgspec.Meta(max_length=5)] = ""
    name: Annotated[str, msgspec.Meta(min_length=2)] = "ab"
    tags: Annotated[tuple[str, ...], msgspec.Meta(max_length=1)] = ()
    share: Annotated[int, msgspec.Meta(ge=1)] = 1
    most: Annotated[int, msgspec.Meta(le=9)] = 1
    kind: Literal["boolean", "string"] = "boolean"
    maybe: Literal["a"] | None = None
    at: datetime.datetime | None = None
    day: datetime.date | None = None


@pytest.mark.parametrize(
    ("field", "value", "mend"),
    [
        ("why", "longer", "send at most 5 characters"),
        ("name", "a", "send at least 2 characters"),
        ("tags", ["a", "b"], "send at most 1 element"),
        ("share", 0, "send 1 or more"),
        ("most", 10, "send 9 or less"),
        ("kind", "integer", "send one of boolean, string"),
        ("kind", 5, "send one of boolean, string"),
        ("maybe", "b", "send a"),
        ("at", "tomorrow", "send a time as in 2027-01-31T12:00:00Z"),
        ("at", "2027-02-30T00:00:00Z", "send a time as in 2027-01-31T12:00:00Z"),
        ("day", "tomorrow", "send a date as in 2027-01-31"),
    ],
)
def test_the_mend_says_what_is_allowed(field: str, value: object, mend: str) -> None:
    (problem,) = shape_problems({field: value}, Sized)
    assert (problem.path, problem.mend) == (f"/{field}", mend)


def test_what_is_no_object_is_to_be_one() -> None:
    (problem,) = shape_problems([], Sized)
    assert problem.mend == "send an object"
