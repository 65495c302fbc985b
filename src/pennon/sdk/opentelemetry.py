"""Evaluations as OpenTelemetry events, by its semantic conventions for feature flags.

    Client(…, hooks=[EvaluationEvents()])

Off unless asked for: an event for each evaluation is a lot of events. Needs `pip install pennon[opentelemetry]`.
"""

from collections.abc import Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import get_logger

from pennon._version import __version__
from pennon.model import ErrorCode, Evaluation, Reason
from pennon.sdk.reasons import STANDARD_REASONS

EVENT = "feature_flag.evaluation"
_LONGEST = 256


class EvaluationEvents:
    """A hook that reports each evaluation: as an event to the logger, and on the span that is being recorded, if any.

    *environment* becomes the flag set's id. Without *context_ids* nobody's targeting key is reported.
    """

    def __init__(
        self, *, environment: str = "", context_ids: bool = True, logs: bool = True, spans: bool = True
    ) -> None:
        self._common = {"feature_flag.provider.name": "pennon"}
        if environment:
            self._common["feature_flag.set.id"] = environment
        self._context_ids = context_ids
        self._logger = get_logger("pennon", __version__) if logs else None
        self._spans = spans

    def __call__(self, flag: str, context: Mapping[str, Any], result: Evaluation) -> None:
        """Report that *flag* answered *result* to *context*."""
        span = trace.get_current_span() if self._spans else trace.INVALID_SPAN
        if self._logger is None and not span.is_recording():
            return
        attributes = {**self._common, **attributes_of(flag, result)}
        if self._context_ids and isinstance(unit := context.get("targetingKey"), str):
            attributes["feature_flag.context.id"] = unit
        if self._logger is not None:
            self._logger.emit(event_name=EVENT, attributes=attributes)
        if span.is_recording():
            span.add_event(EVENT, attributes)


def attributes_of(flag: str, result: Evaluation) -> dict[str, str | int | float | bool]:
    """Return what the conventions call an evaluation of *flag* with *result*."""
    attributes: dict[str, str | int | float | bool] = {
        "feature_flag.key": flag,
        "feature_flag.result.reason": STANDARD_REASONS[result.reason].lower(),
    }
    if result.flag_version is not None:
        attributes["feature_flag.version"] = str(result.flag_version)
    if result.variation is not None:
        attributes["feature_flag.result.variant"] = result.variation
    elif isinstance(result.value, (bool, int, float, str)):
        # Where there is no name, the value itself; objects may be large, or nobody else's business.
        value = result.value
        attributes["feature_flag.result.value"] = value[:_LONGEST] if isinstance(value, str) else value
    if result.reason is Reason.ERROR:
        attributes["error.type"] = (result.error_code or ErrorCode.GENERAL).lower()
        if result.error_message:
            attributes["feature_flag.error.message"] = result.error_message[:_LONGEST]
    return attributes
