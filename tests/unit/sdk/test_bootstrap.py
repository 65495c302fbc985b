"""`client.bootstrap`: the client-side flags of a context, and nothing of the others."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pennon import Client
from pennon.protocol import Hub
from pennon.protocol.bootstrap import flags_version
from pennon.sdk.bootstrap import Bootstrap
from pennon.sdk.web import serving
from pennon.testing import InMemorySource, condition, flag, segment

U1 = {"targetingKey": "u1", "email": "ada@example.org"}


@pytest.fixture
def source() -> InMemorySource:
    return InMemorySource(
        flag("banner").variations(a="blue", b="red").client_side().on().serving("a"),
        flag("beta").client_side().on().rule("on", condition("", "inSegment", "testers")).serving("off"),
        flag("secret-plan").on(),
        flag("gate").client_side().on().prerequisite("secret-plan", "on"),
        segment("testers", included=["u1"]),
        environment="shop/production",
    )


@pytest.fixture
def client(source: InMemorySource) -> Iterator[Client]:
    with Client(source=source) as made:
        yield made


def read(bootstrap: Bootstrap) -> dict[str, Any]:
    found = json.loads(bootstrap.json)
    assert isinstance(found, dict)
    return found


def test_client_side_flags_are_told_and_no_others(client: Client) -> None:
    told = read(client.bootstrap(U1))
    assert {key: each["value"] for key, each in told["flags"].items()} == {"banner": "blue", "beta": True, "gate": True}
    assert told["flags"]["beta"]["reason"] == "RULE_MATCH"
    assert (told["environment"], told["ttl"], told["age"]) == ("shop/production", 300, 0)
    assert "secret-plan" not in client.bootstrap(U1).json
    assert "ada@example.org" not in client.bootstrap(U1).json


def test_flags_version_is_the_one_that_a_server_says(client: Client, source: InMemorySource) -> None:
    for _ in range(2):
        hub = Hub()
        hub.load(source.snapshot, known_at=0.0)
        told = read(client.bootstrap(U1))
        assert told["flagsVersion"] == flags_version(source.revision, hub.digest("client"))
        assert told["revision"] == f"1.{source.revision}"
        source.put(flag("late").client_side().on(), segment("testers", included=["u2"]))
        source.put(flag("gate").on())
    assert read(client.bootstrap(U1))["flags"].keys() == {"banner", "beta", "late"}


def test_it_counts_nothing_and_no_hook_hears_of_it(source: InMemorySource) -> None:
    heard: list[str] = []
    with Client(source=source, hooks=[lambda key, _context, _result: heard.append(key)]) as client:
        client.bootstrap(U1)
        pending = client.pending()
        assert pending is not None
        assert pending.carries == {}  # it says which revision it stands at, and nothing else
        assert heard == []


def test_override_of_a_client_side_flag_shows_and_of_another_does_not(client: Client) -> None:
    with client.override("banner", "</script>"), client.override("secret-plan", False):
        told = client.bootstrap(U1)
        assert read(told)["flags"]["banner"]["value"] == "</script>"
        assert "secret-plan" not in told.json


def test_nothing_is_known_yet() -> None:
    with Client("http://127.0.0.1:9", key="k", events=False) as client:
        told = read(client.bootstrap(U1))
        assert (told["flags"], told["revision"]) == ({}, "0.0")


def test_request_keeps_to_its_own_rules_and_context(client: Client, source: InMemorySource) -> None:
    with serving(client, U1) as flags:
        source.put(flag("banner").variations(a="blue", b="red").client_side().on().serving("b"))
        assert read(flags.bootstrap())["flags"]["banner"]["value"] == "blue"
        assert read(client.bootstrap(U1))["flags"]["banner"]["value"] == "red"
        assert read(flags.bootstrap())["flags"]["banner"]["value"] == "blue"


def test_page_may_be_told_how_long_it_may_go_on(client: Client) -> None:
    assert read(client.bootstrap(U1, ttl_s=7))["ttl"] == 7


def test_text_is_the_element_and_a_nonce_cannot_leave_its_attribute(client: Client) -> None:
    told = client.bootstrap(U1)
    assert str(told) == f'<script type="application/json" id="pennon-bootstrap">{told.json}</script>'
    assert told.__html__() == told.script() == str(told)
    assert told.script('a"><img src=x>').startswith(
        '<script type="application/json" id="pennon-bootstrap" nonce="a&quot;&gt;&lt;img src=x&gt;">'
    )


def test_threads_of_different_revisions_do_not_disturb_each_other(client: Client, source: InMemorySource) -> None:
    wrong: list[object] = []
    rules = {}
    for number in range(4):
        source.put(flag("banner").variations(a=f"value-{number}", b="red").client_side().on().serving("a"))
        rules[number] = client.rules()

    def ask(number: int) -> None:
        for _ in range(50):
            told = read(client.bootstrap(U1, rules=rules[number]))
            if (
                told["flags"]["banner"]["value"] != f"value-{number}"
                or told["revision"] != f"1.{rules[number].revision}"
            ):
                wrong.append(told)

    threads = [threading.Thread(target=ask, args=(number,)) for number in rules]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
