"""Why, changes, propagation, segments and layers in a real Chromium: what a person looks up, and takes back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from pennon import Client
from tests.chromium import PHONE, WAIT_MS, chromium, faults, sign_in, somebody
from tests.serving import Api, serving
from tests.unscripted import people

__all__ = ["chromium"]
PRODUCTION = "/projects/default/environments/production"
CHANGES = f"{PRODUCTION[1:]}/changes"

expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    rule = {"id": "near", "conditions": [{"attribute": "country", "op": "in", "values": ["DE"]}]}
    edits = [
        {"do": "turnOn", "flag": "checkout"},
        {"do": "setFallthrough", "flag": "checkout", "serve": {"variation": "off"}},
        {"do": "addRule", "flag": "checkout", "rule": {**rule, "serve": {"variation": "on"}}},
    ]
    with serving(tmp_path_factory.mktemp("reading") / "data") as (_, api):
        api.made("POST", "projects/default/flags", {"key": "checkout"})
        api.made("POST", CHANGES, {"edits": edits, "why": "It is ready"})
        people(api, anne="administrator")
        yield api


def test_why_tells_each_step_and_what_it_was_before(chromium: Browser, api: Api) -> None:
    with somebody(chromium, api.url, size=PHONE) as anne:
        sign_in(anne, "anne", f"{PRODUCTION}/flags/checkout")
        anne.get_by_role("link", name="Why…").click()
        expect(anne.get_by_label("Flag", exact=True)).to_have_value("checkout")
        anne.get_by_label("Targeting key").fill("ada")
        anne.get_by_label("Attributes").fill('{"country": ')
        anne.get_by_role("button", name="Tell why").click()
        expect(anne.get_by_label("Attributes")).to_have_attribute("aria-invalid", "true")
        expect(anne.get_by_label("Attributes")).to_have_value('{"country": ')
        anne.get_by_label("Attributes").fill('{"country": "DE"}')
        anne.get_by_role("button", name="Tell why").click()
        expect(anne.get_by_role("heading", name="ada gets on of checkout")).to_be_visible()
        expect(anne.get_by_text("rule near").first).to_be_visible()
        assert faults(anne) == []
        anne.get_by_label("When, in UTC").fill("2001-01-01T00:00:00")
        anne.get_by_role("button", name="Tell why").click()
        expect(anne.get_by_text("FLAG_NOT_FOUND").or_(anne.get_by_role("alert")).first).to_be_visible()
        expect(anne.get_by_label("Targeting key")).to_have_value("ada")


def test_a_change_is_found_seen_as_it_was_and_taken_back(chromium: Browser, api: Api) -> None:
    made = api.made("POST", CHANGES, {"edits": [{"do": "turnOff", "flag": "checkout"}], "why": "It is slow"})
    with somebody(chromium, api.url) as anne:
        sign_in(anne, "anne", f"{PRODUCTION}/changes")
        anne.get_by_text("Filter", exact=True).first.click()
        anne.get_by_label("Action").fill("turnOff")
        anne.get_by_role("button", name="Filter").click()
        expect(anne.locator("ol.timeline > li")).to_have_count(1)
        anne.get_by_role("link", name="turned off").click()
        expect(anne.get_by_role("heading", name=f"Revision {made['revision']}")).to_be_visible()
        expect(anne.get_by_text("“It is slow”")).to_be_visible()
        anne.get_by_role("link", name="before it").click()
        expect(anne.get_by_role("row", name="checkout").get_by_text("on", exact=True)).to_be_visible()
        anne.go_back()
        anne.get_by_label("Why").fill("It was the network")
        anne.get_by_role("button", name="Take this change back").click()
        expect(anne.get_by_text("“It was the network”").first).to_be_visible()
    assert api.made("GET", f"{PRODUCTION[1:]}/flags/checkout")["on"]


def test_a_segment_is_made_and_filled_and_a_layer_is_dealt_out(chromium: Browser, api: Api) -> None:
    with somebody(chromium, api.url) as anne:
        sign_in(anne, "anne", f"{PRODUCTION}/segments")
        anne.get_by_text("Make a segment").click()
        anne.get_by_label("Key", exact=True).fill("staff")
        anne.get_by_label("Targeting keys that are in it").fill("ada")
        anne.get_by_role("button", name="Review…").click()
        anne.get_by_role("button", name="Change production").click()
        anne.goto(f"{PRODUCTION}/segments/staff")
        anne.get_by_label("Targeting keys").fill("grace\nlinus")
        anne.get_by_role("button", name="Review…").click()
        anne.get_by_role("button", name="Change production").click()
        expect(anne.get_by_role("heading", name="Included, whatever else: 3")).to_be_visible()
        anne.get_by_label("Is this key listed?").fill("grace")
        anne.get_by_role("button", name="Look").click()
        expect(anne.get_by_text("included", exact=False).first).to_be_visible()

        anne.goto(f"{PRODUCTION}/layers")
        anne.get_by_text("Make a layer").click()
        anne.get_by_label("Key, as in checkout").fill("ranking")
        anne.get_by_role("button", name="Review…").click()
        anne.get_by_role("button", name="Change production").click()
        anne.goto(f"{PRODUCTION}/layers/ranking")
        anne.get_by_role("button", name="Add an owner").click()
        anne.get_by_label("From").first.fill("0")
        anne.get_by_label("to", exact=True).first.fill("500")
        anne.get_by_label("belongs to the experiment").first.fill("search-2")
        anne.get_by_role("button", name="Review…").last.click()
        anne.get_by_role("button", name="Change production").click()
        expect(anne.get_by_role("row", name="search-2")).to_be_visible()
    assert set(api.made("GET", f"{PRODUCTION[1:]}/segments/staff")["included"]) == {"ada", "grace", "linus"}


def test_propagation_shows_an_sdk_that_has_connected(chromium: Browser, api: Api) -> None:
    with somebody(chromium, api.url) as anne, Client(api.url, key=api.key()) as client:
        assert client.wait_until_ready(WAIT_MS / 1000)
        sign_in(anne, "anne", f"{PRODUCTION}/propagation")
        by_revision = anne.get_by_role("heading", name="SDKs by revision")
        for _ in range(WAIT_MS // 500):  # a node tells how many it has every few seconds
            if by_revision.is_visible():
                break
            anne.wait_for_timeout(500)
            anne.reload()
        expect(by_revision).to_be_visible()
        assert faults(anne) == []
        anne.get_by_role("link", name="development").click()
        expect(anne.get_by_role("link", name="development")).to_have_attribute("aria-current", "page")
        expect(by_revision).not_to_be_visible()
