"""Sticky buckets: who keeps a stored variation, who is kept out, and what nobody can know."""

import json
from typing import Any

import pytest

from pennon.importers import Fidelity, ImportRefused
from tests.conformance.growthbook import flag_of, planned, rules_of

BOTH = pytest.mark.parametrize("dialect", ["javascript", "python"])
META = [{"key": "v0"}, {"key": "v1"}, {"key": "v2", "passthrough": True}]
RULE: dict[str, Any] = {
    "key": "e",
    "variations": ["a", "b", "c"],
    "weights": [1, 0, 0],
    "meta": META,
    "bucketVersion": 2,
}


def _document(**members: Any) -> dict[str, Any]:
    rules = [{**RULE, **members}, {"condition": {"next": 1}, "force": "next"}]
    return {"features": {"f": {"defaultValue": "out", "rules": rules}}}


def _stored(**assigned: str) -> list[dict[str, Any]]:
    """Return documents: `id_u1="2:v1"` is version 2, variation v1, for the id u1."""
    documents = []
    for name, value in assigned.items():
        attribute, _, unit = name.partition("_")
        version, _, key = value.partition(":")
        documents.append({"attributeName": attribute, "attributeValue": unit, "assignments": {f"e__{version}": key}})
    return documents


def _served(
    context: dict[str, Any], documents: list[dict[str, Any]], dialect: str = "javascript", **members: Any
) -> Any:
    plan = planned(_document(**members), dialect, sticky=json.dumps(documents))
    return rules_of(plan).evaluate("f", context, "default").value


@BOTH
def test_a_stored_variation_is_kept(dialect: str) -> None:
    documents = _stored(id_u1="2:v1")
    assert [_served({"id": unit}, documents, dialect) for unit in ("u1", "u2")] == ["b", "a"]
    assert _served({"targetingKey": "u1"}, documents, dialect) == "b"
    assert _served({}, documents, dialect) == "out"


@BOTH
def test_a_number_has_the_document_of_its_text(dialect: str) -> None:
    assert _served({"id": 42}, _stored(id_42="2:v1"), dialect) == "b"


@BOTH
def test_another_version_or_variation_is_as_good_as_none(dialect: str) -> None:
    assert _served({"id": "u1"}, _stored(id_u1="1:v1"), dialect) == "a"
    assert _served({"id": "u1"}, _stored(id_u1="2:v9"), dialect) == "a"


@BOTH
def test_a_version_that_is_blocked_keeps_its_user_out(dialect: str) -> None:
    documents = _stored(id_u1="1:v1", id_u2="2:v1", company_c="0:v0")
    members = {"minBucketVersion": 2, "fallbackAttribute": "company"}
    found = [_served({"id": unit}, documents, dialect, **members) for unit in ("u1", "u2", "u3")]
    assert found == ["out", "b", "a"]
    assert _served({"id": "u2", "company": "c"}, documents, dialect, **members) == "out"


def test_in_javascript_who_has_a_variation_need_not_meet_the_condition() -> None:
    documents = _stored(id_u1="2:v1")
    condition: dict[str, Any] = {"condition": {"country": "DE"}, "namespace": ["n", 0, 0]}
    assert _served({"id": "u1"}, documents, **condition) == "b"
    assert _served({"id": "u1"}, documents, "python", **condition) == "out"
    assert _served({"id": "u1", "country": "DE"}, documents, "python", **condition) == "b"


@BOTH
def test_filters_are_looked_at_all_the_same(dialect: str) -> None:
    filters = [{"seed": "s", "ranges": []}]
    assert _served({"id": "u1"}, _stored(id_u1="2:v1"), dialect, filters=filters) == "out"


@BOTH
def test_a_stored_variation_may_be_passed_through(dialect: str) -> None:
    assert _served({"id": "u1", "next": 1}, _stored(id_u1="2:v2"), dialect) == "next"


@BOTH
def test_the_fallback_is_another_document_and_another_unit(dialect: str) -> None:
    documents = _stored(company_c="2:v1", id_u1="2:v0")
    members = {"fallbackAttribute": "company", "weights": [1, 0, 0]}
    assert _served({"company": "c"}, documents, dialect, **members) == "b"
    assert _served({"id": "u9", "company": "c"}, documents, dialect, **members) == "b"
    assert _served({"id": "u1", "company": "c"}, documents, dialect, **members) == "a"
    assert _served({"company": "x"}, documents, dialect, **members) == "a"


