"""A real Chromium for tests of pages. Without one its tests are skipped, and on CI they fail.

Where it is there, that of Debian's package chromium-headless-shell is taken: the same without windows, profiles and
extensions, which starts in a third of the time.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

PASSWORD = "correct horse battery"
WIDE, PHONE = (1280, 900), (390, 844)
WAIT_MS = 60_000
_AXE = Path(__file__).parents[1] / "js/node_modules/axe-core/axe.min.js"


# Not for longer than a module: as long as it runs Playwright has the thread's event loop, and no other can run.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        message = "Debian's package chromium is missing"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@contextlib.contextmanager
def somebody(
    browser: Browser, url: str, *, size: tuple[int, int] = WIDE, scripts: bool = True, dark: bool = False
) -> Iterator[Page]:
    """Give a tab of a browser of its own; what its console complains of fails the test."""
    context = browser.new_context(
        base_url=url,
        viewport={"width": size[0], "height": size[1]},
        java_script_enabled=scripts,
        color_scheme="dark" if dark else "light",
    )
    context.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said.type, said.text) else None)
    try:
        yield page
        assert not complaints, complaints
    finally:
        context.close()


def sign_in(page: Page, account: str, at: str = "/") -> None:
    """Sign in as *account* on the way to *at*."""
    page.goto(at)
    page.get_by_label("Account").fill(account)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


def faults(page: Page) -> list[str]:
    """Return what axe-core finds that keeps people from using the page, each with where it is."""
    if not _AXE.exists():
        message = "axe-core is missing: make js installs it"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    page.evaluate(_AXE.read_text())
    found = page.evaluate("axe.run({resultTypes: ['violations']}).then((all) => all.violations)")
    return [f"{each['id']}: {each['help']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


def _is_complaint(kind: str, text: str) -> bool:
    # Chromium tells of each answer that is no success: tests ask for those on purpose.
    return kind in {"error", "warning"} and not text.startswith("Failed to load resource")
