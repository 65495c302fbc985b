"""The page that says why somebody gets what he gets: now, and as it was."""

from collections.abc import Iterator
from datetime import datetime

import httpx2
import pytest

from tests.chromium import PASSWORD
from tests.serving import Api, serving

WHY = "/projects/default/environments/production/why"
CHANGES = "projects/default/environments/production/changes"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("why") / "data") as (_, api):
        api.made("POST", "projects/default/flags", {"key": "new-checkout"})
        api.made("POST", "accounts", {"key": "anne", "grants": [{"role": "reader"}]})
        api.made("PUT", "accounts/anne/password", {"password": PASSWORD})
        yield api


@pytest.fixture(scope="module")
def anne(api: Api) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=api.url, follow_redirects=True, timeout=60) as http:
        http.post("/sign-in", data={"account": "anne", "password": PASSWORD})
        yield http


def asked(anne: httpx2.Client, **fields: str) -> httpx2.Response:
    page = anne.get(WHY).text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    return anne.post(WHY, data={"flag": "new-checkout", "csrf": csrf, **fields})


def test_each_step_of_an_evaluation_is_told(api: Api, anne: httpx2.Client) -> None:
    rule = {"id": "near", "conditions": [{"attribute": "country", "op": "in", "values": ["DE"]}]}
    edits = [
        {"do": "turnOn", "flag": "new-checkout"},
        {"do": "setFallthrough", "flag": "new-checkout", "serve": {"variation": "off"}},
        {"do": "addRule", "flag": "new-checkout", "rule": {**rule, "serve": {"variation": "on"}}},
    ]
    api.made("POST", CHANGES, {"edits": edits})
    there = asked(anne, targetingKey="ada", context='{"country": "DE"}')
    assert "ada gets <code>on</code> of <code>new-checkout</code>" in there.text
    assert "RULE_MATCH" in there.text
    assert "rule near" in there.text
    elsewhere = asked(anne, targetingKey="ada", context='{"country": "<FR>"}')
    assert "ada gets <code>off</code>" in elsewhere.text
    assert "&lt;FR&gt;" in elsewhere.text


def test_what_somebody_got_in_the_past_is_told_from_the_log(api: Api, anne: httpx2.Client) -> None:
    api.made("POST", CHANGES, {"edits": [{"do": "turnOn", "flag": "new-checkout"}]})
    on = datetime.fromisoformat(api.made("GET", f"{CHANGES}?limit=1")["items"][0]["time"])
    target = {"do": "addTarget", "flag": "new-checkout", "variation": "on", "values": ["grace"]}
    api.made("POST", CHANGES, {"edits": [target]})
    now = asked(anne, targetingKey="grace")
    assert "grace gets <code>on</code>" in now.text
    then = asked(anne, targetingKey="grace", time=on.strftime("%Y-%m-%dT%H:%M:%S.%f"))
    assert "grace got <code>off</code>" in then.text
    assert "as it was at" in then.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"context": "{"}, "is not JSON"),
        ({"context": "[1]"}, "is no object"),
        ({"context": '{"plan": 1, "plan": 2}'}, "this member is there more than once"),
        ({"context": "[" * 5000}, "is not JSON"),
        ({"flag": "nothing"}, "there is no flag &#39;nothing&#39; here"),
        ({"flag": ""}, "no flag is named"),
        ({"time": "yesterday"}, "is no time"),
        ({"time": "2999-01-01T00:00"}, "is in the future"),
        ({"time": "1999-01-01T00:00"}, "there is no flag"),
    ],
)
def test_what_cannot_be_answered_is_told_beside_the_field_and_kept(
    anne: httpx2.Client, fields: dict[str, str], said: str
) -> None:
    answer = asked(anne, **{"targetingKey": "ada & co", **fields})
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="ada &amp; co"' in answer.text
