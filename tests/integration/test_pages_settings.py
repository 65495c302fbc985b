"""Pages of settings, as a browser without scripts gets them: nothing typed is lost, and a secret is shown once."""

import re
from collections.abc import Iterator
from html import unescape

import httpx2
import pytest

from tests.chromium import PASSWORD
from tests.serving import Api, serving
from tests.unscripted import beside, hidden, people, sent, signed_in

P = "/projects/default"
E = P + "/environments/production"
STAGING = P + "/environments/staging"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("settings") / "data") as (_, api):
        api.made("POST", "projects/default/environments", {"key": "staging"})
        people(api, anne="administrator", rita="reader", dora="developer")
        yield api


@pytest.fixture(scope="module")
def anne(api: Api) -> Iterator[httpx2.Client]:
    with signed_in(api, "anne") as http:
        yield http


def version(api: Api, path: str = E) -> str:
    return str(api.made("GET", path[1:])["version"])


def secret_in(page: str) -> str:
    found = re.search(r'<input id="secret" class="secret" readonly value="([^"]+)"', page)
    assert found is not None, page
    return unescape(found[1])


def test_a_project_is_described_and_what_is_wrong_stands_beside_its_field(anne: httpx2.Client, api: Api) -> None:
    days = {f"staleAfter/{name}": "14" for name in ("oneVariation", "noEvaluations", "fullyRolledOut", "notInCode")}
    wrong = sent(anne, P + "/settings", {"name": "My shop", **days, "staleAfter/notInCode": "soon"})
    assert wrong.status_code == 422
    assert "from 1 to 365" in beside(wrong.text, "staleAfter/notInCode")
    assert 'value="My shop"' in wrong.text
    assert 'value="soon"' in wrong.text
    done = sent(anne, P + "/settings", {"name": "My shop", **days, "version": version(api, P)})
    assert "Saved." in done.text
    assert api.made("GET", "projects/default")["staleAfter"]["notInCode"] == 14


def test_two_who_describe_one_environment_do_not_overwrite_each_other(anne: httpx2.Client, api: Api) -> None:
    old = version(api)
    assert sent(anne, E + "/settings", {"name": "First", "production": "on", "version": old}).status_code == 200
    late = sent(anne, E + "/settings", {"name": "Second", "production": "on", "version": old})
    assert late.status_code == 412
    assert "Somebody was faster" in late.text
    assert 'value="Second"' in late.text
    assert api.made("GET", E[1:])["name"] == "First"


def test_an_environment_gets_freezes_in_rows_that_come_and_go_without_scripts(anne: httpx2.Client, api: Api) -> None:
    made = sent(anne, P + "/environments", {"key": "canary", "name": "Canary", "production": "on"})
    at = P + "/environments/canary"
    assert made.url.path == at + "/settings"
    freeze = {"protection/freezes/0/start": "2030-12-24T00:00", "protection/freezes/0/until": "2030-12-20T00:00"}
    fields = {"protection/ticket": "OPS-[0-9", "protection/approvals": "many", "name": "Canary", **freeze}
    wider = sent(anne, at + "/settings", {**fields, "add": "protection/weeklyFreezes"})
    assert wider.status_code == 200
    assert 'name="protection/weeklyFreezes/0/start"' in wider.text
    assert 'value="2030-12-24T00:00"' in wider.text
    weekly = {"protection/weeklyFreezes/0/start": "fri 16:00", "protection/weeklyFreezes/0/until": "late"}
    wrong = sent(anne, at + "/settings", {**fields, **weekly})
    assert wrong.status_code == 422
    assert "no number" in beside(wrong.text, "protection/approvals")
    assert "fri 16:00" in beside(wrong.text, "protection/weeklyFreezes/0/until")
    assert beside(wrong.text, "protection/ticket")
    assert 'value="OPS-[0-9"' in wrong.text
    weekly["protection/weeklyFreezes/0/until"] = "mon 06:00"
    right = {"protection/ticket": "OPS-[0-9]+", "protection/approvals": "2", "protection/why": "on"}
    backwards = sent(anne, at + "/settings", {**fields, **right, **weekly})
    assert "not after its start" in beside(backwards.text, "protection/freezes/0/until")
    freeze["protection/freezes/0/until"] = "2030-12-27T00:00"
    done = sent(anne, at + "/settings", {**fields, **right, **weekly, **freeze, "files/source": "git@host:a/b"})
    assert "Saved." in done.text
    known = api.made("GET", at[1:])
    assert known["protection"]["approvals"] == 2
    assert known["protection"]["freezes"][0]["until"].startswith("2030-12-27")
    assert known["protection"]["weeklyFreezes"][0]["start"] == "fri 16:00"
    assert known["files"] == {"source": "git@host:a/b"}
    freed = sent(anne, at + "/settings", {"name": "Canary", "version": version(api, at)})
    assert "Saved." in freed.text
    assert (api.made("GET", at[1:])["protection"], api.made("GET", at[1:])["files"]) == (None, None)


