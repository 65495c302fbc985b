"""The pages of flags in a real Chromium: a flag from nothing to a rollout, with and without scripts."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.chromium import PASSWORD, PHONE, WAIT_MS, WIDE, chromium, faults, sign_in, somebody
from tests.serving import Api, serving

__all__ = ["chromium"]
PRODUCTION = "/projects/default/environments/production"

expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("pages") / "data") as (_, api):
        api.made("POST", "projects/default/environments", {"key": "staging"})
        api.made("POST", "accounts", {"key": "anne", "name": "Anne", "grants": [{"role": "administrator"}]})
        api.made("PUT", "accounts/anne/password", {"password": PASSWORD})
        api.made("POST", "projects/default/flags", {"key": "base", "tags": ["low"]})
        yield api


@pytest.mark.parametrize(("key", "scripts", "size"), [("scripted", True, WIDE), ("plain", False, PHONE)])
def test_a_flag_is_made_given_a_rule_rolled_out_and_copied(
    chromium: Browser, api: Api, key: str, scripts: bool, size: tuple[int, int]
) -> None:
    with somebody(chromium, api.url, size=size, scripts=scripts) as page:
        sign_in(page, "anne", "/projects/default/flags")
        page.get_by_role("link", name="New flag").click()
        page.get_by_label("Key, by which code asks for it").fill(key)
        page.get_by_label("Name", exact=True).fill("A new thing")
        page.get_by_role("button", name="Make the flag").click()
        expect(page.get_by_role("status")).to_contain_text("off everywhere")
        page.get_by_text("Add a rule").click()
        form = page.locator("form").filter(has=page.get_by_label("Values, one a line"))
        page.get_by_label("if", exact=True).fill("country")
        page.get_by_label("Values, one a line").fill("DE")
        form.get_by_role("button", name="Review").click()
        page.get_by_role("button", name="Change production").click()
        page.get_by_role("listitem").filter(has_text="country").get_by_text("Edit").click()
        page.get_by_role("link", name="Conditions").click()
        if scripts:
            assert faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_label("Values, one a line").first.fill("DE\nAT")
        page.get_by_role("button", name="Review").click()
        page.get_by_role("button", name="Change production").click()
        expect(page.get_by_role("status")).to_contain_text("Changed")
        everybody = page.get_by_role("listitem").filter(has_text="Everybody else gets")
        everybody.get_by_text("Edit").click()
        everybody.get_by_label("serve").select_option("split")
        if scripts:
            everybody.get_by_role("slider").fill("25")
            expect(everybody.get_by_label("off", exact=True)).to_have_value("75")
        else:
            everybody.get_by_label("on", exact=True).fill("25")
            everybody.get_by_label("off", exact=True).fill("75")
        everybody.get_by_role("button", name="Review").click()
        expect(page.get_by_text("25 % on, 75 % off")).to_be_visible()
        page.get_by_role("button", name="Change production").click()
        page.get_by_role("link", name="Compare and copy").click()
        page.get_by_role("link", name="staging").click()
        page.get_by_role("button", name="Review").click()
        page.get_by_role("button", name="Change it").click()
        expect(page.get_by_role("status")).to_contain_text("Changed")
    flag = api.made("GET", f"projects/default/environments/staging/flags/{key}")
    assert flag["rules"][0]["conditions"][0]["values"] == ["DE", "AT"]
    assert [each["weight"] for each in flag["fallthrough"]["split"]["weights"]] == [25000, 75000]


def test_the_list_follows_its_filters_as_they_are_chosen(chromium: Browser, api: Api) -> None:
    with somebody(chromium, api.url) as page:
        sign_in(page, "anne", "/projects/default/flags")
        page.get_by_label("Tag", exact=True).select_option("low")
        page.wait_for_url("**tag=low**")
        expect(page.get_by_text("1 flag found")).to_be_visible()
        page.get_by_label("State", exact=True).select_option("on")
        expect(page.get_by_text("No flag is like that")).to_be_visible()
