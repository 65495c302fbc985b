"""Pages that stay open in a real Chromium: what others change appears, servers restart, and sessions end."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from pennon.control.config import Settings
from tests.chromium import PASSWORD, PHONE, WAIT_MS, chromium, sign_in, somebody
from tests.ports import free_port
from tests.serving import Api, InProcess, serving

__all__ = ["chromium"]
PROJECT = "/projects/default"
PRODUCTION = f"{PROJECT}/environments/production"

expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("live") / "data") as (_, api):
        prepare(api)
        yield api


def prepare(api: Api) -> None:
    for key in ("new-checkout", "payments"):
        api.made("POST", "projects/default/flags", {"key": key})
    api.made("POST", "accounts", {"key": "anne", "name": "Anne", "grants": [{"role": "administrator"}]})
    api.made("PUT", "accounts/anne/password", {"password": PASSWORD})


def change(api: Api, why: str, *edits: dict[str, object]) -> None:
    api.made("POST", f"{PRODUCTION[1:]}/changes", {"edits": list(edits), "why": why})


def test_what_others_do_appears_where_it_is_looked_at(chromium: Browser, api: Api) -> None:
    with contextlib.ExitStack() as stack:
        tabs = []
        for path in (PROJECT, f"{PRODUCTION}/changes", f"{PROJECT}/requests", f"{PRODUCTION}/schedules"):
            page = stack.enter_context(somebody(chromium, api.url))
            with page.expect_response(lambda answer: "/api/v1/feed" in answer.url):
                sign_in(page, "anne", path)
            tabs.append(page)
        home, changes, requests, schedules = tabs
        change(api, "seen at once", {"do": "turnOn", "flag": "payments"})
        expect(changes.get_by_text("seen at once")).to_be_visible()
        expect(home.get_by_text("seen at once")).to_be_visible()
        edits = [{"do": "turnOn", "flag": "new-checkout"}]
        draft = {"title": "A launch", "changes": [{"environment": "production", "edits": edits}]}
        api.made("POST", "projects/default/requests", draft)
        expect(requests.get_by_role("link", name="A launch")).to_be_visible()
        plan = {"kind": "once", "at": "2030-12-02T09:00:00+01:00", "edits": edits}
        api.made("POST", f"{PRODUCTION[1:]}/schedules", {"title": "A planned launch", "plan": plan})
        expect(schedules.get_by_role("link", name="A planned launch")).to_be_visible()


def test_a_page_says_that_its_server_is_away_and_goes_on_when_it_is_back(chromium: Browser, tmp_path: Path) -> None:
    port = free_port()
    first = InProcess(_settings(tmp_path, port))
    try:
        with Api(first.url, first.token) as api:
            prepare(api)
            token = first.token
        with somebody(chromium, first.url) as page:
            with page.expect_response(lambda answer: "/api/v1/feed" in answer.url):
                sign_in(page, "anne", f"{PRODUCTION}/changes")
            first.stop()
            expect(page.get_by_role("status").get_by_text("The server does not answer")).to_be_visible()
            expect(page.get_by_role("heading", name="Changes")).to_be_visible()
            second = InProcess(_settings(tmp_path, port))
            try:
                with Api(second.url, token) as api:
                    change(api, "while you waited", {"do": "turnOn", "flag": "payments"})
                expect(page.get_by_text("while you waited")).to_be_visible()
                expect(page.get_by_text("The server does not answer")).to_have_count(0)
            finally:
                page.goto("about:blank")
                second.stop()
    finally:
        with contextlib.suppress(AssertionError):
            first.stop()


def _settings(folder: Path, port: int) -> Settings:
    return Settings(data=str(folder / "data"), port=port, max_request_rate=0)


def test_what_was_typed_when_the_session_ended_is_there_after_signing_in_again(chromium: Browser, api: Api) -> None:
    with somebody(chromium, api.url, size=PHONE) as page:
        sign_in(page, "anne", f"{PRODUCTION}/flags/new-checkout")
        page.get_by_role("button", name="Turn on").click()
        page.get_by_label("Why").fill('for "Ada" & <co>')
        page.get_by_text("Later, or after somebody").click()
        page.get_by_label("Title").fill("Half a title")
        page.context.clear_cookies()
        page.get_by_role("button", name="Propose it").click()
        expect(page.get_by_text("Your session is over")).to_be_visible()
        page.get_by_label("Account").fill("anne")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Go on with it").click()
        expect(page.get_by_role("heading", name="Half a title")).to_be_visible()
        expect(page.get_by_text('for "Ada" & <co>')).to_be_visible()


def test_a_page_whose_session_ended_says_so_and_shows_nothing_else_instead(chromium: Browser, api: Api) -> None:
    with somebody(chromium, api.url) as page:
        with page.expect_response(lambda answer: "/api/v1/feed" in answer.url):
            sign_in(page, "anne", f"{PRODUCTION}/changes")
        page.context.clear_cookies()
        change(api, "after the end", {"do": "setCritical", "flag": "payments", "critical": True})
        expect(page.get_by_text("Your session is over")).to_be_visible()
        expect(page.get_by_role("heading", name="Changes")).to_be_visible()
        page.get_by_role("link", name="Sign in").click()
        expect(page.get_by_label("Password")).to_be_visible()
