"""The pages of people in a real Chromium: an invitation, from the administrator's screen to a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.chromium import PASSWORD, PHONE, WAIT_MS, WIDE, chromium, faults, sign_in, somebody
from tests.serving import Api, serving

__all__ = ["chromium"]

expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("people") / "data") as (_, api):
        api.made("POST", "accounts", {"key": "anne", "name": "Anne", "grants": [{"role": "administrator"}]})
        api.made("PUT", "accounts/anne/password", {"password": PASSWORD})
        yield api


def test_somebody_is_invited_signs_in_on_a_phone_and_changes_her_password(chromium: Browser, api: Api) -> None:
    with somebody(chromium, api.url) as page, somebody(chromium, api.url, size=PHONE) as phone:
        sign_in(page, "anne", "/projects/default")
        page.keyboard.press("g")
        page.keyboard.press("a")
        page.get_by_role("link", name="Invite somebody").click()
        page.get_by_label("Key, with which").fill("dora")
        page.get_by_label("Name, as others").fill("Dora")
        page.get_by_label("Role 1", exact=True).select_option("developer")
        page.get_by_label("Project of role 1").select_option("default")
        page.get_by_role("button", name="Make the account").click()
        first = page.get_by_label("The password of dora").input_value()

        phone.goto("/")
        phone.get_by_label("Account").fill("dora")
        phone.get_by_label("Password").fill(first)
        phone.get_by_role("button", name="Sign in").click()
        phone.get_by_text("Dora", exact=True).click()
        phone.get_by_role("link", name="My account").click()
        expect(phone.get_by_text("developer in project default")).to_be_visible()
        phone.get_by_label("The one you have").fill(first)
        phone.get_by_label("The new one, 12").fill("hers and hers alone")
        phone.get_by_label("The new one once more").fill("hers and hers alone")
        phone.get_by_role("button", name="Change it").click()
        expect(phone.get_by_role("status")).to_contain_text("Your password is changed")
        assert faults(phone) == []

        page.goto("/people?q=do")
        expect(page.get_by_role("row")).to_have_count(2)
        page.get_by_role("link", name="dora").click()
        page.get_by_role("button", name="Keep out").click()
        expect(page.get_by_role("status")).to_contain_text("Changed")
        phone.reload()
        expect(phone.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(("size", "dark"), [(WIDE, True), (PHONE, False)])
def test_axe_finds_nothing_where_somebody_is_given_something(
    chromium: Browser, api: Api, size: tuple[int, int], dark: bool
) -> None:
    with somebody(chromium, api.url, size=size, dark=dark) as page:
        sign_in(page, "anne")
        for path in ("/people/new-account", "/people/new-role?like=developer", "/people/new-token", "/installation"):
            page.goto(path)
            for closed in page.locator("main details > summary").all():
                closed.click()
            assert faults(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
        page.goto("/people/new-token")
        page.get_by_label("Who or what").fill("pipeline")
        page.get_by_role("button", name="Make the token").click()
        expect(page.get_by_role("alert").first).to_be_visible()
        assert faults(page) == []
        page.get_by_label("Role", exact=True).select_option("reader")
        page.get_by_role("button", name="Make the token").click()
        expect(page.get_by_label("The secret of pipeline")).to_be_visible()
        assert faults(page) == []
