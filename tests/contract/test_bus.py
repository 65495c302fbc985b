"""What any bus promises, over real servers that are killed and started again in the middle."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from pennon.bus import MemoryBus, Notice, Subscription
from pennon.bus.nats import nats_bus
from pennon.bus.postgres import postgres_bus
from pennon.bus.redis import CHANNEL, redis_bus
from pennon.bus.remote import PAYLOAD_BYTES, RemoteBus
from pennon.bus.workers import workers_bus
from pennon.model import Position
from pennon.stream import StreamNode, StreamSettings
from tests.integration.nodes import ENVIRONMENT, KEYS, Batches, MemoryLog, boolean
from tests.servers import Killable, NatsServer, PostgresServer, RedisServer, RelayServer

_PATIENCE_S = 60.0
_KINDS: dict[str, tuple[Callable[[], Killable], Callable[[str], RemoteBus]]] = {
    "postgres": (PostgresServer, postgres_bus),
    "redis": (RedisServer, redis_bus),
    "nats": (NatsServer, nats_bus),
    "workers": (RelayServer, lambda url: workers_bus(Path(url))),
}
Scenario = Callable[..., Awaitable[None]]


class Setting:
    """A server that runs, and as many processes' ends of its bus as a test asks for."""

    def __init__(self, kind: str, server: Killable) -> None:
        self.kind = kind
        self.server = server
        self._bus = _KINDS[kind][1]

    def run(self, scenario: Scenario, *, ends: int, is_up: bool = True) -> None:
        async def main() -> None:
            async with asyncio.timeout(_PATIENCE_S), AsyncExitStack() as stack:
                buses = [await stack.enter_async_context(self._bus(self.server.url)) for _ in range(ends)]
                if is_up:
                    for bus in buses:
                        await bus.connected()
                await scenario(*buses)

        asyncio.run(main())


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[PostgresServer]:
    """One for all tests: it takes a second to make, and a bus leaves nothing in it."""
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(params=_KINDS)
def setting(request: pytest.FixtureRequest) -> Iterator[Setting]:
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        server.start()  # unless it runs: the test before may have killed it
        yield Setting(request.param, server)
        return
    server = _KINDS[request.param][0]()
    server.start()
    yield Setting(request.param, server)
    server.close()


async def _until(subscription: Subscription, *wanted: Notice) -> list[Notice]:
    """Return what was heard until each of *wanted* was."""
    heard: list[Notice] = []
    while not set(wanted) <= set(heard):
        heard.append(await anext(subscription))
    return heard


def _notice(revision: int, environment: str = "shop/production") -> Notice:
    return Notice(environment, Position(1, revision))


def test_every_process_hears_what_one_publishes_itself_too(setting: Setting) -> None:
    async def scenario(first: RemoteBus, second: RemoteBus, third: RemoteBus) -> None:
        heard = [bus.subscribe() for bus in (first, second, third)]
        await second.publish("shop/production", Position(1, 7))
        for subscription in heard:
            await _until(subscription, _notice(7))

    setting.run(scenario, ends=3)


def test_of_many_changes_the_newest_of_each_environment_arrives(setting: Setting) -> None:
    environments = ["shop/production", "shop/a.-_b.", "x" * 120 + "/" + "y" * 120]

    async def scenario(first: RemoteBus, second: RemoteBus) -> None:
        heard = second.subscribe()
        for revision in range(1, 301):
            for environment in environments:
                first.announce(environment, Position(2, revision))
            await asyncio.sleep(0)
        found = await _until(heard, *(Notice(environment, Position(2, 300)) for environment in environments))
        for environment in environments:
            positions = [notice.position for notice in found if notice.environment == environment]
            assert positions == sorted(positions)

    setting.run(scenario, ends=2)


def test_a_server_killed_and_started_again_carries_what_came_after_and_what_waited(setting: Setting) -> None:
    async def scenario(first: RemoteBus, second: RemoteBus) -> None:
        heard, own = second.subscribe(), first.subscribe()
        await first.publish("shop/production", Position(1, 1))
        await _until(heard, _notice(1))
        setting.server.kill()
        await _lost(first)
        await first.publish("shop/production", Position(1, 2))
        await first.publish("shop/staging", Position(1, 5))
        await _until(own, _notice(2), _notice(5, "shop/staging"))  # of its own process, server or not
        await asyncio.to_thread(setting.server.start)
        await asyncio.gather(first.connected(), second.connected())
        await first.publish("shop/production", Position(1, 3))
        await _until(heard, _notice(3))

    setting.run(scenario, ends=2)


