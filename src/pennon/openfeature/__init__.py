"""Pennon for `openfeature-sdk`: its provider, and the one that runs Pennon in the shadow of another vendor's."""

from pennon.openfeature.agreement import Conditions, Decision, FlagReport, Report, Sample
from pennon.openfeature.provider import PennonProvider
from pennon.openfeature.redaction import Redaction
from pennon.openfeature.shadow import ShadowProvider

__all__ = [
    "Conditions",
    "Decision",
    "FlagReport",
    "PennonProvider",
    "Redaction",
    "Report",
    "Sample",
    "ShadowProvider",
]
