"""A credential that was taken away opens nothing any more: at once on every server, within a second at every node."""

import contextlib
import time
from collections.abc import Callable, Iterator

import httpx2
import pytest

from tests.integration.oidc import CLIENT, SECRET, Browser, kept_port, provider
from tests.postgres import Postgres
from tests.serving import Api, serving

PASSWORD = "correct horse battery"
PATIENCE_S = 60


@pytest.fixture(scope="module")
def servers(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Api]]:
    """Give the administrator's clients of two servers over one database."""
    folder, database = tmp_path_factory.mktemp("servers"), postgres.database()
    with (
        serving(folder / "one", database_url=database) as (_, one),
        serving(folder / "two", database_url=database, token=one.token) as (_, two),
    ):
        yield one, two


@contextlib.contextmanager
def signed_in(api: Api, account: str) -> Iterator[httpx2.Client]:
    """Give a browser in which *account*, a new one, is signed in."""
    api.made("POST", "accounts", {"key": account, "grants": [{"role": "administrator"}]})
    api.made("PUT", f"accounts/{account}/password", {"password": PASSWORD})
    with httpx2.Client(timeout=60) as browser:
        answer = browser.post(f"{api.url}/api/v1/session", json={"account": account, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        yield browser


def eventually(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < until, "it does not come"
        time.sleep(0.02)


def test_a_revoked_token_is_dead_with_the_next_request_to_any_server(servers: tuple[Api, Api]) -> None:
    one, two = servers
    made = one.made("POST", "tokens", {"name": "t", "role": "reader"})
    with two.as_holder_of(made["secret"]) as holder:
        assert holder.send("GET", "projects").status_code == 200
        one.made("DELETE", f"tokens/{made['token']['key']}")
        assert holder.send("GET", "projects").status_code == 401


def test_an_expired_token_is_dead(servers: tuple[Api, Api]) -> None:
    one, two = servers
    made = one.made("POST", "tokens", {"name": "short", "role": "reader", "notAfter": int(time.time()) + 4})
    with two.as_holder_of(made["secret"]) as holder:
        eventually(lambda: holder.send("GET", "projects").status_code == 401)
        assert "expired" in holder.send("GET", "projects").json()["detail"]


@pytest.mark.parametrize("way", ["session", "account", "everybody", "disabled", "deleted", "password", "out"])
def test_a_session_that_was_ended_is_dead_with_the_next_request_to_any_server(
    servers: tuple[Api, Api], way: str
) -> None:
    one, two = servers
    account = f"by-{way}"
    with signed_in(one, account) as browser:
        session = f"{two.url}/api/v1/session"
        csrf = browser.get(session).json()["csrf"]
        (known,) = one.made("GET", f"sessions?account={account}")["items"]
        assert known["account"] == account
        if way == "out":
            assert browser.delete(f"{one.url}/api/v1/session", headers={"X-Pennon-CSRF": csrf}).status_code == 204
        else:
            method, path, body = {
                "session": ("DELETE", f"sessions/{known['key']}", None),
                "account": ("DELETE", f"accounts/{account}/sessions", None),
                "everybody": ("DELETE", "sessions", None),
                "disabled": ("PUT", f"accounts/{account}", {"disabled": True}),
                "deleted": ("DELETE", f"accounts/{account}", None),
                "password": ("PUT", f"accounts/{account}/password", {"password": PASSWORD[::-1]}),
            }[way]
            one.made(method, path, body)
        assert browser.get(session).status_code == 401
        assert one.made("GET", f"sessions?account={account}")["items"] == []


def test_a_role_that_was_taken_away_is_gone_with_the_next_request_to_any_server(servers: tuple[Api, Api]) -> None:
    one, two = servers
    with signed_in(one, "demoted") as browser:
        assert browser.get(f"{two.url}/api/v1/accounts").status_code == 200
        one.made("PUT", "accounts/demoted", {"grants": [{"role": "reader"}]})
        assert browser.get(f"{two.url}/api/v1/accounts").status_code == 403


def test_a_revoked_key_is_dead_on_every_server_and_its_streams_end(servers: tuple[Api, Api]) -> None:
    one, two = servers
    keys = "projects/default/environments/production/keys"
    made = one.made("POST", keys, {"kind": "server"})
    headers = {"Authorization": f"Bearer {made['secret']}"}
    snapshots = [f"{each.url}/sdk/v1/snapshot" for each in servers]
    with httpx2.Client(headers=headers, timeout=PATIENCE_S) as sdk:
        eventually(lambda: all(sdk.get(snapshot).status_code == 200 for snapshot in snapshots))
        with sdk.stream("GET", f"{two.url}/sdk/v1/stream") as stream:
            assert stream.status_code == 200
            one.made("DELETE", f"{keys}/{made['key']['key']}")
            stream.read()  # to the end, which does not come by itself
        eventually(lambda: all(sdk.get(snapshot).status_code == 401 for snapshot in snapshots))


def test_lists_say_when_each_was_used_last(servers: tuple[Api, Api]) -> None:
    one, two = servers
    with signed_in(one, "busy") as browser:
        browser.get(f"{two.url}/api/v1/session")
        account = one.made("GET", "accounts/busy")
        (session,) = one.made("GET", "sessions?account=busy")["items"]
        assert account["lastUsed"] == session["lastUsed"]
    one.made("POST", "accounts", {"key": "idle"})
    listed = {each["key"]: each["lastUsed"] for each in two.made("GET", "accounts")["items"]}
    assert (listed["busy"], listed["idle"]) == (account["lastUsed"], None)
    one.made("DELETE", "accounts/busy")
    one.made("POST", "accounts", {"key": "busy"})
    assert one.made("GET", "accounts/busy")["lastUsed"] is None


def test_what_names_no_session_ends_none(servers: tuple[Api, Api]) -> None:
    one, _ = servers
    with signed_in(one, "kept") as browser:
        for name in ("nothing", "0" * 64, "%25", "..%2F"):
            assert one.send("DELETE", f"sessions/{name}").status_code == 404
        assert one.send("DELETE", "accounts/nobody/sessions").status_code == 404
        assert browser.get(f"{one.url}/api/v1/session").status_code == 200


def test_any_server_ends_a_sign_in_that_another_began(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, database = tmp_path_factory.mktemp("oidc"), postgres.database()
    with kept_port() as port, provider(url := f"http://127.0.0.1:{port}") as running:
        how = {
            "database_url": database,
            "public_url": url,
            "oidc_issuer": running.issuer,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SECRET,
        }
        with (
            serving(folder / "one", port=port, **how) as (_, one),
            serving(folder / "two", token=one.token, **how) as (_, two),
            Browser(url) as browser,
        ):
            back = browser.come_back("anne").replace(url, two.url)
            assert browser.http.get(back).status_code == 303
            assert browser.session().json()["id"] == "anne"
