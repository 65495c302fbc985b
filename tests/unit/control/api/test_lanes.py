"""Who is let in, who waits and who is refused when there is more to do than can be done."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from pennon.control.api.lanes import Lanes, Sizes, Work

SMALL = Sizes(shared=4, large=1, kill=1, sign_in=1, waiting=3, wait_s=60)


def run(scenario: Callable[[Lanes], Coroutine[Any, Any, None]], sizes: Sizes = SMALL) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scenario(Lanes(sizes))

    asyncio.run(bounded())


async def waiting(lanes: Lanes, *works: Work) -> list[asyncio.Task[bool]]:
    """Have requests wait, in this order."""
    tasks = []
    for work in works:
        tasks.append(asyncio.create_task(lanes.enter(work)))
        await asyncio.sleep(0)
    return tasks


def test_reads_leave_room_for_a_write() -> None:
    async def scenario(lanes: Lanes) -> None:
        assert [await lanes.enter(Work.READ) for _ in range(3)] == [True] * 3
        (fourth,) = await waiting(lanes, Work.READ)
        assert await lanes.enter(Work.WRITE)
        assert not fourth.done()
        lanes.leave(Work.READ)
        assert await fourth

    run(scenario)


def test_writes_that_wait_go_before_reads_that_came_first() -> None:
    async def scenario(lanes: Lanes) -> None:
        for _ in range(4):
            await lanes.enter(Work.WRITE)
        read, write = await waiting(lanes, Work.READ, Work.WRITE)
        lanes.leave(Work.WRITE)
        assert await write
        assert not read.done()
        lanes.leave(Work.WRITE)
        assert await read

    run(scenario)


def test_a_write_takes_the_place_of_the_read_that_came_last_when_no_more_may_wait() -> None:
    async def scenario(lanes: Lanes) -> None:
        for _ in range(4):
            await lanes.enter(Work.WRITE)
        *kept, last = await waiting(lanes, *[Work.READ] * 3)
        assert not await lanes.enter(Work.READ), "full"
        (write,) = await waiting(lanes, Work.WRITE)
        assert await last is False
        assert not any(read.done() for read in kept)
        assert not write.done()
        lanes.leave(Work.WRITE)
        assert await write

    run(scenario)


def test_turning_off_and_signing_in_do_not_wait_for_the_rest() -> None:
    async def scenario(lanes: Lanes) -> None:
        for _ in range(4):
            await lanes.enter(Work.WRITE)
        await waiting(lanes, *[Work.WRITE] * 3)
        assert not await lanes.enter(Work.WRITE)
        assert await lanes.enter(Work.KILL)
        assert await lanes.enter(Work.SIGN_IN)

    run(scenario)


def test_large_ones_take_a_little_of_the_shared_lane() -> None:
    async def scenario(lanes: Lanes) -> None:
        assert await lanes.enter(Work.LARGE)
        (second,) = await waiting(lanes, Work.LARGE)
        assert not second.done()
        assert await lanes.enter(Work.READ), "nobody waits behind what may not be let in yet"
        lanes.leave(Work.LARGE)
        assert await second

    run(scenario)


def test_nobody_waits_for_long() -> None:
    async def scenario(lanes: Lanes) -> None:
        await lanes.enter(Work.KILL)
        assert not await lanes.enter(Work.KILL)
        lanes.leave(Work.KILL)
        assert await lanes.enter(Work.KILL)

    run(scenario, Sizes(kill=1, wait_s=0.01))


def test_who_leaves_while_waiting_takes_no_place() -> None:
    async def scenario(lanes: Lanes) -> None:
        await lanes.enter(Work.KILL)
        (task,) = await waiting(lanes, Work.KILL)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        lanes.leave(Work.KILL)
        assert lanes.running(Work.KILL) == 0
        await lanes.enter(Work.KILL)
        (task,) = await waiting(lanes, Work.KILL)
        lanes.leave(Work.KILL)
        task.cancel()  # in the moment in which it is let in
        await asyncio.gather(task, return_exceptions=True)
        assert lanes.running(Work.KILL) == 0
        assert await lanes.enter(Work.KILL)

    run(scenario)


def test_everything_comes_back_to_nothing() -> None:
    async def scenario(lanes: Lanes) -> None:
        async def work(kind: Work) -> bool:
            if not await lanes.enter(kind):
                return False
            await asyncio.sleep(0)
            lanes.leave(kind)
            return True

        done = await asyncio.gather(*(work(kind) for kind in [*Work] * 40))
        assert any(done)
        assert not all(done)
        assert [lanes.running(kind) for kind in Work] == [0] * len(Work)

    run(scenario, Sizes(shared=2, large=1, kill=1, sign_in=1, waiting=4, wait_s=60))
