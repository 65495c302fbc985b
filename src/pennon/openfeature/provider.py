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
from pennon.sdk.flags import PinnedRules, copied, is_of_kind, mismatched
from pennon.sdk.ladder import Level
from pennon.sdk.reasons import STANDARD_REASONS
from pennon.sdk.status import Change, Status

__all__ = ["PennonProvider"]

T = TypeVar("T")
_Object: TypeAlias = Sequence[FlagValueType] | Mapping[str, FlagValueType]

_REASONS: Mapping[model.Reason, Reason] = {reason: Reason(name) for reason, name in STANDARD_REASONS.items()}
_KNOWN = 4096


class _Type:
    """One of the standard's types: the kind of flag that it asks for, and how it wants the value."""

    __slots__ = ("convert", "kind")

    def __init__(self, kind: FlagKind, convert: Callable[[Any], Any] = lambda value: value) -> None:
        self.kind: FlagKind = kind
        self.convert = convert


_Metadata: TypeAlias = dict[str, bool | int | float | str]


class _Known:
    """What was found out about a prepared result. `value` is None if it is not of the kind that was asked for."""

    __slots__ = ("_aged", "_metadata", "reason", "result", "rules", "value")

    def __init__(self, result: Evaluation, rules: PinnedRules, value: Any) -> None:
        self.result = result
        self.rules = rules
        self.value = value
        self.reason = _REASONS[result.reason]
        self._metadata = _metadata(result, rules, None)
        self._aged: tuple[float, _Metadata] = (-1.0, self._metadata)

    def metadata(self, age_s: float | None) -> _Metadata:
        """Return what is known of the result beside its value; one object for an age, to the millisecond."""
        if age_s is None:
            return self._metadata
        age, metadata = self._aged
        rounded = _rounded(age_s)
        if age != rounded:
            metadata = {**self._metadata, "age": rounded}
            self._aged = rounded, metadata
        return metadata


_PLAIN = frozenset({str, int, float, bool, list, dict, tuple, type(None)})
"""Types that are no dates."""

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
        self._is_counted = True
        self._known: dict[tuple[int, _Type], _Known] = {}
        self._stop_listening: list[Callable[[], None]] = []
        self._initialized = False

    def get_metadata(self) -> Metadata:
        """Return the provider's name."""
        return Metadata(name="pennon")

    def uncounted(self) -> "PennonProvider":
        """Return a provider by the client of this one, as it is now, of whose answers nobody hears: for a shadow."""
        provider = PennonProvider(self._client)
        provider._is_counted = False
        return provider

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
        return self._resolve(flag_key, default_value, evaluation_context, _BOOLEAN)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        """Return the value of a string flag."""
        return self._resolve(flag_key, default_value, evaluation_context, _STRING)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        """Return the value of a number flag that has an integer there; 3.0 is one."""
        return self._resolve(flag_key, default_value, evaluation_context, _INTEGER)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        """Return the value of a number flag as a float."""
        return self._resolve(flag_key, default_value, evaluation_context, _FLOAT)

    def resolve_object_details(
        self, flag_key: str, default_value: _Object, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[_Object]:
        """Return the value of an object flag, a copy that the caller may change."""
        return self._resolve(flag_key, default_value, evaluation_context, _OBJECT)

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
        self, flag: str, default: T, context: EvaluationContext | None, asked: _Type
    ) -> FlagResolutionDetails[T]:
        client = self._client
        if client is None:
            raise ProviderNotReadyError("the provider has not been initialized, or was shut down")
        rules = client.rules() if self._is_counted else client.rules().uncounted()
        result = rules.evaluation(flag, _flattened(context), default=default)
        if result.variation is None:
            return _served(result, rules, client.age_s)
        # Results are prepared once for each variation and reason, and so may be what depends on them alone.
        known = self._known.get((id(result), asked))
        if known is None or known.result is not result or known.rules is not rules:
            known = self._know(result, rules, asked)
        if known.value is None:
            return _served(mismatched(result, asked.kind, default), rules, client.age_s)
        return FlagResolutionDetails(
            known.value if asked is not _OBJECT else copied(known.value),
            None,
            None,
            known.reason,
            result.variation,
            known.metadata(client.age_s),
        )

    def _know(self, result: Evaluation, rules: PinnedRules, asked: _Type) -> _Known:
        value = asked.convert(result.value) if is_of_kind(result.value, asked.kind) else None
        if len(self._known) >= _KNOWN:
            self._known.clear()
        known = self._known[id(result), asked] = _Known(result, rules, value)
        return known

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


def _served(result: Evaluation, rules: PinnedRules, age_s: float | None) -> FlagResolutionDetails[Any]:
    """Return a result that serves the caller's default."""
    return FlagResolutionDetails(
        value=result.value,
        error_code=None if result.error_code is None else _CODES[result.error_code],
        error_message=result.error_message,
        reason=_REASONS[result.reason],
        variant=result.variation,
        flag_metadata=_metadata(result, rules, age_s),
    )


def _flattened(context: EvaluationContext | None) -> dict[str, Any]:
    """Return a context as Pennon takes it: the attributes, the targeting key among them, dates as RFC 3339."""
    if context is None:
        return {}
    flat: dict[str, Any] = {**context.attributes}
    if not _PLAIN.issuperset(map(type, flat.values())):
        for name, value in flat.items():
            if isinstance(value, dt.datetime):
                flat[name] = value.astimezone().isoformat()  # without a zone it is local time, as everywhere in Python
    if context.targeting_key is not None:
        flat["targetingKey"] = context.targeting_key
    return flat


def _integer(value: int | float) -> int | None:
    return int(value) if math.isfinite(value) and value == int(value) else None


def _float(value: int | float) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _rounded(age_s: float) -> float:
    return int(age_s * 1000) / 1000


def _metadata(result: Evaluation, rules: PinnedRules, age_s: float | None) -> _Metadata:
    found: _Metadata = {"revision": f"{rules.epoch}.{rules.revision}"}
    if age_s is not None:
        found["age"] = _rounded(age_s)
    if result.flag_version is not None:
        found["flagVersion"] = result.flag_version
    if result.rule_id is not None:
        found["ruleId"] = result.rule_id
    return found


_BOOLEAN = _Type("boolean")
_STRING = _Type("string")
_INTEGER = _Type("number", _integer)
_FLOAT = _Type("number", _float)
_OBJECT = _Type("object")
