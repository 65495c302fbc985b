"""People sign in to a real server by a password, and act with the cookie of a session."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from pennon.control.access.signing_in import FREE_FAILURES
from pennon.control.app import CannotStart
from tests.serving import Api, serving

PASSWORD = "correct horse battery"
DEVELOPMENT = "projects/default/environments/development"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path / "data") as (_, api):
        grants = [{"role": "developer", "project": "default"}]
        api.made("POST", "accounts", {"key": "anne", "name": "Anne", "grants": grants})
        api.made("PUT", "accounts/anne/password", {"password": PASSWORD})
        api.made("POST", "projects/default/flags", {"key": "f"})
        yield api


@pytest.fixture
def browser(api: Api) -> Iterator[Api]:
    with api.as_holder_of(None) as browser:
        yield browser


def sign_in(browser: Api, password: str = PASSWORD, **headers: str) -> httpx2.Response:
    return browser.send("POST", "session", {"account": "anne", "password": password}, **headers)


def turn_on(browser: Api, **headers: str) -> httpx2.Response:
    return browser.send("POST", f"{DEVELOPMENT}/changes", {"edits": [{"do": "turnOn", "flag": "f"}]}, **headers)


def test_a_person_signs_in_changes_a_flag_under_his_name_and_signs_out(api: Api, browser: Api) -> None:
    assert turn_on(browser).status_code == 401
    answer = sign_in(browser)
    assert answer.status_code == 200, answer.text
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    csrf = answer.json()["csrf"]
    assert browser.made("GET", "session")["csrf"] == csrf
    assert turn_on(browser, X_Pennon_CSRF=csrf).status_code == 200
    (last,) = api.made("GET", f"{DEVELOPMENT}/changes?limit=1")["items"]
    assert last["actor"] == {"kind": "account", "id": "anne", "name": "Anne"}
    assert browser.send("GET", "accounts").status_code == 403
    assert browser.send("DELETE", "session", X_Pennon_CSRF=csrf).status_code == 204
    assert browser.send("GET", "session").status_code == 401


def test_another_site_changes_nothing_with_the_cookie(browser: Api) -> None:
    secret = sign_in(browser).json()["csrf"]
    for headers in ({}, {"X_Pennon_CSRF": ""}, {"X_Pennon_CSRF": "0" * len(secret)}):
        refused = turn_on(browser, **headers)
        assert refused.status_code == 403
        assert "X-Pennon-CSRF" in refused.json()["detail"]
    assert browser.send("DELETE", "session").status_code == 403
    assert sign_in(browser, Sec_Fetch_Site="cross-site").status_code == 403
    assert sign_in(browser, Sec_Fetch_Site="same-origin").status_code == 200


def test_a_session_that_somebody_chose_before_is_worth_nothing(api: Api) -> None:
    with api.as_holder_of(None) as browser:
        browser.http.cookies.set("pennon_session", "chosen-by-a-stranger")
        given = sign_in(browser).headers["set-cookie"]
        assert "chosen-by-a-stranger" not in given
    with api.as_holder_of(None) as stranger:
        stranger.http.cookies.set("pennon_session", "chosen-by-a-stranger")
        assert stranger.send("GET", "session").status_code == 401


def test_a_cookie_over_tls_is_of_this_host_alone(tmp_path: Path) -> None:
    with serving(tmp_path / "data", public_url="https://flags.shop.example") as (_, api):
        api.made("POST", "accounts", {"key": "anne"})
        api.made("PUT", "accounts/anne/password", {"password": PASSWORD})
        with api.as_holder_of(None) as browser:
            cookie = sign_in(browser).headers["set-cookie"]
    assert cookie.startswith("__Host-pennon_session=")
    assert "secure" in cookie.lower()
    assert "domain" not in cookie.lower()


def test_who_guesses_is_told_to_wait(browser: Api) -> None:
    statuses = [sign_in(browser, "wrong").status_code for _ in range(FREE_FAILURES + 1)]
    assert statuses == [401] * FREE_FAILURES + [429]
    late = sign_in(browser)
    assert late.status_code == 429
    assert int(late.headers["retry-after"]) >= 1
    assert late.json()["type"] == "urn:pennon:problem:too-many-attempts"


def test_who_is_disabled_or_loses_a_role_is_out_at_once(api: Api, browser: Api) -> None:
    csrf = sign_in(browser).json()["csrf"]
    api.made("PUT", "accounts/anne", {"name": "Anne", "grants": [{"role": "reader"}]})
    assert turn_on(browser, X_Pennon_CSRF=csrf).status_code == 403
    api.made("PUT", "accounts/anne", {"name": "Anne", "disabled": True})
    assert browser.send("GET", "session").status_code == 401
    assert sign_in(browser).status_code == 401


def test_a_password_is_changed_by_who_knows_it(browser: Api) -> None:
    csrf = sign_in(browser).json()["csrf"]
    new = {"current": "wrong", "password": "battery staple correct"}
    assert browser.send("PUT", "session/password", new, X_Pennon_CSRF=csrf).json()["problems"][0]["path"] == "/current"
    changed = browser.send("PUT", "session/password", {**new, "current": PASSWORD}, X_Pennon_CSRF=csrf)
    assert changed.status_code == 200, changed.text
    assert browser.send("GET", "session").status_code == 401
    assert sign_in(browser, "battery staple correct").status_code == 200


def test_a_token_says_who_it_is_and_needs_no_csrf(api: Api) -> None:
    shown = api.made("GET", "session")
    assert (shown["kind"], shown["csrf"], shown["grants"][0]["role"]) == ("token", None, "administrator")
    body = {"current": "x", "password": PASSWORD}
    assert api.send("PUT", "session/password", body).status_code == 403


def test_the_first_start_can_make_the_administrators_account(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\nnot the second line\n")
    settings = {"admin_account": "root", "admin_password_file": str(secret)}
    with serving(tmp_path / "data", **settings) as (_, api), api.as_holder_of(None) as browser:
        entered = browser.made("POST", "session", {"account": "root", "password": PASSWORD})
        assert [grant["role"] for grant in entered["grants"]] == ["administrator"]
        csrf = {"X_Pennon_CSRF": entered["csrf"]}
        browser.made("PUT", "session/password", {"current": PASSWORD, "password": PASSWORD[::-1]}, **csrf)
    with serving(tmp_path / "data", token=api.token, **settings) as (_, again), again.as_holder_of(None) as browser:
        assert sign_in_as(browser, "root", PASSWORD) == 401
        assert sign_in_as(browser, "root", PASSWORD[::-1]) == 200


@pytest.mark.parametrize(("password", "told"), [(None, "cannot be read"), ("short", "too short"), ("", "too short")])
def test_a_first_start_without_a_good_password_is_none(tmp_path: Path, password: str | None, told: str) -> None:
    secret = tmp_path / "password"
    if password is not None:
        secret.write_text(password)
    settings = {"admin_account": "root", "admin_password_file": str(secret)}
    with pytest.raises(CannotStart, match=told), serving(tmp_path / "data", **settings):
        pass
    secret.write_text(PASSWORD)
    with serving(tmp_path / "data", **settings) as (_, api), api.as_holder_of(None) as browser:
        assert api.token is not None
        assert sign_in_as(browser, "root", PASSWORD) == 200


def sign_in_as(browser: Api, account: str, password: str) -> int:
    return browser.send("POST", "session", {"account": account, "password": password}).status_code