def test_a_project_or_an_environment_goes_only_when_its_key_was_typed(anne: httpx2.Client, api: Api) -> None:
    sent(anne, P + "/environments", {"key": "old"})
    wrong = sent(anne, P + "/environments/old/delete", {"confirm": "odl"})
    assert wrong.status_code == 422
    assert "not old" in beside(wrong.text, "confirm")
    assert 'value="odl"' in wrong.text
    assert "Deleted." in sent(anne, P + "/environments/old/delete", {"confirm": "old"}).text
    api.made("POST", "projects", {"key": "gone"})
    assert sent(anne, "/projects/gone/delete", {"confirm": "default"}).status_code == 422
    assert sent(anne, "/projects/gone/delete", {"confirm": "gone"}).status_code == 200
    assert api.send("GET", "projects/gone").status_code == 404


@pytest.mark.parametrize("kind", ["server", "client", "edge"])
def test_a_key_is_shown_once_with_the_lines_that_use_it(anne: httpx2.Client, api: Api, kind: str) -> None:
    form = {"kind": kind, "name": f"a {kind}", "origins": "https://shop.example", "environments": "development"}
    known = hidden(anne.get(STAGING + "/keys").text)
    fields = {"csrf": known["csrf"], "once": known["once"], **form}
    made = anne.post(STAGING + "/keys", data=fields)
    secret = secret_in(made.text)
    assert secret.startswith(f"pennon_{kind}_")
    assert made.text.count(secret) >= 2  # by itself, and in what is pasted
    assert made.headers["Cache-Control"] == "no-store"
    if kind == "client":
        pinned = api.http.get(f"{api.url}/js/v1/integrity.json").json()["pennon.js"]
        assert pinned["integrity"] in unescape(made.text)
    again = anne.post(STAGING + "/keys", data=fields)  # a finger that was too fast makes no second one
    assert "had been sent before" in again.text
    assert secret not in again.text
    keys = [each for each in api.made("GET", f"{STAGING[1:]}/keys")["items"] if each["name"] == f"a {kind}"]
    assert [each["origins"] for each in keys] == [["https://shop.example"] if kind == "client" else []]
    one = anne.get(f"{STAGING}/keys/{keys[0]['key'][:16]}")
    assert secret not in one.text + anne.get(STAGING + "/keys").text
    assert ("default/development" in one.text) == (kind == "edge")


def test_what_is_wrong_with_a_key_stands_beside_its_field(anne: httpx2.Client) -> None:
    wrong = sent(
        anne,
        STAGING + "/keys",
        {"kind": "client", "name": "web", "origins": "shop.example", "requireSignature": "on"},
        page=STAGING + "/keys",
    )
    assert wrong.status_code == 422
    assert "https://shop.example" in beside(wrong.text, "origins")
    assert ">shop.example</textarea>" in wrong.text
    past = sent(anne, STAGING + "/keys", {"kind": "server", "notAfter": "2020-01-01T00:00"}, page=STAGING + "/keys")
    assert "passed" in beside(past.text, "notAfter")


