"""Settings in a real Chromium: a key that is made and pasted, and an environment that is protected from a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.chromium import PASSWORD, PHONE, WAIT_MS, WIDE, chromium, faults, sign_in, somebody
from tests.serving import Api, serving

__all__ = ["chromium"]
P = "/projects/default"
E = P + "/environments/production"

expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("settings") / "data") as (_, api):
        api.made("POST", "accounts", {"key": "anne", "name": "Anne", "grants": [{"role": "administrator"}]})
        api.made("PUT", "accounts/anne/password", {"password": PASSWORD})
        yield api


def test_a_client_key_is_made_with_the_keyboard_and_its_page_is_copied_and_asks(chromium: Browser, api: Api) -> None:
    with somebody(chromium, api.url) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        sign_in(page, "anne", P)
        page.keyboard.press("g")
        page.keyboard.press("e")
        page.get_by_role("link", name="keys of development").click()
        expect(page.get_by_label("Pages that may use it")).to_be_hidden()
        page.get_by_label("A browser or an app").check()
        page.get_by_label("Pages that may use it").fill("shop.example")
        page.get_by_role("button", name="Make the key").click()
        expect(page.get_by_text("write it as in https://shop.example").last).to_be_visible()
        expect(page.get_by_label("Pages that may use it")).to_have_value("shop.example")
        page.get_by_label("Pages that may use it").fill(api.url)
        page.get_by_role("button", name="Make the key").click()
        secret = page.get_by_label("Secret").input_value()
        page.get_by_role("button", name="Copy").last.click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert faults(page) == []
        copied = str(page.evaluate("navigator.clipboard.readText()"))
        assert secret in copied
        page.context.route(f"{api.url}/shop", lambda route: route.fulfill(body=copied, content_type="text/html"))
        with page.expect_request(lambda sent: sent.url.startswith((f"{api.url}/client/", f"{api.url}/ofrep/"))):
            page.goto("/shop")  # what is pasted runs: its checksum is right, and it asks
        page.goto(f"{P}/environments/development/keys")
        assert secret not in page.content()


@pytest.mark.parametrize("scripts", [True, False])
def test_an_environment_is_made_and_protected_on_a_phone(chromium: Browser, api: Api, scripts: bool) -> None:
    key = "canary" if scripts else "plain"
    with somebody(chromium, api.url, size=PHONE, scripts=scripts) as page:
        sign_in(page, "anne", f"{P}/settings")
        page.get_by_text("Make an environment").click()
        page.get_by_label("Key, as in staging").fill(key)
        page.get_by_label("Users see it").check()
        page.get_by_role("button", name="Make it").click()
        expect(page.get_by_role("status")).to_contain_text("Made.")
        page.get_by_label("A reason").check()
        page.get_by_label("approvals of others").fill("1")
        page.get_by_role("button", name="Add a weekly freeze").click()
        row = page.get_by_role("group", name="Weekly freeze 1")
        row.get_by_label("From").fill("fri 16:00")
        row.get_by_label("until").fill("monday")
        page.get_by_role("button", name="Save").click()
        expect(row.get_by_text("write fri 16:00")).to_be_visible()
        expect(page.get_by_label("approvals of others")).to_have_value("1")
        row.get_by_label("until").fill("mon 06:00")
        row.get_by_label("until").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Saved.")
    protection = api.made("GET", f"projects/default/environments/{key}")["protection"]
    assert (protection["why"], protection["approvals"], len(protection["weeklyFreezes"])) == (True, 1, 1)


@pytest.mark.parametrize(("size", "dark"), [(WIDE, True), (PHONE, False)])
def test_axe_finds_nothing_on_pages_of_settings_that_are_full(
    chromium: Browser, api: Api, size: tuple[int, int], dark: bool
) -> None:
    key = f"full-{size[0]}"
    api.made("POST", "projects/default/webhooks", {"key": key, "url": "https://nowhere.invalid/" + "x" * 100})
    delivery = api.made("POST", f"projects/default/webhooks/{key}/test")["id"]
    slots = [{"from": 0, "to": 30000, "experiment": "a"}, {"from": 40000, "to": 60000, "experiment": "b"}]
    api.made("POST", f"{E[1:]}/layers", {"key": key, "slots": slots})
    made = api.made("POST", f"{E[1:]}/keys", {"kind": "client", "name": key, "origins": ["https://shop.example"]})
    api.made("POST", "events/external", {"project": "default", "kind": "deploy", "service": "s" * 200, "id": key})
    freezes = [{"start": "2030-12-24T00:00:00Z", "until": "2030-12-27T00:00:00Z"}]
    weekly = [{"start": "fri 16:00", "until": "mon 06:00", "zone": "Europe/Berlin"}]
    protected = {"protection": {"why": True, "freezes": freezes, "weeklyFreezes": weekly}}
    api.made("PUT", f"{P[1:]}/environments/development", protected)
    paths = (
        f"{P}/settings",
        f"{P}/environments/development/settings",
        f"{E}/keys",
        f"{E}/keys/{made['key']['key']}",
        f"{E}/layers",
        f"{E}/layers/{key}",
        f"{P}/webhooks",
        f"{P}/webhooks/{key}",
        f"{P}/webhooks/{key}/deliveries/{delivery}",
        f"{P}/events",
    )
    with somebody(chromium, api.url, size=size, dark=dark) as page:
        sign_in(page, "anne")
        for path in paths:
            page.goto(path)
            page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true; })")
            assert faults(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
