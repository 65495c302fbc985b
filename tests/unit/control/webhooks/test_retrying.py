from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.control.webhooks.retrying import (
    FAILURES,
    FIRST,
    LONGEST,
    OPEN_FIRST,
    OPEN_LONGEST,
    UNTIL,
    Circuit,
    next_try,
)

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
CHANCES = st.floats(0, 1, exclude_max=True)


@given(attempts=st.integers(1, 10_000), chance=CHANCES, age_s=st.floats(0, 86_399))
def test_a_wait_is_within_its_bounds_and_a_last_try_is_at_the_end(attempts: int, chance: float, age_s: float) -> None:
    until = NOW + UNTIL - timedelta(seconds=age_s)
    again = next_try(attempts, NOW, until, chance=chance)
    assert again is not None
    assert NOW <= again <= until
    assert again - NOW <= min(LONGEST, FIRST * 2 ** min(attempts - 1, 20))


@given(attempts=st.integers(1, 100), chance=CHANCES)
def test_who_waits_at_least_as_long_as_it_was_told_to_is_within_the_day(attempts: int, chance: float) -> None:
    asked = timedelta(minutes=7)
    again = next_try(attempts, NOW, NOW + UNTIL, chance=chance, retry_after=asked)
    assert again is not None
    assert NOW + asked <= again <= NOW + UNTIL
    for mad in (timedelta(days=4000), timedelta(seconds=-5)):
        again = next_try(attempts, NOW, NOW + UNTIL, chance=chance, retry_after=mad)
        assert again is not None
        assert NOW <= again <= NOW + UNTIL


def test_after_a_day_it_is_dead() -> None:
    assert next_try(3, NOW, NOW, chance=0.5) is None
    assert next_try(3, NOW + timedelta(seconds=1), NOW, chance=0.5) is None


@given(chances=st.lists(CHANCES, min_size=60, max_size=60))
def test_tries_go_on_for_a_day_and_end(chances: list[float]) -> None:
    now, until, tries = NOW, NOW + UNTIL, 0
    for tries, chance in enumerate(chances, 1):
        again = next_try(tries, now, until, chance=max(chance, 0.2))
        if again is None:
            break
        now = again
    assert now == until
    assert 10 < tries < 60


def test_waits_double_from_five_seconds_to_three_hours() -> None:
    waits = [next_try(n, NOW, NOW + 10 * UNTIL, chance=1.0) for n in range(1, 14)]
    seconds = [(each - NOW).total_seconds() for each in waits if each]
    assert seconds == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10240, 10800]


def test_a_circuit_opens_after_some_failures_and_a_success_closes_it() -> None:
    circuit = Circuit()
    for _ in range(FAILURES - 1):
        circuit = circuit.failed(NOW, 0.5)
        assert not circuit.is_open(NOW)
    circuit = circuit.failed(NOW, 0.5)
    assert circuit.is_open(NOW)
    assert not circuit.is_open(NOW + OPEN_FIRST)
    assert circuit.succeeded() == Circuit()


@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_a_circuit_stays_open_longer_each_time_up_to_a_bound(chance: float) -> None:
    circuit, longest = Circuit(), timedelta()
    for _ in range(200):
        circuit = circuit.failed(NOW, chance)
        if circuit.open_until is not None:
            assert circuit.open_until - NOW >= longest
            longest = circuit.open_until - NOW
    assert OPEN_LONGEST / 2 <= longest <= OPEN_LONGEST
