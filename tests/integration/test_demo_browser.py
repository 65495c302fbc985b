"""Each page of the demo in a real Chromium, on a phone in the dark: nobody is kept out, and nothing is too wide."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from pennon.cli.demo import Demo, running
from scripts.screenshots import PAGES, open_page, sign_in
from tests.chromium import PHONE, chromium, faults, somebody

__all__ = ["chromium"]


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running(0) as made:
        yield made


def test_axe_finds_nothing_on_any_page_and_none_is_wider_than_a_phone(chromium: Browser, demo: Demo) -> None:
    found: dict[str, object] = {}
    with somebody(chromium, demo.opening.url, size=PHONE, dark=True) as page:
        sign_in(page, demo)
        for name, shown in PAGES.items():
            status = open_page(page, shown)
            if status != (404 if name == "nowhere" else 200):
                found[name] = status
            elif ill := faults(page):
                found[name] = ill
            elif page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found[name] = "too wide"
    assert found == {}
