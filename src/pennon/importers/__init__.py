"""From a vendor's file to a plan: what would be created, and what could not be carried. Bytes in, plan out."""

from pennon.importers.plan import (
    Fidelity,
    ImportRefused,
    Note,
    Plan,
    PlannedFlag,
    PlannedSegment,
    Vocabulary,
)

__all__ = ["Fidelity", "ImportRefused", "Note", "Plan", "PlannedFlag", "PlannedSegment", "Vocabulary"]
