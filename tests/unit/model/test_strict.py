"""Strict reading: all that is wrong with what an author wrote, each with its path."""

from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.model import Flag, InvalidJson, Json, Layer, Segment, Serve, Variation
from pennon.model.strict import read_strictly, shape_problems, strictly

GOOD = b'{"key":"a","on":true,"variations":[{"key":"on","value":{"any":["thing"]}}],"fallthrough":{"variation":"on"}}'


def problems(text: bytes, model: type = Flag) -> dict[str, str]:
    with pytest.raises(InvalidJson) as caught:
        read_strictly(text, model)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_what_is_right_is_read() -> None:
    assert read_strictly(GOOD, Flag) == Flag("a", (Variation("on", {"any": ["thing"]}),), True, Serve("on"))
    assert read_strictly(GOOD.decode(), Flag).key == "a"


def test_unknown_fields_are_refused_at_any_depth() -> None:
    text = GOOD.replace(b'"on":true', b'"on":true,"rollout":1,"client_side":true').replace(
        b'"fallthrough":{', b'"fallthrough":{"weight":1,'
    )
    assert problems(text) == dict.fromkeys(
        ["/rollout", "/client_side", "/fallthrough/weight"], "there is no such field"
    )


def test_a_field_that_is_spelt_otherwise_is_suggested() -> None:
    found = shape_problems({"client_side": True, "OffVariation": "x", "colour": 1}, Flag)
    mends = {problem.path: problem.mend for problem in found}
    assert mends["/client_side"] == "did you mean clientSide?"
    assert mends["/OffVariation"] == "did you mean offVariation?"
    assert mends["/colour"].startswith("leave it out; known here: changedAt, clientSide,")


def test_fields_within_a_value_are_the_authors_own() -> None:
    assert shape_problems({"key": "a", "value": {"whatever": {"is": "here"}}}, Variation) == []


def test_every_missing_field_is_named() -> None:
    assert problems(b"{}") == dict.fromkeys(
        ["/key", "/variations", "/on", "/fallthrough"], "it is required, and not there"
    )


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (b'{"key":1}', "/key", "1 where a string belongs"),
        (b'{"key":null}', "/key", "null where a string belongs"),
        (b'{"on":1}', "/on", "1 where true or false belongs"),
        (b'{"on":"true"}', "/on", '"true" where true or false belongs'),
        (b'{"version":1.0}', "/version", "1.0 where an integer belongs"),
        (b'{"version":true}', "/version", "true where an integer belongs"),
        (b'{"variations":{}}', "/variations", "an object where an array belongs"),
        (b'{"variations":[3]}', "/variations/0", "3 where an object belongs"),
        (b'{"kind":"enum"}', "/kind", '"enum" is none of boolean, number, object, string'),
        (b'{"kind":true}', "/kind", "true is none of boolean, number, object, string"),
        (b'{"offVariation":[]}', "/offVariation", "an array where a string or null belongs"),
        (
            b'{"staleness":{"maxAgeS":"60","serve":{}}}',
            "/staleness/maxAgeS",
            '"60" where an integer or a number belongs',
        ),
        (b'{"targets":[{"values":["a",2],"variation":"on"}]}', "/targets/0/values/1", "2 where a string belongs"),
        (b'{"salt":1e300}', "/salt", "a number where a string belongs"),
    ],
)
def test_a_wrong_type_is_named_with_what_belongs_there(text: bytes, path: str, message: str) -> None:
    assert problems(text)[path] == message


def test_bytes_that_are_no_json_are_one_problem() -> None:
    assert list(problems(b'{"key":')) == [""]
    assert list(problems(b'{"key":"\xff"}')) == [""]
    assert list(problems(b'{"x":' + b"[" * 100_000)) == [""]
    assert problems(b"[]") == {"": "an array where an object belongs"}


def test_problems_of_a_document_too_deep_to_walk_are_one_problem() -> None:
    value: dict[str, Json] = {}
    for _ in range(5_000):
        value = {"inner": value}
    with pytest.raises(InvalidJson) as caught:
        strictly(value, Node)
    assert [problem.message for problem in caught.value.problems] == ["nested too deeply"]


class Node(msgspec.Struct):
    inner: "Node | None" = None
    named: "dict[str, Node]" = {}


def test_members_of_a_mapping_are_read_by_their_key() -> None:
    found = shape_problems({"named": {"a/b": {"outer": 1}}}, Node)
    assert [problem.path for problem in found] == ["/named/a~1b/outer"]


def test_reading_back_what_was_written_finds_nothing() -> None:
    flag = read_strictly(GOOD, Flag)
    assert read_strictly(msgspec.json.encode(flag), Flag) == flag
    segment = read_strictly(b'{"key":"s","rules":[{"conditions":[{"op":"inBucket","from":0,"to":5}]}]}', Segment)
    assert read_strictly(msgspec.json.encode(segment), Segment) == segment
    layer = read_strictly(b'{"key":"l","slots":[{"from":0,"to":5,"experiment":"e"}]}', Layer)
    assert read_strictly(msgspec.json.encode(layer), Layer) == layer


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["key", "on", "variations", "fallthrough", "rules", "value"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_what_has_no_problem_converts_and_what_has_one_does_not(value: Json) -> None:
    found = shape_problems(value, Flag)
    try:
        msgspec.convert(value, Flag)
    except msgspec.ValidationError:
        assert found
    else:
        assert all(problem.message == "there is no such field" for problem in found)


class Page(msgspec.Struct):
    limit: Annotated[int, msgspec.Meta(ge=1, description="How many.")] = 50


def test_bounds_of_a_model_are_kept() -> None:
    assert strictly({"limit": 3}, Page).limit == 3
    assert [problem.path for problem in shape_problems({"limit": "3"}, Page)] == ["/limit"]
    with pytest.raises(InvalidJson) as caught:
        strictly({"limit": 0}, Page)
    assert [problem.path for problem in caught.value.problems] == ["/limit"]
