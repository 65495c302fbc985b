"""Every fault in the shape of a body is named at once, each with its path and a mend."""

from typing import Annotated, Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pennon.control.api.faults import faults
from pennon.control.flags.definitions import FlagConfiguration


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
    return {problem.path: problem.mend for problem in faults(value, annotation)}


def test_all_faults_are_named_at_once() -> None:
    value = {"edits": [{"do": "turnOn"}, {"do": "setTargets", "flag": 1, "newValue": []}], "why": "too long", "wy": 1}
    assert found(value) == {
        "/wy": "did you mean 'why'?",
        "/edits/0/flag": "add it",
        "/edits/1/newValue": "did you mean 'newValues'?",
        "/edits/1/flag": "send a string",
        "/why": "send a string",
    }


def test_an_unknown_edit_names_what_there_is() -> None:
    assert found({"edits": [{"do": "turnUp"}, {}, {"do": "explode"}]}) == {
        "/edits/0/do": "did you mean 'turnOn'?",
        "/edits/1/do": "send one of setTargets, turnOn",
        "/edits/2/do": "send one of setTargets, turnOn",
    }


def test_nested_models_are_looked_into() -> None:
    value = {"fallthrough": {"split": {"weights": [{"variation": "a", "wieght": 1}]}}, "rules": [{"id": "r"}]}
    assert set(found(value, FlagConfiguration)) == {
        "/fallthrough/split/weights/0/wieght",
        "/fallthrough/split/weights/0/weight",
        "/rules/0/conditions",
        "/rules/0/serve",
    }


def test_a_path_is_a_json_pointer() -> None:
    assert next(faults({"edits": [], "a/b~": 1}, Body)).path == "/a~1b~0"


def test_null_is_taken_where_the_model_takes_it() -> None:
    assert found({"fallthrough": {"variation": None, "split": None}, "staleness": None}, FlagConfiguration) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["edits", "do", "flag", "why", "x"]), inner),
    max_leaves=15,
)


@given(JSON)
def test_whatever_has_no_fault_converts(value: object) -> None:
    problems = list(faults(value, Body))
    assert all(problem.mend for problem in problems)
    if not problems:
        assert isinstance(msgspec.convert(value, Body), Body)