def test_a_key_is_rotated_and_revoked_and_a_signing_secret_is_shown_once(anne: httpx2.Client, api: Api) -> None:
    form = {"kind": "client", "name": "signed", "requireSignature": "on"}
    made = sent(anne, STAGING + "/keys", form, page=STAGING + "/keys").text
    assert "pennon_signing_" in made
    key = next(each for each in api.made("GET", f"{STAGING[1:]}/keys")["items"] if each["name"] == "signed")["key"]
    one = f"{STAGING}/keys/{key}"
    assert "pennon_signing_" not in anne.get(one).text + anne.get(STAGING + "/keys").text
    assert "hours" in beside(sent(anne, one + "/rotate", {"hours": "x"}, page=one).text, "hours")
    assert "90 days" in beside(sent(anne, one + "/rotate", {"hours": "9999"}, page=one).text, "overlapSeconds")
    rotated = sent(anne, one + "/rotate", {"hours": "3"}, page=one).text
    assert "good for another 3 hours" in rotated
    assert "pennon_signing_" in rotated
    assert "tick it" in beside(sent(anne, one + "/revoke", {}, page=one).text, "sure")
    assert "Revoked" in sent(anne, one + "/revoke", {"sure": "on"}, page=one).text
    assert [each["revoked"] for each in api.made("GET", f"{STAGING[1:]}/keys")["items"] if each["key"] == key] == [True]


def test_what_one_may_not_do_is_not_offered(api: Api) -> None:
    with signed_in(api, "rita") as rita:
        page = rita.get(E + "/settings").text
        assert "<fieldset disabled>" in page
        assert ">Save<" not in page
        assert "Delete production" not in page
        assert "/keys" not in page
        assert "/webhooks" not in rita.get(P + "/settings").text + rita.get("/installation").text
    with signed_in(api, "dora") as dora:
        assert "Make a key" not in dora.get(E + "/keys").text
        assert sent(dora, E + "/keys", {"kind": "server"}).status_code == 403


def test_an_edge_key_opens_no_environment_in_which_its_maker_may_make_none(api: Api) -> None:
    grant = {"role": "administrator", "project": "default", "environments": ["staging"]}
    api.made("POST", "accounts", {"key": "stan", "grants": [grant, {"role": "reader"}]})
    api.made("PUT", "accounts/stan/password", {"password": PASSWORD})
    with signed_in(api, "stan") as stan:
        form = {"kind": "edge", "environments": "production"}
        assert sent(stan, STAGING + "/keys", form, page=STAGING + "/keys").status_code == 403
        assert "production" not in re.findall(r'name="environments" value="([^"]+)"', stan.get(STAGING + "/keys").text)


def test_stored_text_runs_nowhere(anne: httpx2.Client, api: Api) -> None:
    evil = '"><script>alert(1)</script>'
    api.made("POST", "projects/default/environments", {"key": "evil", "name": evil, "description": evil})
    here = "projects/default/environments/evil"
    api.made("POST", f"{here}/keys", {"kind": "server", "name": evil})
    slots = [{"from": 0, "to": 10, "experiment": evil}]
    api.made("POST", f"{here}/layers", {"key": "evil", "slots": slots})
    api.made("POST", "projects/default/webhooks", {"key": "evil", "url": "https://h.example/x", "description": evil})
    report = {"project": "default", "kind": "deploy", "service": evil, "text": evil, "who": evil}
    api.made("POST", "events/external", report)
    paths = ("/settings", "/webhooks", "/webhooks/evil", "/events")
    for path in (*(P + each for each in paths), *(f"/{here}/{each}" for each in ("settings", "keys", "layers/evil"))):
        page = anne.get(path)
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text, path
    assert "&lt;script&gt;alert" in anne.get(P + "/events").text


