"""Requests, schedules and the installation's webhooks in a real Chromium: from the first form to the last."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.chromium import PHONE, WAIT_MS, WIDE, chromium, faults, sign_in, somebody
from tests.serving import Api, serving
from tests.unscripted import people

__all__ = ["chromium"]
PROJECT = "/projects/default"
PRODUCTION = f"{PROJECT}/environments/production"

expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("work") / "data") as (_, api):
        for key in ("payments", "search"):
            api.made("POST", "projects/default/flags", {"key": key})
        people(api, anne="administrator", dora="developer", max="releaseManager")
        yield api


def propose(page: Page, flag: str, title: str, *, at: str = "") -> None:
    """Ask for a flag to be turned on, from its page; as of then it has to be approved."""
    page.goto(f"{PRODUCTION}/flags/{flag}")
    page.get_by_role("button", name="Turn on").click()
    if not page.get_by_label("Title").is_visible():
        page.get_by_text("Later, or after somebody has looked at it").click()
    page.get_by_label("Title").fill(title)
    if at:
        page.get_by_label("When").fill(at)
    page.get_by_role("button", name="Propose it").click()
    expect(page.get_by_role("heading", name=title)).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_request_for_a_time_is_edited_talked_about_approved_and_another_withdrawn(
    chromium: Browser, api: Api, scripts: bool
) -> None:
    title = f"Payments, {'with' if scripts else 'without'} scripts"
    with (
        somebody(chromium, api.url, scripts=scripts) as dora,
        somebody(chromium, api.url, size=PHONE, scripts=scripts) as max,
    ):
        sign_in(dora, "dora")
        propose(dora, "payments", title, at="2031-03-01T09:00")
        expect(dora.get_by_text("Made by itself at")).to_contain_text("2031-03-01")
        dora.get_by_role("link", name="Edit", exact=True).click()
        dora.get_by_label("Made by itself at").fill("2001-01-01T09:00")
        dora.get_by_label("Why").fill("OPS-12")
        dora.get_by_role("button", name="Propose this").click()
        expect(dora.get_by_role("alert").first).to_be_visible()
        expect(dora.get_by_label("Why")).to_have_value("OPS-12")
        dora.get_by_label("Made by itself at").fill("2031-04-01T09:00")
        dora.get_by_role("button", name="Propose this").click()
        expect(dora.get_by_text("Made by itself at")).to_contain_text("2031-04-01")
        dora.get_by_label("Comment").fill("The bank is ready then.")
        dora.get_by_role("button", name="Comment").click()
        expect(dora.get_by_text("The bank is ready then.")).to_be_visible()
        sign_in(max, "max", f"{PROJECT}/requests")
        max.get_by_role("link", name=title).click()
        expect(max.get_by_text("The bank is ready then.")).to_be_visible()
        assert max.evaluate("document.documentElement.scrollWidth <= innerWidth") if scripts else True
        max.get_by_label("Comment").fill("Good.")
        max.get_by_role("button", name="Approve").click()
        expect(max.get_by_text("1 approval", exact=False).first).to_be_visible()
        dora.reload()
        expect(dora.get_by_text("1 approval", exact=False).first).to_be_visible()
        dora.get_by_role("button", name="Withdraw").click()
        expect(dora.get_by_text("withdrawn", exact=True)).to_be_visible()
        dora.get_by_label("Comment").fill("Not this year.")
        dora.get_by_role("button", name="Comment").click()
        expect(dora.get_by_text("Not this year.")).to_be_visible()
    assert not api.made("GET", f"{PRODUCTION[1:]}/flags/payments")["on"]


@pytest.mark.parametrize("scripts", [True, False])
def test_a_change_is_planned_held_resumed_and_cancelled(chromium: Browser, api: Api, scripts: bool) -> None:
    with somebody(chromium, api.url, size=PHONE, scripts=scripts) as page:
        sign_in(page, "anne", f"{PRODUCTION}/schedules")
        sections = page.get_by_role("navigation", name="Sections")
        expect(sections.get_by_role("link", name="Kill switch")).to_be_in_viewport()
        if scripts:
            expect(sections.get_by_role("link", name="Schedules")).to_be_in_viewport(ratio=1)
        page.get_by_role("link", name="Step by step").click()
        page.get_by_label("Flag", exact=True).fill("search")
        page.get_by_role("button", name="Go on").click()
        page.get_by_label("Time of step 1").fill("2031-01-01T09:00")
        page.get_by_label("Percent in step 1").fill("10 of 100")
        page.get_by_label("Title").fill("Search, slowly")
        page.get_by_role("button", name="Plan it").click()
        expect(page.get_by_text("is no percentage")).to_be_visible()
        expect(page.get_by_label("Title")).to_have_value("Search, slowly")
        page.get_by_label("Percent in step 1").fill("10")
        page.get_by_label("Time of step 2").fill("2031-01-02T09:00")
        page.get_by_label("Percent in step 2").fill("100")
        page.get_by_role("button", name="Plan it").click()
        expect(page.get_by_role("heading", name="Search, slowly")).to_be_visible()
        expect(page.get_by_text("search serves 10 % on, 90 % off").first).to_be_visible()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("Nothing, while it is paused.")).to_be_visible()
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_text("active", exact=True)).to_be_visible()
        page.get_by_label("Why, for the log").fill("not this year")
        page.get_by_role("button", name="Cancel it").click()
        page.wait_for_url(lambda url: url.split("?")[0].endswith("/schedules"))
        expect(page.get_by_role("link", name="Search, slowly")).to_have_count(0)


def test_a_webhook_of_the_installation_is_made_tested_and_deleted(chromium: Browser, api: Api) -> None:
    with somebody(chromium, api.url) as page:
        sign_in(page, "anne", "/installation")
        page.get_by_role("navigation", name="People and access").get_by_role("link", name="Webhooks").click()
        page.get_by_label("Key, as in team-chat").fill("audit")
        page.get_by_label("URL").fill("http://audit.example/pennon")
        page.get_by_role("button", name="Make the webhook").click()
        expect(page.locator("#problem-url")).to_be_visible()
        page.get_by_label("URL").fill("https://nowhere.invalid/pennon")
        page.get_by_role("button", name="Make the webhook").click()
        expect(page.get_by_label("Secret")).not_to_be_empty()
        page.get_by_role("link", name="Look at it").click()
        page.get_by_role("button", name="Send a test").click()
        expect(page.get_by_role("heading", name="webhook.ping")).to_be_visible()
        look_again = page.get_by_role("link", name="Look again")
        expect(look_again.or_(page.get_by_text("dead", exact=True)).first).to_be_visible()
        while look_again.count():  # until it was tried: nobody is there
            look_again.click()
        page.get_by_role("button", name="Send it again").click()
        expect(page.get_by_role("status")).to_contain_text("sent again")
        page.get_by_role("link", name="All of this webhook").click()
        page.get_by_text("Delete audit").first.click()
        page.get_by_label("To delete it").fill("audit")
        page.get_by_role("button", name="Delete audit").click()
        expect(page.get_by_role("status")).to_contain_text("Deleted")
    assert api.made("GET", "webhooks")["items"] == []


@pytest.mark.parametrize(("size", "dark"), [(WIDE, False), (PHONE, True)])
def test_axe_finds_nothing_on_pages_of_work_that_are_full(
    chromium: Browser, api: Api, size: tuple[int, int], dark: bool
) -> None:
    key = f"full-{size[0]}"
    api.made("POST", "webhooks", {"key": key, "url": "https://nowhere.invalid/" + "x" * 100})
    draft = {"environment": "production", "edits": [{"do": "turnOn", "flag": "payments"}]}
    request = api.made("POST", "projects/default/requests", {"title": key, "changes": [draft]})["key"]
    for text in ("Looks right.", "x" * 300, "one\ntwo\nthree"):
        api.made("POST", f"projects/default/requests/{request}/comments", {"text": text})
    prepared = {"flag": "search", "schema": {"type": "boolean"}, "readBy": {"checkout-web": "2.3.0"}}
    api.made("POST", "projects/default/schema-steps/prepare", prepared)
    paths = (
        "/installation/webhooks",
        f"/installation/webhooks/{key}",
        "/installation/changes/1",
        f"{PROJECT}/changes/1",
        f"{PROJECT}/requests/{request}",
        f"{PROJECT}/value-schemas/search",
        f"{PROJECT}/value-schemas/payments",
        f"{PRODUCTION}/evaluations/search",
    )
    with somebody(chromium, api.url, size=size, dark=dark) as page:
        sign_in(page, "anne")
        for path in paths:
            page.goto(path)
            page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true; })")
            assert faults(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
