"""What a node does now and then, it does together."""

import time

import pytest

from pennon.bus import MemoryBus
from pennon.stream import StreamNode
from tests.integration.nodes import Batches, MemoryLog


class HandClock:
    def __init__(self) -> None:
        self.now = 12345.678

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize("interval_s", [0.02, 1.0, 30.0])
def test_what_is_done_as_often_is_done_at_one_time_whenever_each_was_begun(interval_s: float) -> None:
    clock = HandClock()
    node = StreamNode(MemoryLog(), MemoryBus(), Batches(), clock)
    first = clock.now + node.until_next(interval_s)
    for step in range(200):
        clock.now += interval_s * (step % 7) / 10
        left = node.until_next(interval_s)
        assert interval_s / 10 < left <= interval_s * 1.1001
        times = (clock.now + left - first) / interval_s
        assert times == pytest.approx(round(times), abs=1e-6)


def test_nodes_do_not_all_do_it_at_once() -> None:
    clock = HandClock()
    waits = {StreamNode(MemoryLog(), MemoryBus(), Batches(), clock).until_next(1.0) for _ in range(20)}
    assert len(waits) > 1
