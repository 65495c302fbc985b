"""The values of a flag move to another schema while real clients report what they are."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pennon import Client
from tests.integration.upstream import eventually
from tests.serving import Api, InProcess, serving
from tests.unscripted import beside, people, sees, sent, signed_in

P = "projects/default"
STANDING = f"{P}/value-schemas/theme"
OLD, NEW = ({"type": "object", "required": [name]} for name in ("colour", "colours"))
DARK = {"colours": ["black"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[InProcess, Api]]:
    with serving(tmp_path_factory.mktemp("data")) as (running, api):
        yield running, api


@pytest.fixture
def api(server: tuple[InProcess, Api]) -> Iterator[Api]:
    """A server with the flag, whose one value is of the old schema."""
    _, api = server
    api.made(
        "POST",
        f"{P}/flags",
        {
            "key": "theme",
            "kind": "object",
            "variations": [{"key": "dark", "value": {"colour": "black"}}],
            "valueSchema": OLD,
        },
    )
    yield api
    api.made("DELETE", f"{P}/flags/theme?confirm=theme")


def prepare(api: Api, **fields: Any) -> Any:
    body = {"flag": "theme", "schema": NEW, "values": {"dark": DARK}, **fields}
    return api.made("POST", f"{P}/schema-steps/prepare", body)


@contextmanager
def application(server: tuple[InProcess, Api], version: str) -> Iterator[Client]:
    running, api = server
    key = api.key()
    with Client(running.url, key=key, application=f"checkout-web/{version}") as client:
        assert client.wait_until_ready(timeout=30)
        yield client


def test_a_client_of_an_older_version_holds_it_up_until_it_is_renewed(server: tuple[InProcess, Api], api: Api) -> None:
    prepare(api, readBy={"checkout-web": "2.3.0"})
    with application(server, "2.2.0") as client:
        assert client.object("theme", {"targetingKey": "u1"}) == {"colour": "black"}
        assert client.flush()
        eventually(lambda: api.made("GET", STANDING)["behind"])
        found = api.made("GET", STANDING)
        assert found["prepared"] == {
            "schema": NEW,
            "values": {"dark": DARK},
            "readBy": {"checkout-web": "2.3.0"},
            "goneAfterH": 24,
        }
        assert found["unready"] == []
        [older] = found["behind"]
        assert (older["name"], older["version"], older["wanted"]) == ("checkout-web", "2.2.0", "2.3.0")
        assert (older["environment"], older["instances"]) == ("default/production", 1)
        refused = api.send("POST", f"{P}/schema-steps/activate", {"flag": "theme"})
        assert refused.status_code == 409
        assert refused.json()["type"] == "urn:pennon:problem:still-read"
        assert "checkout-web 2.2.0" in refused.json()["problems"][0]["message"]
        assert refused.json()["problems"][0]["mend"]
        developer = api.made("POST", "tokens", {"name": "dev", "role": "developer"})["secret"]
        with api.as_holder_of(developer) as dev:
            body = {"flag": "theme", "breakGlass": True}
            assert dev.send("POST", f"{P}/schema-steps/activate?why=now", body).status_code == 403
        made = api.made("POST", f"{P}/schema-steps/activate?why=no+pod+is+left", {"flag": "theme", "breakGlass": True})
        assert made["valueSchema"] == NEW
        eventually(lambda: client.object("theme", {"targetingKey": "u1"}) == DARK)
    api.made("POST", f"{P}/schema-steps/clean-up", {"flag": "theme"})
    assert api.made("GET", STANDING)["previous"] is None


def test_a_request_and_a_revert_take_the_same_steps(api: Api) -> None:
    steps = [
        {"do": "prepareSchema", "flag": "theme", "schema": NEW, "values": {"dark": DARK}},
        {"do": "activateSchema", "flag": "theme"},
    ]
    change = {"environment": "production", "edits": steps}
    request = api.made("POST", f"{P}/requests", {"title": "New themes", "changes": [change]})
    previews = api.made("GET", f"{P}/requests/{request['key']}/preview")["environments"]
    said = [sentence for item in previews[0]["items"] for sentence in item["sentences"]]
    assert 'flag theme: variation dark is {"colours":["black"]} (was {"colour":"black"})' in said
    api.made("POST", f"{P}/requests/{request['key']}/apply", {})
    found = api.made("GET", STANDING)
    assert (found["valueSchema"], found["previous"]["schema"]) == (NEW, OLD)
    production = f"{P}/environments/production"
    [latest] = api.made("GET", f"{production}/changes?flag=theme&limit=1")["items"]
    api.made("POST", f"{production}/changes/{latest['revision']}/revert", {})
    found = api.made("GET", STANDING)
    assert (found["valueSchema"], found["prepared"], found["previous"]) == (OLD, None, None)


def test_bad_steps_are_refused_with_their_paths(api: Api) -> None:
    for body, path in (
        ({"flag": "theme", "schema": {"type": "thing"}}, "/schema/type"),
        ({"flag": "theme", "values": {"gone": 1}}, "/values/gone"),
        ({"flag": "theme", "readBy": {"app": "newest"}}, "/readBy/app"),
        ({"flag": "theme", "goneAfterH": 0}, "/goneAfterH"),
        ({"flag": "theme", "until": 1}, "/until"),
    ):
        answer = api.send("POST", f"{P}/schema-steps/prepare", body)
        assert answer.status_code == 422, answer.text
        assert [problem["path"] for problem in answer.json()["problems"]] == [path]
    assert api.send("POST", f"{P}/schema-steps/activate", {"flag": "none"}).status_code == 404
    assert api.send("POST", f"{P}/schema-steps/activate", {"flag": "theme"}).status_code == 409
    assert api.send("GET", f"{P}/value-schemas/none").status_code == 404


def test_what_a_client_was_served_is_drawn_by_variation(server: tuple[InProcess, Api], api: Api) -> None:
    people(api, rita="reader")
    with application(server, "2.2.0") as client, signed_in(api, "rita") as rita:
        for number in range(7):
            client.object("theme", {"targetingKey": f"u{number}"})
        assert client.flush()
        of_flag, page = (f"/{P}/environments/production/{each}/theme" for each in ("flags", "evaluations"))
        eventually(lambda: '<svg class="chart"' in sees(rita, page))
        assert '<svg class="chart"' in sees(rita, of_flag)
        for span in ("24h", "7d", "30d", "nonsense"):
            shown = sees(rita, f"{page}?span={span}")
            assert "<code>dark</code>" in shown
            assert "100.0 %" in shown
            # A new hour may begin meanwhile, but each evaluation is in one row.
            (total,) = re.findall(r"<tfoot>.*?<td class=.number.>([\d,]+)", shown)
            rows = re.findall(r"</time></th><td class=.number.>([\d,]+)", shown)
            assert int(total) == sum(map(int, rows)) >= 7
        assert "No process has reported" in sees(rita, page.replace("production", "development"))
        assert rita.get(page.replace("theme", "none")).status_code == 404


def test_a_person_moves_the_values_by_forms_and_is_told_who_would_break(
    server: tuple[InProcess, Api], api: Api
) -> None:
    people(api, anne="administrator", rick="reader")
    page, step = f"/{P}/value-schemas/theme", f"/{P}/schema-step"
    form = {"flag": "theme", "do": "prepare", "variation": "dark", "goneAfterH": "24", "readBy": "checkout-web 2.3.0\n"}
    with application(server, "2.2.0") as client, signed_in(api, "anne") as anne, signed_in(api, "rick") as rita:
        assert client.object("theme", {"targetingKey": "u1"}) == {"colour": "black"}
        assert client.flush()
        eventually(lambda: "checkout-web/2.2.0" in sees(anne, page))
        wrong = sent(anne, step, {**form, "schema": "{", "value.0": "black", "goneAfterH": "soon"})
        assert wrong.status_code == 422
        assert [beside(wrong.text, each)[:8] for each in ("schema", "value.0")] == ["is not J", "is not J"]
        assert "no number" in beside(wrong.text, "goneAfterH")
        assert ">black</textarea>" in wrong.text
        for field, value, said in (
            ("schema", '{"type": 1}', "schema"),
            ("readBy", "checkout-web latest", "no version"),
            ("goneAfterH", "0", "not from 1"),
        ):
            wrong = sent(anne, step, {**form, "schema": "{}", "value.0": "{}", field: value})
            assert wrong.status_code == 422, field
            assert said in beside(wrong.text, field)
        gone = sent(anne, step, {**form, "variation": "light", "schema": "{}", "value.0": "{}"})
        assert "no variation" in beside(gone.text, "value.0")
        unready = sent(anne, step, {**form, "schema": '{"required": ["colours"]}', "value.0": '{"colour": "black"}'})
        assert "Not ready" in unready.text
        assert "variation &#39;dark&#39;" in unready.text
        done = sent(anne, step, {**form, "schema": '{"required": ["colours"]}', "value.0": '{"colours": ["black"]}'})
        assert "Prepared." in done.text
        assert "of checkout-web 2.2.0 in default/production" in done.text
        assert "<form" not in sees(rita, page).partition("<main")[2].partition("</main>")[0]
        assert sent(rita, step, {"flag": "theme", "do": "activate"}).status_code == 403
        held = sent(anne, step, {"flag": "theme", "do": "activate"})
        assert held.status_code == 409
        assert "cannot read the new values" in held.text
        review = sent(anne, step, {"flag": "theme", "do": "activate", "propose": "1", "environment": "production"})
        assert "activateSchema" in review.text
        forced = {"flag": "theme", "do": "activate", "break-glass": "1", "why": "those pods serve nobody"}
        assert "are served now" in sent(anne, step, forced).text
        eventually(lambda: client.object("theme", {"targetingKey": "u1"}) == DARK)
        assert "has the values that it serves" in sent(anne, step, {"flag": "theme", "do": "clean-up"}).text
        assert api.made("GET", STANDING)["previous"] is None
