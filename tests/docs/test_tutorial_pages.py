"""What the tutorial tells people to click on the pages is clicked here, in a real Chromium."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.chromium import WAIT_MS, chromium, sign_in, somebody
from tests.serving import Api, serving
from tests.unscripted import people

__all__ = ["chromium"]
TUTORIAL = Path(__file__).resolve().parents[2] / "docs/tutorial/first-flag.md"
PRODUCTION = "projects/default/environments/production"

expect.set_options(timeout=WAIT_MS)


class Told:
    """What the tutorial has people click: all of it has to be clicked."""

    def __init__(self) -> None:
        quoted = " ".join(line[2:] for line in TUTORIAL.read_text().splitlines() if line.startswith("> "))
        self.left = {strong or plain for strong, plain in re.findall(r"\*\*(.+?)\*\*|\*(.+?)\*", quoted)}

    def button(self, page: Page | Locator, name: str) -> Locator:
        return page.get_by_role("button", name=self.name(name))

    def link(self, page: Page | Locator, name: str) -> Locator:
        return page.get_by_role("link", name=self.name(name), exact=True)

    def name(self, name: str) -> str:
        self.left.discard(name)
        return name


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("tutorial") / "data") as (_, api):
        people(api, anne="administrator")
        yield api


def test_pages_do_what_the_tutorial_says(chromium: Browser, api: Api) -> None:
    told = Told()
    with somebody(chromium, api.url) as page:
        sign_in(page, "anne")
        sections = page.get_by_role("navigation", name="Sections")
        _make(told, page, sections)
        _turn_on(told, page)
        assert api.made("GET", f"{PRODUCTION}/flags/new-checkout")["fallthrough"]["split"]["weights"] == [
            {"variation": "on", "weight": 10_000},
            {"variation": "off", "weight": 90_000},
        ]
        _name_testers(told, page, sections)
        told.link(sections, "Kill switch").click()
        turn_off = page.get_by_role("listitem").filter(has_text="new-checkout").get_by_role("link")
        assert turn_off.inner_text().startswith(told.name("Turn off…").rstrip("…"))
        turn_off.click()
        told.button(page, "Turn off now").click()
        expect(page.get_by_role("status")).to_contain_text("Turned off")
        assert not api.made("GET", f"{PRODUCTION}/flags/new-checkout")["on"]
        told.link(sections, "Changes").click()
        page.get_by_role("link", name="turned off").first.click()
        told.button(page, "Take this change back").click()
        expect(page.get_by_role("status")).to_contain_text("Taken back")
        assert api.made("GET", f"{PRODUCTION}/flags/new-checkout")["on"]
    assert not told.left, f"the tutorial tells of what no test clicks: {told.left}"


def _make(told: Told, page: Page, sections: Locator) -> None:
    told.link(sections, "Flags").click()
    told.link(page, "New flag").click()
    page.get_by_label("Key, by which code asks for it").fill("new-checkout")
    page.get_by_label("Name", exact=True).fill("New checkout")
    told.button(page, "Make the flag").click()
    expect(page.get_by_role("heading", name="new-checkout")).to_be_visible()
    told.link(sections, "Settings").click()
    told.link(page, "production").click()
    told.link(page.get_by_role("navigation", name="Settings"), "Keys").click()
    page.get_by_label("Name, as in checkout service").fill("tutorial")
    told.button(page, "Make the key").click()
    expect(page.get_by_label("Secret")).to_have_value(re.compile("^pennon_server_"))


def _turn_on(told: Told, page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("new-ch")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="new-checkout").click()
    told.button(page, "Turn on…").click()
    page.get_by_role("button", name="Change production").click()
    everybody = page.get_by_role("listitem").filter(has_text="Everybody gets")
    everybody.get_by_text(told.name("Edit")).click()
    everybody.get_by_label("serve").select_option(label=told.name("a percentage of each"))
    everybody.get_by_label("on", exact=True).fill("10")
    everybody.get_by_label("off", exact=True).fill("90")
    told.button(everybody, "Review…").click()
    expect(page.get_by_text("10 % on, 90 % off")).to_be_visible()
    told.button(page, "Change production").click()
    expect(page.get_by_role("status")).to_contain_text("Changed")


def _name_testers(told: Told, page: Page, sections: Locator) -> None:
    page.get_by_text(told.name("Name somebody")).click()
    page.get_by_label("Targeting keys").fill("ada\ngrace")
    form = page.locator("form").filter(has=page.get_by_label("Targeting keys"))
    form.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Change production").click()
    expect(page.get_by_role("status")).to_contain_text("Changed")
    told.link(sections, "Why").click()
    page.get_by_label("Flag", exact=True).fill("new-checkout")
    page.get_by_label("Targeting key").fill("ada")
    told.button(page, "Tell why").click()
    expect(page.get_by_role("heading", name="ada gets on of new-checkout")).to_be_visible()
