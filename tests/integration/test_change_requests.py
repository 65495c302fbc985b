"""Changes that are proposed, reviewed by others and made as one, against a real server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import Api, serving

REQUESTS = "projects/default/requests"
DEVELOPMENT, PRODUCTION = (f"projects/default/environments/{each}" for each in ("development", "production"))
ON = {"do": "turnOn", "flag": "f"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path / "data") as (_, api):
        api.made("POST", "projects/default/flags", {"key": "f"})
        api.made("PUT", PRODUCTION, {"production": True, "protection": {"approvals": 1}})
        yield api


def holder(api: Api, name: str, role: str, **rest: Any) -> Api:
    return api.as_holder_of(api.made("POST", "tokens", {"name": name, "role": role, **rest})["secret"])


@pytest.fixture
def anne(api: Api) -> Iterator[Api]:
    with holder(api, "Anne", "developer") as anne:
        yield anne


@pytest.fixture
def ben(api: Api) -> Iterator[Api]:
    with holder(api, "Ben", "releaseManager") as ben:
        yield ben


def proposal(*edits: Any, environment: str = "production", title: str = "Launch") -> dict[str, Any]:
    return {"title": title, "changes": [{"environment": environment, "edits": list(edits or (ON,))}]}


def review(api: Api, request: dict[str, Any], verdict: str = "approved", **rest: Any) -> Any:
    return api.made("POST", f"{REQUESTS}/{request['key']}/reviews", {"verdict": verdict, **rest})


def refused(api: Api, path: str, body: object, status: int = 409) -> Any:
    answer = api.send("POST", f"{REQUESTS}/{path}", body)
    assert answer.status_code == status, answer.text
    return answer.json()


def is_on(api: Api, place: str = PRODUCTION) -> bool:
    return bool(api.made("GET", f"{place}/flags/f")["on"])


def test_a_developer_proposes_what_a_release_manager_approves_and_makes(api: Api, anne: Api, ben: Api) -> None:
    request = anne.made("POST", REQUESTS, {**proposal(), "why": "DE is ready"})
    assert (request["state"], request["approvals"], request["author"]["name"]) == ("open", 0, "Anne")
    assert "changes here take 1 approval" in refused(ben, f"{request['key']}/apply", {})["detail"]
    assert review(ben, request)["approvals"] == 1
    assert not is_on(api)
    assert "flag.change in default/production" in refused(anne, f"{request['key']}/apply", {}, 403)["detail"]
    made = ben.made("POST", f"{REQUESTS}/{request['key']}/apply", {})
    assert (made["state"], made["endedBy"]["name"]) == ("applied", "Ben")
    assert is_on(api)
    (last,) = api.made("GET", f"{PRODUCTION}/changes?limit=1")["items"]
    assert (last["action"], last["actor"]["name"]) == ("applyRequest", "Ben")
    assert last["why"] == f"Launch (request {request['key']}): DE is ready"
    assert "applied already" in refused(ben, f"{request['key']}/apply", {})["detail"]


def test_nobody_approves_his_own(ben: Api) -> None:
    request = ben.made("POST", REQUESTS, proposal())
    assert "nobody reviews" in refused(ben, f"{request['key']}/reviews", {"verdict": "approved"})["detail"].lower()


def test_an_edit_has_to_be_approved_again_and_its_editor_answers_for_it(api: Api, anne: Api, ben: Api) -> None:
    request = anne.made("POST", REQUESTS, proposal())
    review(ben, request)
    critical = {"do": "setCritical", "flag": "f", "critical": True}
    edited = anne.made("PUT", f"{REQUESTS}/{request['key']}", proposal(ON, critical))
    assert (edited["edition"], edited["approvals"]) == (2, 0)
    assert [each["counts"] for each in edited["reviews"]] == [False]
    refused(ben, f"{request['key']}/reviews", {"verdict": "approved", "edition": 1}, 412)
    assert review(ben, request, edition=2)["approvals"] == 1
    assert ben.made("PUT", f"{REQUESTS}/{request['key']}", proposal(ON, critical, title="Go"))["approvals"] == 0
    refused(ben, f"{request['key']}/apply", {})
    assert not is_on(api)


def test_a_comment_is_no_verdict_and_is_possible_to_the_end(anne: Api, ben: Api) -> None:
    request = anne.made("POST", REQUESTS, proposal())
    review(ben, request)
    comments = f"{REQUESTS}/{request['key']}/comments"
    for who, text in ((anne, "After the sale, please."), (ben, "Monday, then.")):
        said = who.made("POST", comments, {"text": text}, Idempotency_Key=text[:4])
        who.made("POST", comments, {"text": text}, Idempotency_Key=text[:4])  # sent twice, said once
    assert [(each["by"]["name"], each["text"]) for each in said["comments"]] == [
        ("Anne", "After the sale, please."),
        ("Ben", "Monday, then."),
    ]
    assert (said["edition"], said["approvals"]) == (1, 1)
    for wrong in ("", " \n", "x" * 2001):
        refused(anne, f"{request['key']}/comments", {"text": wrong}, 422)
    refused(anne, "000000000000/comments", {"text": "where?"}, 404)
    ben.made("POST", f"{REQUESTS}/{request['key']}/apply", {})
    done = anne.made("POST", comments, {"text": "It works."})
    assert (done["state"], len(done["comments"])) == ("applied", 3)


def test_who_refuses_is_asked_first(api: Api, anne: Api, ben: Api) -> None:
    request = anne.made("POST", REQUESTS, proposal())
    with holder(api, "Cleo", "releaseManager") as cleo:
        review(cleo, request, "refused", comment="not today")
        review(ben, request)
        assert "Cleo refused it" in refused(ben, f"{request['key']}/apply", {})["detail"]
        review(cleo, request)
        assert ben.made("POST", f"{REQUESTS}/{request['key']}/apply", {})["approvals"] == 2


def test_what_was_changed_meanwhile_is_named_and_not_overwritten(api: Api, anne: Api, ben: Api) -> None:
    request = anne.made("POST", REQUESTS, proposal())
    review(ben, request)
    other = {"edits": [{"do": "setCritical", "flag": "f", "critical": True}], "breakGlass": True, "why": "now"}
    revision = ben.made("POST", f"{PRODUCTION}/changes", other)["revision"]
    answer = refused(ben, f"{request['key']}/apply", {})
    assert answer["type"] == "urn:pennon:problem:request-outdated"
    (problem,) = answer["problems"]
    assert problem["path"] == "/changes/0"
    assert problem["message"] == f"flag 'f' in production was changed by Ben in revision {revision}"
    assert not is_on(api)
    review(ben, anne.made("PUT", f"{REQUESTS}/{request['key']}", proposal()))  # the same, on what is there now
    ben.made("POST", f"{REQUESTS}/{request['key']}/apply", {})
    assert is_on(api)


def test_several_environments_are_changed_at_once_or_none(api: Api, anne: Api, ben: Api) -> None:
    both = {
        "title": "Everywhere",
        "changes": [{"environment": each, "edits": [ON]} for each in ("development", "production")],
    }
    request = anne.made("POST", REQUESTS, both)
    refused(ben, f"{request['key']}/apply", {})
    assert not is_on(api, DEVELOPMENT)
    review(ben, request)
    ben.made("POST", f"{REQUESTS}/{request['key']}/apply", {})
    assert is_on(api)
    assert is_on(api, DEVELOPMENT)
    changes = [api.made("GET", f"{place}/changes?limit=1")["items"][0] for place in (DEVELOPMENT, PRODUCTION)]
    assert changes[0]["changeId"] == changes[1]["changeId"]


def test_a_flag_is_made_and_turned_on_by_one_request(api: Api, anne: Api, ben: Api) -> None:
    new = {"do": "putFlag", "definition": {"key": "g"}}
    request = anne.made("POST", REQUESTS, proposal(new, {"do": "turnOn", "flag": "g"}))
    assert api.send("GET", f"{PRODUCTION}/flags/g").status_code == 404
    review(ben, request)
    ben.made("POST", f"{REQUESTS}/{request['key']}/apply", {})
    assert api.made("GET", f"{PRODUCTION}/flags/g")["on"]
    assert not api.made("GET", f"{DEVELOPMENT}/flags/g")["on"]


def test_the_glass_is_broken_for_what_cannot_wait(api: Api, anne: Api, ben: Api) -> None:
    request = anne.made("POST", REQUESTS, proposal())
    assert request["breakGlass"] is False
    made = ben.made("POST", f"{REQUESTS}/{request['key']}/apply?why=it%20burns", {"breakGlass": True})
    assert made["breakGlass"] is True
    assert anne.made("GET", f"{REQUESTS}/{request['key']}")["breakGlass"] is True
    assert is_on(api)
    (last,) = api.made("GET", f"{PRODUCTION}/changes?limit=1")["items"]
    assert last["why"] == f"broke the glass: Launch (request {request['key']}): it burns"


def test_the_glass_is_broken_by_every_route_that_changes_what_is_protected(api: Api, ben: Api) -> None:
    configuration = api.made("GET", f"{PRODUCTION}/flags/f")
    for method, path, body in [
        ("PUT", f"{PRODUCTION}/flags/f", {**configuration, "on": True}),
        ("POST", f"{PRODUCTION}/segments", {"key": "s"}),
        ("PUT", f"{PRODUCTION}/segments/s", {"included": ["u"]}),
        ("DELETE", f"{PRODUCTION}/segments/s", None),
        ("POST", f"{PRODUCTION}/layers", {"key": "l", "slots": []}),
        ("DELETE", f"{PRODUCTION}/layers/l", None),
        ("POST", "projects/default/archived-flags", {"flag": "f"}),
        ("POST", "projects/default/archived-flags/restore", {"flag": "f", "how": "asItWas"}),
        ("DELETE", "projects/default/flags/f?confirm=f", None),
    ]:
        ask = "&" if "?" in path else "?"
        assert ben.send(method, path, body).status_code == 409, path
        silent = ben.send(method, f"{path}{ask}breakGlass=true", body)
        assert [each["path"] for each in silent.json()["problems"]] == ["/why"], silent.text
        ben.made(method, f"{path}{ask}breakGlass=true&why=it%20burns", body)
        (last,) = api.made("GET", f"{PRODUCTION}/changes?limit=1")["items"]
        assert last["why"] == "broke the glass: it burns", path


def test_a_request_that_cannot_be_is_refused_with_its_path(anne: Api) -> None:
    for body, path in [
        ({"title": " ", "changes": []}, "/title"),
        (proposal({"do": "turnOn", "flag": "gone"}), "/changes/0/edits/0/flag"),
        (proposal({"do": "turnOff", "flag": "f"}), "/changes/0/edits"),
        ({"title": "Twice", "changes": [*proposal()["changes"], *proposal()["changes"]]}, "/changes/1/environment"),
    ]:
        answer = anne.send("POST", REQUESTS, body)
        assert answer.status_code == 422, (body, answer.text)
        assert path in [each["path"] for each in answer.json()["problems"]]
    assert anne.send("POST", REQUESTS, proposal(environment="gone")).status_code == 404
    assert anne.made("GET", REQUESTS)["items"] == []


def test_who_approves_outside_production_approves_nothing_in_it(api: Api, anne: Api) -> None:
    staging = ["read", "change.propose", "change.approve"]
    api.made("POST", "roles", {"key": "lead", "permissions": staging, "inProduction": ["read"]})
    both = {
        "title": "Both",
        "changes": [{"environment": each, "edits": [ON]} for each in ("development", "production")],
    }
    request, inside = (
        anne.made("POST", REQUESTS, both),
        anne.made("POST", REQUESTS, proposal(environment="development")),
    )
    with holder(api, "Leo", "lead") as lead:
        answer = refused(lead, f"{request['key']}/reviews", {"verdict": "approved"}, 403)
        assert "change.approve in default/production" in answer["detail"]
        assert review(lead, inside)["approvals"] == 1


def test_a_withdrawn_request_is_over(anne: Api, ben: Api) -> None:
    request = anne.made("POST", REQUESTS, proposal())
    assert anne.made("POST", f"{REQUESTS}/{request['key']}/withdraw")["state"] == "withdrawn"
    for path, body in [("reviews", {"verdict": "approved"}), ("apply", {})]:
        assert "withdrawn already" in refused(ben, f"{request['key']}/{path}", body)["detail"]
    assert ben.made("GET", f"{REQUESTS}?state=open")["items"] == []
    assert len(ben.made("GET", REQUESTS)["items"]) == 1


def test_a_command_sent_again_makes_one_request(anne: Api) -> None:
    first, again = (anne.made("POST", REQUESTS, proposal(), Idempotency_Key="once") for _ in range(2))
    assert first["key"] == again["key"]
    assert len(anne.made("GET", REQUESTS)["items"]) == 1
