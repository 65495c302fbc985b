import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.edge.breaker import Breaker, BreakerSettings, Circuit

SETTINGS = BreakerSettings(window=4, least=3, share=0.5, slow_s=1.0, open_s=2.0, open_max_s=6.0, trial_s=10.0)


def breaker() -> Breaker:
    return Breaker(SETTINGS, chance=lambda: 1.0)


def opened() -> Breaker:
    made = breaker()
    for _ in range(3):
        made.failed(0.0)
    return made


def test_it_passes_calls_while_they_succeed() -> None:
    made = breaker()
    for at in range(10):
        assert made.admit(at) is None
        made.succeeded(0.1, at)
    assert made.circuit(10) is Circuit.CLOSED


def test_too_few_failures_say_nothing() -> None:
    made = breaker()
    made.failed(0)
    made.failed(0)
    assert made.circuit(0) is Circuit.CLOSED


def test_it_opens_when_half_of_the_calls_fail() -> None:
    made = breaker()
    made.succeeded(0.1, 0)
    made.failed(0)
    made.failed(0)
    assert (made.circuit(0), made.opened) == (Circuit.OPEN, 1)
    assert made.admit(0.5) == 1.5


def test_a_slow_answer_is_a_failure() -> None:
    made = breaker()
    for _ in range(3):
        made.succeeded(1.5, 0)
    assert made.circuit(0) is Circuit.OPEN


def test_half_open_lets_one_call_pass() -> None:
    made = opened()
    assert made.circuit(2.0) is Circuit.HALF_OPEN
    assert made.admit(2.0) is None
    assert made.admit(2.0) == 2.0


def test_a_trial_that_succeeds_closes_it() -> None:
    made = opened()
    made.admit(2.0)
    made.succeeded(0.1, 2.1)
    assert made.circuit(2.1) is Circuit.CLOSED
    made.failed(2.2)
    assert made.circuit(2.2) is Circuit.CLOSED  # what was before is forgotten


def test_a_trial_that_fails_opens_it_for_longer_up_to_the_most() -> None:
    made, at = opened(), 2.0
    for expected in (4.0, 6.0, 6.0):
        assert made.admit(at) is None
        made.failed(at)
        assert made.admit(at) == expected
        at += expected
    assert made.opened == 4


def test_a_slow_trial_opens_it_again() -> None:
    made = opened()
    made.admit(2.0)
    made.succeeded(5.0, 7.0)
    assert made.circuit(7.0) is Circuit.OPEN


def test_a_trial_that_nobody_hears_of_is_forgotten() -> None:
    made = opened()
    assert made.admit(2.0) is None
    assert made.admit(11.9) is not None
    assert made.admit(12.0) is None


def test_a_failure_of_a_call_from_before_says_nothing_new() -> None:
    made = opened()
    made.failed(1.0)
    assert made.admit(1.0) == 1.0


def test_one_that_opens_after_it_was_well_opens_for_the_shortest_time() -> None:
    made = opened()
    made.admit(2.0)
    made.failed(2.0)
    made.admit(6.0)
    made.succeeded(0.1, 6.0)
    for _ in range(3):
        made.failed(7.0)
    assert made.admit(7.0) == 2.0


@given(st.lists(st.tuples(st.sampled_from(["ask", "good", "slow", "bad"]), st.floats(0, 20)), max_size=60))
def test_whatever_happens_it_lets_calls_pass_again(steps: list[tuple[str, float]]) -> None:
    made, now = breaker(), 0.0
    for step, wait in steps:
        now += wait
        match step:
            case "ask":
                made.admit(now)
            case "good":
                made.succeeded(0.1, now)
            case "slow":
                made.succeeded(9.0, now)
            case "bad":
                made.failed(now)
    assert made.admit(now + SETTINGS.open_max_s + SETTINGS.trial_s) is None


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_it_stays_open_for_half_the_time_at_least(chance: float) -> None:
    made = Breaker(SETTINGS, chance=lambda: chance)
    for _ in range(3):
        made.failed(0.0)
    wait = made.admit(0.0)
    assert wait is not None
    assert 1.0 <= wait <= 2.0
