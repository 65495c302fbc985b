"""What pages read does not grow with what there is: every page of an installation reads so much as it shows.

The world is that of the benchmark, which says how long pages take; here is counted, for counts are the same everywhere.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from bench.pages.addresses import ADDRESSES, addresses
from bench.pages.world import ACCOUNT, PASSWORD, Size, fill
from pennon.control.config import Settings
from pennon.control.storage import reading
from tests.integration.test_pages_access import PAGES
from tests.serving import InProcess

MANY = 400
MOST = 150
"""Items and changes that a page may read: those of its list, and what stands about it."""
LARGEST = 100_000


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """Somebody who is signed in where there is much of everything."""
    settings = Settings(data=str(tmp_path_factory.mktemp("grown") / "data"), port=0, max_request_rate=0)
    names = set(Size.__struct_fields__) - {"tokens"}
    fill(settings, Size(**dict.fromkeys(names, MANY), tokens=20))
    server = InProcess(settings)
    try:
        with httpx2.Client(base_url=server.url, timeout=60, follow_redirects=True) as client:
            client.post("/sign-in", data={"account": ACCOUNT, "password": PASSWORD}).raise_for_status()
            yield client
    finally:
        server.stop()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What is read of the logs, item by item and change by change."""
    counted: Counter[str] = Counter()
    for name in ("_stored", "_change"):
        monkeypatch.setattr(reading, name, _counting(getattr(reading, name), name, counted))
    return counted


def _counting(call: Callable[..., Any], name: str, counted: Counter[str]) -> Callable[..., Any]:
    def count(*given: Any) -> Any:
        counted[name] += 1
        return call(*given)

    return count


def test_every_page_has_its_address_in_the_benchmark() -> None:
    asked = {route.removeprefix("GET ") for route in PAGES if route.startswith("GET ")}
    assert asked | {"/sign-in"} == set(ADDRESSES)


def test_pages_read_what_they_show_and_are_small(browser: httpx2.Client, read: Counter[str]) -> None:
    large: dict[str, object] = {}
    for address in addresses(browser):
        answer = browser.get(address)  # indexes are made when they are first asked, and then follow the logs
        assert answer.status_code == 200, (address, answer.text)
        counts = [0] if "who=" in address else [_read(browser, address, read) for _ in range(2)]  # that looks for them
        if min(counts) > MOST or len(answer.content) >= LARGEST:
            large[address] = (counts, len(answer.content))
    assert not large


def _read(browser: httpx2.Client, address: str, read: Counter[str]) -> int:
    """Return how much was read for a page; what the server does by itself meanwhile is in it."""
    read.clear()
    browser.get(address)
    return read.total()
