"""Counts of hours become lines of a chart: every evaluation is in one step of one line."""

from pennon.control.ui.evaluations import summed
from pennon.events import HourlyCount

HOUR = 3600


def counted(variation: str | None, hour: int, count: int) -> HourlyCount:
    return HourlyCount(flag="f", variation=variation, hour=hour * HOUR, count=count)


def test_hours_are_summed_into_steps_and_the_most_served_comes_first() -> None:
    counts = [counted("off", 10, 1), counted("on", 10, 5), counted("on", 15, 2), counted("on", 16, 4)]
    found = summed(counts, 10 * HOUR, 6 * HOUR, 2)
    assert list(found.items()) == [("on", (7, 4)), ("off", (1, 0))]


def test_what_is_outside_of_all_steps_is_in_none() -> None:
    assert summed([counted("on", 9, 1), counted("on", 22, 1)], 10 * HOUR, 6 * HOUR, 2) == {}


def test_the_default_of_the_code_has_a_name() -> None:
    assert summed([counted(None, 10, 3)], 10 * HOUR, HOUR, 1) == {"the default in the code": (3,)}


def test_of_very_many_variations_the_least_served_are_one_line() -> None:
    counts = [counted(f"v{number}", 10, 100 - number) for number in range(20)]
    found = summed(counts, 10 * HOUR, HOUR, 1)
    assert list(found) == ["v0", "v1", "v2", "v3", "v4", "all others"]
    assert sum(count for (count,) in found.values()) == sum(each.count for each in counts)
