"""What is gathered and how it is cut into batches, with a clock that the test turns."""

import math
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.engine import Count, ExposureSite
from pennon.events import EventBatch
from pennon.model import Reason
from pennon.sdk.exposures import UNITS
from pennon.sdk.recorder import BATCH, QUEUE, Recorder

SITE = ExposureSite(flag="a", version=1, variation="on", rule_id="r1", experiment="exp", by="targetingKey")
U1 = {"targetingKey": "u1"}


class Bench:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.woken = 0
        self.recorder = Recorder(time=lambda: self.now, wake=self._wake)
        self.totals: dict[str, int] = {}

    def _wake(self) -> None:
        self.woken += 1

    def counts(self) -> list[Count]:
        return [
            Count(flag=flag, version=1, variation="on", reason=Reason.FALLTHROUGH, count=count)
            for flag, count in self.totals.items()
        ]

    def cut(self) -> EventBatch | None:
        pending = self.recorder.pending(self.counts())
        return None if pending is None else EventBatch.from_json(pending.body)

    def sent(self) -> EventBatch:
        batch = self.cut()
        assert batch is not None
        self.recorder.taken()
        return batch


def at(site: ExposureSite, **fields: Any) -> ExposureSite:
    return ExposureSite(**{name: fields.get(name, getattr(site, name)) for name in site.__struct_fields__})


def test_nothing_happened_is_nothing_to_say() -> None:
    assert Bench().cut() is None


def test_counters_are_differences_of_totals() -> None:
    bench = Bench()
    bench.totals = {"a": 3, "b": 1}
    assert [(each.flag, each.count) for each in bench.sent().counters] == [("a", 3), ("b", 1)]
    bench.now += 10
    bench.totals = {"a": 5, "b": 1}
    [counter] = bench.sent().counters
    assert (counter.flag, counter.count) == ("a", 2)
    assert (counter.from_, counter.to) == (1_700_000_000_000, 1_700_000_010_000)
    assert bench.cut() is None


@pytest.mark.parametrize("key", ["\ud800", "a\udfffb", "\0", "", "x" * 257])
def test_a_flag_key_that_no_batch_may_carry_keeps_no_other_from_being_counted(key: str) -> None:
    bench = Bench()
    bench.totals = {key: 3, "a": 1}
    assert [each.flag for each in bench.sent().counters] == ["a"]


def test_a_pending_batch_stays_what_it_is_until_it_is_taken() -> None:
    bench = Bench()
    bench.totals = {"a": 3}
    first = bench.cut()
    bench.totals = {"a": 9}
    assert bench.cut() == first
    bench.recorder.taken()
    second = bench.sent()
    assert first is not None
    assert (first.sequence, second.sequence) == (1, 2)
    assert second.counters[0].count == 6
    assert first.batch_id != second.batch_id


def test_a_refused_batch_is_counted_as_dropped_with_what_it_owned_up_to() -> None:
    bench = Bench()
    bench.totals = {"a": 3}
    bench.recorder.exposed(SITE, U1)
    bench.recorder.track("click", {}, value=1, by="targetingKey")
    bench.cut()
    bench.recorder.refused()
    batch = bench.cut()
    assert batch is not None
    assert batch.dropped == {"evaluations": 3, "exposures": 1, "metrics": 1}
    bench.recorder.refused()
    assert bench.sent().dropped == {"evaluations": 3, "exposures": 1, "metrics": 1}
    assert bench.cut() is None


def test_more_counters_than_a_batch_holds_follow_in_the_next() -> None:
    bench = Bench()
    bench.totals = {f"flag-{number}": 1 for number in range(BATCH + 5)}
    pending = bench.recorder.pending(bench.counts())
    assert pending is not None
    assert pending.is_full
    bench.recorder.taken()
    assert len(bench.sent().counters) == 5


