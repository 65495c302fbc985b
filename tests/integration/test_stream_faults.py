"""What a node does when something around it fails: the bus, the log, the sink, or itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog

from pennon.bus import MemoryBus, Notice
from pennon.events import DIRECT, EventBatch, Way
from pennon.ingest import Accepted, IngestUnavailable
from pennon.model import Delta, Position
from pennon.protocol import DELTA
from pennon.stream import Endpoints, StreamNode, StreamSettings
from tests.integration.nodes import (
    CLIENT,
    EDGE,
    ENVIRONMENT,
    KEYS,
    SERVER,
    Batches,
    MemoryLog,
    boolean,
    eventually,
    key,
    listening,
    running,
)

QUICK = StreamSettings(poll_s=0.02, load_retry_s=0.02, load_retry_max_s=0.05, counts_flush_s=0.02, drain_s=1)


class Rebuilt(MemoryLog):
    """A log that can be told to give a delta that does not fit, or to fail in a way that nobody foresaw."""

    def __init__(self) -> None:
        super().__init__()
        self.is_wrong = False
        self.snapshots = 0

    async def snapshot(self, environment: str) -> Any:
        self.snapshots += 1
        return await super().snapshot(environment)

    async def since(self, environment: str, position: Position) -> list[Delta] | None:
        found = await super().since(environment, position)
        if found and self.is_wrong:
            return [Delta(environment=environment, epoch=1, from_=found[0].from_, to=found[0].to, digest="0" * 64)]
        return found


class DyingBus(MemoryBus):
    """A bus whose connection breaks with the first notice."""

    def __init__(self) -> None:
        super().__init__()
        self.subscribed = 0

    def subscribe(self) -> Any:
        self.subscribed += 1
        subscription = super().subscribe()
        if self.subscribed > 1:
            return subscription

        async def broken() -> AsyncIterator[Notice]:
            async for _ in subscription:
                raise ConnectionError("the bus is away")
            yield Notice("", Position(0, 0))

        return broken()


async def until(is_true: Any) -> None:
    async with asyncio.timeout(60):
        while not is_true():
            await asyncio.sleep(0.005)


def node_on(log: MemoryLog, bus: MemoryBus | None = None, sink: Any = None) -> StreamNode:
    log.write(ENVIRONMENT, *KEYS, boolean("a"))
    return StreamNode(log, bus or MemoryBus(), sink or Batches(), time, QUICK)


def test_bus_that_dies_is_subscribed_to_again_and_meanwhile_the_log_is_polled() -> None:
    async def scenario() -> None:
        log, bus = MemoryLog(), DyingBus()
        async with node_on(log, bus) as node:
            bus.announce(ENVIRONMENT, log.write(ENVIRONMENT, boolean("b")))
            await until(lambda: node.environments[ENVIRONMENT].position == Position(1, 2))
            await until(lambda: bus.subscribed == 2)
            bus.announce(ENVIRONMENT, log.write(ENVIRONMENT, boolean("c")))
            await until(lambda: node.environments[ENVIRONMENT].position == Position(1, 3))

    with structlog.testing.capture_logs() as logs:
        asyncio.run(scenario())
    assert [entry["log_level"] for entry in logs] == ["warning"]


class Surveyed(MemoryLog):
    """Says in one look where all environments stand, and counts how often it is asked for one."""

    asked = 0
    is_away = False

    async def standing(self) -> dict[str, Position | None]:
        if self.is_away:
            raise ConnectionError("the database is away")
        return dict(self._positions)

    async def environments(self) -> list[str]:
        raise AssertionError("that is known from the look at all of them")

    async def since(self, environment: str, position: Position) -> list[Delta] | None:
        self.asked += 1
        return await super().since(environment, position)


def test_environments_that_do_not_change_are_confirmed_by_one_look_and_not_asked_for() -> None:
    async def scenario() -> None:
        log = Surveyed()
        async with node_on(log) as node:
            environment = node.environments[ENVIRONMENT]
            log.is_away = True
            await until(lambda: node.metrics.value("pennon_follow_failures_total", environment=ENVIRONMENT) > 0)
            await until(lambda: environment.hub.age(node.now()) > 0.3)
            log.is_away = False
            await until(lambda: environment.hub.age(node.now()) < 0.3)
            assert log.asked == 0
            log.write(ENVIRONMENT, boolean("b"))
            log.write("shop/staging", boolean("c"))
            await until(lambda: environment.position == Position(1, 2))
            await until(lambda: "shop/staging" in node.environments and node.environments["shop/staging"].is_loaded)
            assert log.asked >= 1
            log.remove("shop/staging")
            await until(lambda: "shop/staging" not in node.environments)

    with structlog.testing.capture_logs() as logs:
        asyncio.run(scenario())
    # That it is read again is said, too, unless a test before this one has silenced what is no warning.
    assert [entry["event"] for entry in logs if entry["log_level"] != "info"] == ["the log cannot be read"]


def test_delta_that_does_not_fit_is_answered_by_loading_the_whole() -> None:
    async def scenario() -> None:
        log = Rebuilt()
        async with node_on(log) as node:
            log.is_wrong = True
            log.write(ENVIRONMENT, boolean("b"))
            await until(lambda: node.environments[ENVIRONMENT].position == Position(1, 2))
            assert set(node.environments[ENVIRONMENT].rules(node.now()).flag_keys()) == {"a", "b"}
            assert log.snapshots == 2

    with structlog.testing.capture_logs() as logs:
        asyncio.run(scenario())
    assert [entry["log_level"] for entry in logs] == ["warning"]


def test_what_nobody_foresaw_in_one_environment_is_logged_and_mended_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        log = Rebuilt()
        log.write("shop/second", key("second", "server"))
        async with node_on(log) as node:
            environment = node.environments[ENVIRONMENT]

            def broken(*_: Any, **__: Any) -> None:
                raise ZeroDivisionError

            monkeypatch.setattr(environment, "advance", broken)
            log.write(ENVIRONMENT, boolean("b"))
            await until(lambda: environment.position == Position(1, 2))
            monkeypatch.undo()
            log.write("shop/second", boolean("x"))
            await until(lambda: node.environments["shop/second"].position == Position(1, 2))
            log.write(ENVIRONMENT, boolean("c"))
            await until(lambda: environment.position == Position(1, 3))
            assert node.metrics.value("pennon_follow_failures_total", environment=ENVIRONMENT) == 1

    with structlog.testing.capture_logs() as logs:
        asyncio.run(scenario())
    assert [entry["log_level"] for entry in logs] == ["error"]


@pytest.fixture
def whole_log() -> Iterator[None]:
    """Log everything, whatever a test before this one has set up in this process."""
    before = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("whole_log")
def test_log_that_stays_away_is_mentioned_once_when_it_goes_and_once_when_it_is_back() -> None:
    async def scenario() -> None:
        log = MemoryLog()
        async with node_on(log) as node:
            log.fail = {ENVIRONMENT}
            await until(lambda: node.metrics.value("pennon_follow_failures_total", environment=ENVIRONMENT) > 5)
            log.fail = set()
            log.write(ENVIRONMENT, boolean("b"))
            await until(lambda: node.environments[ENVIRONMENT].position == Position(1, 2))
            await until(lambda: len(logs) == 2)  # that it is back is said after what it had is applied

    with structlog.testing.capture_logs() as logs:
        asyncio.run(scenario())
    assert [entry["log_level"] for entry in logs] == ["warning", "info"]


def test_environment_that_is_slow_to_load_does_not_hold_up_the_start() -> None:
    class Slow(MemoryLog):
        async def snapshot(self, environment: str) -> Any:
            if environment == "shop/slow":
                await asyncio.sleep(3600)
            return await super().snapshot(environment)

    async def scenario() -> None:
        log = Slow()
        log.write("shop/slow", boolean("x"))
        log.write(ENVIRONMENT, *KEYS)
        settings = StreamSettings(poll_s=0.02, first_load_s=0.2, drain_s=1)
        async with asyncio.timeout(60), StreamNode(log, MemoryBus(), Batches(), time, settings) as node:
            assert node.environments[ENVIRONMENT].is_loaded
            assert not node.environments["shop/slow"].is_loaded
            assert node.is_ready
            assert not node.is_complete

    asyncio.run(scenario())


def test_new_key_opens_its_environment_in_the_moment_after_it_was_made() -> None:
    settings = StreamSettings(poll_s=30)
    with running(settings=settings) as node, node.client("new") as client:

        async def write_unseen() -> None:
            node.log.write(ENVIRONMENT, key("new", "server"))

        assert client.get("/sdk/v1/snapshot").status_code == 401
        node.run(write_unseen())
        assert client.get("/sdk/v1/snapshot").status_code == 200


def test_strangers_however_many_make_the_node_read_its_log_a_few_times_a_second() -> None:
    class Counting(MemoryLog):
        reads = 0

        async def environments(self) -> list[str]:
            self.reads += 1
            return await super().environments()

    async def scenario() -> None:
        log = Counting()
        log.write(ENVIRONMENT, *KEYS)
        async with StreamNode(log, MemoryBus(), Batches(), time, StreamSettings(poll_s=30)) as node:
            statuses = await asyncio.gather(*(asked(node, "/sdk/v1/snapshot", f"stranger-{n}") for n in range(200)))
            assert set(statuses) == {401}
            assert log.reads <= 4

    asyncio.run(scenario())


async def asked(node: StreamNode, path: str, secret: str, body: bytes = b"") -> int:
    """Return the status of one request that needs no socket."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    method = "POST" if body else "GET"
    scope = {"type": "http", "method": method, "path": path, "headers": [(b"x-api-key", secret.encode())]}
    await Endpoints(node)(scope, receive, send)
    return statuses[0]


