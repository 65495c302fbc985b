"""What the loops wait on and run in: the same behaviour, in threads and in tasks."""

import asyncio
import os
import threading
import time

import pytest

from pennon.sdk import tasks, threads
from pennon.sdk.failures import LineCut


def nothing() -> None:
    pass


async def nothing_soon() -> None:
    pass


def test_a_thread_that_fails_is_reported_and_starts_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_RESTART_S", 0.01)
    runs: list[int] = []

    def loop() -> None:
        runs.append(1)
        if len(runs) < 3:
            raise RuntimeError("a bug")

    loops = threads.Loops(nothing)
    loops.start({"pennon-test": loop})
    assert loops.stop(5)
    assert len(runs) == 3
    assert caplog.text.count("a background thread failed and starts again") == 2


def test_a_task_that_fails_is_reported_and_starts_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_RESTART_S", 0.01)
    runs: list[int] = []

    async def loop() -> None:
        runs.append(1)
        if len(runs) < 3:
            raise RuntimeError("a bug")

    async def main() -> bool:
        loops = tasks.AsyncLoops(nothing_soon)
        loops.start({"pennon-test": loop})
        return await loops.stop(5)

    assert asyncio.run(main())
    assert len(runs) == 3
    assert caplog.text.count("a background task failed and starts again") == 2


def test_a_thread_that_does_not_end_in_time_is_left_and_said_so() -> None:
    over = threading.Event()
    loops = threads.Loops(nothing)
    loops.start({"pennon-test": lambda: nothing() if over.wait(30) else None})
    assert not loops.stop(0.05)
    over.set()
    assert loops.stop(5)


def test_a_task_that_does_not_end_in_time_is_cancelled() -> None:
    async def main() -> bool:
        loops = tasks.AsyncLoops(nothing_soon)
        loops.start({"pennon-test": lambda: asyncio.sleep(30)})
        return await loops.stop(0.05)

    started = time.monotonic()
    assert asyncio.run(main())
    assert time.monotonic() - started < 10


def test_tasks_that_somebody_else_cancels_release_what_they_hold() -> None:
    released: list[bool] = []

    async def release() -> None:
        released.append(True)

    async def main() -> None:
        loops = tasks.AsyncLoops(release)
        loops.start({"pennon-test": lambda: asyncio.sleep(30)})
        await asyncio.sleep(0)

    asyncio.run(main())
    assert released == [True]


def test_a_signal_is_given_by_any_thread_and_stays() -> None:
    async def main() -> tuple[bool, bool, bool, bool]:
        signal = tasks.AsyncSignal()
        early = await signal.wait(0.01)
        threading.Thread(target=signal.set).start()
        given = await signal.wait(10)
        stays = await signal.wait(0)
        signal.clear()
        return early, given, stays, await signal.wait(0.01)

    assert asyncio.run(main()) == (False, True, True, False)
    signal = threads.Signal()
    assert (signal.wait(0.01), signal.wait(-1)) == (False, False)
    signal.set()
    assert signal.wait(10)
    assert signal.is_set()


def test_a_signal_of_a_loop_that_is_closed_can_be_given() -> None:
    async def made() -> tasks.AsyncSignal:
        return tasks.AsyncSignal()

    signal = asyncio.run(made())
    signal.set()
    assert signal.is_set()


def test_a_line_that_was_cut_raises_and_can_be_used_again_until_it_is_closed() -> None:
    async def main() -> list[str]:
        said = []
        line = tasks.AsyncLifeline()
        for end in (line.cut, line.cut, line.close):
            asyncio.get_running_loop().call_later(0.01, end)
            try:
                async with line:
                    await asyncio.sleep(30)
            except LineCut:
                said.append("cut")
        try:
            async with line:
                said.append("never")
        except LineCut:
            said.append("closed")
        return said

    assert asyncio.run(main()) == ["cut", "cut", "cut", "closed"]


def test_what_raises_for_another_reason_is_not_taken_for_a_cut() -> None:
    with pytest.raises(KeyError), threads.Lifeline():
        raise KeyError("something else")
    line = threads.Lifeline()

    def read() -> None:
        line.cut()
        raise ConnectionError("the socket was shut")

    with pytest.raises(LineCut), line:
        read()
    line.close()
    with pytest.raises(LineCut), line:
        pass


def test_a_bell_is_rung_by_any_thread_or_by_a_file_and_once_only() -> None:
    read, write = os.pipe()

    async def main() -> list[bool]:
        bell = tasks.AsyncBell(read)
        woken = []
        for ring in (bell.ring, lambda: os.write(write, b"!")):
            threading.Thread(target=ring).start()
            woken.append(await in_time(bell, 10))
        os.read(read, 1)
        woken.append(await in_time(bell, 0.01))  # the file had rung once more before it was read
        woken.append(await in_time(bell, 0.01))
        bell.close()
        bell.ring()
        bell.forget()
        return woken

    async def in_time(bell: tasks.AsyncBell, timeout_s: float) -> bool:
        started = time.monotonic()
        await bell.wait(timeout_s)
        return time.monotonic() - started < timeout_s

    assert asyncio.run(main())[:2] == [True, True]
    bell = threads.Bell(read)
    threading.Thread(target=bell.ring).start()
    started = time.monotonic()
    bell.wait(10)
    os.write(write, b"!")
    bell.wait(10)
    assert time.monotonic() - started < 5
    os.read(read, 1)
    bell.wait(0.02)
    assert time.monotonic() - started > 0.02
    bell.close()
    bell.ring()
    os.close(read)
    os.close(write)


def test_a_bell_without_a_file_is_rung_by_threads() -> None:
    bell = threads.Bell(None)
    for _ in range(100_000):
        bell.ring()  # more than anybody could have read
    bell.wait(10)
    bell.close()
