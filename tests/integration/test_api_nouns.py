"""The admin API over real HTTP: what each route does when all is well, noun by noun."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from pennon.control.clock import SystemClock
from pennon.model import Snapshot
from tests.postgres import Postgres
from tests.serving import Api, serving

E = "projects/default/environments/production"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    settings = {}
    if request.param == "postgresql":
        database: Postgres = request.getfixturevalue("postgres")
        settings["database_url"] = database.database()
    with serving(tmp_path_factory.mktemp("api") / "data", **settings) as (_, client):
        yield client


def flag(api: Api, key: str, **definition: Any) -> Any:
    return api.made("POST", "projects/default/flags", {"key": key, **definition})


def configuration(api: Api, key: str) -> httpx2.Response:
    return api.send("GET", f"{E}/flags/{key}")


def test_a_first_start_makes_a_project_with_two_environments(api: Api) -> None:
    assert [each["key"] for each in api.made("GET", "projects")["items"]] == ["default"]
    environments = api.made("GET", "projects/default/environments")["items"]
    assert [(each["key"], each["production"]) for each in environments] == [
        ("development", False),
        ("production", True),
    ]


def test_a_project_is_created_described_and_deleted(api: Api) -> None:
    made = api.send("POST", "projects", {"key": "shop", "name": "Shop"})
    assert made.status_code == 201
    assert made.json()["name"] == "Shop"
    described = api.send("PUT", "projects/shop", {"name": "The shop"}, If_Match=made.headers["ETag"])
    assert described.json()["name"] == "The shop"
    assert api.made("GET", "projects/shop")["version"] == 2
    assert api.send("DELETE", "projects/shop").status_code == 204
    assert api.send("GET", "projects/shop").status_code == 404


def test_an_environment_is_created_described_and_deleted(api: Api) -> None:
    api.made("POST", "projects", {"key": "lab"})
    api.made("POST", "projects/lab/flags", {"key": "f"})
    path = "projects/lab/environments"
    assert api.made("POST", path, {"key": "test"})["key"] == "test"
    assert api.made("GET", f"{path}/test/flags/f")["on"] is False
    shown = api.made("GET", f"{path}/test")
    assert api.made("PUT", f"{path}/test", {**shown, "clientRules": True})["clientRules"] is True
    refused = api.send("DELETE", f"{path}/test")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:pennon:problem:still-in-use")
    assert api.send("DELETE", f"{path}/test?confirm=test").status_code == 204


def test_a_flag_is_off_everywhere_until_it_is_turned_on(api: Api) -> None:
    flag(api, "new-checkout", clientSide=True, name="New checkout")
    read = configuration(api, "new-checkout")
    assert read.json()["on"] is False
    turned = api.send("PUT", f"{E}/flags/new-checkout", {**read.json(), "on": True}, If_Match=read.headers["ETag"])
    assert turned.status_code == 200
    assert turned.json()["on"] is True
    assert turned.headers["ETag"] == configuration(api, "new-checkout").headers["ETag"]
    assert turned.headers["X-Pennon-Revision"].startswith("1.")
    assert api.made("GET", "projects/default/environments/development/flags/new-checkout")["on"] is False


def test_what_is_read_can_be_sent_back_and_changes_nothing(api: Api) -> None:
    flag(api, "same")
    read = configuration(api, "same")
    sent = api.send("PUT", f"{E}/flags/same", read.json())
    assert sent.json() == read.json()
    definition = api.made("GET", "projects/default/flags/same")
    assert api.made("PUT", "projects/default/flags/same", definition) == definition


def test_a_definition_is_changed_in_every_environment(api: Api) -> None:
    flag(api, "colour", kind="string", variations=[{"key": "a", "value": "red"}, {"key": "b", "value": "blue"}])
    definition = api.made("GET", "projects/default/flags/colour")
    definition["variations"].append({"key": "c", "value": "green"})
    api.made("PUT", "projects/default/flags/colour", definition)
    for environment in ("development", "production"):
        state = api.made("GET", f"projects/default/environments/{environment}/state")
        assert [each["key"] for each in state["flags"]["colour"]["variations"]] == ["a", "b", "c"]


def test_a_flag_is_deleted_everywhere(api: Api) -> None:
    flag(api, "old")
    assert api.send("DELETE", "projects/default/flags/old?confirm=old").status_code == 204
    assert configuration(api, "old").status_code == 404


def test_flags_are_found_by_text_and_tag_and_come_in_pages(api: Api) -> None:
    for index in range(5):
        flag(api, f"page-{index}", tags=["paged"], description="Number of pages")
    first = api.made("GET", "projects/default/flags?tag=paged&search=PAGES&limit=3")
    assert [each["key"] for each in first["items"]] == ["page-0", "page-1", "page-2"]
    second = api.made("GET", f"projects/default/flags?tag=paged&limit=3&after={first['next']}")
    assert [each["key"] for each in second["items"]] == ["page-3", "page-4"]
    assert second["next"] is None
    configured = api.made("GET", f"{E}/flags?tag=paged")["items"]
    assert [each["key"] for each in configured] == [f"page-{index}" for index in range(5)]


def test_accounts_schedules_and_requests_come_in_pages(api: Api) -> None:
    flag(api, "planned")
    edits = [{"do": "turnOn", "flag": "planned"}]
    at = SystemClock().now() + timedelta(days=1)
    plan = {"kind": "once", "at": at.isoformat(), "edits": edits}
    for index in range(5):
        api.made("POST", "accounts", {"key": f"paged-{index}"})
        api.made("POST", f"{E}/schedules", {"title": str(index), "plan": plan})
        body = {"title": str(index), "changes": [{"environment": "production", "edits": edits}]}
        api.made("POST", "projects/default/requests", body)
    for path in ("accounts", f"{E}/schedules", "projects/default/requests"):
        whole = [each["key"] for each in api.made("GET", path)["items"]]
        assert len(whole) >= 5
        found: list[str] = []
        after = ""
        while after is not None:
            page = api.made("GET", f"{path}?limit=2{after and f'&after={quote(after)}'}")
            assert len(page["items"]) <= 2
            found += [each["key"] for each in page["items"]]
            after = page["next"]
        assert found == whole
    requests = api.made("GET", "projects/default/requests?state=open&limit=1")
    api.made("POST", f"projects/default/requests/{requests['items'][0]['key']}/withdraw")
    rest = api.made("GET", f"projects/default/requests?state=open&after={quote(requests['next'])}")["items"]
    assert len(rest) == 4, "what is open no more leaves its place in the list"


@pytest.mark.parametrize("noun", ["segment", "layer"])
def test_segments_and_layers_are_created_replaced_and_deleted(api: Api, noun: str) -> None:
    path = f"{E}/{noun}s"
    made = api.send("POST", path, {"key": f"my-{noun}"})
    assert made.status_code == 201
    assert made.json()["salt"]
    content = {"included": ["u1"]} if noun == "segment" else {"slots": [{"from": 0, "to": 10, "experiment": "e"}]}
    replaced = api.send("PUT", f"{path}/my-{noun}", {**made.json(), **content}, If_Match=made.headers["ETag"])
    assert replaced.json()["salt"] == made.json()["salt"]
    assert replaced.json()["version"] == 2
    assert [each["key"] for each in api.made("GET", path)["items"]] == [f"my-{noun}"]
    assert api.made("GET", f"{path}/my-{noun}") == replaced.json()
    assert api.send("DELETE", f"{path}/my-{noun}").status_code == 204
    assert api.made("GET", path)["items"] == []


@pytest.mark.parametrize("key", ["a/b", "a//b", "a/", "/a", "ünïcode key", "per%cent", "q?uestion", "a+b", "%2F"])
def test_a_key_in_a_path_is_taken_as_it_was_sent(api: Api, key: str) -> None:
    for quoted in ("".join(f"%{byte:02X}" for byte in key.encode()), quote(key, safe="/+")):
        answer = api.send("GET", f"{E}/segments/{quoted}")
        assert (answer.status_code, answer.json()["detail"]) == (404, f"There is no segment {key!r}.")


def test_keys_are_shown_once_rotated_and_revoked(api: Api) -> None:
    made = api.made("POST", f"{E}/keys", {"kind": "server", "name": "shop"})
    assert made["secret"].startswith("pennon_server_")
    listed = api.made("GET", f"{E}/keys")
    assert made["key"] in listed["items"]
    assert made["secret"] not in str(listed)
    prefix = made["key"]["key"][:12]
    rotated = api.made("POST", f"{E}/keys/{prefix}/rotate", {"overlapSeconds": 60})
    assert rotated["secret"] != made["secret"]
    assert api.send("DELETE", f"{E}/keys/{rotated['key']['key'][:12]}").status_code == 204
    states = {each["key"]: each for each in api.made("GET", f"{E}/keys")["items"]}
    assert states[rotated["key"]["key"]]["revoked"] is True
    assert states[made["key"]["key"]]["notAfter"] is not None


def test_tokens_are_shown_once_used_and_revoked(api: Api) -> None:
    made = api.made("POST", "tokens", {"name": "ci", "role": "reader"})
    with api.as_holder_of(made["secret"]) as reader:
        assert reader.send("GET", "projects").status_code == 200
        listed = {each["key"]: each for each in api.made("GET", "tokens")["items"]}
        assert listed[made["token"]["key"]]["lastUsed"] is not None
        assert api.send("DELETE", f"tokens/{made['token']['key'][:10]}").status_code == 204
        assert reader.send("GET", "projects").status_code == 401


def test_several_edits_are_one_change_and_can_be_taken_back(api: Api) -> None:
    for key in ("first", "second"):
        flag(api, key)
    edits = [{"do": "turnOn", "flag": "first"}, {"do": "turnOn", "flag": "second"}]
    preview = api.made("POST", f"{E}/changes/preview", {"edits": edits})
    assert [item["key"] for item in preview["items"]] == ["first", "second"]
    made = api.made("POST", f"{E}/changes", {"edits": edits, "why": "launch"})
    assert made["changed"] is True
    shown = api.made("GET", f"{E}/changes/{made['revision']}")
    assert (shown["why"], shown["actor"]["name"]) == ("launch", "first administrator")
    assert [(edit["kind"], edit["key"], edit["change"]) for edit in shown["edits"]] == [
        ("flag", "first", "changed"),
        ("flag", "second", "changed"),
    ]
    assert shown["edits"][0]["sentences"] == ["flag first: turned on"]
    again = api.made("POST", f"{E}/changes", {"edits": edits})
    assert (again["changed"], again["changeId"], again["revision"]) == (False, None, made["revision"])
    reverted = api.made("POST", f"{E}/changes/{made['revision']}/revert", {"why": "too early"})
    assert reverted["revision"] == made["revision"] + 1
    assert configuration(api, "first").json()["on"] is False


def test_the_log_is_listed_newest_first_in_pages(api: Api) -> None:
    flag(api, "logged")
    for on in (True, False, True):
        api.made("POST", f"{E}/changes", {"edits": [{"do": "turnOn" if on else "turnOff", "flag": "logged"}]})
    first = api.made("GET", f"{E}/changes?flag=logged&limit=2")
    second = api.made("GET", f"{E}/changes?flag=logged&limit=2&after={first['next']}")
    changes = [*first["items"], *second["items"]]
    assert [each["action"] for each in changes] == ["turnOn", "turnOff", "turnOn", "createFlag"]
    assert changes[0]["revision"] > changes[1]["revision"]
    assert api.made("GET", "projects/default/changes?flag=logged")["items"][0]["action"] == "createFlag"
    first = api.made("GET", "installation/changes")["items"][-2:]
    assert [each["action"] for each in first] == ["createFirstToken", "createProject"]


def test_the_past_is_shown_as_it_was(api: Api) -> None:
    flag(api, "past")
    before = api.made("GET", f"{E}/state")
    made = api.made("POST", f"{E}/changes", {"edits": [{"do": "turnOn", "flag": "past"}]})
    difference = api.made("GET", f"{E}/diff?from={before['revision']}&to={made['revision']}")
    assert difference["items"][0]["fields"] == [{"path": "/on", "before": False, "after": True}]
    assert api.made("GET", f"{E}/state?revision={before['revision']}") == before
    time = api.made("GET", f"{E}/changes/{made['revision']}")["time"]
    assert api.made("GET", f"{E}/state?time={time.replace('+', '%2B')}")["revision"] == made["revision"]
    assert api.made("GET", f"{E}/state?time=2001-01-01T00:00:00Z")["flags"] == {}


def test_the_state_is_the_snapshot_that_sdks_get(api: Api) -> None:
    flag(api, "served")
    key = api.key()
    state = api.send("GET", f"{E}/state")
    snapshot = httpx2.get(f"{api.url}/sdk/v1/snapshot", headers={"X-API-Key": key})
    assert snapshot.status_code == 200
    assert Snapshot.from_json(state.content).flags == Snapshot.from_json(snapshot.content).flags


def test_an_explanation_has_the_evaluation_and_its_steps(api: Api) -> None:
    flag(api, "explained")
    api.made("POST", f"{E}/changes", {"edits": [{"do": "turnOn", "flag": "explained"}]})
    answer = api.made("POST", f"{E}/explain", {"flag": "explained", "context": {"targetingKey": "u1"}})
    assert answer["evaluation"]["value"] is True
    assert answer["evaluation"]["reason"] == "FALLTHROUGH"
    assert [step["what"] for step in answer["steps"]] == ["off", "fallthrough"]
    unknown = api.made("POST", f"{E}/explain", {"flag": "gone", "context": {}, "default": 7})
    assert (unknown["evaluation"]["errorCode"], unknown["evaluation"]["value"]) == ("FLAG_NOT_FOUND", 7)


def test_counts_are_empty_where_nothing_was_evaluated(api: Api) -> None:
    assert api.made("GET", f"{E}/counts?flag=x&from=2026-01-01T00:00:00Z") == {"items": [], "next": None}


def test_head_answers_like_get_without_a_body(api: Api) -> None:
    flag(api, "headed")
    got, head = configuration(api, "headed"), api.send("HEAD", f"{E}/flags/headed")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == got.headers["ETag"]
    assert head.headers["Content-Length"] == got.headers["Content-Length"]


def test_what_the_client_has_is_not_sent_again(api: Api) -> None:
    flag(api, "cached")
    for path in (f"{E}/flags/cached", "projects/default/flags/cached", "projects/default", E, f"{E}/state"):
        tag = api.send("GET", path).headers["ETag"]
        again = api.send("GET", path, If_None_Match=f'"other", {tag}')
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)


def test_options_names_every_method_of_a_path(api: Api) -> None:
    assert api.send("OPTIONS", "projects").headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert api.send("OPTIONS", f"{E}/flags/x/y").headers["Allow"] == "GET, HEAD, OPTIONS, PUT"


def test_an_answer_to_a_change_warns_of_what_can_never_happen(api: Api) -> None:
    flag(api, "warned")
    taken = {"id": "r1", "conditions": [], "serve": {"variation": "on"}}
    never = {**taken, "id": "r2"}
    body = {"on": True, "rules": [taken, never], "fallthrough": {"variation": "off"}}
    shown = api.made("PUT", f"{E}/flags/warned", body)
    (warning,) = shown["warnings"]
    assert (warning["code"], warning["path"]) == ("rule-unreachable", "/flags/warned/rules/1")
    assert warning.keys() == {"code", "path", "message", "mend"}
    assert "warnings" not in configuration(api, "warned").json()
    assert api.made("PUT", f"{E}/flags/warned", shown)["version"] == shown["version"], "it may be sent back"
    changed = api.made("POST", f"{E}/changes", {"edits": [{"do": "setCritical", "flag": "warned", "critical": True}]})
    assert changed["warnings"] == [warning]
    preview = {"edits": [{"do": "removeRule", "flag": "warned", "rule": "r1"}]}
    assert api.made("POST", f"{E}/changes/preview", preview)["warnings"] == []
    both = {"included": ["u1"], "excluded": ["u1"]}
    segment = api.made("POST", f"{E}/segments", {"key": "warned", **both})
    assert [each["code"] for each in segment["warnings"]] == ["key-in-both-lists"]
    assert "warnings" not in api.made("POST", f"{E}/layers", {"key": "not-warned"})
