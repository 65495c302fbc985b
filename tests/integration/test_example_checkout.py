"""The story of `examples/checkout`, by HTTP. In Chromium it is js/test/browser's."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest

from examples.checkout.pennon_server import FLAG, Pennon
from tests.integration.upstream import eventually

ROOT = Path(__file__).parents[2]
PAY = "/api/checkout/pay"
_BOOTSTRAP = re.compile(r'id="pennon-bootstrap">(.*?)</script>', re.DOTALL)


class Tab:
    """What an open page holds: the flags that it came with, until it asks for others."""

    def __init__(self, told: dict[str, str]) -> None:
        self._told = told
        self._shop = httpx2.Client(base_url=told["shop"], timeout=60)
        self.load()

    def load(self) -> Self:
        """Load the page."""
        page = self._shop.get("/").text
        found = _BOOTSTRAP.search(page)
        assert found is not None
        self._hold(json.loads(found[1])["flagsVersion"], json.loads(found[1])["flags"][FLAG]["variation"])
        return self

    def refresh(self) -> None:
        """Ask Pennon itself, as the browser's client does when it is told that its flags are outdated."""
        headers = {"authorization": f"Bearer {self._told['clientKey']}", "origin": self._told["shop"]}
        context = {"targetingKey": self._shop.cookies["visitor"]}
        url = f"{self._told['pennon']}/ofrep/v1/evaluate/flags"
        answer = httpx2.post(url, json={"context": context}, headers=headers, timeout=60).json()
        shown = {flag["key"]: flag["variant"] for flag in answer["flags"]}
        self._hold(answer["metadata"]["flagsVersion"], shown[FLAG])

    def pay(self, *, unseen: bool = False) -> httpx2.Response:
        """Press the button."""
        seen = {} if unseen else {"x-flags-seen": f"{FLAG}={self.variation}"}
        return self._shop.post(PAY, headers={"x-flags-version": self.version, **seen})

    def orders(self) -> list[str]:
        """Return which gateways were charged."""
        found: list[str] = self._shop.get("/api/orders").json()
        return found

    def close(self) -> None:
        """Close it."""
        self._shop.close()

    def _hold(self, version: str, variation: str) -> None:
        self.version, self.variation = version, variation


@pytest.fixture(scope="module")
def told() -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "examples.checkout", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            line: dict[str, str] = json.loads(process.stdout.readline())
            yield line
        finally:
            process.terminate()
            assert process.wait(60) == 0
    with pytest.raises(httpx2.HTTPError):  # the server that the example started ended with it
        httpx2.get(line["pennon"] + "/healthz", timeout=60)


@pytest.fixture
def pennon(told: dict[str, str]) -> Pennon:
    return Pennon(told["pennon"], told["token"])


@pytest.fixture
def tab(told: dict[str, str], pennon: Pennon) -> Iterator[Tab]:
    pennon.turn(on=True)
    tab = Tab(told)
    eventually(lambda: tab.load().variation == "on", within_s=60)
    yield tab
    tab.close()


def hears_of_it(told: dict[str, str], variation: str) -> None:
    """Wait until the shop's server has heard of a change."""
    other = Tab(told)
    eventually(lambda: other.load().variation == variation, within_s=60)
    other.close()


def test_a_tab_that_missed_the_kill_switch_is_refused_heals_and_pays_the_old_way(
    told: dict[str, str], pennon: Pennon, tab: Tab
) -> None:
    before = tab.orders()
    assert tab.pay().json()["gateway"] == "new"
    pennon.turn(on=False)
    hears_of_it(told, "off")

    refused = tab.pay()
    answer: dict[str, Any] = refused.json()
    assert (refused.status_code, answer["error"], answer["flags"]) == (409, "flags_outdated", [FLAG])
    assert tab.orders() == [*before, "new"], "nobody was charged"

    tab.refresh()
    assert (tab.variation, tab.version) == ("off", answer["flagsVersion"])
    assert tab.pay(unseen=True).json()["gateway"] == "old"
    assert tab.pay().json()["gateway"] == "old"
    assert tab.orders() == [*before, "new", "old", "old"]


def test_another_flag_refuses_nobody(told: dict[str, str], pennon: Pennon, tab: Tab) -> None:
    version = tab.version
    other = {"key": "banner", "variations": [{"key": "on", "value": True}, {"key": "off", "value": False}]}
    pennon.change(
        {
            "do": "putFlag",
            "definition": {**other, "kind": "boolean", "clientSide": True},
            "configuration": {"on": True, "fallthrough": {"variation": "on"}},
        }
    )
    fresh = Tab(told)
    eventually(lambda: fresh.load().version != version, within_s=60)
    fresh.close()
    assert tab.pay().json()["gateway"] == "new"


def test_the_page_is_safe_whoever_the_visitor_says_that_he_is(told: dict[str, str]) -> None:
    hostile = "x</script><script>alert(1)</script>'"
    page = httpx2.get(told["shop"], headers={"cookie": f"visitor={hostile}"}).text
    assert "alert(1)" in page
    assert "alert(1)</script>" not in page
    script = httpx2.get(f"{told['shop']}/pennon/client/browser/index.js")
    assert "javascript" in script.headers["content-type"]
