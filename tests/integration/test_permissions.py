"""Developers change flags outside production; a role and a token's scopes are what they say, whatever the route."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import Api, serving

DEVELOPMENT, PRODUCTION = (f"projects/default/environments/{each}" for each in ("development", "production"))
ON: dict[str, Any] = {"edits": [{"do": "turnOn", "flag": "f"}]}
OFF: dict[str, Any] = {"edits": [{"do": "turnOff", "flag": "f"}]}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path / "data") as (_, api):
        api.made("POST", "projects/default/flags", {"key": "f"})
        yield api


@pytest.fixture
def developer(api: Api) -> Iterator[Api]:
    with holder(api) as developer:
        yield developer


def holder(api: Api, role: str = "developer", **rest: Any) -> Api:
    return api.as_holder_of(api.made("POST", "tokens", {"name": role, "role": role, **rest})["secret"])


def refused(api: Api, method: str, path: str, body: object = None) -> str:
    answer = api.send(method, path, body)
    assert answer.status_code == 403, answer.text
    return str(answer.json()["detail"])


def test_a_developer_changes_flags_outside_production(api: Api, developer: Api) -> None:
    developer.made("POST", f"{DEVELOPMENT}/changes", ON)
    assert "the role developer gives it outside production only" in refused(
        developer, "POST", f"{PRODUCTION}/changes", ON
    )
    assert "flag.change in default/production" in refused(developer, "POST", f"{PRODUCTION}/segments", {"key": "s"})
    configuration = api.made("GET", f"{PRODUCTION}/flags/f")
    refused(developer, "PUT", f"{PRODUCTION}/flags/f", {**configuration, "on": True})
    assert api.made("GET", f"{PRODUCTION}/flags/f") == configuration


def test_a_developer_throws_the_kill_switch_anywhere_and_does_nothing_beside_it(api: Api, developer: Api) -> None:
    api.made("POST", f"{PRODUCTION}/changes", ON)
    beside = {"edits": [*OFF["edits"], {"do": "setCritical", "flag": "f", "critical": True}]}
    refused(developer, "POST", f"{PRODUCTION}/changes", beside)
    done = developer.made("POST", f"{PRODUCTION}/changes", OFF)
    assert done["changed"]
    assert not api.made("GET", f"{PRODUCTION}/flags/f")["on"]
    refused(developer, "POST", f"{PRODUCTION}/changes/{done['revision']}/revert", {})


def test_a_developer_makes_flags_and_alters_none_that_users_see(api: Api, developer: Api) -> None:
    developer.made("POST", "projects/default/flags", {"key": "new"})
    shown = developer.made("GET", "projects/default/flags/f")
    developer.made("PUT", "projects/default/flags/f", {**shown, "description": "The first."})
    swapped = [{**each, "value": not each["value"]} for each in shown["variations"]]
    refused(developer, "PUT", "projects/default/flags/f", {**shown, "variations": swapped})
    refused(developer, "DELETE", "projects/default/flags/new?confirm=new")
    everywhere = {"edits": [{"do": "deleteFlag", "flag": "f"}]}
    refused(developer, "POST", f"{DEVELOPMENT}/changes", everywhere)
    assert len(api.made("GET", "projects/default/flags")["items"]) == 2


def test_a_role_of_ones_own_and_an_environment_bound_its_holder(api: Api) -> None:
    api.made("POST", "roles", {"key": "release", "permissions": ["read", "flag.change"], "inProduction": ["read"]})
    with holder(api, "release", project="default", environments=["development"]) as bound:
        bound.made("POST", f"{DEVELOPMENT}/changes", ON)
        assert "release in default/development" in refused(bound, "GET", f"{PRODUCTION}/flags")
        assert [each["key"] for each in bound.made("GET", "projects")["items"]] == ["default"]
        api.made("PUT", "roles/release", {"permissions": ["read"]})
        assert "the role release does not give it" in refused(bound, "POST", f"{DEVELOPMENT}/changes", OFF)
    assert "1 token" in api.send("DELETE", "roles/release").json()["detail"]


def test_a_token_with_scopes_imports_nothing(api: Api) -> None:
    with holder(api, "administrator", scopes=["read", "flag.turnOff"]) as limited:
        limited.made("POST", f"{PRODUCTION}/changes", OFF)
        said = refused(limited, "POST", f"{PRODUCTION}/imports", {"from": "flagd", "edits": OFF["edits"]})
        assert "this token is limited to flag.turnOff, read" in said


def test_roles_are_shown_as_they_may_be_sent_back(api: Api) -> None:
    made = api.made("POST", "roles", {"key": "support", "permissions": ["read"], "description": "On call."})
    shown = api.made("GET", "roles/support")
    assert shown == made
    body = {name: value for name, value in shown.items() if name != "builtIn"}
    assert api.made("PUT", "roles/support", body) == shown
    assert [each["builtIn"] for each in api.made("GET", "roles")["items"]] == [True] * 4 + [False]
    assert api.send("DELETE", "roles/support").status_code == 204
    assert api.send("GET", "roles/support").status_code == 404


def test_who_may_only_turn_off_makes_no_flag_and_renames_none_by_a_change(api: Api) -> None:
    api.made("POST", "roles", {"key": "night", "permissions": ["read", "flag.turnOff"]})
    with holder(api, "night") as night:
        for definition in ({"key": "new"}, {"key": "f", "description": "mine"}):
            put = {"edits": [{"do": "putFlag", "definition": definition}]}
            assert "flag.define in project 'default'" in refused(night, "POST", f"{DEVELOPMENT}/changes", put)
        assert night.made("POST", f"{DEVELOPMENT}/changes", OFF)["changed"] is False


def test_grants_in_a_project_end_with_it(api: Api) -> None:
    api.made("POST", "projects", {"key": "shop"})
    grants = [{"role": "administrator", "project": "shop"}, {"role": "reader", "project": "default"}]
    api.made("POST", "accounts", {"key": "anne", "grants": grants})
    api.made("DELETE", "projects/shop")
    api.made("POST", "projects", {"key": "shop"})
    assert [each["project"] for each in api.made("GET", "accounts/anne")["grants"]] == ["default"]


def protect(api: Api, **demands: Any) -> None:
    api.made("PUT", PRODUCTION, {"production": True, "protection": demands or None})


def test_a_protected_environment_says_what_a_change_lacks(api: Api) -> None:
    protect(api, why=True, ticket="OPS-[0-9]+", approvals=1)
    refusal = api.send("POST", f"{PRODUCTION}/changes", ON)
    assert (refusal.status_code, refusal.json()["type"]) == (409, "urn:pennon:problem:protected")
    assert [each["message"] for each in refusal.json()["problems"]] == [
        "changes here take a reason",
        "changes here name a ticket",
        "changes here take 1 approval",
    ]
    configuration = api.made("GET", f"{PRODUCTION}/flags/f")
    for method, path, body in [
        ("PUT", f"{PRODUCTION}/flags/f?why=OPS-1", {**configuration, "on": True}),
        ("POST", f"{PRODUCTION}/segments?why=OPS-1", {"key": "s"}),
        ("POST", f"{PRODUCTION}/layers?why=OPS-1", {"key": "l", "slots": []}),
        (
            "POST",
            f"{PRODUCTION}/imports",
            {"from": "flagd", "why": "OPS-1", "edits": [{"do": "putSegment", "segment": {"key": "s"}}]},
        ),
        ("DELETE", "projects/default/flags/f?confirm=f&why=OPS-1", None),
    ]:
        refusal = api.send(method, path, body)
        assert (refusal.status_code, refusal.json().get("type")) == (409, "urn:pennon:problem:protected"), path
        assert [each["message"] for each in refusal.json()["problems"]] == ["changes here take 1 approval"], path
    api.made("POST", "projects/default/flags", {"key": "new"})
    api.made("POST", f"{DEVELOPMENT}/changes", ON)


def test_nothing_stands_in_the_way_of_turning_off(api: Api, developer: Api) -> None:
    api.made("POST", f"{PRODUCTION}/changes", ON)
    always = {"start": "mon 00:00", "until": "sun 23:59"}
    protect(api, why=True, approvals=10, weeklyFreezes=[always, {"start": "sun 23:59", "until": "mon 00:00"}])
    assert developer.made("POST", f"{PRODUCTION}/changes", OFF)["changed"]


def test_the_glass_is_broken_for_a_reason_that_the_log_keeps(api: Api, developer: Api) -> None:
    protect(api, approvals=1, ticket="OPS-[0-9]+")
    with holder(api, "releaseManager") as manager:
        broken = {**ON, "breakGlass": True}
        silent = manager.send("POST", f"{PRODUCTION}/changes", broken)
        assert [each["path"] for each in silent.json()["problems"]] == ["/why"]
        made = manager.made("POST", f"{PRODUCTION}/changes", {**broken, "why": "checkout is down"})
        shown = api.made("GET", f"{PRODUCTION}/changes/{made['revision']}")
        assert (shown["why"], shown["actor"]["name"]) == ("broke the glass: checkout is down", "releaseManager")
        critical = {
            "edits": [{"do": "setCritical", "flag": "f", "critical": True}],
            "breakGlass": True,
            "why": "me too",
        }
        refused(developer, "POST", f"{PRODUCTION}/changes", critical)
        undone = {"why": "it is worse", "breakGlass": True}
        assert manager.made("POST", f"{PRODUCTION}/changes/{made['revision']}/revert", undone)["changed"]


def test_a_protection_that_cannot_be_is_refused(api: Api) -> None:
    refusal = api.send(
        "PUT", PRODUCTION, {"protection": {"ticket": "(", "weeklyFreezes": [{"start": "x", "until": "y"}]}}
    )
    assert refusal.status_code == 422
    paths = [each["path"] for each in refusal.json()["problems"]]
    assert paths == ["/protection/ticket", "/protection/weeklyFreezes/0/start", "/protection/weeklyFreezes/0/until"]
    unknown = api.send("PUT", PRODUCTION, {"protection": {"approval": 1}})
    assert (unknown.status_code, unknown.json()["problems"][0]["path"]) == (422, "/protection/approval")
