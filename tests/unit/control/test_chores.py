"""The work of a server beside answering: due, woken, and tried again."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

from pennon.control.chores import Chore, Chores, pause_s
from pennon.control.clock import SystemClock

WAIT_S = 60


class Counted:
    """A chore's work that counts how often it was done, and tells when it was done so often."""

    def __init__(self, done: Callable[[int], datetime | None] = lambda _: None) -> None:
        self.times = 0
        self._done = done
        self._changed = threading.Condition()

    def __call__(self) -> datetime | None:
        with self._changed:
            self.times += 1
            self._changed.notify_all()
        return self._done(self.times)

    async def has_run(self, times: int) -> None:
        def wait() -> bool:
            with self._changed:
                return self._changed.wait_for(lambda: self.times >= times, WAIT_S)

        assert await asyncio.to_thread(wait), f"it ran {self.times} times only"


@contextlib.asynccontextmanager
async def tended(*chores: Chore) -> AsyncIterator[Chores]:
    made = Chores(chores, SystemClock())
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def chore(work: Counted, *, every_s: float = 3600, wakes_on: frozenset[str] = frozenset()) -> Chore:
    return Chore(name="counted", run=work, every_s=every_s, wakes_on=wakes_on)


def test_a_chore_is_done_at_once_and_then_when_it_is_due() -> None:
    work = Counted(lambda _: datetime.now(UTC) + timedelta(milliseconds=1))  # noqa: TID251  # the time of the test

    async def play() -> None:
        async with tended(chore(work)):
            await work.has_run(3)

    asyncio.run(play())


def test_a_chore_that_is_due_no_time_is_done_again_after_its_interval() -> None:
    work = Counted()

    async def play() -> None:
        async with tended(chore(work, every_s=0.01)):
            await work.has_run(3)

    asyncio.run(play())


def test_a_change_of_what_it_waits_for_wakes_a_chore_and_no_other_does() -> None:
    work, other = Counted(), Counted()

    async def play() -> None:
        waiting = chore(work, wakes_on=frozenset({"schedule"}))
        deaf = Chore(name="deaf", run=other, every_s=3600)
        async with tended(waiting, deaf) as chores:
            await work.has_run(1)
            await other.has_run(1)
            chores.wake({"flag"})
            chores.wake({"flag", "schedule"})
            await work.has_run(2)
        assert other.times == 1

    asyncio.run(play())


def test_a_chore_that_fails_is_tried_again_and_harms_no_other() -> None:
    def done(times: int) -> None:
        if times < 3:
            raise RuntimeError("the database is away")

    work, other = Counted(done), Counted()

    async def play() -> None:
        async with tended(chore(work), Chore(name="other", run=other, every_s=0.01)):
            await work.has_run(3)
            await other.has_run(3)

    asyncio.run(play())


def test_what_waits_for_the_database_is_done_soon_after_it_is_back() -> None:
    assert 0.5 <= pause_s(1, is_down=True) <= 1.0
    assert {2.5 <= pause_s(50, is_down=True) <= 5.0 for _ in range(50)} == {True}
    assert {30.0 <= pause_s(50, is_down=False) <= 60.0 for _ in range(50)} == {True}


def test_nobody_is_woken_before_the_start_or_after_the_end() -> None:
    work = Counted()

    async def play() -> Chores:
        chores = Chores([chore(work, wakes_on=frozenset({"schedule"}))], SystemClock())
        chores.wake({"schedule"})
        async with tended() as ended:
            pass
        ended.wake({"schedule"})
        return chores

    asyncio.run(play()).wake({"schedule"})
    assert work.times == 0
