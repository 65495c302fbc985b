"""What waits for a stream: bounded, and a nudge when there is something."""

import asyncio
from collections.abc import Callable

from pennon.model import Position
from pennon.stream.subscribers import Ended, Subscription


def subscription(limit: int = 100) -> Subscription:
    made = Subscription("hash", "server", limit=limit)
    made.position = Position(1, 0)
    return made


def test_frames_are_taken_in_order_and_the_position_is_that_of_the_last() -> None:
    stream = subscription()
    assert stream.offer(b"a", Position(1, 1))
    assert stream.offer(b"b", Position(1, 2))
    assert stream.take() == [b"a", b"b"]
    assert stream.position == Position(1, 2)
    assert stream.take() == []


def test_reader_that_is_too_slow_lags_from_the_position_that_it_has() -> None:
    stream = subscription(limit=10)
    stream.offer(b"x" * 6, Position(1, 1))
    assert not stream.offer(b"x" * 6, Position(1, 2))
    assert stream.lagging
    assert stream.take() == []
    assert stream.position == Position(1, 0)
    assert stream.offer(b"x", Position(1, 3)), "what comes while it lags is in the opening, and no new lag"
    assert stream.take() == []


def test_one_large_frame_may_wait() -> None:
    stream = subscription(limit=10)
    assert stream.offer(b"x" * 50, Position(1, 1))
    assert stream.take() == [b"x" * 50]


def test_first_reason_to_end_stands() -> None:
    stream = subscription()
    stream.end(Ended.REVOKED)
    stream.end(Ended.LEFT)
    assert stream.ended is Ended.REVOKED


def test_waiting_ends_for_a_frame_a_lag_an_end_or_the_time() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        nudges: list[Callable[[Subscription], object]] = [
            lambda stream: stream.offer(b"a", Position(1, 1)),
            lambda stream: stream.fall_behind(),
            lambda stream: stream.end(Ended.LEFT),
        ]
        for nudge in nudges:
            stream = subscription()
            waiting = asyncio.ensure_future(stream.wait(loop.time() + 60))
            await asyncio.sleep(0)
            assert not waiting.done()
            nudge(stream)
            await asyncio.wait_for(waiting, 5)
            await asyncio.wait_for(stream.wait(loop.time() + 60), 5)
        await asyncio.wait_for(subscription().wait(loop.time() + 0.01), 5)

    asyncio.run(scenario())
