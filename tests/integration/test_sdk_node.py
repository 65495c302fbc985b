"""The SDK and a stream node, the real ones on both sides: what one sends the other takes, and back."""

import logging
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from pennon.sdk import Level
from tests.integration.clients import Clients, clients
from tests.integration.nodes import (
    CLIENT,
    ENVIRONMENT,
    KEYS,
    SERVER,
    Batches,
    RunningNode,
    boolean,
    eventually,
    running,
)

U1 = {"targetingKey": "u1"}


@pytest.fixture(params=["sync", "async"])
def make(request: pytest.FixtureRequest) -> Iterator[Clients]:
    with clients(request.param) as made:
        yield made


@pytest.fixture
def node() -> Iterator[RunningNode]:
    with running(boolean("new-checkout")) as made:
        yield made


def test_a_client_holds_what_the_node_holds_after_each_change(make: Clients, node: RunningNode) -> None:
    client = make(url=node.url, key=SERVER)
    assert client.wait_until_ready()
    assert client.flags.boolean("new-checkout", U1) is True
    for number in range(20):
        position = node.write(boolean(f"flag-{number % 3}", on=number % 2 == 0, salt=f"s{number}"))
        eventually(lambda position=position: client.flags.position == position)  # type: ignore[misc]
        held = client.flags.rules()._rules.snapshot
        assert held.flags.records == node.log.state(ENVIRONMENT).flags.records
    node.write(delete=(("flag", "new-checkout"),))
    eventually(lambda: not client.flags.boolean("new-checkout", U1))
    status = client.flags.status()
    assert (status.level, status.environment) == (Level.STREAMING, ENVIRONMENT)
    assert status.age_s is not None
    assert status.age_s < 5
    assert status.problem == ""


def test_a_restored_environment_is_taken_over_with_its_epoch(make: Clients, node: RunningNode) -> None:
    client = make(url=node.url, key=SERVER)
    assert client.wait_until_ready()
    node.write(boolean("new-checkout", on=False))
    eventually(lambda: client.flags.status().revision == 2)
    node.log.restore(ENVIRONMENT)
    node.write(boolean("new-checkout"))
    eventually(lambda: client.flags.status().epoch == 2)
    assert client.flags.boolean("new-checkout", U1) is True


def test_what_the_client_reports_is_taken_once(make: Clients) -> None:
    sink = Batches()
    with running(boolean("new-checkout", exposures="all"), sink=sink) as node:
        client = make(url=node.url, key=SERVER)
        assert client.wait_until_ready()
        client.flags.boolean("new-checkout", U1)
        client.flags.track("order-value", U1, value=42.0)
        assert client.flush()
        [(environment, _, batch)] = sink.taken
        assert (environment, batch.revision) == (ENVIRONMENT, "1.1")
        assert [(each.flag, each.count) for each in batch.counters] == [("new-checkout", 1)]
        assert [(each.flag, each.unit) for each in batch.exposures] == [("new-checkout", "u1")]
        assert [each.variations for each in batch.metrics] == [{"new-checkout": "on"}]


def test_a_key_that_is_revoked_ends_the_stream_and_nothing_else(
    make: Clients, node: RunningNode, caplog: pytest.LogCaptureFixture
) -> None:
    client = make(url=node.url, key=SERVER)
    assert client.wait_until_ready()
    server_key = next(each for each in KEYS if each.kind == "server")
    node.write(replace(server_key, revoked=True))
    eventually(lambda: client.flags.status().is_refused)
    assert client.flags.boolean("new-checkout", U1) is True
    assert client.flags.status().level is Level.LAST_KNOWN
    errors = [record for record in caplog.records if record.name == "pennon" and record.levelno >= logging.ERROR]
    assert len(errors) == 1


@pytest.mark.parametrize("key", [CLIENT, "pennon_server_unknown"])
def test_a_key_of_another_kind_or_of_nobody_is_refused(make: Clients, node: RunningNode, key: str) -> None:
    client = make(url=node.url, key=key)
    assert not client.wait_until_ready(20)
    assert client.flags.status().is_refused


def test_a_node_that_drains_says_goodbye_and_is_no_failure(
    make: Clients, node: RunningNode, caplog: pytest.LogCaptureFixture
) -> None:
    client = make(url=node.url, key=SERVER)
    assert client.wait_until_ready()
    caplog.clear()
    caplog.set_level(logging.INFO, "pennon")
    eventually(lambda: node.value("pennon_streams", projection="server") == 1)  # it is ready with the snapshot before
    node.run(node.node.drain())
    eventually(lambda: "shutting down" in caplog.text)
    assert [record for record in caplog.records if record.name == "pennon" and record.levelno > logging.INFO] == []
    assert client.flags.boolean("new-checkout", U1) is True
