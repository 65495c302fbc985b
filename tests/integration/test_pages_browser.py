"""Pages in a real Chromium: their journeys, with and without scripts, wide and on a phone, by keys alone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.chromium import PASSWORD, PHONE, WAIT_MS, WIDE, chromium, faults, sign_in, somebody
from tests.serving import Api, serving

__all__ = ["chromium"]
PRODUCTION = "/projects/default/environments/production"

expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("pages") / "data") as (_, api):
        for key in ("new-checkout", "payments", "search"):
            api.made("POST", "projects/default/flags", {"key": key})
        for account, role in (("anne", "administrator"), ("dora", "developer")):
            api.made("POST", "accounts", {"key": account, "name": account.title(), "grants": [{"role": role}]})
            api.made("PUT", f"accounts/{account}/password", {"password": PASSWORD})
        yield api


@pytest.fixture(autouse=True)
def _as_at_first(api: Api) -> None:
    off = [{"do": "turnOff", "flag": key} for key in ("new-checkout", "payments", "search")]
    cleared = [{"do": "setPrerequisites", "flag": "new-checkout", "prerequisites": []}]
    api.made("POST", f"{PRODUCTION[1:]}/changes", {"edits": [*off, *cleared]})


def change(api: Api, *edits: dict[str, object]) -> None:
    api.made("POST", f"{PRODUCTION[1:]}/changes", {"edits": list(edits)})


def is_on(api: Api, flag: str) -> bool:
    return bool(api.made("GET", f"{PRODUCTION[1:]}/flags/{flag}")["on"])


@pytest.mark.parametrize("scripts", [True, False])
def test_the_kill_switch_is_found_and_thrown_on_a_phone(chromium: Browser, api: Api, scripts: bool) -> None:
    needs = {"flag": "payments", "variations": ["on"]}
    change(
        api,
        {"do": "turnOn", "flag": "payments"},
        {"do": "setPrerequisites", "flag": "new-checkout", "prerequisites": [needs]},
    )
    with somebody(chromium, api.url, size=PHONE, scripts=scripts) as page:
        sign_in(page, "dora")
        page.get_by_role("link", name="Kill switch").click()
        page.get_by_role("link", name="Turn off payments").click()
        expect(page.get_by_text("1 flag needs it")).to_be_visible()
        page.get_by_role("button", name="Turn off now").click()
        expect(page.get_by_role("status")).to_contain_text("Turned off")
    assert not is_on(api, "payments")


def test_a_rollout_is_raised_with_the_keyboard_alone(chromium: Browser, api: Api) -> None:
    with somebody(chromium, api.url) as page:
        sign_in(page, "anne")
        page.keyboard.press("/")
        page.keyboard.type("new-ch")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="new-checkout").press("Enter")
        page.get_by_role("button", name="Turn on").press("Enter")
        page.get_by_role("button", name="Change production").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Changed")
        everybody = page.get_by_role("listitem").filter(has_text="Everybody gets")
        everybody.get_by_text("Edit").press("Enter")
        everybody.get_by_label("serve").select_option("split")
        everybody.get_by_label("on", exact=True).fill("12,5")
        everybody.get_by_label("off", exact=True).fill("87.5")
        everybody.get_by_role("button", name="Review").press("Enter")
        expect(page.get_by_text("12.5 % on, 87.5 % off")).to_be_visible()
        page.get_by_label("Why").fill("a first step")
        page.get_by_role("button", name="Change production").press("Enter")
        expect(page.get_by_text("12.5 % on, 87.5 % off").first).to_be_visible()
        page.locator("body").press("k")
        expect(page.get_by_role("button", name="Turn off now")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Turned off")
    assert not is_on(api, "new-checkout")


def test_a_change_goes_from_draft_to_applied_through_two_people(chromium: Browser, api: Api) -> None:
    with somebody(chromium, api.url) as hers, somebody(chromium, api.url, size=PHONE) as his:
        sign_in(hers, "dora", f"{PRODUCTION}/flags/search")
        hers.get_by_role("button", name="Turn on").click()
        hers.get_by_label("Title", exact=True).fill("Search for everybody")
        hers.get_by_role("button", name="Propose it").click()
        expect(hers.get_by_role("heading", name="Search for everybody")).to_be_visible()
        sign_in(his, "anne")
        his.get_by_role("link", name="Search for everybody").click()
        expect(his.get_by_text("flag search: turned on")).to_be_visible()
        his.get_by_role("button", name="Approve").click()
        his.get_by_role("button", name="Make the change").click()
        expect(his.get_by_text("applied", exact=True)).to_be_visible()
    assert is_on(api, "search")


def test_of_two_who_edit_one_flag_the_later_one_is_told_and_can_go_on(chromium: Browser, api: Api) -> None:
    with somebody(chromium, api.url) as first, somebody(chromium, api.url) as second:
        for page in (first, second):
            sign_in(page, "anne", f"{PRODUCTION}/flags/payments")
            _name_somebody(page, "ada" if page is first else "grace")
        first.get_by_role("button", name="Change production").click()
        expect(first.get_by_role("status")).to_contain_text("Changed")
        second.get_by_label("Why").fill("for Grace")
        second.get_by_role("button", name="Change production").click()
        expect(second.get_by_role("alert")).to_contain_text("Somebody was faster")
        expect(second.get_by_label("Why")).to_have_value("for Grace")
        expect(second.get_by_text("grace targeted with on")).to_be_visible()


def test_a_list_is_searched_as_one_types_and_the_address_says_so(chromium: Browser, api: Api) -> None:
    with somebody(chromium, api.url) as page:
        sign_in(page, "anne", "/projects/default/flags")
        box = page.get_by_label("Search in key, name and description")
        box.press_sequentially("pay")
        expect(page.get_by_role("row")).to_have_count(2)
        expect(box).to_be_focused()
        page.wait_for_url(lambda url: "q=pay" in url)
        page.reload()
        expect(page.get_by_role("row")).to_have_count(2)


def _name_somebody(page: Page, who: str) -> None:
    page.get_by_text("Name somebody").click()
    page.get_by_label("Targeting keys").fill(who)
    page.locator("form").filter(has=page.get_by_label("Targeting keys")).get_by_role("button", name="Review").click()
    expect(page.get_by_role("button", name="Change production")).to_be_visible()


@pytest.mark.parametrize(("size", "dark"), [(WIDE, False), (PHONE, True)])
def test_axe_finds_nothing_on_any_page(chromium: Browser, api: Api, size: tuple[int, int], dark: bool) -> None:
    change(api, {"do": "turnOn", "flag": "search"})
    draft = {"environment": "production", "edits": [{"do": "turnOn", "flag": "payments"}]}
    request = api.made("POST", "projects/default/requests", {"title": "Payments", "changes": [draft]})
    plan = {"kind": "once", "at": "2030-12-02T09:00:00+01:00", "edits": draft["edits"]}
    planned = api.made("POST", f"{PRODUCTION[1:]}/schedules", {"title": "Payments later", "plan": plan})
    paths = [
        "/projects/default/attention",
        "/projects/default/changes?flag=search",
        "/installation/changes",
        f"{PRODUCTION}/diff?from=1&to=2",
        f"/projects/default/requests/{request['key']}/edit",
        f"{PRODUCTION}/plan?flag=search",
        f"{PRODUCTION}/plan?flag=search&kind=steps",
    ]
    if size == WIDE:  # on a phone in the dark those of the demo are looked at, in test_demo_browser.py
        paths += [
            "/projects/default",
            f"{PRODUCTION}/as-of",
            f"{PRODUCTION}/schedules",
            f"{PRODUCTION}/schedules/{planned['key']}",
            "/projects/default/flags",
            f"{PRODUCTION}/flags/search",
            f"{PRODUCTION}/turn-off?flag=search",
            f"{PRODUCTION}/changes",
            f"{PRODUCTION}/changes/1",
            "/projects/default/requests",
            f"/projects/default/requests/{request['key']}",
            "/projects/default/settings",
            f"{PRODUCTION}/settings",
            f"{PRODUCTION}/keys",
            f"{PRODUCTION}/layers",
            "/projects/default/webhooks",
            "/projects/default/events",
            "/projects/default/kill",
            "/projects/default/flags/nothing",
            "/account",
            "/people",
            "/people/accounts/anne",
            "/people/roles",
            "/people/roles/reader",
            "/people/tokens",
            "/people/sessions",
            "/installation",
            "/projects/default/new-flag",
            "/projects/default/definitions/search",
            "/projects/default/archived-flags",
            f"{PRODUCTION}/compare?flag=search",
        ]
    with somebody(chromium, api.url, size=size, dark=dark) as page:
        page.goto("/sign-in")
        assert faults(page) == []
        sign_in(page, "anne")
        for path in paths:
            page.goto(path)
            assert faults(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
        page.goto(f"{PRODUCTION}/flags/payments")
        for closed in page.locator("main details > summary").all():
            closed.click()
        assert faults(page) == []
        page.get_by_label("Targeting keys").fill("ada")
        page.locator("form").filter(has=page.get_by_label("Targeting keys")).get_by_role("button").click()
        expect(page.get_by_role("button", name="Change production")).to_be_visible()
        assert faults(page) == []
