"""Sums of evaluations: on the way out by reason, on the way in by hour."""

from pennon.events import Counter, Counters, EventBatch, HourlyCount, OnceAnHour, hourly
from pennon.model import Reason

HOUR = 1_760_000_400  # a full hour, in seconds
HOUR_MS = HOUR * 1000


def counter(began_ms: int, count: int = 1, *, flag: str = "checkout", variation: str | None = "on") -> Counter:
    return Counter(
        flag=flag, version=1, variation=variation, reason=Reason.SPLIT, count=count, from_=began_ms, to=began_ms + 1
    )


def batch(*counters: Counter, sent_at: int | None = None) -> EventBatch:
    return EventBatch(instance="i", sequence=1, sent_at=sent_at, counters=counters)


def test_counters_are_added_up_by_flag_variation_and_hour() -> None:
    sums = hourly(
        batch(
            counter(HOUR_MS, 2),
            counter(HOUR_MS + 3_599_999, 3),
            counter(HOUR_MS + 3_600_000, 5),
            counter(HOUR_MS, 7, variation=None),
            counter(HOUR_MS, 11, flag="a"),
        ),
        received_ms=HOUR_MS + 7_200_000,
    )
    assert sums == (
        HourlyCount("a", "on", HOUR, 11),
        HourlyCount("checkout", None, HOUR, 7),
        HourlyCount("checkout", "on", HOUR, 5),
        HourlyCount("checkout", "on", HOUR + 3600, 5),
    )


def test_clock_of_a_sender_that_is_hours_off_is_set_right_by_when_it_says_it_sent() -> None:
    slow = batch(counter(HOUR_MS), sent_at=HOUR_MS + 1000)
    assert hourly(slow, received_ms=HOUR_MS + 7_201_000)[0].hour == HOUR + 7200
    fast = batch(counter(HOUR_MS + 36_000_000), sent_at=HOUR_MS + 36_000_000)
    assert hourly(fast, received_ms=HOUR_MS)[0].hour == HOUR


def test_batch_that_was_under_way_for_a_while_is_left_as_it_says() -> None:
    sent = batch(counter(HOUR_MS + 3_599_000), sent_at=HOUR_MS + 3_599_500)
    assert hourly(sent, received_ms=HOUR_MS + 3_620_000)[0].hour == HOUR


def test_nothing_is_counted_in_an_hour_to_come() -> None:
    assert hourly(batch(counter(HOUR_MS + 36_000_000)), received_ms=HOUR_MS)[0].hour == HOUR


def test_what_began_long_ago_is_counted_a_week_back_so_that_one_batch_fills_few_hours() -> None:
    day_ms = 24 * 3_600_000
    received = HOUR_MS + 400 * day_ms
    long_ago = batch(*(counter(HOUR_MS + day * day_ms, 2) for day in range(401)))
    sums = hourly(long_ago, received_ms=received)
    assert [found.hour for found in sums] == [HOUR + day * 86_400 for day in range(393, 401)]
    assert sum(found.count for found in sums) == 802


def test_counters_hold_one_entry_for_what_is_the_same() -> None:
    counters = Counters()
    for now in (10, 20, 30):
        counters.add("checkout", 3, "on", Reason.SPLIT, now)
    counters.add("checkout", 3, None, Reason.ERROR, 40)
    assert counters.take() == (
        Counter(flag="checkout", version=3, variation="on", reason=Reason.SPLIT, count=3, from_=10, to=30),
        Counter(flag="checkout", version=3, variation=None, reason=Reason.ERROR, count=1, from_=40, to=40),
    )
    assert counters.take() == ()


def test_counters_beyond_the_limit_are_counted_as_dropped() -> None:
    counters = Counters(limit=2)
    for flag in ("a", "b", "c", "a"):
        counters.add(flag, 1, "on", Reason.SPLIT, 1)
    assert len(counters) == 2
    assert counters.dropped == 1
    assert [found.count for found in counters.take()] == [2, 1]


def test_exposure_is_let_through_once_a_unit_variation_and_hour() -> None:
    once = OnceAnHour()
    assert once.is_first("f", "on", "u1", HOUR_MS)
    assert not once.is_first("f", "on", "u1", HOUR_MS + 3_599_999)
    assert once.is_first("f", "off", "u1", HOUR_MS)
    assert once.is_first("f", "on", "u2", HOUR_MS)
    assert once.is_first("g", "on", "u1", HOUR_MS)
    assert once.is_first("f", "on", "u1", HOUR_MS + 3_600_000)


def test_exposures_seen_are_forgotten_when_they_are_too_many() -> None:
    once = OnceAnHour(limit=2)
    assert all(once.is_first("f", "on", unit, HOUR_MS) for unit in ("a", "b", "c"))
    assert once.is_first("f", "on", "a", HOUR_MS)
