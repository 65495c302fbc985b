"""Exposures, counters and metrics: their types, how they are summed up, and how none is taken twice. Pure."""

from pennon.events.batches import Counter, EventBatch, Exposure, InvalidBatch, Metric, Time, milliseconds
from pennon.events.summaries import Counters, HourlyCount, OnceAnHour, hourly
from pennon.events.taken import Source, Standing, Taken

__all__ = [
    "Counter",
    "Counters",
    "EventBatch",
    "Exposure",
    "HourlyCount",
    "InvalidBatch",
    "Metric",
    "OnceAnHour",
    "Source",
    "Standing",
    "Taken",
    "Time",
    "hourly",
    "milliseconds",
]