async def _lost(bus: RemoteBus) -> None:
    while bus.is_connected:
        await asyncio.sleep(0.01)


def test_a_process_that_starts_before_its_server_speaks_and_hears_once_it_is_there(setting: Setting) -> None:
    setting.server.kill()

    async def scenario(first: RemoteBus, second: RemoteBus) -> None:
        heard = second.subscribe()
        await first.publish("shop/production", Position(1, 4))
        await asyncio.to_thread(setting.server.start)
        await second.connected()
        await first.publish("shop/production", Position(1, 5))
        await _until(heard, _notice(5))

    setting.run(scenario, ends=2, is_up=False)


def test_a_node_that_reads_the_log_seldom_follows_the_bus(setting: Setting) -> None:
    log = MemoryLog()
    log.write(ENVIRONMENT, boolean("new-checkout"), *KEYS)
    seldom = StreamSettings(poll_s=3600)

    async def scenario(writing: RemoteBus, following: RemoteBus) -> None:
        async with StreamNode(log, following, Batches(), time, seldom) as node:
            for number in range(3):
                position = log.write(ENVIRONMENT, boolean("new-checkout", salt=f"s{number}"))
                await writing.publish(ENVIRONMENT, position)
                while node.environments[ENVIRONMENT].position != position:
                    await asyncio.sleep(0.001)

    setting.run(scenario, ends=2)


_ROOM: Mapping[str, int] = {"postgres": 7999, "redis": PAYLOAD_BYTES, "nats": PAYLOAD_BYTES, "workers": PAYLOAD_BYTES}


def _delta_in(payload: int, text: str) -> bytes:
    """Return a delta with *text* in it that makes a notice of shop/production of so many bytes."""
    around = len('{"environment":"shop/production","position":"1.1","delta":""}')
    return b'"' + text.encode() + b"x" * (payload - around - len(text.encode())) + b'"'


@pytest.mark.parametrize("text", ["", "Łódź 🎌 \\u0001"], ids=["plain", "in other letters"])
def test_a_delta_travels_where_there_is_room_for_it(setting: Setting, text: str) -> None:
    async def scenario(first: RemoteBus, second: RemoteBus) -> None:
        heard = second.subscribe()
        fits, exceeds = (_delta_in(_ROOM[setting.kind] + more, text) for more in (0, 1))
        await first.publish("shop/production", Position(1, 1), delta=fits)
        assert await anext(heard) == Notice("shop/production", Position(1, 1), fits)
        await first.publish("shop/production", Position(1, 2), delta=exceeds)
        assert await anext(heard) == Notice("shop/production", Position(1, 2))

    setting.run(scenario, ends=2)


def test_a_step_is_taken_only_from_who_has_the_secret_and_a_position_from_everybody(setting: Setting) -> None:
    async def scenario(one: RemoteBus, other: RemoteBus, stranger: RemoteBus, plain: RemoteBus) -> None:
        for bus in (one, other):
            bus.trust(b"ours")
        stranger.trust(b"theirs")
        heard = other.subscribe()
        for revision, bus, is_taken in ((1, one, True), (2, stranger, False), (3, plain, False), (4, one, True)):
            delta = b'{"to":%d}' % revision
            await bus.publish("shop/production", Position(1, revision), delta=delta)
            assert await anext(heard) == Notice("shop/production", Position(1, revision), delta if is_taken else None)

    setting.run(scenario, ends=4)


