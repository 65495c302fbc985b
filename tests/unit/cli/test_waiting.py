"""Connections that wait for a request: closed in their order, by one timer."""

import asyncio
from typing import Any

from pennon.cli.waiting import Waiting


class Connection(asyncio.Transport):
    def __init__(self, name: str, closed: list[str]) -> None:
        super().__init__()
        self._name = name
        self._closed = closed

    def close(self) -> None:
        self._closed.append(self._name)


class HandLoop:
    """A loop whose time is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Any]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Any) -> object:
        self.timers.append((when, call))
        return call

    def move(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for timer in self.timers if timer[0] <= self.now]
        self.timers = [timer for timer in self.timers if timer[0] > self.now]
        for _, call in due:
            call()


def test_those_who_wait_too_long_are_closed_and_one_timer_is_set_for_all() -> None:
    loop, closed = HandLoop(), list[str]()
    waiting = Waiting[Connection](loop)  # type: ignore[arg-type]  # all of a loop that it needs
    first, second, third = (Connection(name, closed) for name in ("first", "second", "third"))
    waiting.add(first, 30)
    loop.move(10)
    waiting.add(second, 30)
    waiting.add(third, 30)
    assert len(loop.timers) == 1
    waiting.remove(second)
    waiting.remove(second)
    loop.move(19)
    assert closed == []
    loop.move(1)
    assert closed == ["first"]
    assert len(loop.timers) == 1
    loop.move(10)
    assert closed == ["first", "third"]
    assert not loop.timers
    assert len(waiting) == 0
    waiting.add(second, 30)
    loop.move(30)
    assert closed == ["first", "third", "second"]
