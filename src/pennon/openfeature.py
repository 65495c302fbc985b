"""The OpenFeature provider: Pennon's client behind the standard's face, for `openfeature-sdk`.

It evaluates in the process, so the asynchronous methods answer as the others do, without waiting.
"""

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, Unpack

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import ErrorCode, ProviderFatalError, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.track import TrackingEventDetails

from pennon import model
from pennon.model import Evaluation, FlagKind
from pennon.sdk.client import Client
from pennon.sdk.config import Options
from pennon.sdk.flags import PinnedRules, copied, mismatched
from pennon.sdk.ladder import Level
from pennon.sdk.reasons import STANDARD_REASONS
from pennon.sdk.status import Change, Status

__all__ = ["PennonProvider"]

T = TypeVar("T")
_Object: TypeAlias = Sequence[FlagValueType] | Mapping[str, FlagValueType]

_REASONS: Mapping[model.Reason, Reason] = {reason: Reason(name) for reason, name in STANDARD_REASONS.items()}
_CODES: Mapping[model.ErrorCode, ErrorCode] = {code: ErrorCode(code.value) for code in model.ErrorCode}


class PennonProvider(AbstractProvider):
    """Answers OpenFeature's questions by a Pennon client.

    Give it a client that you keep, or the *url* and *key* of a server, or anything else that `Client` takes, and it
    keeps one of its own from `initialize` to `shutdown`. `initialize` waits up to *ready_timeout_s* seconds.
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        url: str | Sequence[str] | None = None,
        key: str | None = None,
        ready_timeout_s: float = 10.0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__()
        self._given = client
        self._make: Callable[[], Client] = lambda: Client(url, key=key, **options)
        self._ready_timeout_s = ready_timeout_s
        self._client = client
        self._stop_listening: list[Callable[[], None]] = []
        self._initialized = False

    def get_metadata(self) -> Metadata:
        """Return the provider's name."""
        return Metadata(name="pennon")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Start the client if there is none, and wait until it knows flags.

        Raises `ProviderFatalError` if the server refuses the key, `ProviderNotReadyError` if no flags come in time.
        The client goes on trying, and the provider says when it is ready.
        """
        client = self._client = self._client or self._make()
        self._stop_listening = [client.on_change(self._tell_change), client.on_status(self._tell_status)]
        is_ready = client.wait_until_ready(self._ready_timeout_s)
        self._initialized = True
        status = client.status()
        if not (is_ready or status.ready):
            problem = status.problem or f"no flags within {self._ready_timeout_s:g} seconds"
            raise ProviderFatalError(problem) if status.is_refused else ProviderNotReadyError(problem)

    def shutdown(self) -> None:
        """Stop the client that `initialize` started, after it has reported what is left."""
        self._initialized = False
        for stop in self._stop_listening:
            stop()
        if self._client is not None and self._client is not self._given:
            self._client.close()
            self._client = None

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001  # the standard's signature
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        """Return the value of a boolean flag."""
        return self._resolve(flag_key, default_value, evaluation_context, "boolean")

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """Return the value of a string flag."""
        return self._resolve(flag_key, default_value, evaluation_context, "string")

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """Return the value of a number flag that has an integer there; 3.0 is one."""
        return self._resolve(flag_key, default_value, evaluation_context, "number", _integer)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """Return the value of a number flag as a float."""
        return self._resolve(flag_key, default_value, evaluation_context, "number", _float)

    def resolve_object_details(
        self, flag_key: str, default_value: _Object, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[_Object]:
        """Return the value of an object flag, a copy that the caller may change."""
        return self._resolve(flag_key, default_value, evaluation_context, "object", copied)

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Report a metric: its value is the event's, or 1. Other attributes of the event are not kept."""
        if self._client is not None:
            value = None if tracking_event_details is None else tracking_event_details.value
            context = _flattened(evaluation_context)
            self._client.track(tracking_event_name, context, value=1.0 if value is None else value)

    def _resolve(
        self,
        flag: str,
        default: T,
        context: EvaluationContext | None,
        kind: FlagKind,
        convert: Callable[[Any], Any] | None = None,
    ) -> FlagResolutionDetails[T]:
        client = self._client
        if client is None:
            raise ProviderNotReadyError("the provider has not been initialized, or was shut down")
        rules = client.rules()
        result = rules.evaluation(flag, _flattened(context), default=default, kind=kind)
        value = result.value
        if convert is not None and value is not default and (value := convert(value)) is None:
            result = mismatched(result, kind, default)
            value = default
        return FlagResolutionDetails(
            value=value,
            error_code=None if result.error_code is None else _CODES[result.error_code],
            error_message=result.error_message,
            reason=_REASONS[result.reason],
            variant=result.variation,
            flag_metadata=_metadata(result, rules, client.age_s),
        )

    def _tell_change(self, change: Change) -> None:
        if self._initialized:
            metadata = {"revision": f"{change.epoch}.{change.revision}"}
            details = ProviderEventDetails(flags_changed=sorted(change.flags), metadata=dict(metadata))
            self.emit_provider_configuration_changed(details)

    def _tell_status(self, status: Status) -> None:
        if not self._initialized:
            return  # what `initialize` returns or raises says it
        details = ProviderEventDetails(message=status.problem or None, metadata={"level": int(status.level)})
        if status.level is Level.DEFAULTS:
            details.error_code = ErrorCode.PROVIDER_NOT_READY
            self.emit_provider_error(details)
        elif status.level is Level.LAST_KNOWN:
            self.emit_provider_stale(details)
        else:
            self.emit_provider_ready(details)


def _flattened(context: EvaluationContext | None) -> dict[str, Any]:
    """Return a context as Pennon takes it: the attributes, the targeting key among them, dates as RFC 3339."""
    if context is None:
        return {}
    flat = {name: _dated(value) for name, value in context.attributes.items()}
    if context.targeting_key is not None:
        flat["targetingKey"] = context.targeting_key
    return flat


def _dated(value: Any) -> Any:
    # A date without a zone is local time, as everywhere in Python.
    return value.astimezone().isoformat() if isinstance(value, dt.datetime) else value


def _integer(value: int | float) -> int | None:
    return int(value) if math.isfinite(value) and value == int(value) else None


def _float(value: int | float) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _metadata(result: Evaluation, rules: PinnedRules, age_s: float | None) -> dict[str, bool | int | float | str]:
    found: dict[str, bool | int | float | str] = {"revision": f"{rules.epoch}.{rules.revision}"}
    if age_s is not None:
        found["age"] = round(age_s, 3)
    if result.flag_version is not None:
        found["flagVersion"] = result.flag_version
    if result.rule_id is not None:
        found["ruleId"] = result.rule_id
    return found
