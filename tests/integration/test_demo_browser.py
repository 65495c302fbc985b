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


# Some pages a test: on a slow machine axe-core takes seconds of each.
@pytest.mark.parametrize(
    "names", [list(PAGES)[at : at + 10] for at in range(0, len(PAGES), 10)], ids=lambda each: each[0]
)
def test_axe_finds_nothing_on_any_page_and_none_is_wider_than_a_phone(
    chromium: Browser, demo: Demo, names: list[str]
) -> None:
    found: dict[str, object] = {}
    with somebody(chromium, demo.opening.url, size=PHONE, dark=True) as page:
        sign_in(page, demo)
        for name in names:
            status = open_page(page, PAGES[name])
            if status != (404 if name == "nowhere" else 200):
                found[name] = status
            elif ill := faults(page):
                found[name] = ill
            elif page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found[name] = "too wide"
    assert found == {}
