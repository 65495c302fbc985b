"""The ladder decides what to try next: what follows what, when, and which rung stands."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pennon.sdk.ladder import Connect, Failure, FailureKind, Ladder, Level, Pace, Poll, Wait

DOWN = Failure(FailureKind.UNREACHABLE, "nobody there")


def ladder(*, upstreams: int = 1, chance: float = 0.5) -> Ladder:
    return Ladder(Pace(), upstreams=upstreams, chance=lambda: chance)


def test_it_connects_first() -> None:
    assert ladder().next(1.0) == Connect(0)


def test_a_first_failure_is_followed_by_a_poll_at_once() -> None:
    machine = ladder()
    machine.ended(DOWN, 1.0)
    assert machine.next(1.0) == Poll()


def test_a_server_that_is_busy_is_not_polled_before_the_time_that_it_names() -> None:
    machine = ladder(chance=1.0)
    machine.ended(Failure(FailureKind.BUSY, "busy", 20.0), 1.0)
    assert machine.next(1.0) == Wait(22.0)
    assert machine.next(22.0) == Connect(0)


def test_a_server_without_room_for_streams_is_polled_all_the_same() -> None:
    machine = ladder(chance=0.5)
    polled, now = [], 0.0
    while now < 300:
        match machine.next(now):
            case Connect():
                machine.ended(Failure(FailureKind.BUSY, "no room"), now)
            case Poll():
                machine.polled(now)
                polled.append(now)
            case Wait(until):
                now = until
    pauses = [after - before for before, after in pairwise([0.0, *polled])]
    assert len(polled) > 5
    assert max(pauses) <= 2 * 30.0


def test_a_server_that_names_no_time_at_all_to_wait_is_not_asked_without_end_and_polled_all_the_same() -> None:
    machine = ladder(chance=0.5)
    machine.asked_to_wait(0.0)
    asked, polled, now = 0, 0, 0.0
    while now < 60 and asked < 1000:
        match machine.next(now):
            case Connect():
                asked += 1
                machine.ended(Failure(FailureKind.ENDED, "closed"), now)
            case Poll():
                polled += 1
                machine.polled(now)
            case Wait(until):
                now = until
    assert asked < 20
    assert polled >= 2


def test_those_whom_a_server_tells_the_same_time_poll_at_different_ones() -> None:
    due = set()
    for chance in (0.0, 1.0):
        machine = ladder(chance=chance)
        for _ in range(20):
            machine.ended(DOWN, 1.0)
        machine.poll_failed(Failure(FailureKind.BUSY, "busy", 100.0), 1.0)
        due.add(machine._poll_at)
    assert due == {101.0, 126.0}


def test_nothing_known_means_defaults_whatever_stands() -> None:
    machine = ladder()
    machine.opened(1.0)
    assert machine.level(known=False) is Level.DEFAULTS
    assert machine.level(known=True) is Level.STREAMING


def test_the_rungs_follow_what_happens() -> None:
    machine = ladder()
    machine.opened(1.0)
    machine.ended(DOWN, 20.0)
    assert machine.level(known=True) is Level.POLLING
    machine.poll_failed(DOWN, 50.0)
    assert machine.level(known=True) is Level.LAST_KNOWN
    machine.polled(80.0)
    assert machine.level(known=True) is Level.POLLING
    machine.opened(81.0)
    assert machine.level(known=True) is Level.STREAMING


def test_reconnecting_waits_longer_each_time_up_to_a_ceiling() -> None:
    machine = ladder(chance=1.0)
    waits = []
    now = 1.0
    for _ in range(8):
        machine.ended(DOWN, now)
        machine.poll_failed(DOWN, now)
        step = machine.next(now)
        assert isinstance(step, Wait)
        waits.append(round(step.until - now, 6))
        now = step.until
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


@given(st.floats(0, 1), st.integers(0, 40))
def test_jitter_is_full(chance: float, failures: int) -> None:
    machine = ladder(chance=chance)
    for _ in range(failures + 1):
        machine.ended(DOWN, 1.0)
    machine.poll_failed(DOWN, 1.0)
    step = machine.next(1.0)
    ceiling = min(30.0, 2.0**failures)
    due = step.until - 1.0 if isinstance(step, Wait) else 0.0
    assert 0 <= due <= ceiling
    assert abs(due - min(chance * ceiling, 30 * (0.75 + 0.5 * chance))) < 1e-6


def test_a_stream_that_lived_ends_the_doubling_and_one_that_did_not_does_not() -> None:
    machine = ladder(chance=1.0)
    for _ in range(4):
        machine.ended(DOWN, 1.0)
    machine.opened(100.0)
    machine.ended(DOWN, 100.5)
    assert machine.next(115.9) == Wait(116.5)
    assert machine.next(100.5 + 16) == Connect(0)
    machine.opened(200.0)
    machine.ended(DOWN, 211.0)
    assert machine.next(212.0) == Connect(0)


def test_a_server_names_the_base_of_the_waiting_times() -> None:
    machine = ladder(chance=1.0)
    machine.asked_to_wait(7.0)
    machine.ended(DOWN, 1.0)
    machine.polled(1.0)
    assert machine.next(1.0) == Wait(8.0)


def test_retry_after_is_waited_for_in_full() -> None:
    machine = ladder(chance=0.5)
    machine.ended(Failure(FailureKind.BUSY, "busy", 20.0), 1.0)
    machine.polled(1.0)
    assert machine.next(1.0) == Wait(21.5)


def test_a_wish_beyond_an_hour_is_not_granted() -> None:
    machine = ladder(chance=0.0)
    machine.ended(Failure(FailureKind.BUSY, "busy", 1e9), 1.0)
    assert machine.next(3601.0) == Connect(0)


def test_a_goodbye_is_followed_to_the_letter() -> None:
    machine = ladder(chance=1.0)
    machine.opened(1.0)
    machine.ended(Failure(FailureKind.DRAINING, "bye", 0.3), 50.0)
    assert machine.next(50.0) == Wait(50.3)


def test_a_refused_key_is_tried_slowly_and_not_polled_with() -> None:
    machine = ladder(chance=0.5)
    machine.ended(Failure(FailureKind.REFUSED, "401"), 1.0)
    assert machine.level(known=True) is Level.LAST_KNOWN
    assert machine.next(1.0) == Wait(91.0)
    assert machine.next(91.0) == Connect(0)


def test_polls_while_streams_fail_come_every_thirty_seconds() -> None:
    machine = ladder(chance=1.0)
    machine.ended(Failure(FailureKind.BUSY, "busy", 1000.0), 1.0)
    machine.polled(1.0)
    assert machine.next(30.0) == Wait(31.0)
    assert machine.next(31.0) == Poll()


def test_after_a_stream_broke_the_first_poll_is_spread() -> None:
    due = set()
    for chance in (0.0, 1.0):
        machine = ladder(chance=chance)
        machine.opened(1.0)
        machine.ended(Failure(FailureKind.BUSY, "busy", 1000.0), 100.0)
        step = machine.next(100.0)
        assert isinstance(step, Wait)
        due.add(step.until)
    assert due == {115.0, 130.0}


def test_each_upstream_is_tried_before_there_is_any_waiting() -> None:
    machine = ladder(upstreams=3, chance=1.0)
    tried = []
    for _ in range(3):
        step = machine.next(1.0)
        assert isinstance(step, Connect)
        tried.append(step.upstream)
        machine.ended(DOWN, 1.0)
    machine.polled(1.0)
    assert tried == [0, 1, 2]
    assert machine.next(1.0) == Wait(2.0)
    assert machine.next(2.0) == Connect(0)


def test_after_a_stream_of_a_lesser_upstream_the_preferred_one_is_tried() -> None:
    machine = ladder(upstreams=2, chance=0.0)
    machine.ended(DOWN, 1.0)
    assert machine.next(1.0) == Connect(1)
    machine.opened(1.0)
    machine.ended(DOWN, 100.0)
    assert machine.next(100.0) == Connect(0)
