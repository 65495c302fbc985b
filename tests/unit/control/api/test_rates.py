"""Each caller's bucket. Time is told by the test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.control.api.rates import Rates


def test_a_caller_may_ask_the_whole_burst_at_once_and_then_at_the_rate() -> None:
    rates = Rates(10, 5)
    assert [rates.ask("a", 0.0).remaining for _ in range(5)] == [4, 3, 2, 1, 0]
    refused = rates.ask("a", 0.0)
    assert not refused.allowed
    assert refused.again_in_s == pytest.approx(0.1)
    assert rates.ask("a", 0.1).allowed
    assert not rates.ask("a", 0.1).allowed


def test_a_caller_who_pauses_has_everything_again() -> None:
    rates = Rates(10, 5)
    for _ in range(5):
        rates.ask("a", 0.0)
    assert rates.ask("a", 100.0).remaining == 4


def test_callers_do_not_pay_for_each_other() -> None:
    rates = Rates(1, 1)
    assert rates.ask("a", 0.0).allowed
    assert rates.ask("b", 0.0).allowed
    assert not rates.ask("a", 0.0).allowed


def test_what_is_refused_costs_nothing() -> None:
    rates = Rates(1, 1)
    rates.ask("a", 0.0)
    for _ in range(100):
        rates.ask("a", 0.5)
    assert rates.ask("a", 1.0).allowed


def test_only_those_who_asked_last_are_remembered() -> None:
    rates = Rates(1, 1, most=2)
    for caller in "abc":
        rates.ask(caller, 0.0)
    assert rates.ask("a", 0.0).allowed, "forgotten"
    assert not rates.ask("c", 0.0).allowed


def test_the_policy_says_the_quota_and_its_window() -> None:
    assert Rates(50, 500).policy == '"api";q=500;w=10'


@given(st.lists(st.floats(0, 0.05), min_size=1, max_size=300), st.integers(1, 20), st.integers(1, 100))
def test_never_more_than_the_burst_and_what_the_time_gave(gaps: list[float], burst: int, rate: int) -> None:
    rates, now, allowed = Rates(rate, burst), 0.0, 0
    for gap in gaps:
        now += gap
        allowed += rates.ask("a", now).allowed
    assert allowed <= burst + now * rate + 1e-6
