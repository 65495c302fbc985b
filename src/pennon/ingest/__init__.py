"""Takes what SDKs report, keeps it on disk from the moment it is acknowledged, and hands it on to be counted."""

from pennon.ingest.accept import (
    Accepted,
    BatchTooOld,
    EventSink,
    Ingest,
    IngestError,
    IngestSettings,
    IngestUnavailable,
)
from pennon.ingest.counting import CountedBatch, Counting, Counts
from pennon.ingest.spool import Spool, SpoolError, SpoolFull, SpoolInUse, SpoolSettings

__all__ = [
    "Accepted",
    "BatchTooOld",
    "CountedBatch",
    "Counting",
    "Counts",
    "EventSink",
    "Ingest",
    "IngestError",
    "IngestSettings",
    "IngestUnavailable",
    "Spool",
    "SpoolError",
    "SpoolFull",
    "SpoolInUse",
    "SpoolSettings",
]
