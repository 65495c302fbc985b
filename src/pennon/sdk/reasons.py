"""Pennon's reasons by the names that OpenFeature and OpenTelemetry have for them."""

from collections.abc import Mapping

from pennon.model import Reason

STANDARD_REASONS: Mapping[Reason, str] = {
    Reason.OFF: "DISABLED",
    Reason.PREREQUISITE_FAILED: "DISABLED",
    Reason.TARGET_MATCH: "TARGETING_MATCH",
    Reason.RULE_MATCH: "TARGETING_MATCH",
    Reason.FALLTHROUGH: "DEFAULT",
    Reason.SPLIT: "SPLIT",
    Reason.STALE: "STALE",
    Reason.ERROR: "ERROR",
}
