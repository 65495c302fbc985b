"""Counting evaluations."""

import threading

from pennon.engine.counting import RETIRED, Count, Tally
from pennon.model import Reason


def _count(flag: str, version: int | None, variation: str | None, reason: Reason, count: int) -> Count:
    return Count(flag=flag, version=version, variation=variation, reason=reason, count=count)


def test_a_counter_counts_its_steps_and_reading_changes_nothing() -> None:
    tally = Tally()
    step = tally.counter("f", 1, "on", Reason.SPLIT)
    step()
    step()
    expected = [_count("f", 1, "on", Reason.SPLIT, 2)]
    assert list(tally) == expected
    assert list(tally) == expected


def test_counters_that_never_stepped_are_left_out() -> None:
    tally = Tally()
    tally.counter("f", 1, "on", Reason.SPLIT)
    assert list(tally) == []


def test_a_counter_that_is_asked_for_again_goes_on() -> None:
    tally = Tally()
    tally.counter("f", 1, "on", Reason.OFF)()
    tally.counter("f", 1, "on", Reason.OFF)()
    tally.counter("f", 2, "on", Reason.OFF)()
    assert list(tally) == [_count("f", 1, "on", Reason.OFF, 2), _count("f", 2, "on", Reason.OFF, 1)]


def test_no_step_of_any_thread_is_lost() -> None:
    tally = Tally()
    step = tally.counter("f", 1, "on", Reason.SPLIT)
    threads = [threading.Thread(target=lambda: [step() for _ in range(20_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(tally) == [_count("f", 1, "on", Reason.SPLIT, 80_000)]


def test_retired_versions_stay_readable_until_many_more_are_gone() -> None:
    tally = Tally()
    for version in range(RETIRED):
        tally.counter("f", version, "on", Reason.OFF)()
        tally.retire("f", version)
    assert sum(1 for _ in tally) == RETIRED
    tally.counter("f", RETIRED, "on", Reason.OFF)()
    tally.retire("f", RETIRED)
    counts = list(tally)
    assert len(counts) == RETIRED
    assert counts[0].version == 1


def test_unknown_flags_are_counted_by_name_and_bounded() -> None:
    tally = Tally()
    for _ in range(2):
        tally.count_unknown("gone")
    assert list(tally) == [_count("gone", None, None, Reason.ERROR, 2)]
    for number in range(RETIRED + 10):
        tally.count_unknown(f"made-up-{number}")
    assert sum(1 for _ in tally) == RETIRED
