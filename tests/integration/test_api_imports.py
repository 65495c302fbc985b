"""What another vendor's flags become over HTTP: one change, named an import, or none."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving import Api, serving

E = "projects/default/environments/production"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("data")) as (_, api):
        yield api


def put(key: str, **configuration: Any) -> dict[str, Any]:
    fallthrough = {"fallthrough": {"variation": "on"}}
    return {"do": "putFlag", "definition": {"key": key}, "configuration": {**fallthrough, **configuration}}


def test_import_is_one_change_whose_actor_is_an_import(api: Api) -> None:
    segment = {"do": "putSegment", "segment": {"key": "beta", "included": ["u1"]}}
    body = {"from": "launchdarkly", "why": "we move", "edits": [segment, put("one", on=True), put("two")]}
    shown = api.made("POST", f"{E}/imports/preview", body)
    assert [item["key"] for item in shown["items"] if item["kind"] != "definition"] == ["one", "two", "beta"]
    assert api.made("GET", f"{E}/changes")["items"] == []
    made = api.made("POST", f"{E}/imports", body)
    (change,) = api.made("GET", f"{E}/changes")["items"]
    assert change["revision"] == made["revision"]
    assert change["actor"]["kind"] == "import"
    assert change["actor"]["name"] == "first administrator (import from launchdarkly)"
    assert (change["action"], change["why"]) == ("import", "we move")


def test_changes_of_one_segment_are_found(api: Api) -> None:
    api.made("POST", f"{E}/segments", {"key": "found"})
    (change,) = api.made("GET", f"{E}/changes?segment=found")["items"]
    assert [edit["key"] for edit in change["edits"]] == ["found"]
    assert api.send("GET", f"{E}/changes?segment=found&flag=one").status_code == 422


def test_import_may_be_larger_than_other_bodies_and_is_taken_whole_or_not_at_all(api: Api) -> None:
    large = [{"key": "on", "value": "x" * 60_000}, {"key": "off", "value": ""}]
    definitions = [{"key": f"large-{index}", "kind": "string", "variations": large} for index in range(200)]
    edits = [{"do": "putFlag", "definition": definition} for definition in definitions]
    broken = [*edits, put("broken", offVariation="gone")]
    assert api.send("POST", f"{E}/changes", {"edits": edits}).status_code == 413
    assert api.send("POST", f"{E}/imports", {"from": "unleash", "edits": broken}).status_code == 422
    assert api.send("GET", f"{E}/flags/large-0").status_code == 404
    assert api.made("POST", f"{E}/imports", {"from": "unleash", "edits": edits})["changed"] is True
    assert api.made("GET", f"{E}/flags/large-199")["on"] is False


@pytest.mark.parametrize(
    "body",
    [
        {"edits": []},
        {"from": "", "edits": [put("one")]},
        {"from": "a\u0007b", "edits": [put("one")]},
        {"from": "unleash", "edits": [{"do": "deleteFlag", "flag": "one"}]},
        {"from": "unleash", "edits": []},
    ],
    ids=["no-vendor", "empty-vendor", "controls", "another-edit", "no-edits"],
)
def test_body_that_is_no_import_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert api.send("POST", f"{E}/imports", body).status_code == 422


def test_a_person_who_is_signed_in_imports(api: Api) -> None:
    api.made("POST", "accounts", {"key": "anne", "name": "Anne", "grants": [{"role": "administrator"}]})
    api.made("PUT", "accounts/anne/password", {"password": "correct horse battery"})
    with api.as_holder_of(None) as anne:
        shown = anne.made("POST", "session", {"account": "anne", "password": "correct horse battery"})
        body = {"from": "unleash", "edits": [put("of-anne")]}
        assert anne.made("POST", f"{E}/imports", body, X_Pennon_CSRF=shown["csrf"])["changed"]
    change = api.made("GET", f"{E}/changes?limit=1")["items"][0]
    assert change["actor"] == {"kind": "import", "id": "account:anne", "name": "Anne (import from unleash)"}
