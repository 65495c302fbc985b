"""The timer wheel: everybody once in a turn, and spread over it."""

from itertools import pairwise

import pytest

from pennon.stream.wheel import Wheel


class Rider:
    def __init__(self) -> None:
        self.seat = -1


def wheel_of(seats: int, riders: int) -> tuple[Wheel[Rider], list[Rider]]:
    wheel: Wheel[Rider] = Wheel(seats)
    everybody = [Rider() for _ in range(riders)]
    for rider in everybody:
        wheel.add(rider)
    return wheel, everybody


@pytest.mark.parametrize("seats", [1, 2, 3, 20, 250])
def test_everybody_comes_round_once_in_a_turn(seats: int) -> None:
    wheel, riders = wheel_of(seats, 1000)
    shown = [rider for _ in range(seats) for rider in wheel.turn()]
    assert len(shown) == len(wheel) == 1000
    assert set(shown) == set(riders)


@pytest.mark.parametrize("seats", [1, 2, 3, 20, 250])
def test_those_who_came_together_are_spread_evenly(seats: int) -> None:
    wheel, _ = wheel_of(seats, 4 * seats)
    assert [len(wheel.turn()) for _ in range(seats)] == [4] * seats


def test_few_are_spread_too() -> None:
    wheel, _ = wheel_of(100, 4)
    shown = [at for at in range(100) if wheel.turn()]
    assert min(later - earlier for earlier, later in pairwise(shown)) > 10


def test_removed_rider_comes_no_more_and_may_be_removed_again() -> None:
    wheel, riders = wheel_of(3, 6)
    wheel.remove(riders[0])
    wheel.remove(riders[0])
    assert len(wheel) == 5
    assert {rider for _ in range(3) for rider in wheel.turn()} == set(riders[1:])


def test_empty_seats_are_passed_over_as_far_as_is_allowed() -> None:
    wheel: Wheel[Rider] = Wheel(10)
    first, second = Rider(), Rider()
    wheel.add(first)
    wheel.add(second)
    assert tuple(wheel.turn()) == (first,)
    between = second.seat - 1
    assert wheel.skip(2) == 2
    assert wheel.skip(100) == between - 2
    assert wheel.skip(100) == 0
    assert tuple(wheel.turn()) == (second,)
