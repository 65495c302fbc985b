"""What is no GrowthBook file, and what in one is not known: nothing of it is imported, and the error says where."""

import json
from typing import Any

import pytest

from pennon.importers import Fidelity, ImportRefused, growthbook
from tests.conformance.growthbook import flag_of, planned


def _refused(data: bytes, dialect: str = "javascript", **options: str) -> str:
    with pytest.raises(ImportRefused) as refused:
        growthbook.plan(data, dialect, options)
    assert refused.value.vendor == "growthbook"
    return str(refused.value)


def _refused_rule(rule: Any, dialect: str = "javascript") -> str:
    return _refused(json.dumps({"features": {"a/b": {"rules": [rule]}}}).encode(), dialect)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"features": {"f": {', "the file is cut off"),
        (b"<html>", "not JSON"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b"[]", "no JSON object"),
        (b"{}", "no GrowthBook file"),
        (b'{"features": []}', "this looks like a file of Unleash"),
        (b'{"features": 1}', "admin API"),
        (b'{"flags": {"f": {"state": "ENABLED"}}}', "this looks like a file of flagd"),
        (b'{"flags": {}, "segments": {}}', "this looks like a file of LaunchDarkly"),
        (b'{"spec": 1, "digest": ""}', "this looks like a file of Pennon"),
        (b'{"features": {}, "savedGroups": []}', "/savedGroups: it is no object"),
        (b'{"features": {}, "contextualBandits": 1}', "/contextualBandits: it is no object"),
        (b'{"features": {"f": null}}', "/features/f"),
        (b'{"features": {"f": {"rules": [{"coverage": "1"}]}}}', "/features/f/rules/0/coverage"),
        (b'{"features": {"f": {"rules": [{"filters": [{"ranges": []}]}]}}}', "seed"),
        (b'{"features": {"f": {"rules": [{"parentConditions": [{"gate": true}]}]}}}', "id"),
    ],
    ids=[
        *(
            "cut-off",
            "html",
            "bytes",
            "array",
            "empty",
            "unleash",
            "admin",
            "flagd",
            "launchdarkly",
            "pennon",
            "groups",
        ),
        *("bandits", "null", "coverage", "filter", "parent"),
    ],
)
def test_another_file_is_refused(data: bytes, message: str) -> None:
    assert message in _refused(data)


@pytest.mark.parametrize("member", ["encryptedFeatures", "encryptedSavedGroups"])
def test_an_encrypted_file_is_refused_and_says_how_to_decrypt_it(member: str) -> None:
    message = _refused(json.dumps({"features": {}, member: "aa.bb"}).encode())
    assert f"/{member}: it is encrypted" in message
    assert "openssl enc -d -aes-128-cbc" in message


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        ({"a": {"$regx": 1}}, "/a/$regx: the operator '$regx'"),
        ({"$xor": []}, "/$xor: the operator '$xor'"),
        ({"$or": [{"a": {"$not": {"$foo": 1}}}]}, "/$or/0/a/$not/$foo"),
        ({"$not": {"a": {"$elemMatch": {"$foo": 1}}}}, "/$not/a/$elemMatch/$foo"),
        ({"a": {"$elemMatch": {"b": {"$foo": 1}}}}, "/a/$elemMatch/b/$foo"),
        ({"a": {"$elemMatch": {"$or": [{"b": {"$foo": 1}}]}}}, "/a/$elemMatch/$or/0/b/$foo"),
        ({"a": {"$all": ["x", {"$foo": 1}]}}, "/a/$all/1/$foo"),
        ({"a": {"$size": {"$foo": 1}}}, "/a/$size/$foo"),
        ({"$savedGroups": ["g"]}, "/$savedGroups: the operator"),
        ({"$savedGroup": "g"}, "/$savedGroup: a reference"),
        ({"$savedGroup": {"id": "g", "attributeKey": 1}}, "/$savedGroup: a reference"),
        ({"a": {"$inGroup": 1}}, "/a/$inGroup: $inGroup takes the id"),
        ({"$or": {"a": 1}}, "/$or: $or takes a list"),
        ({"$and": [1]}, "/$and/0: a condition is an object"),
        ({"a": {"$elemMatch": 1}}, "/a/$elemMatch: a condition is an object"),
        ({"a": {"$or": []}}, "/a/$or: the operator"),
    ],
    ids=str,
)
def test_an_operator_that_is_not_known_is_refused_with_its_path(condition: Any, path: str) -> None:
    for dialect in ("javascript", "python"):
        assert f"/features/a~1b/rules/0/condition{path}" in _refused_rule({"condition": condition, "force": 1}, dialect)


