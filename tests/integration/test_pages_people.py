"""People, roles, tokens and the installation as a browser without scripts gets them."""

import contextlib
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.chromium import PASSWORD
from tests.serving import Api, serving

SCRIPT = "<script>alert(1)</script>"


class Person:
    """Somebody with a browser that runs no scripts."""

    def __init__(self, api: Api, account: str, password: str = PASSWORD) -> None:
        self.http = httpx2.Client(base_url=api.url, follow_redirects=True, timeout=60)
        self.entered = self.http.post("/sign-in", data={"account": account, "password": password})

    def sees(self, path: str) -> str:
        answer = self.http.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.text

    def sends(self, path: str, fields: dict[str, Any], *, seen: str = "/account") -> httpx2.Response:
        """Send a form of the page *seen*."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.sees(seen))
        assert found is not None
        return self.http.post(path, data={**fields, "csrf": found[1]})

    @property
    def is_in(self) -> bool:
        return self.http.get("/account").url.path == "/account"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("people") / "data") as (_, api):
        made(api, "anne", {"role": "administrator"})
        yield api


@pytest.fixture(scope="module")
def anne(api: Api) -> Iterator[Person]:
    with in_browser(api, "anne") as person:
        yield person


def made(api: Api, key: str, *grants: dict[str, Any]) -> None:
    api.made("POST", "accounts", {"key": key, "name": key.title(), "grants": grants})
    api.made("PUT", f"accounts/{key}/password", {"password": PASSWORD})


@contextlib.contextmanager
def in_browser(api: Api, account: str, password: str = PASSWORD) -> Iterator[Person]:
    person = Person(api, account, password)
    try:
        yield person
    finally:
        person.http.close()


def rows(*grants: tuple[str, str, str]) -> dict[str, list[str]]:
    """Return the fields of a form of these roles, projects and environments."""
    return {name: [grant[at] for grant in grants] for at, name in enumerate(("role", "project", "environments"))}


def test_somebody_is_invited_signs_in_and_changes_her_password(api: Api, anne: Person) -> None:
    fields = {"key": "dora", "name": "Dora", "email": "dora@shop.example", "first": "made"}
    answer = anne.sends(
        "/people/new-account", {**fields, **rows(("developer", "default", "production, "), ("", "", ""))}
    )
    assert answer.status_code == 200, answer.text
    first = re.search(r'id="first-password"[^>]* value="([^"]+)"', answer.text)
    assert first is not None
    assert first[1] not in anne.sees("/people/accounts/dora")
    known = api.made("GET", "accounts/dora")
    assert known["grants"] == [{"role": "developer", "project": "default", "environments": ["production"]}]
    new = "another battery staple"
    with in_browser(api, "dora", first[1]) as dora, in_browser(api, "dora", first[1]) as elsewhere:
        page = dora.sees("/account")
        assert "developer in default/production" in page
        assert "dora@shop.example" in page
        wrong = dora.sends("/account/password", {"current": "wrong", "password": new, "again": new})
        assert (wrong.status_code, 'id="problem-current"' in wrong.text) == (422, True)
        unlike = dora.sends("/account/password", {"current": first[1], "password": new, "again": "x"})
        assert (unlike.status_code, 'id="problem-again"' in unlike.text) == (422, True)
        short = dora.sends("/account/password", {"current": first[1], "password": "short", "again": "short"})
        assert (short.status_code, 'id="problem-password"' in short.text) == (422, True)
        assert elsewhere.is_in
        changed = dora.sends("/account/password", {"current": first[1], "password": new, "again": new})
        assert "Your password is changed" in changed.text
        assert dora.is_in
        assert not elsewhere.is_in
    with in_browser(api, "dora", first[1]) as late, in_browser(api, "dora", new) as dora:
        assert late.entered.status_code == 401
        assert dora.is_in


def test_ones_own_sessions_end_where_one_says_and_nobody_elses(api: Api, anne: Person) -> None:
    made(api, "erik", {"role": "reader"})
    with in_browser(api, "erik") as here, in_browser(api, "erik") as there, in_browser(api, "erik") as third:
        other = api.made("GET", "sessions?account=anne")["items"][0]["key"]
        assert here.sends("/account/sessions", {"session": other}).status_code == 404
        assert anne.is_in
        ended = re.findall(r'name="session" value="([0-9a-f]{64})"', here.sees("/account"))
        assert len(ended) == 2
        here.sends("/account/sessions", {"session": ended[0]})
        assert sorted([there.is_in, third.is_in]) == [False, True]
        here.sends("/account/sessions", {"others": "1"})
        assert [here.is_in, there.is_in, third.is_in] == [True, False, False]


def test_a_form_of_a_session_that_is_over_keeps_no_password(api: Api, anne: Person) -> None:
    fields = {"current": "first secret", "password": "second secret", "again": "third secret", "why": "kept"}
    with in_browser(api, "anne") as over:
        over.http.cookies.clear()
        answer = over.http.post("/account/password", data=fields)
    assert answer.status_code == 401
    assert 'name="kept.why" value="kept"' in answer.text
    assert "secret" not in answer.text


def test_bad_input_keeps_what_was_typed_and_says_beside_each_field_what_is_wrong(api: Api, anne: Person) -> None:
    fields = {"key": "No Key", "name": SCRIPT, "email": "nowhere", "first": "none"}
    answer = anne.sends("/people/new-account", {**fields, **rows(("reader", "default", "a, nowhere"))})
    assert answer.status_code == 422
    for typed in ("No Key", SCRIPT, "nowhere", "a, nowhere"):
        assert f'value="{typed}"' in unescape(answer.text), typed
    assert '<option value="none" selected>' in answer.text
    assert SCRIPT not in answer.text
    assert 'id="problem-key"' in answer.text
    answer = anne.sends("/people/new-account", {**fields, "key": "good", **rows(("nothing", "default", "a, nowhere"))})
    for field in ("email", "grants/0/role", "grants/0/environments"):
        assert f'id="problem-{field}"' in answer.text, field
    assert "<option selected>nothing</option>" in answer.text
    assert api.send("GET", "accounts/good").status_code == 404


def test_more_rows_are_given_without_losing_or_saving_any(api: Api, anne: Person) -> None:
    made(api, "finn", {"role": "reader"})
    answer = anne.sends("/people/accounts/finn", {"more": "1", "name": "F.", **rows(("developer", "", ""))})
    assert answer.text.count('name="environments"') == 5
    assert 'value="F."' in answer.text
    assert api.made("GET", "accounts/finn")["name"] == "Finn"


def test_who_was_slower_is_told_and_what_he_typed_is_there(api: Api, anne: Person) -> None:
    made(api, "gina", {"role": "reader"})
    answer = anne.sends("/people/accounts/gina", {"version": "99", "name": "Later", **rows(("developer", "", ""))})
    assert answer.status_code == 412
    assert "Somebody was faster" in answer.text
    assert 'value="Later"' in answer.text
    assert [each["role"] for each in api.made("GET", "accounts/gina")["grants"]] == ["reader"]


def test_somebody_is_kept_out_let_in_again_given_a_password_and_deleted(api: Api, anne: Person) -> None:
    made(api, "hugo", {"role": "reader"})
    at = "/people/accounts/hugo"
    with in_browser(api, "hugo") as hugo:
        assert "disabled" in anne.sends(at + "/standing", {"disable": "1"}).text
        assert not hugo.is_in
    anne.sends(at + "/standing", {"enable": "1"})
    refused = anne.sends(at + "/password", {"password": "short"})
    assert (refused.status_code, 'id="problem-password"' in refused.text) == (422, True)
    assert "another password" in anne.sends(at + "/password", {"password": "typed by anne here"}).text
    with in_browser(api, "hugo", "typed by anne here") as hugo:
        assert hugo.is_in
        anne.sends(at + "/sign-out", {})
        assert not hugo.is_in
    assert anne.sends(at + "/delete", {"confirm": "anne"}).status_code == 422
    assert "The account is deleted" in anne.sends(at + "/delete", {"confirm": "hugo"}).text
    assert api.send("GET", "accounts/hugo").status_code == 404


def test_the_last_administrator_is_not_lost_unless_that_is_meant(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as (_, api):
        api.made("POST", "roles", {"key": "boss", "permissions": ["read", "access.manage"]})
        made(api, "anne", {"role": "boss"})
        with in_browser(api, "anne") as anne:
            for path, fields in (
                ("/people/accounts/anne", rows(("reader", "", ""))),
                ("/people/accounts/anne/standing", {"disable": "1"}),
                ("/people/accounts/anne/delete", {"confirm": "anne"}),
                ("/people/roles/boss", {"permission": ["read"]}),
            ):
                answer = anne.sends(path, fields)
                assert answer.status_code == 409, path
                assert "nobody would be left" in answer.text.lower()
                assert 'name="last"' in answer.text
                assert anne.http.get("/people").status_code == 200
            answer = anne.sends("/people/accounts/anne", {"last": "1", **rows(("reader", "", ""))})
            assert answer.status_code == 403, "he may see it no more"
        assert [each["role"] for each in api.made("GET", "accounts/anne")["grants"]] == ["reader"]


def test_accounts_are_searched_and_paged_and_a_script_in_a_name_is_text(api: Api, anne: Person) -> None:
    for at in range(55):
        api.made("POST", "accounts", {"key": f"many-{at:02}", "name": SCRIPT if not at else f"Many {at}"})
    page = anne.sees("/people?q=MANY")
    assert page.count('href="/people/accounts/many-') == 50
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following is not None
    assert anne.sees(unescape(following[1])).count('href="/people/accounts/many-') == 5
    assert SCRIPT not in page + anne.sees("/people/accounts/many-00")
    assert "Nobody is called that" in anne.sees("/people?q=nobody-at-all")


def test_a_role_is_made_altered_told_in_words_and_kept_while_it_is_held(api: Api, anne: Person) -> None:
    new = {"key": "support", "description": SCRIPT, "permission": ["read", "flag.turnOff"], "differs": "1"}
    bad = anne.sends("/people/new-role", {**new, "key": "Sup port", "production": ["read"]})
    assert bad.status_code == 422
    assert 'value="Sup port"' in bad.text
    assert 'name="production" value="read" checked' in bad.text
    page = anne.sends("/people/new-role", {**new, "production": ["read"]})
    assert "The role is made" in page.text
    assert SCRIPT not in page.text
    assert api.made("GET", "roles/support")["inProduction"] == ["read"]
    anne.sends("/people/roles/support", {"version": "1", "description": "", "permission": ["read", "flag.turnOff"]})
    assert api.made("GET", "roles/support")["inProduction"] is None
    assert "turn flags off in an environment" in anne.sees("/people/roles")
    made(api, "ida", {"role": "support"})
    api.made("POST", "tokens", {"name": "night shift", "role": "support"})
    held = anne.sends("/people/roles/support/delete", {"confirm": "support"})
    assert held.status_code == 409
    assert 'href="/people/accounts/ida"' in held.text
    assert "night shift" in held.text
    api.made("DELETE", "accounts/ida")
    anne.sends(f"/people/tokens/{token(api, 'night shift')}/revoke", {"sure": "1"})
    assert anne.sends("/people/roles/support/delete", {"confirm": "no"}).status_code == 422
    assert "The role is deleted" in anne.sends("/people/roles/support/delete", {"confirm": "support"}).text
    assert anne.sends("/people/roles/reader", {"permission": ["read"]}).status_code == 409


def test_a_tokens_secret_is_shown_once_and_revoking_it_asks_twice(api: Api, anne: Person) -> None:
    typed = {"name": SCRIPT, "role": "developer", "project": "default", "environments": "production", "scope": ["read"]}
    for wrong in ({"until": "soon"}, {"until": "2001-01-01"}, {"until": "9999-12-31T"}):
        bad = anne.sends("/people/new-token", {**typed, **wrong})
        assert (bad.status_code, 'id="problem-notAfter"' in bad.text) == (422, True)
        assert f'value="{SCRIPT}"' in unescape(bad.text)
        assert 'name="scope" value="read" checked' in bad.text
    answer = anne.sends("/people/new-token", {**typed, "until": "2199-01-31"})
    secret = re.search(r'value="(pennon_token_[^"]+)"', answer.text)
    assert secret is not None
    assert SCRIPT not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    key = token(api, SCRIPT)
    shown = anne.sees(f"/people/tokens/{key}") + anne.sees("/people/tokens")
    assert secret[1] not in shown
    assert SCRIPT not in shown
    with api.as_holder_of(secret[1]) as holder:
        assert holder.send("GET", "projects/default/flags").status_code == 200
        unsure = anne.sends(f"/people/tokens/{key}/revoke", {})
        assert (unsure.status_code, 'id="problem-sure"' in unsure.text) == (422, True)
        assert "The token is revoked" in anne.sends(f"/people/tokens/{key}/revoke", {"sure": "1"}).text
        assert holder.send("GET", "projects/default/flags").status_code == 401
    assert key[:12] not in anne.sees("/people/tokens")
    assert key[:12] in anne.sees("/people/tokens?all=1")


def test_the_last_administrators_token_is_kept(api: Api, anne: Person) -> None:
    answer = anne.sends(f"/people/tokens/{token(api, 'first administrator')}/revoke", {"sure": "1"})
    assert answer.status_code == 409
    assert "create another one first" in answer.text


def test_everybody_is_signed_out_by_who_means_it(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as (_, api):
        for key in ("anne", "bert"):
            made(api, key, {"role": "administrator"})
        with in_browser(api, "anne") as anne, in_browser(api, "bert") as bert:
            assert anne.sends("/people/sessions", {"everybody": "1"}).status_code == 422
            (his,) = api.made("GET", "sessions?account=bert")["items"]
            anne.sends("/people/sessions", {"session": his["key"]})
            assert [anne.is_in, bert.is_in] == [True, False]
            assert anne.sends("/people/sessions", {"session": his["key"]}).status_code == 404
            anne.sends("/people/sessions", {"everybody": "1", "sure": "1"})
            assert not anne.is_in


def test_a_project_is_made_with_its_environments_or_not_at_all(api: Api, anne: Person) -> None:
    form = {"key": "shop", "name": "The shop", "environment": ["dev", "No", ""], "production": ["1"]}
    bad = anne.sends("/installation/projects", form)
    assert (bad.status_code, 'id="problem-environment"' in bad.text) == (422, True)
    for typed in ("shop", "The shop", "dev", "No"):
        assert f'value="{typed}"' in bad.text
    assert api.send("GET", "projects/shop").status_code == 404
    answer = anne.sends("/installation/projects", {**form, "environment": ["dev", "live", ""]})
    assert answer.url.path == "/projects/shop"
    found = {each["key"]: each["production"] for each in api.made("GET", "projects/shop/environments")["items"]}
    assert found == {"dev": False, "live": True}


def test_signing_keys_are_made_rotated_once_and_retired(api: Api, anne: Person) -> None:
    anne.sends("/installation/signing-keys", {"name": "2026"})
    sent = {"rotate": "1", "name": "2027", "once": "0123456789abcdef01234567"}
    anne.sends("/installation/signing-keys", sent)
    anne.sends("/installation/signing-keys", sent)
    keys = {each["name"]: each for each in api.made("GET", "signing-keys")["items"]}
    assert set(keys) == {"2026", "2027"}
    active = keys["2027"]["key"]
    assert anne.sends("/installation/signing-keys", {"retire": active, "confirm": "no"}).status_code == 409
    anne.sends("/installation/signing-keys", {"retire": keys["2026"]["key"]})
    anne.sends("/installation/signing-keys", {"retire": active, "confirm": active})
    assert all(each["retired"] for each in api.made("GET", "signing-keys")["items"])


def test_who_may_not_sees_of_the_installation_only_what_is_his(api: Api, anne: Person) -> None:
    made(api, "rita", {"role": "reader"})
    with in_browser(api, "rita") as rita:
        page = rita.sees("/installation")
        for hidden in ("How it does", "Signing keys", "New project", 'href="/people"'):
            assert hidden not in page, hidden
    page = anne.sees("/installation")
    for shown in ("How it does", "Signing keys", "New project", 'href="/people"', "the database answers"):
        assert shown in page, shown


def token(api: Api, name: str) -> str:
    return next(str(each["key"]) for each in api.made("GET", "tokens?limit=500")["items"] if each["name"] == name)
