"""Exposures, counters and metrics: their types, how they are summed up, and how none is taken twice. Pure."""

from pennon.events.batches import Counter, EventBatch, Exposure, InvalidBatch, Metric, Time, milliseconds
from pennon.events.forwarding import (
    DIRECT,
    ENVELOPE_BYTES,
    MAX_HOPS,
    MOST_BATCHES,
    NODE,
    Fate,
    Forwarded,
    Result,
    Way,
    forwarded_batches,
    forwarding,
    is_forwarding,
    read_results,
    results_body,
)
from pennon.events.summaries import Counters, HourlyCount, OnceAnHour, hourly
from pennon.events.taken import Source, Standing, Taken

__all__ = [
    "DIRECT",
    "ENVELOPE_BYTES",
    "MAX_HOPS",
    "MOST_BATCHES",
    "NODE",
    "Counter",
    "Counters",
    "EventBatch",
    "Exposure",
    "Fate",
    "Forwarded",
    "HourlyCount",
    "InvalidBatch",
    "Metric",
    "OnceAnHour",
    "Result",
    "Source",
    "Standing",
    "Taken",
    "Time",
    "Way",
    "forwarded_batches",
    "forwarding",
    "hourly",
    "is_forwarding",
    "milliseconds",
    "read_results",
    "results_body",
]