def test_conditions_everywhere_are_looked_at() -> None:
    bad = {"a": {"$foo": 1}}
    assert "/rules/0/parentConditions/0/condition/a" in _refused_rule(
        {"parentConditions": [{"id": "x", "condition": bad}]}
    )
    group = {"features": {}, "savedGroups": {"g": {"type": "condition", "condition": bad}}}
    assert "/savedGroups/g/condition/a/$foo" in _refused(json.dumps(group).encode())
    bandit = {"features": {}, "contextualBandits": {"b": {"contexts": [{"leafId": 1, "condition": bad}]}}}
    assert "/contextualBandits/b/contexts/0/condition/a/$foo" in _refused(json.dumps(bandit).encode())


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (1, "neither a list nor an object"),
        ({"type": "list", "values": []}, "has attributeKey and values"),
        ({"type": "list", "attributeKey": "a"}, "has attributeKey and values"),
        ({"type": "condition"}, "has a condition"),
        ({"type": "cohort"}, "the type 'cohort' is not known"),
    ],
    ids=["number", "no-attribute", "no-values", "no-condition", "type"],
)
def test_a_saved_group_of_another_form_is_refused(group: Any, message: str) -> None:
    said = _refused(json.dumps({"features": {}, "savedGroups": {"g": group}}).encode())
    assert "/savedGroups/g: " in said
    assert message in said


def test_all_problems_are_told_at_once() -> None:
    document = {"features": {"f": {"rules": 1}, "g": {"rules": [{"condition": {"a": {"$foo": 1}}}]}}}
    with pytest.raises(ImportRefused) as refused:
        growthbook.plan(json.dumps(document).encode(), "javascript")
    assert [problem.path for problem in refused.value.problems] == [
        "/features/f/rules",
        "/features/g/rules/0/condition/a/$foo",
    ]


def test_an_option_that_there_is_not_is_refused() -> None:
    assert "/key: there is no such option" in _refused(b'{"features": {}}', key="x")


def test_what_the_sdk_does_not_read_is_noted() -> None:
    rule = {"force": True, "foo": 1, "type": "standard", "metadata": {}}
    plan = planned({"features": {"f": {"rules": [rule], "bar": 1}}, "more": 1, "experiments": [{"key": "e"}]})
    flag = flag_of(plan)
    assert flag.fidelity is Fidelity.CONDITIONAL
    assert [note.path for note in flag.notes] == ["/features/f/bar", "/features/f/rules/0/foo"]
    assert {"/more", "/experiments"} <= {note.path for note in plan.notes}


def test_a_whole_answer_of_the_api_is_read() -> None:
    document = {
        "status": 200,
        "features": {"f": {"defaultValue": True}},
        "dateUpdated": "2026-01-01",
        "experiments": [],
    }
    plan = planned(document)
    assert (plan.vendor, plan.dialect, plan.is_exact) == ("growthbook", "javascript", True)
    assert [note.path for note in plan.notes] == [""]


def test_the_same_bytes_give_the_same_plan() -> None:
    data = json.dumps({"features": {"b": {"z": 1, "y": 2, "x": 3}, "a": {"defaultValue": 1}}}).encode()
    assert growthbook.plan(data, "python") == growthbook.plan(data, "python")
    assert [flag.key for flag in growthbook.plan(data, "python").flags] == ["a", "b"]


def test_integers_beyond_doubles_are_those_that_javascript_reads() -> None:
    document = {"features": {"f": {"defaultValue": 0, "rules": [{"condition": {"a": 2**53 + 1}, "force": 2**60}]}}}
    flag = flag_of(planned(document)).flag
    assert flag is not None
    assert flag.rules[0].conditions[0].values == (float(2**53),)
    assert flag.variations[1].value == 2.0**60
    assert flag_of(planned(document, "python")).fidelity is Fidelity.IMPOSSIBLE
