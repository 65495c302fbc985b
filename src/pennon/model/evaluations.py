"""What an evaluation answers, and why."""

from enum import StrEnum

from pennon.model.flags import Json, Wire


class Reason(StrEnum):
    """Why a value was served."""

    OFF = "OFF"
    PREREQUISITE_FAILED = "PREREQUISITE_FAILED"
    TARGET_MATCH = "TARGET_MATCH"
    RULE_MATCH = "RULE_MATCH"
    FALLTHROUGH = "FALLTHROUGH"
    SPLIT = "SPLIT"
    STALE = "STALE"
    ERROR = "ERROR"


class ErrorCode(StrEnum):
    """OpenFeature's error codes."""

    PROVIDER_NOT_READY = "PROVIDER_NOT_READY"
    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"
    PARSE_ERROR = "PARSE_ERROR"
    TYPE_MISMATCH = "TYPE_MISMATCH"
    TARGETING_KEY_MISSING = "TARGETING_KEY_MISSING"
    INVALID_CONTEXT = "INVALID_CONTEXT"
    PROVIDER_FATAL = "PROVIDER_FATAL"
    GENERAL = "GENERAL"


class Evaluation(Wire, frozen=True, kw_only=True):
    """The result of evaluating one flag for one context. Never changes once made.

    `variation` is None where the caller's default is served.
    """

    value: Json
    variation: str | None
    reason: Reason
    rule_id: str | None = None
    flag_version: int | None = None
    error_code: ErrorCode | None = None
    error_message: str | None = None
