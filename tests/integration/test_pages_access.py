"""Which role sees which page: every page of a server is listed here, or a test fails."""

import contextlib
from collections.abc import Iterator, Mapping

import httpx2
import pytest

from pennon.control.access.permissions import BUILT_IN, Permission
from tests.integration.test_api_access import E, filled, is_shut, routes
from tests.serving import Api, InProcess, serving

PASSWORD = "correct horse battery"
P = "/projects/{project}"
OTHERS = ("/api/", "/sdk/", "/ofrep/", "/client/", "/js/", "/healthz", "/readyz", "/metrics")
OPEN = frozenset({"GET /sign-in", "POST /sign-in", "GET /pages/{file}"})
PAGES: Mapping[str, Permission | None] = {
    "GET /": None,
    "POST /sign-out": None,
    "GET /account": None,
    "POST /account/password": None,
    "POST /account/sessions": None,
    "GET /people": "access.manage",
    "GET /people/new-account": "access.manage",
    "POST /people/new-account": "access.manage",
    "GET /people/accounts/{account}": "access.manage",
    "POST /people/accounts/{account}": "access.manage",
    "POST /people/accounts/{account}/delete": "access.manage",
    "POST /people/accounts/{account}/password": "access.manage",
    "POST /people/accounts/{account}/sign-out": "access.manage",
    "POST /people/accounts/{account}/standing": "access.manage",
    "GET /people/new-role": "access.manage",
    "POST /people/new-role": "access.manage",
    "GET /people/new-token": "access.manage",
    "POST /people/new-token": "access.manage",
    "GET /people/roles": "access.manage",
    "GET /people/roles/{role}": "access.manage",
    "POST /people/roles/{role}": "access.manage",
    "POST /people/roles/{role}/delete": "access.manage",
    "GET /people/sessions": "access.manage",
    "POST /people/sessions": "access.manage",
    "GET /people/tokens": "access.manage",
    "GET /people/tokens/{token}": "access.manage",
    "POST /people/tokens/{token}/revoke": "access.manage",
    "GET /installation": None,
    "POST /installation/projects": "project.create",
    "POST /installation/signing-keys": "signing.manage",
    f"GET {P}": "read",
    f"GET {P}/flags": "read",
    f"GET {P}/archived-flags": "read",
    f"GET {P}/definitions/{{flag}}": "read",
    f"POST {P}/definition": "read",
    f"GET {P}/value-schemas/{{flag}}": "read",
    f"POST {P}/schema-step": "flag.define",
    f"GET {P}/new-flag": "flag.define",
    f"POST {P}/new-flag": "flag.define",
    f"GET {E}/compare": "read",
    f"POST {E}/copy": "read",
    f"GET {E}/rule": "read",
    f"POST {E}/rule": "read",
    f"GET {P}/flags/{{flag}}": "read",
    f"GET {P}/kill": "read",
    f"GET {P}/propagation": "read",
    f"GET {P}/requests": "read",
    f"GET {P}/requests/{{change_request}}": "read",
    f"POST {P}/requests/{{change_request}}": "read",
    f"GET {P}/requests/{{change_request}}/edit": "change.propose",
    f"POST {P}/requests/{{change_request}}/edit": "change.propose",
    f"GET {P}/schedules": "read",
    f"GET {P}/segments": "read",
    f"GET {P}/why": "read",
    f"GET {P}/settings": "read",
    f"POST {P}/settings": "project.manage",
    f"POST {P}/environments": "environment.manage",
    f"POST {P}/delete": "project.manage",
    f"GET {E}/settings": "read",
    f"POST {E}/settings": "environment.manage",
    f"POST {E}/delete": "environment.manage",
    f"GET {P}/layers": "read",
    f"GET {E}/layers": "read",
    f"GET {E}/layers/{{layer}}": "read",
    f"POST {E}/edit-layer": "read",
    **{
        f"{method} {owner}/webhooks{page}": "webhook.manage"
        for owner in (P, "/installation")
        for method, page in (
            ("GET", ""),
            ("POST", ""),
            ("GET", "/{webhook}"),
            ("POST", "/{webhook}"),
            ("POST", "/{webhook}/rotate"),
            ("POST", "/{webhook}/delete"),
            ("POST", "/{webhook}/test"),
            ("POST", "/{webhook}/redeliver"),
            ("GET", "/{webhook}/deliveries/{delivery}"),
            ("POST", "/{webhook}/deliveries/{delivery}/redeliver"),
        )
    },
    f"GET {P}/events": "read",
    f"GET {E}/keys": "key.read",
    f"POST {E}/keys": "key.manage",
    f"GET {E}/keys/{{key}}": "key.read",
    f"POST {E}/keys/{{key}}/rotate": "key.manage",
    f"POST {E}/keys/{{key}}/revoke": "key.manage",
    f"GET {P}/attention": "read",
    f"GET {P}/changes": "read",
    "GET /installation/changes": "installation.read",
    "GET /installation/changes/{revision}": "installation.read",
    f"GET {P}/changes/{{revision}}": "read",
    f"GET {E}/as-of": "read",
    f"GET {E}/diff": "read",
    f"GET {E}/changes": "read",
    f"GET {E}/changes/{{revision}}": "read",
    f"POST {E}/changes/{{revision}}/revert": "flag.turnOff",
    f"POST {E}/edit": "read",
    f"GET {E}/flags/{{flag}}": "read",
    f"GET {E}/evaluations/{{flag}}": "read",
    f"GET {E}/plan": "flag.turnOff",
    f"POST {E}/plan": "flag.turnOff",
    f"GET {E}/schedules": "read",
    f"GET {E}/schedules/{{schedule}}": "read",
    f"POST {E}/schedules/{{schedule}}": "flag.turnOff",
    f"GET {E}/propagation": "read",
    f"POST {E}/review": "read",
    f"GET {E}/segments": "read",
    f"GET {E}/segments/{{segment}}": "read",
    f"POST {E}/edit-segment": "read",
    f"GET {E}/turn-off": "read",
    f"POST {E}/turn-off": "flag.turnOff",
    f"GET {E}/why": "read",
    f"POST {E}/why": "read",
}
"""The permission that each page takes; None: any. A form that takes `read` takes more when it is known what it says."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[InProcess, Api]]:
    with serving(tmp_path_factory.mktemp("pages") / "data") as both:
        yield both


@contextlib.contextmanager
def visitor(api: Api, key: str, *grants: Mapping[str, str]) -> Iterator[tuple[httpx2.Client, str]]:
    """Give a browser in which a new account is signed in, and what its forms have to say."""
    api.made("POST", "accounts", {"key": key, "grants": grants})
    api.made("PUT", f"accounts/{key}/password", {"password": PASSWORD})
    with httpx2.Client(base_url=api.url, timeout=60, headers={"Accept": "text/html"}) as browser:
        entered = browser.post("/api/v1/session", json={"account": key, "password": PASSWORD})
        yield browser, entered.json()["csrf"]


def sent(browser: httpx2.Client, csrf: str, route: str) -> httpx2.Response:
    """Ask for a page about what is not there, or send it a form that says nothing."""
    method, _, template = route.partition(" ")
    return browser.request(method, filled(template), data={"csrf": csrf} if method == "POST" else None)


def test_every_page_takes_the_permission_that_is_listed(running: tuple[InProcess, Api]) -> None:
    server, api = running
    pages = {route for route in routes(server.app) if not route.partition(" ")[2].startswith(OTHERS)}
    assert {route for route in pages if not route.startswith("OPTIONS")} == set(PAGES) | OPEN
    for role in BUILT_IN:
        with visitor(api, role.lower(), {"role": role}) as (browser, csrf):
            for route, needed in PAGES.items():
                if route == "POST /sign-out":
                    continue
                answer = sent(browser, csrf, route)
                assert answer.status_code < 500, (role, route, answer.text)
                assert not is_shut(answer), (role, route)
                allowed = needed is None or BUILT_IN[role].gives(needed, production=f"{E}/" in route)
                assert (answer.status_code != 403) == allowed, (role, route, answer.status_code)
            assert sent(browser, csrf, "POST /sign-out").headers["location"].startswith("/sign-in")
            assert is_shut(sent(browser, csrf, "GET /"))


def test_who_holds_a_role_elsewhere_or_none_sees_no_page_of_a_project(running: tuple[InProcess, Api]) -> None:
    _, api = running
    api.made("POST", "projects", {"key": "mine"})
    mine = {"role": "administrator", "project": "mine"}
    for key, grants in (("nobody", []), ("mine-only", [mine])):
        with visitor(api, key, *grants) as (browser, csrf):
            for route in (route for route, needed in PAGES.items() if needed):
                assert sent(browser, csrf, route).status_code == 403, (key, route)


def test_no_form_is_taken_that_another_page_sent(running: tuple[InProcess, Api]) -> None:
    _, api = running
    with visitor(api, "boss", {"role": "administrator"}) as (browser, csrf):
        for route in (route for route in PAGES if route.startswith("POST")):
            for forged in ("", "0" * len(csrf)):
                assert sent(browser, forged, route).status_code == 403, route
        assert not is_shut(sent(browser, csrf, "GET /"))


def test_no_page_is_shown_before_one_has_signed_in(running: tuple[InProcess, Api]) -> None:
    _, api = running
    with httpx2.Client(base_url=api.url, timeout=60) as stranger:
        for route in PAGES:
            assert is_shut(sent(stranger, "", route)), route
