"""Who may have a whole snapshot now, and when the others come back."""

import pytest

from pennon.stream.admission import Admission, Later, Ticket


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def admission(clock: Clock, *, count: int = 4, size: int = 1000, chance: float = 0.5) -> Admission:
    return Admission(count=count, size=size, longest_s=60, now=clock, chance=lambda: chance)


def enter(gate: Admission, size: int = 10) -> Ticket:
    entered = gate.try_enter(size)
    assert isinstance(entered, Ticket)
    return entered


def later(gate: Admission, size: int = 10) -> int:
    told = gate.try_enter(size)
    assert isinstance(told, Later)
    return told.retry_after_s


def test_no_more_are_in_flight_than_may_be(clock: Clock) -> None:
    gate = admission(clock)
    tickets = [enter(gate) for _ in range(4)]
    assert later(gate) >= 1
    tickets[0].leave()
    enter(gate)
    assert later(gate) >= 1


def test_bytes_are_bounded_beside_the_number(clock: Clock) -> None:
    gate = admission(clock, count=100)
    enter(gate, 600)
    assert later(gate, 500) >= 1
    enter(gate, 400)
    assert (gate.count, gate.size) == (2, 1000)


def test_one_that_is_larger_than_all_bounds_goes_alone(clock: Clock) -> None:
    gate = admission(clock)
    alone = enter(gate, 5000)
    assert later(gate) >= 1
    alone.leave()
    enter(gate)


def test_ticket_given_back_twice_counts_once(clock: Clock) -> None:
    gate = admission(clock)
    ticket, _ = enter(gate), enter(gate)
    ticket.leave()
    ticket.leave()
    assert (gate.count, gate.size) == (1, 10)


def test_those_who_are_refused_are_spread_over_the_time_that_serving_them_takes(clock: Clock) -> None:
    gate = admission(clock)
    for _ in range(4):
        enter(gate)
    # A quarter of what may be in flight each, at a fifth of it a second: one in each 1.25 s.
    assert [later(gate) for _ in range(4)] == [2, 3, 4, 5]
    clock.now += 5
    assert later(gate) == 2, "the queue has moved on meanwhile"


def test_nobody_is_sent_away_for_longer_than_the_bound_allows(clock: Clock) -> None:
    gate = admission(clock)
    for _ in range(4):
        enter(gate)
    assert max(later(gate) for _ in range(1000)) == 60


def test_chance_spreads_those_who_are_told_the_same(clock: Clock) -> None:
    chances = iter([0.0, 1.0])
    gate = Admission(count=1, size=1000, longest_s=60, now=clock, chance=lambda: next(chances))
    enter(gate)
    assert [later(gate), later(gate)] == [3, 15]


def test_faster_readers_shorten_the_queue_and_slow_ones_lengthen_it(clock: Clock) -> None:
    fast, slow = admission(clock), admission(clock)
    for gate, taking_s in ((fast, 0.1), (slow, 100.0)):
        tickets = [enter(gate) for _ in range(4)]
        later(gate)
        for _ in range(40):
            clock.now += taking_s / 4
            tickets.pop(0).leave()
            tickets.append(enter(gate))
        clock.now += 60
    assert later(fast) == 1
    assert later(slow) > 5


def test_quiet_times_do_not_count_as_slow_ones(clock: Clock) -> None:
    gate = admission(clock)
    tickets = [enter(gate) for _ in range(4)]
    first = later(gate)
    for ticket in tickets:
        ticket.leave()
    clock.now += 3600
    enter(gate).leave()
    for _ in range(4):
        enter(gate)
    assert later(gate) <= first