def test_failure_within_a_request_is_a_500_that_tells_nothing_and_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(boolean("a")) as node, node.client() as client:

        def broken(*_: Any) -> None:
            raise ZeroDivisionError("secret detail")

        monkeypatch.setattr(node.node.environments[ENVIRONMENT], "rules", broken)
        with structlog.testing.capture_logs() as logs:
            single = client.post("/ofrep/v1/evaluate/flags/a", json={})
        assert (single.status_code, single.json()["key"]) == (500, "a")
        assert "secret detail" not in single.text
        assert [entry["log_level"] for entry in logs if entry["event"] != "request"] == ["error"]
        monkeypatch.undo()
        assert client.post("/ofrep/v1/evaluate/flags/a", json={}).status_code == 200


class Unwilling:
    """A sink that takes nothing until it is told to; it may fail in a way that nobody foresaw."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error
        self.offered: list[EventBatch] = []
        self.taken: list[EventBatch] = []
        self.passes_on = False

    async def accept(self, _environment: str, _key_hash: str, batch: EventBatch, _way: Way = DIRECT) -> Accepted:
        self.offered.append(batch)
        if self.error is not None:
            raise self.error
        self.taken.append(batch)
        return Accepted(batch.entries)


@pytest.mark.parametrize("error", [IngestUnavailable("full"), ZeroDivisionError()])
def test_what_the_node_counted_is_offered_again_until_it_is_taken_and_then_no_more(error: Exception) -> None:
    async def scenario() -> None:
        sink = Unwilling(error)
        async with node_on(MemoryLog(), sink=sink) as node:
            assert await asked(node, "/ofrep/v1/evaluate/flags/a", SERVER, b"{}") == 200
            await until(lambda: len(sink.offered) >= 2)
            assert await asked(node, "/ofrep/v1/evaluate/flags/a", SERVER, b"{}") == 200
            sink.error = None
            await until(lambda: sum(c.count for batch in sink.taken for c in batch.counters) == 2)
        assert {batch.sequence for batch in sink.offered} == {1, 2}
        assert len(sink.taken) == 2

    with structlog.testing.capture_logs() as logs:
        asyncio.run(scenario())
    assert {entry["log_level"] for entry in logs} == {"warning"}


def test_clients_that_speak_websocket_are_sent_away() -> None:
    async def scenario() -> None:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        async with node_on(MemoryLog()) as node:
            await Endpoints(node)({"type": "websocket", "path": "/sdk/v1/stream"}, receive, send)
        assert sent == [{"type": "websocket.close", "code": 1000}]

    asyncio.run(scenario())


def test_edge_key_of_several_environments_may_have_one_of_them_on_a_stream() -> None:
    with running() as node:
        node.write(key(EDGE, "edge"), boolean("x"), environment="shop/second")
        eventually(lambda: len(node.node.environments) == 2)
        with node.client(EDGE) as client:
            eventually(lambda: client.get("/sdk/v1/stream").status_code == 400)
        with listening(node, "/sdk/v1/stream?environment=shop/second", secret=EDGE) as stream:
            stream.next()
            node.write(boolean("y"), environment="shop/second")
            assert stream.until(DELTA).id == "1.2"


def test_rules_that_may_be_had_may_be_had_while_the_log_is_away() -> None:
    class Forgetful(MemoryLog):
        is_away = False

        async def allows_client_rules(self, environment: str) -> bool:
            if self.is_away:
                raise ConnectionError
            return await super().allows_client_rules(environment)

    log = Forgetful()
    log.allowed.add(ENVIRONMENT)
    settings = StreamSettings(poll_s=0.1, rules_check_s=0.0)
    with running(boolean("a", client_side=True), log=log, settings=settings) as node, node.client(None) as browser:
        assert browser.get(f"/client/v1/rules/{CLIENT}").status_code == 200
        log.is_away = True
        assert browser.get(f"/client/v1/rules/{CLIENT}").status_code == 200
