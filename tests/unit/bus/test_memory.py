"""The bus within one process."""

import asyncio
import threading

from pennon.bus import MemoryBus, Notice, Subscription
from pennon.model import Position


async def _next(subscription: Subscription) -> Notice:
    return await asyncio.wait_for(anext(subscription), 60)


def test_every_subscriber_hears_what_is_published() -> None:
    async def scenario() -> None:
        bus = MemoryBus()
        first, second = bus.subscribe(), bus.subscribe()
        await bus.publish("shop/production", Position(1, 2))
        assert await _next(first) == Notice("shop/production", Position(1, 2))
        assert await _next(second) == Notice("shop/production", Position(1, 2))

    asyncio.run(scenario())


def test_what_is_published_before_reading_begins_is_not_missed() -> None:
    async def scenario() -> None:
        bus = MemoryBus()
        subscription = bus.subscribe()
        await bus.publish("a", Position(1, 1))
        await bus.publish("b", Position(1, 1))
        assert {(await _next(subscription)).environment, (await _next(subscription)).environment} == {"a", "b"}

    asyncio.run(scenario())


def test_slow_subscriber_gets_the_newest_position_of_each_environment_once() -> None:
    async def scenario() -> None:
        bus = MemoryBus()
        subscription = bus.subscribe()
        for revision in (1, 3, 2):
            await bus.publish("a", Position(1, revision))
        await bus.publish("b", Position(2, 9))
        assert await _next(subscription) == Notice("a", Position(1, 3))
        assert await _next(subscription) == Notice("b", Position(2, 9))
        reading = asyncio.ensure_future(anext(subscription))
        await asyncio.sleep(0)
        assert not reading.done()
        reading.cancel()

    asyncio.run(scenario())


def _step(revision: int) -> Notice:
    return Notice("a", Position(1, revision), b'{"to":%d}' % revision)


async def _told(notices: list[Notice], count: int) -> list[Notice]:
    """Return what a subscriber reads who comes after all of *notices*."""
    bus = MemoryBus()
    subscription = bus.subscribe()
    for notice in notices:
        await bus.publish(notice.environment, notice.position, delta=notice.delta)
    found = [await _next(subscription) for _ in range(count)]
    reading = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    assert not reading.done()
    reading.cancel()
    return found


def test_steps_in_a_row_are_all_told_in_their_order() -> None:
    steps = [_step(revision) for revision in (1, 2, 2, 3)]
    assert asyncio.run(_told(steps, 3)) == [_step(1), _step(2), _step(3)]


def test_a_notice_without_a_step_stands_for_those_before() -> None:
    bare = Notice("a", Position(1, 3))
    assert asyncio.run(_told([_step(1), _step(2), bare], 1)) == [bare]
    assert asyncio.run(_told([bare, _step(4), _step(5)], 2)) == [_step(4), _step(5)]


def test_of_very_many_steps_a_slow_subscriber_is_told_the_newest_only() -> None:
    found = asyncio.run(_told([_step(revision) for revision in range(1, 101)], 100 % 32))
    assert found[-1] == _step(100)
    assert len(found) == 4


def test_closed_subscription_ends_and_hears_no_more() -> None:
    async def scenario() -> None:
        bus = MemoryBus()
        subscription = bus.subscribe()
        reading = asyncio.ensure_future(_collected(subscription))
        await asyncio.sleep(0)
        await subscription.aclose()
        await bus.publish("a", Position(1, 1))
        assert await asyncio.wait_for(reading, 60) == []

    asyncio.run(scenario())


def test_any_thread_may_announce() -> None:
    async def scenario() -> None:
        bus = MemoryBus()
        subscription = bus.subscribe()
        threads = [
            threading.Thread(target=bus.announce, args=(f"e{number}", Position(1, number))) for number in range(20)
        ]
        for thread in threads:
            thread.start()
        heard = {(await _next(subscription)).environment for _ in threads}
        assert heard == {f"e{number}" for number in range(20)}
        for thread in threads:
            thread.join()

    asyncio.run(scenario())


def test_subscriber_whose_loop_is_gone_is_forgotten() -> None:
    bus = MemoryBus()

    async def subscribe() -> None:
        bus.subscribe()

    asyncio.run(subscribe())
    bus.announce("a", Position(1, 1))
    bus.announce("a", Position(1, 2))


async def _collected(subscription: Subscription) -> list[Notice]:
    return [notice async for notice in subscription]
