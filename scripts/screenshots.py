"""Take a picture of each page, wide and on a phone, light and dark: of the demo's shop, in a real Chromium.

All go to build/screenshots, or those named: `python -m scripts.screenshots flag flags`. With --docs the two that the
README shows are written to docs/images instead.
"""

import argparse
import itertools
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from playwright.sync_api import Browser, Page, sync_playwright

from pennon.cli.demo import Demo, running, story
from pennon.cli.logs import set_up_logs

ROOT = Path(__file__).resolve().parent.parent
SIZES: Mapping[str, tuple[int, int]] = {"wide": (1280, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")
_CHANGES = 4
_COUNTED_S = 4
"""Until services have reported more than once."""
_TIMEOUT_MS = 30_000
_SHOP = "/projects/shop"
_PRODUCTION = f"{_SHOP}/environments/production"


class Shown(msgspec.Struct, frozen=True):
    """A page: its address, or the address of a list and the beginning of a link on it that leads to the page."""

    path: str
    link: str = ""


PAGES: Mapping[str, Shown] = {
    "overview": Shown(_SHOP),
    "flags": Shown(f"{_SHOP}/flags"),
    "flags-stale": Shown(f"{_SHOP}/flags?reason=pastRemoval"),
    "flags-none": Shown(f"{_SHOP}/flags?q=there+is+none"),
    "flag": Shown(f"{_PRODUCTION}/flags/new-checkout"),
    "flag-experiment": Shown(f"{_PRODUCTION}/flags/search-ranking"),
    "flag-off": Shown(f"{_PRODUCTION}/flags/summer-theme"),
    "evaluations": Shown(f"{_PRODUCTION}/evaluations/new-checkout"),
    "rule": Shown(f"{_PRODUCTION}/flags/new-checkout", f"{_PRODUCTION}/rule"),
    "compare": Shown(f"{_PRODUCTION}/flags/new-checkout", f"{_PRODUCTION}/compare"),
    "definition": Shown(f"{_SHOP}/definitions/new-checkout"),
    "value-schema": Shown(f"{_SHOP}/value-schemas/search-ranking"),
    "new-flag": Shown(f"{_SHOP}/new-flag"),
    "archived-flags": Shown(f"{_SHOP}/archived-flags"),
    "kill": Shown(f"{_SHOP}/kill"),
    "turn-off": Shown(f"{_PRODUCTION}/turn-off?flag=payments-v2"),
    "segments": Shown(f"{_PRODUCTION}/segments"),
    "segment": Shown(f"{_PRODUCTION}/segments/beta-testers"),
    "changes": Shown(f"{_PRODUCTION}/changes"),
    "change": Shown(f"{_PRODUCTION}/changes/2"),
    "as-of": Shown(f"{_PRODUCTION}/as-of"),
    "requests": Shown(f"{_SHOP}/requests"),
    "request": Shown(f"{_SHOP}/requests", f"{_SHOP}/requests/"),
    "schedules": Shown(f"{_PRODUCTION}/schedules"),
    "schedule": Shown(f"{_PRODUCTION}/schedules", f"{_PRODUCTION}/schedules/"),
    "plan": Shown(f"{_PRODUCTION}/plan"),
    "why": Shown(f"{_PRODUCTION}/why?flag=new-checkout"),
    "propagation": Shown(f"{_PRODUCTION}/propagation"),
    "settings": Shown(f"{_SHOP}/settings"),
    "environment": Shown(f"{_PRODUCTION}/settings"),
    "keys": Shown(f"{_PRODUCTION}/keys"),
    "key": Shown(f"{_PRODUCTION}/keys", f"{_PRODUCTION}/keys/"),
    "layers": Shown(f"{_PRODUCTION}/layers"),
    "layer": Shown(f"{_PRODUCTION}/layers/search"),
    "webhooks": Shown(f"{_SHOP}/webhooks"),
    "webhook": Shown(f"{_SHOP}/webhooks/releases"),
    "events": Shown(f"{_SHOP}/events"),
    "people": Shown("/people"),
    "person": Shown("/people/accounts/dora"),
    "roles": Shown("/people/roles"),
    "role": Shown("/people/roles/developer"),
    "tokens": Shown("/people/tokens"),
    "sessions": Shown("/people/sessions"),
    "installation": Shown("/installation"),
    "installation-webhooks": Shown("/installation/webhooks"),
    "account": Shown("/account"),
    "nowhere": Shown(f"{_SHOP}/flags/nothing-of-this-name"),
}
"""Each page by the name of its pictures."""

_DOCS = (("flag", "wide", "light"), ("overview", "phone", "dark"))


def main() -> int:
    """Take the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"any of {', '.join(PAGES)}; left out: all")
    parser.add_argument("--docs", action="store_true", help="write those of the README instead")
    given = parser.parse_args()
    if unknown := set(given.pages) - set(PAGES):
        parser.error(f"there is no page {', '.join(sorted(unknown))}")
    if given.docs:
        wanted: tuple[tuple[str, str, str], ...] = _DOCS
        folder = ROOT / "docs" / "images"
    else:
        wanted = tuple((name, size, scheme) for name in given.pages or PAGES for size in SIZES for scheme in SCHEMES)
        folder = ROOT / "build" / "screenshots"
    program = shutil.which("chromium")
    if program is None:
        print("there is no chromium on this machine: install the package of that name", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    with busy_demo() as demo, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        ill = list(_taken(browser, demo, wanted, folder, whole=not given.docs))
        browser.close()
    for said in ill:
        print(said, file=sys.stderr)
    return 1 if ill else 0


@contextmanager
def busy_demo() -> Iterator[Demo]:
    """Run the demo until its pages have what to show: some changes, and counts of what services asked."""
    set_up_logs(level="critical", form="auto")
    with running(0) as demo:
        for sentence, edit in itertools.islice(story.changes(), _CHANGES):
            story.make_change(demo.server, sentence, edit)
        time.sleep(_COUNTED_S)
        yield demo


def open_page(page: Page, shown: Shown) -> int:
    """Have *page* show one, and return the status of the answer; 0 where nothing leads there."""
    answer = page.goto(shown.path)
    if shown.link:
        links = page.locator(f'main a[href^="{shown.link}"]')
        if links.count() == 0:
            return 0
        answer = page.goto(links.first.get_attribute("href") or "")
    return 0 if answer is None else answer.status


def sign_in(page: Page, demo: Demo) -> None:
    """Let *page* in as the demo's administrator."""
    page.goto("/sign-in")
    page.locator("#account").fill(demo.opening.account)
    page.locator("#password").fill(demo.opening.password)
    page.locator("main button").first.click()
    page.wait_for_url(lambda url: "/sign-in" not in url)


def _taken(
    browser: Browser, demo: Demo, wanted: Iterable[tuple[str, str, str]], folder: Path, *, whole: bool
) -> Iterator[str]:
    """Take pictures, and yield what is not as it should be."""
    chosen = sorted(wanted, key=lambda each: each[1:])
    for (size, scheme), those in itertools.groupby(chosen, key=lambda each: each[1:]):
        width, height = SIZES[size]
        context = browser.new_context(
            base_url=demo.opening.url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        context.set_default_timeout(_TIMEOUT_MS)
        page = context.new_page()
        page.goto("/")
        if whole:
            page.screenshot(path=folder / f"sign-in-{size}-{scheme}.png")
        sign_in(page, demo)
        for name, _, _ in those:
            status = open_page(page, PAGES[name])
            if status != (404 if name == "nowhere" else 200):
                yield f"{name}: {status or 'nothing leads there'}"
                continue
            page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=whole)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                yield f"{name}: wider than the {size} screen"
        context.close()


if __name__ == "__main__":
    sys.exit(main())