@BOTH
def test_an_own_document_hides_the_fallbacks_whatever_it_names(dialect: str) -> None:
    documents = _stored(company_c="2:v1", id_u1="2:v9")
    members = {"fallbackAttribute": "company"}
    assert _served({"id": "u1", "company": "c"}, documents, dialect, **members) == "a"


@BOTH
def test_what_is_hidden_and_passed_through_at_once_cannot_be_carried(dialect: str) -> None:
    documents = _stored(company_c="2:v2", id_u1="2:v9")
    plan = planned(_document(fallbackAttribute="company"), dialect, sticky=json.dumps(documents))
    assert flag_of(plan).fidelity is Fidelity.IMPOSSIBLE


@pytest.mark.parametrize(("dialect", "expected"), [("javascript", "b"), ("python", "a")])
def test_without_a_fallback_javascript_looks_for_the_document_of_the_id(dialect: str, expected: str) -> None:
    documents = _stored(id_u1="2:v1")
    document = _document(hashAttribute="company")
    document["features"]["g"] = {"defaultValue": 1, "rules": [{"variations": [1, 2]}]}
    plan = planned(document, dialect, sticky=json.dumps(documents))
    rules = rules_of(plan)
    assert rules.evaluate("f", {"id": "u1", "company": "c"}).value == expected
    assert rules.evaluate("f", {"id": "u1"}).value == "out"


def test_no_experiment_by_the_id_no_document_of_it() -> None:
    context, documents = {"id": "u1", "company": "c"}, _stored(id_u1="2:v1")
    assert _served(context, documents, hashAttribute="company") == "a"
    document = {**_document(hashAttribute="company"), "experiments": [{"hashAttribute": "company"}, {"key": "page"}]}
    assert rules_of(planned(document, sticky=json.dumps(documents))).evaluate("f", context).value == "b"


@BOTH
def test_where_sticky_buckets_are_disabled_nobody_keeps_anything(dialect: str) -> None:
    assert _served({"id": "u1"}, _stored(id_u1="2:v1"), dialect, disableStickyBucketing=True) == "a"


def test_what_is_stored_by_the_sdk_is_a_condition() -> None:
    document = _document()
    unsaid, said = flag_of(planned(document)), flag_of(planned(document, sticky="[]"))
    assert "has no sticky bucket service" in unsaid.notes[0].message
    assert "stores no more sticky buckets" in said.notes[0].message
    assert flag_of(planned(document, sticky="off")).fidelity is Fidelity.EXACT
    assert flag_of(planned(_document(disableStickyBucketing=True))).fidelity is Fidelity.EXACT


def test_two_rules_of_one_experiment_may_store_for_each_other() -> None:
    document = _document()
    document["features"]["g"] = {"defaultValue": "out", "rules": [RULE]}
    messages = [note.message for note in flag_of(planned(document, sticky="[]")).notes]
    assert any("no other rule of 'e'" in message for message in messages)


def test_documents_are_a_list_or_by_their_keys() -> None:
    (document,) = _stored(id_u1="2:v1")
    by_key = {"id||u1": document}
    plan = planned(_document(), sticky=json.dumps(by_key))
    assert rules_of(plan).evaluate("f", {"id": "u1"}).value == "b"
    assert [each.source for each in plan.segments] == ["sticky buckets of e"]


@pytest.mark.parametrize(
    ("option", "path"),
    [
        ("{", "/sticky"),
        ("[1]", "/sticky/0"),
        ('[{"attributeName": "id"}]', "/sticky/0"),
        ('[{"attributeName": "id", "attributeValue": "", "assignments": {}}]', "/sticky"),
        ('{"id||u2": {"attributeName": "id", "attributeValue": "u1", "assignments": {}}}', "/sticky/id||u2"),
    ],
    ids=["cut-off", "number", "incomplete", "nobody", "other-key"],
)
def test_documents_of_another_form_are_refused(option: str, path: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        planned(_document(), sticky=option)
    assert refused.value.problems[0].path == path
    assert "or off" in refused.value.problems[0].mend
