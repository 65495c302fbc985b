"""Reading edits from JSON."""

from typing import Any, get_args

import pytest

from pennon.control.changes.edits import AnyEdit, PutFlag
from pennon.control.changes.flag_edits import TurnOn
from pennon.control.errors import Invalid
from pennon.control.flags.definitions import FlagConfiguration, FlagDefinition
from pennon.model import Problem, Serve
from tests.editing import read_edits


def problems(*values: Any) -> list[Problem]:
    with pytest.raises(Invalid) as refused:
        read_edits(values)
    return list(refused.value.problems)


def test_an_edit_is_known_by_its_word() -> None:
    definition = {"key": "checkout", "expectedRemoval": "2027-01-31"}
    read = read_edits(
        [
            {"do": "turnOn", "flag": "checkout"},
            {"do": "putFlag", "definition": definition, "configuration": {"fallthrough": {"variation": "on"}}},
        ]
    )
    assert read[0] == TurnOn(flag="checkout")
    assert isinstance(read[1], PutFlag)
    assert read[1].item == ("flag", "checkout")
    assert str(read[1].definition.expected_removal) == "2027-01-31"
    assert read[1].configuration == FlagConfiguration(fallthrough=Serve("on"))


def test_every_edit_has_a_word_and_a_docstring() -> None:
    edits = get_args(AnyEdit)
    words = {edit.__struct_config__.tag for edit in edits}
    assert {"turnOn", "turnOff", "addRule", "setWeights", "newSalt", "putFlag", "deleteFlag", "setSlots"} <= words
    assert all(edit.__doc__ for edit in edits)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (3, "/edits/0"),
        (None, "/edits/0"),
        ({}, "/edits/0/do"),
        ({"do": 3}, "/edits/0/do"),
        ({"do": "turnon", "flag": "a"}, "/edits/0/do"),
        ({"do": "turnOn"}, "/edits/0/flag"),
        ({"do": "turnOn", "flag": 3}, "/edits/0/flag"),
        ({"do": "turnOn", "flag": "a", "on": True}, "/edits/0/on"),
        ({"do": "setWeights", "flag": "a", "weights": {"on": 0.5}}, "/edits/0/weights/on"),
        (
            {"do": "addCondition", "flag": "a", "rule": "r1", "condition": {"op": "in", "atribute": "x"}},
            "/edits/0/condition/atribute",
        ),
        (
            {"do": "putFlag", "definition": {"key": "a", "expectedRemoval": "soon"}},
            "/edits/0/definition/expectedRemoval",
        ),
    ],
)
def test_what_is_no_edit_is_refused_with_its_path(value: Any, path: str) -> None:
    (problem,) = problems(value)
    assert problem.path == path


def test_a_misspelt_word_is_recognised() -> None:
    (problem,) = problems({"do": "turnoff", "flag": "a"})
    assert "turnOff" in problem.mend


def test_all_faults_of_all_edits_are_told() -> None:
    found = problems({"do": "turnOn"}, {"do": "turnOn", "flag": "a"}, {"do": "addRule", "flag": "a", "rule": {"x": 1}})
    paths = [problem.path for problem in found]
    assert paths == [
        "/edits/0/flag",
        "/edits/2/rule/x",
        "/edits/2/rule/id",
        "/edits/2/rule/conditions",
        "/edits/2/rule/serve",
    ]


def test_a_definition_says_no_more_than_its_fields() -> None:
    assert problems({"do": "putFlag", "definition": {"key": "a", "on": True}})[0].path == "/edits/0/definition/on"
    assert "on" not in FlagDefinition.__struct_fields__
