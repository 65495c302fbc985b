"""Evaluation counts and last-used times: beside the log, and exact all the same."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from pennon.control.lifecycle.counts import EvaluationSpan
from pennon.control.storage import Storage
from pennon.control.storage.counts import INSTANCE_KEPT, KEPT, StoredCounts
from pennon.control.storage.tables import instances
from pennon.events import HourlyCount
from pennon.ingest.counting import CountedBatch
from tests.clock import HandClock

SHOP = "shop/production"
NOON = int(datetime(2026, 3, 14, 12, tzinfo=UTC).timestamp())


def count(flag: str = "checkout", variation: str | None = "on", number: int = 1, hour: int = NOON) -> HourlyCount:
    return HourlyCount(flag=flag, variation=variation, hour=hour, count=number)


def batch(sequence: int, *counts: HourlyCount, instance: str = "i1", environment: str = SHOP) -> CountedBatch:
    return CountedBatch(environment, "k1", instance, sequence, NOON * 1000, counts)


def test_counts_of_all_batches_add_up(storage: Storage) -> None:
    storage.counts.add([batch(1, count(number=3), count(variation="off", number=2)), batch(2, count(number=4))])
    storage.counts.add([batch(1, count(number=5), instance="i2"), batch(3, count(variation=None))])
    assert storage.counts.totals(SHOP) == [
        count(variation=None, number=1),
        count(variation="off", number=2),
        count(variation="on", number=12),
    ]


def test_batch_that_comes_again_counts_once(storage: Storage) -> None:
    first = batch(7, count(number=3))
    storage.counts.add([first, first])
    storage.counts.add([batch(8, count()), first])
    storage.counts.add([batch(6, count())])
    assert storage.counts.totals(SHOP) == [count(number=5)]


def test_sequence_numbers_of_other_keys_instances_and_environments_are_their_own(storage: Storage) -> None:
    other_key = CountedBatch(SHOP, "k2", "i1", 1, NOON * 1000, (count(),))
    batches = [batch(1, count()), batch(1, count(), instance="i2"), other_key]
    storage.counts.add([*batches, batch(1, count(number=9), environment="shop/staging")])
    assert storage.counts.totals(SHOP) == [count(number=3)]
    assert storage.counts.totals("shop/staging") == [count(number=9)]
    assert storage.counts.totals("shop/none") == []


def test_same_batches_given_at_once_count_once(storage: Storage) -> None:
    batches = [batch(number, count()) for number in range(20)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(storage.counts.add, [batches, batches[::-1], batches[5:], batches[:15]]))
    assert storage.counts.totals(SHOP) == [count(number=20)]


def test_counts_are_read_by_flag_and_hours(storage: Storage) -> None:
    hours = [NOON + 3600 * number for number in range(3)]
    storage.counts.add([batch(1, *(count(flag, hour=hour) for hour in hours for flag in ("a", "b")))])

    def read(**filters: object) -> list[tuple[str, int]]:
        return [(row.flag, (row.hour - NOON) // 3600) for row in storage.counts.totals(SHOP, **filters)]  # type: ignore[arg-type]

    assert read() == [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("b", 2)]
    assert read(flag="b") == [("b", 0), ("b", 1), ("b", 2)]
    assert read(flag="b", since=_time(hours[1])) == [("b", 1), ("b", 2)]
    assert read(flag="b", until=_time(hours[1])) == [("b", 0)]
    assert read(since=_time(hours[1]), until=_time(hours[2])) == [("a", 1), ("b", 1)]
    assert read(limit=2) == [("a", 0), ("a", 1)]


def test_hours_of_several_flags_are_one_answer(storage: Storage) -> None:
    later = NOON + 3600
    counts = [count("a"), count("a", variation="off", number=2), count("a", hour=later), count("b"), count("c")]
    storage.counts.add([batch(1, *counts, count("a", hour=NOON - 3600))])
    found = storage.counts.hours(SHOP, flags=["a", "b", "none"], since=_time(NOON))
    assert found == {"a": {NOON: 3, later: 1}, "b": {NOON: 1}}
    assert storage.counts.hours(SHOP, flags=[], since=_time(NOON)) == {}


def test_no_batches_are_no_change(storage: Storage) -> None:
    storage.counts.add([])
    storage.counts.add([batch(1)])
    assert storage.counts.totals(SHOP) == []


def test_old_counts_and_silent_instances_are_forgotten(storage: Storage, clock: HandClock) -> None:
    clock.time = _time(NOON)
    storage.counts.add([batch(1, count())])
    clock.move(INSTANCE_KEPT + timedelta(hours=1))
    storage.counts.add([])
    assert _instances(storage) == 0
    assert storage.counts.totals(SHOP) == [count()]
    clock.move(KEPT)
    storage.counts.add([])
    assert storage.counts.totals(SHOP) == []


def test_instance_that_is_heard_of_is_not_forgotten(storage: Storage, clock: HandClock) -> None:
    clock.time = _time(NOON)
    storage.counts.add([batch(1, count())])
    clock.move(INSTANCE_KEPT)
    storage.counts.add([batch(1, count())])
    assert _instances(storage) == 1
    assert storage.counts.totals(SHOP) == [count()]


def test_batch_that_waited_on_an_edge_makes_no_instance_silent(storage: Storage, clock: HandClock) -> None:
    clock.time = _time(NOON)
    storage.counts.add([batch(2, count())])
    late = CountedBatch(SHOP, "k1", "i1", 1, (NOON - 20 * 86400) * 1000, (count(),))
    storage.counts.add([late])
    clock.move(INSTANCE_KEPT - timedelta(hours=1))
    storage.counts.add([late, batch(2, count())])
    assert storage.counts.totals(SHOP) == [count(number=2)]


def test_of_a_key_with_too_many_instances_the_silent_ones_are_forgotten(storage: Storage, clock: HandClock) -> None:
    clock.time = _time(NOON)
    counts = StoredCounts(storage._database, clock, most_instances=20)
    quiet = [CountedBatch(SHOP, "k1", f"i{number}", 1, (NOON + number) * 1000, (count(),)) for number in range(60)]
    for one in (CountedBatch(SHOP, "k2", "other", 1, NOON * 1000, (count(),)), *quiet):
        counts.add([one])
    clock.move(timedelta(hours=2))
    counts.add([CountedBatch(SHOP, "k1", "i59", 2, (NOON + 60) * 1000, (count(),))])
    with storage._database.reading() as connection:
        left = {row.instance for row in connection.execute(select(instances.c.instance))}
    assert left == {"other", *(f"i{number}" for number in range(40, 60))}
    counts.add([quiet[-1]])
    assert counts.totals(SHOP) == [count(number=62)]


def test_last_use_is_the_latest_one(storage: Storage, clock: HandClock) -> None:
    early, late = clock.now(), clock.now() + timedelta(minutes=1)
    storage.last_used.stamp("a", late)
    storage.last_used.stamp("a", early)
    storage.last_used.stamp("b", early)
    assert storage.last_used.times(["a", "b", "never"]) == {"a": late, "b": early}
    assert storage.last_used.times([]) == {}


def _instances(storage: Storage) -> int:
    with storage._database.reading() as connection:
        return connection.execute(select(func.count()).select_from(instances)).scalar_one()


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_spans_tell_when_a_variation_was_first_and_last_served(storage: Storage) -> None:
    hour = 3600
    storage.counts.add([batch(1, count(hour=NOON + hour), count(hour=NOON + 3 * hour), count(variation=None))])
    storage.counts.add([batch(2, count(), count(hour=NOON + 2 * hour), count("other", hour=NOON - hour))])
    storage.counts.add([batch(3, count(hour=NOON + 9 * hour), environment="shop/staging")])
    assert sorted(storage.counts.spans(SHOP, flag="checkout"), key=str) == [
        EvaluationSpan("checkout", "on", NOON, NOON + 3 * hour),
        EvaluationSpan("checkout", None, NOON, NOON),
    ]
    assert {span.flag for span in storage.counts.spans(SHOP)} == {"checkout", "other"}


def test_days_on_which_anything_was_reported_are_found(storage: Storage) -> None:
    day = 24 * 3600
    hours = [NOON, NOON + 3600, NOON + 2 * day, NOON + 2 * day + 11 * 3600, NOON + 5 * day, NOON - 3 * day]
    storage.counts.add([batch(1, *(count(hour=hour) for hour in hours))])
    since = datetime.fromtimestamp(NOON - 3600, UTC)
    assert storage.counts.days_reported(SHOP, since=since) == [(NOON + n * day) // day for n in (0, 2, 5)]
    assert storage.counts.days_reported("shop/staging", since=since) == []


def test_spans_are_forgotten_with_the_counts(storage: Storage, clock: HandClock) -> None:
    storage.counts.add([batch(1, count("old"))])
    clock.time = datetime.fromtimestamp(NOON, UTC) + KEPT + timedelta(days=1)
    storage.counts.add([batch(2, count("new", hour=int(clock.time.timestamp()) // 3600 * 3600))])
    assert [span.flag for span in storage.counts.spans(SHOP)] == ["new"]
