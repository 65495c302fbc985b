import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pennon.control.errors import Unavailable
from pennon.control.storage.turns import Turns

PATIENT = 60.0


def waiting(turns: Turns, number: int) -> None:
    """Wait until so many threads are waiting for their turn."""
    deadline = time.monotonic() + PATIENT
    while len(turns._waiting) < number:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    turns, order = Turns(PATIENT), []

    def take(number: int) -> None:
        with turns.turn():
            order.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(5)]
    with turns.turn():
        for number, thread in enumerate(threads):
            thread.start()
            waiting(turns, number + 1)
    for thread in threads:
        thread.join(PATIENT)
    assert order == [0, 1, 2, 3, 4]


def test_one_at_a_time_has_a_turn() -> None:
    turns, inside, most = Turns(PATIENT), [0], [0]

    def take(_: int) -> None:
        for _ in range(200):
            with turns.turn():
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(take, range(4)))
    assert most == [1]
    with turns.turn():
        pass


def test_who_waits_too_long_is_told_and_holds_up_nobody() -> None:
    turns = Turns(0.02)
    with turns.turn(), pytest.raises(Unavailable, match="busy; try again"), turns.turn():
        pass
    with turns.turn():
        assert not turns._waiting


def test_turn_that_ends_in_an_exception_is_over() -> None:
    turns = Turns(0.02)
    with pytest.raises(ZeroDivisionError), turns.turn():
        raise ZeroDivisionError
    with turns.turn():
        pass