def test_a_unit_is_exposed_once_a_variation_and_hour() -> None:
    bench = Bench()
    for _ in range(3):
        bench.recorder.exposed(SITE, U1)
        bench.recorder.exposed(SITE, {"targetingKey": "u2"})
        bench.recorder.exposed(at(SITE, flag="b"), U1)
    assert len(bench.sent().exposures) == 3
    bench.recorder.exposed(at(SITE, variation="off"), U1)
    assert [each.variation for each in bench.sent().exposures] == ["off"]
    bench.now += 3600
    bench.recorder.tick()
    bench.recorder.exposed(SITE, U1)
    assert len(bench.sent().exposures) == 1


def test_an_exposure_says_who_saw_what_by_which_rule_and_when() -> None:
    bench = Bench()
    bench.recorder.evaluates_by("1.7")
    bench.recorder.exposed(at(SITE, by="/org/id"), {"org": {"id": 7}})
    [seen] = bench.sent().exposures
    assert (seen.flag, seen.version, seen.variation, seen.rule_id, seen.experiment) == ("a", 1, "on", "r1", "exp")
    assert (seen.by, seen.unit, seen.revision, seen.time) == ("/org/id", "7", "1.7", 1_700_000_000_000)


@pytest.mark.parametrize(
    ("value", "unit"),
    [("Łukasz", "Łukasz"), (7, "7"), (7.0, "7"), ("\ud800x", "\ufffdx"), (7.5, None), (None, None), (True, None)],
)
def test_units_are_those_that_are_hashed(value: Any, unit: str | None) -> None:
    bench = Bench()
    bench.recorder.exposed(SITE, {"targetingKey": value})
    batch = bench.cut()
    assert [each.unit for each in batch.exposures] == [unit] if batch else unit is None


@pytest.mark.parametrize("unit", ["", "a\0b", "x" * 4097])
def test_a_unit_that_no_storage_takes_is_dropped_and_counted(unit: str) -> None:
    bench = Bench()
    bench.recorder.exposed(SITE, {"targetingKey": unit})
    batch = bench.sent()
    assert (batch.exposures, batch.dropped) == ((), {"exposures": 1})


def test_memory_is_bounded_and_what_does_not_fit_is_counted() -> None:
    bench = Bench()
    for user in range(QUEUE + 7):
        bench.recorder.exposed(SITE, {"targetingKey": f"u{user}"})
        bench.recorder.track("click", {"targetingKey": f"u{user}"}, value=1, by="targetingKey")
    batch = bench.sent()
    assert batch.dropped == {"exposures": 7, "metrics": 7}
    assert (len(batch.exposures), len(batch.metrics)) == (BATCH, BATCH)
    sizes = [len(bench.recorder._exposures._seen), len(bench.recorder._exposures._before)]
    assert max(sizes) <= UNITS
    assert bench.woken == 2


def test_a_unit_that_keeps_coming_is_remembered_when_memory_turns_over() -> None:
    bench = Bench()
    for user in range(UNITS * 3):
        bench.recorder.exposed(SITE, {"targetingKey": f"u{user}"})
        if user % 1000 == 0:
            while bench.cut():
                bench.recorder.taken()
    bench.recorder.exposed(SITE, {"targetingKey": f"u{UNITS * 3 - 1}"})
    while bench.cut():
        bench.recorder.taken()
    assert bench.recorder._exposures.seen_by("targetingKey", f"u{UNITS * 3 - 1}") == {"a": "on"}
    assert bench.recorder._exposures.seen_by("targetingKey", "u0") == {}


def test_a_batch_stays_below_its_size_whatever_is_in_it() -> None:
    bench = Bench()
    for user in range(BATCH):
        bench.recorder.exposed(SITE, {"targetingKey": "\x01" * 4000 + str(user)})
        bench.recorder.track("k" * 256, {"targetingKey": "é" * 4000}, value=1, by="targetingKey")
    sizes = []
    while (pending := bench.recorder.pending(())) is not None:
        sizes.append(len(pending.body))
        bench.recorder.taken()
    assert max(sizes) < 1024 * 1024
    assert len(sizes) > 10


