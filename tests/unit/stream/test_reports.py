"""What a node reports of the evaluations that it answered itself."""

import asyncio

from pennon.engine import compile_snapshot
from pennon.events import DIRECT, EventBatch, Way
from pennon.ingest import Accepted, IngestUnavailable
from pennon.model import Experiment, Item, Serve, Snapshot, Split, Weight
from pennon.stream.reports import Report
from tests.integration.nodes import boolean

LARGEST = 1024 * 1024
UNITS = 2500


class Sink:
    """An `EventSink` that takes what it is told to; `fails` says how often it does not."""

    passes_on = False

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.taken: list[EventBatch] = []

    async def accept(self, _environment: str, _key: str, batch: EventBatch, _way: Way = DIRECT) -> Accepted:
        if self.fails:
            self.fails -= 1
            raise IngestUnavailable("the disk is full")
        self.taken.append(batch)
        return Accepted(batch.entries)


class HandTime:
    def time(self) -> float:
        return 1_772_366_400.0

    def monotonic(self) -> float:
        return 0.0


def evaluated(units: int) -> Report:
    """Return the report of a node that evaluated a flag of an experiment for so many units."""
    report = Report("shop/production", HandTime())
    split = Split(weights=(Weight("on", 50_000), Weight("off", 50_000)), experiment=Experiment(key="exp-a"))
    item = Item.of(boolean("tried", fallthrough=Serve(split=split)))
    rules = compile_snapshot(Snapshot.of({"flag": {"tried": item}}), exposed=report.exposed)
    for number in range(units):
        report.evaluate(rules, "tried", {"targetingKey": f"unit-{number}"})
    return report


def test_what_is_much_goes_in_batches_that_a_node_takes() -> None:
    report, sink = evaluated(UNITS), Sink()
    asyncio.run(report.send(sink))
    assert sorted(seen.unit for batch in sink.taken for seen in batch.exposures) == sorted(
        f"unit-{number}" for number in range(UNITS)
    )
    assert sum(counter.count for batch in sink.taken for counter in batch.counters) == UNITS
    assert max(len(batch.to_json()) for batch in sink.taken) < LARGEST
    assert [batch.sequence for batch in sink.taken] == [1, 2, 3]
    asyncio.run(report.send(sink))
    assert len(sink.taken) == 3


def test_what_is_not_taken_is_offered_again_as_it_was() -> None:
    report, sink = evaluated(UNITS), Sink(fails=2)
    asyncio.run(report.send(sink))
    asyncio.run(report.send(sink))
    assert sink.taken == []
    waiting = list(report._unsent)
    assert len(waiting) == 3
    asyncio.run(report.send(sink))
    assert sink.taken == waiting
