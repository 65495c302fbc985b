"""Every member of a file is carried, noted or refused."""

import json
from typing import Any

import pytest

from pennon.importers.flagd import plan
from pennon.importers.plan import ImportRefused
from tests.unit.importers.flagd.build import file, flag

X = {"var": "x"}


def refused(data: bytes) -> list[str]:
    with pytest.raises(ImportRefused) as caught:
        plan(data, "v2")
    return [f"{problem.path} {problem.message}" for problem in caught.value.problems]


def test_flags_may_be_an_array() -> None:
    document = {"flags": [{"key": "g", **flag()}, {"key": "f", **flag()}]}
    assert [found.key for found in plan(json.dumps(document).encode(), "v2").flags] == ["f", "g"]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([flag()], "/flags/0/key a flag in an array has its key"),
        ([5], "/flags/0/key a flag in an array has its key"),
        ([{"key": "f"}, {"key": "f"}], "/flags/1/key the flag 'f' is there twice"),
    ],
    ids=["no-key", "no-object", "twice"],
)
def test_an_array_of_flags_has_each_key_once(flags: list[Any], expected: str) -> None:
    data = json.dumps({"$evaluators": {}, "flags": flags}).encode()
    assert refused(data) == [expected]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"state": "ON"}, "/flags/f/state 'ON' is neither ENABLED nor DISABLED"),
        ({"state": ["ENABLED"]}, "/flags/f/state ['ENABLED'] is neither ENABLED nor DISABLED"),
        ({"variants": {}}, "/flags/f/variants there is none"),
        ({"variants": ["a"]}, "/flags/f/variants it is no object"),
        ({"defaultVariant": 5}, "/flags/f/defaultVariant 5 is no name of a variant"),
        ({"targeting": "a"}, "/flags/f/targeting it is no object"),
        ({"metadata": ["a"]}, "/flags/f/metadata it is no object"),
        ({"metadata": {"": 1}}, "/flags/f/metadata/ metadata are texts, numbers or booleans with a name"),
        ({"metadata": {"a": None}}, "/flags/f/metadata/a metadata are texts, numbers or booleans with a name"),
        ({"description": 5}, "/flags/f/description it is no text"),
        ({"targetting": {}}, "/flags/f/targetting a flag of flagd has no member 'targetting'"),
        (
            {"targeting": {"if": [{"regex": [X, "a"]}, "a"]}},
            "/flags/f/targeting/if/0/regex flagd has no operator 'regex'",
        ),
        ({"targeting": {"$json": "5"}}, "/flags/f/targeting/$json flagd has no operator '$json'"),
        (
            {"targeting": {"!": {"map": [[{"nope": 1}], X]}}},
            "/flags/f/targeting/!/map/0/0/nope flagd has no operator 'nope'",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_members_are_refused_with_their_path(members: dict[str, Any], expected: str) -> None:
    assert refused(file(flag(**members))) == [expected]


def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong = file(flag(state=None), flag({"nope": []}), **{"metadata": 5, "$evaluators": 5})
    assert len(refused(wrong)) == 4


def test_a_flag_that_is_no_object_is_refused() -> None:
    data = json.dumps({"flags": {"f": 5, "g": flag()}}).encode()
    assert refused(data) == ["/flags/f it is no object"]


def test_a_targeting_that_is_too_deep_is_refused_with_its_path() -> None:
    logic: Any = X
    for _ in range(90):
        logic = {"!": [logic]}
    (only,) = refused(file(flag({"if": [logic, "a"]})))
    assert only.startswith("/flags/f/targeting/if/0/!/0/!/0")
    assert only.endswith("more than 80 deep")


def test_what_changes_no_answer_is_noted() -> None:
    members: dict[str, Any] = {
        "metadata": {"flagSetId": "s"},
        "$evaluators": {"unused": X, "used": X},
        "version": 5,
        "$schema": "https://flagd.dev/schema/v0/flags.json",
    }
    found = plan(
        file(flag({"if": [{"$ref": "used"}, "a"]}, metadata={"v": 1}, source="x", flagSetId="s"), **members), "v2"
    )
    assert [note.path for note in found.notes] == [
        "/version",
        "/metadata",
        "/$evaluators/unused",
        "/flags/f/flagSetId",
        "/flags/f/source",
        "/flags/f/metadata",
    ]
    assert found.is_exact


def test_a_reference_to_nothing_is_noted_once() -> None:
    found = plan(file(flag({"if": [{"$ref": "gone"}, {"$ref": "gone"}, {"$ref": 5}]})), "v2")
    assert [(note.path, note.message[:40]) for note in found.notes] == [
        ("/flags/f/targeting", "flagd's SDK finds no evaluator 'gone': w"),
        ("/flags/f/targeting", "flagd's SDK finds no evaluator '5': wher"),
    ]