@pytest.mark.parametrize(
    ("key", "context", "value"),
    [
        ("click", {}, 1),
        ("", U1, 1),
        ("k" * 257, U1, 1),
        ("click", U1, math.nan),
        ("click", U1, math.inf),
        ("click", U1, "1"),
        ("click", U1, True),
        ("click", U1, 10**400),
        ("click", U1, -(2**53)),
        ("cl\ud800ick", U1, 1),
        ("click", {"targetingKey": "\0"}, 1),
        ("cl\0ick", U1, 1),
    ],
)
def test_what_cannot_be_measured_is_counted_as_dropped(key: str, context: dict[str, Any], value: Any) -> None:
    bench = Bench()
    assert bench.recorder.track(key, context, value=value, by="targetingKey") is False
    assert bench.sent().dropped == {"metrics": 1}


class Hostile(dict[str, Any]):
    """Raises when it is read."""

    def __iter__(self) -> Any:
        raise RuntimeError("hostile")

    keys = items = values = __getitem__ = get = __iter__  # type: ignore[assignment]


@pytest.mark.parametrize("context", [None, 7, "u1", ["targetingKey", "u1"], object(), Hostile(targetingKey="u1")])
def test_what_is_no_context_has_no_unit_to_measure(context: Any) -> None:
    bench = Bench()
    assert not bench.recorder.track("click", context, value=1.0, by="targetingKey")
    assert bench.sent().dropped == {"metrics": 1}


def test_a_metric_knows_what_its_unit_saw_also_in_the_hour_before() -> None:
    bench = Bench()
    bench.recorder.exposed(SITE, U1)
    bench.now += 3600
    bench.recorder.tick()
    bench.recorder.exposed(at(SITE, flag="b", variation="dark"), U1)
    bench.recorder.track("order-value", U1, value=42.5, by="targetingKey")
    [metric] = bench.sent().metrics
    assert metric.variations == {"a": "on", "b": "dark"}
    assert (metric.key, metric.unit, metric.value, metric.time) == ("order-value", "u1", 42.5, 1_700_003_600_000)


def test_a_new_revision_is_reported_at_most_once_a_minute() -> None:
    bench = Bench()
    bench.recorder.evaluates_by("1.1")
    assert bench.sent().revision == "1.1"
    bench.recorder.evaluates_by("1.2")
    assert bench.cut() is None
    bench.now += 60
    assert bench.sent().revision == "1.2"
    bench.now += 60
    assert bench.cut() is None


def test_many_threads_that_see_one_unit_expose_it_once() -> None:
    bench = Bench()
    start = threading.Barrier(8)

    def see() -> None:
        start.wait()
        for user in range(200):
            bench.recorder.exposed(SITE, {"targetingKey": f"u{user}"})

    threads = [threading.Thread(target=see) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bench.sent().exposures) == 200


def test_a_child_process_begins_with_empty_hands() -> None:
    bench = Bench()
    bench.totals = {"a": 3}
    bench.recorder.exposed(SITE, U1)
    bench.cut()
    parent = bench.recorder.instance
    bench.recorder.after_fork_in_child(bench.counts())
    assert bench.cut() is None
    assert bench.recorder.instance != parent
    bench.totals = {"a": 4}
    batch = bench.sent()
    assert (batch.sequence, batch.counters[0].count, batch.exposures) == (1, 1, ())


@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3)), st.data())
def test_whatever_is_taken_or_refused_every_evaluation_is_in_one_batch_or_owned_up_to(
    steps: list[list[int]], data: st.DataObject
) -> None:
    bench = Bench()
    bench.totals = dict.fromkeys("abc", 0)
    counted, dropped = 0, 0
    for step in [*steps, [0, 0, 0]]:
        for key, more in zip("abc", step, strict=True):
            bench.totals[key] += more
        batch = bench.cut()
        if batch is None:
            continue
        outcome = data.draw(st.sampled_from(["taken", "refused", "unanswered"]))
        if outcome == "taken":
            counted += sum(each.count for each in batch.counters)
            dropped += batch.dropped.get("evaluations", 0)
            bench.recorder.taken()
        elif outcome == "refused":
            bench.recorder.refused()
    while (batch := bench.cut()) is not None:
        counted += sum(each.count for each in batch.counters)
        dropped += batch.dropped.get("evaluations", 0)
        bench.recorder.taken()
    assert counted + dropped == sum(bench.totals.values())
