"""People sign in by a real OpenID Connect provider: what they get, and what happens when it fails them."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from pennon.control.access.oidc import wire
from tests.integration.oidc import CLIENT, SECRET, Browser, OidcProvider, kept_port, provider
from tests.serving import Api, serving

PASSWORD = "correct horse battery"
CALLBACK = "/api/v1/sign-in/oidc/callback"


class World:
    """A server, its administrator, and the provider that people come by."""

    def __init__(self, url: str, api: Api, provider: OidcProvider) -> None:
        self.url = url
        self.api = api
        self.provider = provider
        self.people: dict[str, Any] = {}

    def knows(self, login: str, **claims: Any) -> str:
        """Have the provider know somebody; return his login, which also is his subject."""
        self.people[login] = claims
        self.provider.tell(people=self.people)
        return login

    def browser(self) -> Browser:
        return Browser(self.url)

    def account(self, login: str) -> Any:
        identity = {"issuer": self.provider.issuer, "subject": login}
        found = [each for each in self.api.made("GET", "accounts")["items"] if each["identity"] == identity]
        assert len(found) == 1, (login, found)
        return found[0]

    def changes(self) -> list[Any]:
        return list(self.api.made("GET", "installation/changes?limit=100")["items"])


def named(issuer: str) -> dict[str, Any]:
    return {
        "oidc_issuer": issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
        "oidc_account_claim": "preferred_username",
        "oidc_name": "Shop ID",
        "oidc_scopes": ("openid", "email", "profile", "groups"),
        "oidc_grants": ("*=reader", "web=developer@default", "gone=developer@nowhere"),
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with kept_port() as port, provider(url := f"http://127.0.0.1:{port}") as running:
        folder = tmp_path_factory.mktemp("oidc") / "data"
        with serving(folder, port=port, public_url=url, **named(running.issuer)) as (_, api):
            yield World(url, api, running)


@pytest.fixture(autouse=True)
def well(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "world" in request.fixturenames:
        request.getfixturevalue("world").provider.tell(answers="well", skew=0)


def test_a_person_comes_by_the_provider_and_has_an_account_once(world: World) -> None:
    anne = world.knows("anne-1", preferred_username="Anne", name="Anne A.", email="anne@shop.example", groups=["web"])
    before = len(world.changes())
    with world.browser() as browser:
        assert browser.session().status_code == 401
        answer = browser.sign_in(anne, following="/flags?env=production")
        assert (answer.status_code, answer.headers["location"]) == (303, "/flags?env=production")
        assert answer.headers["cache-control"] == "no-store"
        session = browser.session().json()
        assert (session["kind"], session["id"], session["name"]) == ("account", "anne", "Anne A.")
        csrf = {"X-Pennon-CSRF": session["csrf"]}
        made = browser.http.post(f"{world.url}/api/v1/projects/default/flags", json={"key": "hers"}, headers=csrf)
        assert made.status_code == 201, made.text
        assert browser.sign_in(anne).status_code == 303
        assert browser.session().json()["id"] == "anne"
    account = world.account(anne)
    assert (account["key"], account["email"], account["disabled"]) == ("anne", "anne@shop.example", False)
    assert account["lastUsed"] is not None
    (created,) = world.changes()[: len(world.changes()) - before]
    assert (created["action"], created["actor"]["id"]) == ("createAccount", "pennon")
    assert {each["how"] for each in world.api.made("GET", "sessions?account=anne")["items"]} == {"provider"}


def test_nobody_gets_anothers_account_by_an_address_or_a_name(world: World) -> None:
    world.api.made(
        "POST", "accounts", {"key": "boss", "email": "boss@shop.example", "grants": [{"role": "administrator"}]}
    )
    thief = world.knows("thief", preferred_username="boss", email="boss@shop.example", email_verified=True)
    with world.browser() as browser:
        browser.sign_in(thief)
        session = browser.session().json()
    assert session["id"].startswith("boss-")
    assert [grant["role"] for grant in session["grants"]] == ["reader"]
    assert world.api.made("GET", "accounts/boss")["identity"] is None


def test_an_administrator_can_say_that_an_account_is_somebodys(world: World) -> None:
    identity = {"issuer": world.provider.issuer, "subject": world.knows("ella-1", preferred_username="another")}
    world.api.made("POST", "accounts", {"key": "ella", "identity": identity})
    with world.browser() as browser:
        browser.sign_in("ella-1")
        assert browser.session().json()["id"] == "ella"
    taken = world.api.send("POST", "accounts", {"key": "finn", "identity": identity})
    assert (taken.status_code, taken.json()["problems"][0]["path"]) == (422, "/identity")


def test_groups_give_roles_anew_at_each_sign_in_and_what_was_given_here_stays(world: World) -> None:
    dora = world.knows("dora", groups=["web"])
    with world.browser() as browser:
        browser.sign_in(dora)
        account = world.account(dora)
        assert [grant["role"] for grant in account["providerGrants"]] == ["reader", "developer"]
        world.api.made("PUT", f"accounts/{account['key']}", {**account, "grants": [{"role": "releaseManager"}]})
        world.knows("dora", groups=[])
        assert len(browser.session().json()["grants"]) == 3, "until she comes again"
        browser.sign_in(dora)
        assert [grant["role"] for grant in browser.session().json()["grants"]] == ["releaseManager", "reader"]


def test_who_is_disabled_here_is_told_so_and_stays_out(world: World) -> None:
    carl = world.knows("carl")
    with world.browser() as browser:
        browser.sign_in(carl)
        account = world.account(carl)
        world.api.made("PUT", f"accounts/{account['key']}", {**account, "disabled": True})
        assert browser.session().status_code == 401
        page = browser.sign_in(carl)
        assert page.status_code == 403
        assert "is disabled here" in page.text
        assert browser.session().status_code == 401


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "/%2Fevil.example", "/%5Cevil.example"]
)
def test_nobody_is_sent_to_another_site_after_signing_in(world: World, target: str) -> None:
    with world.browser() as browser:
        answer = browser.sign_in(world.knows("anne-2"), following=quote(target, safe=""))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_an_answer_is_good_once_and_in_the_browser_that_asked(world: World) -> None:
    world.knows("anne-3")
    with world.browser() as browser, world.browser() as other:
        back = browser.come_back("anne-3")
        assert "begun elsewhere" in other.http.get(back).json()["detail"]
        other.come_back("anne-3")
        page = other.finish(back)
        assert (page.status_code, page.headers["content-type"]) == (400, "text/html; charset=utf-8")
        assert "belongs to another sign-in" in page.text
        kept = browser.http.cookies["pennon_sign_in"]
        assert browser.http.get(back).status_code == 303
        assert "over already" in browser.http.get(back).json()["detail"]
        browser.http.cookies.set("pennon_sign_in", kept)  # even so the provider takes a code only once
        assert "was used" in browser.http.get(back).json()["detail"]
        browser.http.cookies.set("pennon_sign_in", "forged")
        assert browser.http.get(back).json()["type"] == "urn:pennon:problem:sign-in-unfinished"


def test_a_session_is_made_anew_and_never_the_one_that_a_stranger_chose(world: World) -> None:
    with world.browser() as browser:
        browser.http.cookies.set("pennon_session", "chosen-by-a-stranger", domain="127.0.0.1", path="/")
        first = browser.sign_in(world.knows("anne-4")).headers.get_list("set-cookie")
        again = browser.sign_in("anne-4").headers.get_list("set-cookie")
        assert not set(first) & set(again) - {cookie for cookie in first if "pennon_sign_in" in cookie}
        (cookie,) = (cookie for cookie in first if cookie.startswith("pennon_session="))
        assert "chosen-by-a-stranger" not in cookie
        assert "httponly" in cookie.lower()
        assert "samesite=lax" in cookie.lower()


def test_the_provider_may_refuse_and_nothing_that_a_link_says_is_shown(world: World) -> None:
    with world.browser() as browser:
        for error, status, told in (
            ("access_denied", 403, "did not let you in"),
            ("temporarily_unavailable", 503, "cannot let anybody in now"),
            ("<script>alert(1)</script>", 503, "refuses this server"),
        ):
            begun = browser.get("/api/v1/sign-in/oidc")
            state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
            query = f"state={state}&error={quote(error)}&error_description=%3Cscript%3E%1b%5B31m"
            page = browser.get(f"{CALLBACK}?{query}", Accept="text/html")
            assert page.status_code == status
            assert told in page.text
            assert "alert(1)" not in page.text
            assert "[31m" not in page.text
            assert page.url.path == "/sign-in"
            assert "default-src 'none'" in page.headers["content-security-policy"]
            wrong = browser.get(f"{CALLBACK}?{query}&iss=https%3A%2F%2Fevil.example")
            assert "another identity provider's" in wrong.json()["detail"]


def test_a_provider_with_new_keys_is_believed_at_once(world: World) -> None:
    with world.browser() as browser:
        world.knows("anne-5")
        assert browser.sign_in("anne-5").status_code == 303
        world.provider.tell(keys="new")
        assert browser.sign_in("anne-5").status_code == 303


@pytest.mark.parametrize("skew", [-60, 60])
def test_a_clock_may_be_a_minute_off(world: World, skew: int) -> None:
    world.provider.tell(skew=skew)
    with world.browser() as browser:
        assert browser.sign_in(world.knows(f"late{skew}")).status_code == 303


def test_a_clock_that_is_an_hour_off_is_told(world: World) -> None:
    world.provider.tell(skew=3600)
    with world.browser() as browser:
        page = browser.sign_in(world.knows("late"))
    assert page.status_code == 503
    assert "clock" in page.text


@pytest.mark.parametrize(
    ("answers", "told"), [("pages", "something else than was asked"), ("without end", "cannot be reached")]
)
def test_what_is_no_answer_of_a_provider_lets_nobody_in(world: World, answers: str, told: str) -> None:
    world.knows("anne-6")
    with world.browser() as browser:
        back = browser.come_back("anne-6")
        world.provider.tell(answers=answers)
        page = browser.finish(back)
        assert page.status_code == 503
        assert told in page.text.lower()
        assert browser.session().status_code == 401
        world.provider.tell(answers="well")
        assert browser.sign_in("anne-6").status_code == 303


def test_a_provider_that_hangs_is_not_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "WAIT_S", 0.2)
    world.knows("anne-7")
    with world.browser() as browser:
        back = browser.come_back("anne-7")
        world.provider.tell(answers="nothing")
        page = browser.finish(back)
        assert page.status_code == 503
        assert "does not answer in time" in page.text
        assert world.api.send("GET", "projects").status_code == 200


def test_what_ways_there_are_to_sign_in_is_told(world: World) -> None:
    with world.browser() as browser:
        ways = browser.get("/api/v1/sign-in").json()
    assert ways == {
        "password": "everybody",
        "provider": {"name": "Shop ID", "issuer": world.provider.issuer, "path": "/api/v1/sign-in/oidc"},
    }


def test_the_sign_in_page_leads_to_the_provider_and_back_to_what_was_wanted(world: World) -> None:
    with world.browser() as browser:
        page = browser.get("/sign-in?next=%2F%3Fa%3Db%26c", Accept="text/html")
        assert "Sign in by Shop ID" in page.text
        assert 'href="/api/v1/sign-in/oidc?next=/%3Fa%3Db%26c"' in page.text


def test_nobody_else_makes_the_sign_in_page_say_anything(world: World) -> None:
    with world.browser() as browser:
        for code in ("", "x", "%00", "A" * 400, browser.come_back(world.knows("anne-8"))[-40:], "%F0%9F%98%80"):
            page = browser.get(f"/sign-in?refused={code}", Accept="text/html")
            assert page.status_code == 200, code
            assert 'role="alert"' not in page.text


def test_a_form_of_a_session_that_is_over_is_kept_while_somebody_comes_by_the_provider(world: World) -> None:
    fields = {"elsewhere": "1", "resume": "/projects/default/flags", "kept.why": "typed before"}
    with world.browser() as browser:
        waits = browser.http.post(f"{world.url}/sign-in", data=fields)
        assert (waits.status_code, "not signed in yet" in waits.text) == (401, True)
        assert 'name="kept.why" value="typed before"' in waits.text
        browser.sign_in(world.knows("anne-9"))
        goes_on = browser.http.post(f"{world.url}/sign-in", data=fields)
        assert goes_on.status_code == 200
        assert 'name="why" value="typed before"' in goes_on.text
        assert 'name="csrf" value="' in goes_on.text


def test_a_server_without_a_provider_says_so(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as (_, api), Browser(api.url) as browser:
        assert browser.get("/api/v1/sign-in").json() == {"password": "everybody", "provider": None}
        for path in ("/api/v1/sign-in/oidc", CALLBACK):
            assert browser.get(path).status_code == 404
        for path in (CALLBACK, "/sign-in"):
            page = browser.get(path, Accept="text/html")
            assert "oidc" not in page.text
            assert "pennon account create" in page.text
        api.made("POST", "accounts", {"key": "anne"})
        assert "pennon account create" not in browser.get("/sign-in", Accept="text/html").text


def test_over_tls_what_the_browser_keeps_is_of_this_host_alone(tmp_path: Path, world: World) -> None:
    settings = {**named(world.provider.issuer), "public_url": "https://flags.shop.example"}
    with serving(tmp_path / "data", **settings) as (_, api), Browser(api.url) as browser:
        begun = browser.get("/api/v1/sign-in/oidc")
    (cookie,) = begun.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-pennon_sign_in=")
    for part in ("httponly", "secure", "path=/", "samesite=lax", "max-age=600"):
        assert part in cookie.lower()
    assert "domain" not in cookie.lower()


def test_with_the_provider_dead_the_emergency_account_still_comes_in_and_everybody_is_told(tmp_path: Path) -> None:
    with kept_port() as port, provider(url := f"http://127.0.0.1:{port}") as running:
        settings = {**named(running.issuer), "port": port, "public_url": url, "oidc_only": True}
        with serving(tmp_path / "data", **settings) as (_, api), Browser(url) as browser:
            for key, emergency in (("anne", False), ("break-glass", True)):
                account = {"key": key, "emergency": emergency, "grants": [{"role": "administrator"}]}
                api.made("POST", "accounts", account)
                api.made("PUT", f"accounts/{key}/password", {"password": PASSWORD})
            assert browser.get("/api/v1/sign-in").json()["password"] == "emergency"
            running.kill()
            page = browser.get("/api/v1/sign-in/oidc", Accept="text/html")
            assert page.status_code == 503
            assert "cannot be reached" in page.text
            assert "<summary>Emergency accounts</summary>" in page.text
            with api.as_holder_of(None) as stranger:
                refused = stranger.send("POST", "session", {"account": "anne", "password": PASSWORD})
                assert refused.status_code == 401
                assert "sign in by Shop ID" in refused.json()["detail"]
                wrong = stranger.send("POST", "session", {"account": "break-glass", "password": "wrong"})
                assert wrong.json()["detail"] == refused.json()["detail"]
                inside = stranger.send("POST", "session", {"account": "break-glass", "password": PASSWORD})
                assert inside.status_code == 200, inside.text
            last = api.made("GET", "installation/changes?limit=1")["items"][0]
            assert (last["action"], last["actor"]["id"]) == ("useEmergencyAccount", "break-glass")
            assert last["why"] == "signed in by its password from 127.0.0.1"
            used = api.made("GET", "accounts/break-glass")["emergencyUsedAt"]
            assert abs(used - time.time()) < 600