def test_a_node_that_stands_where_a_step_begins_does_not_read_the_log_for_it(setting: Setting) -> None:
    log = MemoryLog()
    log.write(ENVIRONMENT, boolean("new-checkout"), *KEYS)

    async def scenario(writing: RemoteBus, following: RemoteBus) -> None:
        async with StreamNode(log, following, Batches(), time, StreamSettings(poll_s=3600)) as node:
            environment = node.environments[ENVIRONMENT]
            log.fail.add(ENVIRONMENT)
            for number in range(3):
                await _announced(writing, log, log.write(ENVIRONMENT, boolean("new-checkout", salt=f"s{number}")))
                while environment.position != log.state(ENVIRONMENT).position:
                    await asyncio.sleep(0.001)
            assert environment.hub.snapshot("edge").to_json() == log.state(ENVIRONMENT).to_json()

    setting.run(scenario, ends=2)


async def _announced(bus: RemoteBus, log: MemoryLog, position: Position, **changed: Any) -> None:
    step = msgspec.structs.replace(log._deltas[ENVIRONMENT][-1], **changed)
    await bus.publish(ENVIRONMENT, position, delta=step.to_json())


@pytest.mark.parametrize(
    "changed",
    [{"digest": "0" * 64}, {"from_": 0}, {"environment": "shop/other"}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_step_that_is_not_what_the_log_says_sends_the_node_to_the_log(changed: dict[str, Any]) -> None:
    log = MemoryLog()
    log.write(ENVIRONMENT, boolean("new-checkout"), *KEYS)

    async def main() -> None:
        bus = MemoryBus()
        async with (
            asyncio.timeout(_PATIENCE_S),
            StreamNode(log, bus, Batches(), time, StreamSettings(poll_s=3600)) as node,
        ):
            environment = node.environments[ENVIRONMENT]
            position = log.write(ENVIRONMENT, boolean("new-checkout", salt="s2"))
            step = msgspec.structs.replace(log._deltas[ENVIRONMENT][-1], **changed)
            await bus.publish(ENVIRONMENT, position, delta=step.to_json())
            while environment.position != position:
                await asyncio.sleep(0.001)
            assert environment.hub.snapshot("edge").to_json() == log.state(ENVIRONMENT).to_json()

    asyncio.run(main())


def test_a_step_makes_nothing_younger_than_it_was() -> None:
    log = MemoryLog()
    log.write(ENVIRONMENT, boolean("new-checkout"), *KEYS)

    async def main() -> None:
        bus = MemoryBus()
        async with (
            asyncio.timeout(_PATIENCE_S),
            StreamNode(log, bus, Batches(), time, StreamSettings(poll_s=3600)) as node,
        ):
            environment = node.environments[ENVIRONMENT]
            known_at = node.now() - environment.hub.age(node.now())
            position = log.write(ENVIRONMENT, boolean("new-checkout", salt="s2"))
            await bus.publish(ENVIRONMENT, position, delta=log._deltas[ENVIRONMENT][-1].to_json())
            while environment.position != position:
                await asyncio.sleep(0.001)
            assert node.now() - environment.hub.age(node.now()) == pytest.approx(known_at, abs=1e-3)

    asyncio.run(main())


@pytest.mark.parametrize("setting", ["redis", "nats", "workers"], indirect=True)
def test_who_connects_late_hears_where_every_environment_stands(setting: Setting) -> None:
    async def speak(bus: RemoteBus) -> None:
        heard = bus.subscribe()
        await bus.publish("shop/production", Position(1, 8))
        await _until(heard, _notice(8))
        while bus.has_waiting:
            await asyncio.sleep(0.01)

    async def listen(bus: RemoteBus) -> None:
        await _until(bus.subscribe(), _notice(8))

    setting.run(speak, ends=1)
    setting.run(listen, ends=1, is_up=False)


@pytest.mark.parametrize("setting", ["redis"], indirect=True)
@pytest.mark.parametrize("payload", [b"", b"\xff", b"{}", b'{"environment":"a","position":"x"}', b"[" * 2000])
def test_what_is_no_notice_is_passed_over(setting: Setting, payload: bytes) -> None:
    async def scenario(first: RemoteBus, second: RemoteBus) -> None:
        heard = second.subscribe()
        client: Any = Redis.from_url(setting.server.url)
        await client.publish(CHANNEL, payload)
        await client.aclose()
        await first.publish("shop/production", Position(1, 1))
        assert await anext(heard) == _notice(1)

    setting.run(scenario, ends=2)