def test_places_of_a_layer_are_drawn_and_dealt_out_by_a_reviewed_change(anne: httpx2.Client, api: Api) -> None:
    review = sent(anne, STAGING + "/edit-layer", {"do": "create", "layer": "checkout", "version": "0"})
    made = anne.post(STAGING + "/review", data={**hidden(review.text), "apply": "1"})
    assert made.url.path == STAGING + "/layers/checkout"
    row = {"slots/0/from": "0", "slots/0/to": "30000", "slots/0/experiment": "exp-a"}
    form = {"do": "slots", "layer": "checkout", "version": "1", **row}
    wrong = sent(anne, STAGING + "/edit-layer", {**form, "slots/1/from": "x", "slots/1/to": "5"})
    assert wrong.status_code == 422
    assert "0 to 100000" in beside(wrong.text, "slots/1/from")
    assert 'value="exp-a"' in wrong.text
    nobody = sent(anne, STAGING + "/edit-layer", {**form, "slots/1/from": "30000", "slots/1/to": "40000"})
    assert "no experiment" in beside(nobody.text, "slots/1/experiment")
    review = sent(anne, STAGING + "/edit-layer", form)
    assert api.made("GET", f"{STAGING[1:]}/layers/checkout")["slots"] == []
    done = anne.post(STAGING + "/review", data={**hidden(review.text), "apply": "1"})
    assert '<rect x="0" width="30000"' in done.text
    assert "70 % are free" in done.text


@pytest.mark.parametrize("owner", [P, "/installation"])
def test_a_webhook_is_made_tested_and_its_deliveries_are_shown(anne: httpx2.Client, api: Api, owner: str) -> None:
    hooks, is_of_project = owner + "/webhooks", owner == P
    in_api = hooks[1:].removeprefix("installation/")
    wrong = sent(anne, hooks, {"key": "Team!", "url": "http://x", "format": "pennon"}, page=hooks)
    assert wrong.status_code == 422
    assert beside(wrong.text, "key")
    assert beside(wrong.text, "url")
    assert 'value="Team!"' in wrong.text
    form = {"key": "team", "url": "https://nowhere.invalid/hook", "format": "slack", "enabled": "on"}
    chosen = {"events": ["flags.changed", "glass.broken"], **({"environments": "production"} if is_of_project else {})}
    made = sent(anne, hooks, {**form, **chosen}, page=hooks)
    secret = secret_in(made.text)
    one = hooks + "/team"
    page = anne.get(one).text
    assert ('name="environments"' in page) == is_of_project
    assert secret not in page
    assert "https://nowhere.invalid/hook" in page
    assert set(api.made("GET", f"{in_api}/team")["events"]) == {"flags.changed", "glass.broken"}
    delivery = sent(anne, one + "/test", {}, page=one)
    assert "webhook.ping" in delivery.text
    assert sent(anne, delivery.url.path + "/redeliver", {}, page=one).status_code == 200
    assert anne.get(one + "?state=dead").status_code == anne.get(one + "?state=nonsense").status_code == 200
    disabled = {"url": form["url"], "format": "pennon", "version": version(api, f"/{in_api}/team")}
    off = sent(anne, one, disabled, page=one)
    assert "Saved." in off.text
    assert "is disabled" in sent(anne, one + "/test", {}, page=one).text
    assert secret_in(sent(anne, one + "/rotate", {"hours": "1"}, page=one).text) != secret
    assert sent(anne, one + "/delete", {"confirm": "tea"}, page=one).status_code == 422
    assert "Deleted." in sent(anne, one + "/delete", {"confirm": "team"}, page=one).text


def test_what_was_reported_is_listed_with_the_line_that_reports_it(anne: httpx2.Client, api: Api) -> None:
    for number in range(60):
        report = {"project": "default", "kind": "deploy", "service": f"api-{number}", "id": f"build-{number}"}
        api.made("POST", "events/external", report)
    page = unescape(anne.get(P + "/events").text)
    assert page.count('<span class="tag">deploy</span>') == 50
    assert f"curl {api.url}/api/v1/events/external" in page
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following is not None
    assert "build" in following[1]
    assert anne.get(following[1]).text.count('<span class="tag">deploy</span>') >= 10
