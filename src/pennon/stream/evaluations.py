"""What OFREP says: bodies to contexts, evaluations to answers. Pure: bytes in, bytes out.

Real clients are stricter than its OpenAPI: `key`, `reason` and `variant` are always there, reasons are OpenFeature's
own, and every error has its `errorDetails`.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from pennon.model import DECODE_ERRORS, ErrorCode, Evaluation, Reason
from pennon.stream.http import Refusal

REASONS: Mapping[Reason, str] = {
    Reason.OFF: "DISABLED",
    Reason.PREREQUISITE_FAILED: "DISABLED",
    Reason.TARGET_MATCH: "TARGETING_MATCH",
    Reason.RULE_MATCH: "TARGETING_MATCH",
    Reason.FALLTHROUGH: "DEFAULT",
    Reason.SPLIT: "SPLIT",
    Reason.STALE: "STALE",
    Reason.ERROR: "ERROR",
}
_STATUSES = {ErrorCode.FLAG_NOT_FOUND: 404}
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

encode = msgspec.json.Encoder().encode


class _Body(msgspec.Struct, frozen=True):
    context: Any = None


class _RawBody(msgspec.Struct, frozen=True):
    context: msgspec.Raw = msgspec.Raw(b"null")


_BODIES = msgspec.json.Decoder(_Body)
_RAW_BODIES = msgspec.json.Decoder(_RawBody)
_VALUES = msgspec.json.Decoder()


def context_of(body: bytes, *, limit: int, depth: int) -> dict[str, Any]:
    """Return the context that *body* carries, an empty one where it carries none.

    Raises `Refusal`: PARSE_ERROR for what is no JSON object, INVALID_CONTEXT for a context that is none or too large.
    """
    if not body:
        return {}
    try:
        # What is within the limit with all about it need not be measured.
        context = _BODIES.decode(body).context if len(body) <= limit else _measured(body, limit)
    except DECODE_ERRORS as error:
        context = _with_surrogates(body, error)
    if context is None:
        return {}
    if not isinstance(context, dict):
        raise _invalid("the context is not a JSON object")
    # Counted first, in text too: what opens no more containers than that is not deeper.
    if body.count(b"{") + body.count(b"[") > depth and _is_deeper(context, depth):
        raise _invalid(f"the context is nested more than {depth} deep")
    return context


def _measured(body: bytes, limit: int) -> object:
    """Return the context of a *body* that may hold more than it."""
    raw = bytes(_RAW_BODIES.decode(body).context)
    if len(raw) > limit:
        raise _invalid(f"the context has {len(raw)} bytes, at most {limit} are read")
    return _VALUES.decode(raw)


def _with_surrogates(body: bytes, error: Exception) -> object:
    """Read a body with lone surrogates, which JavaScript writes and msgspec refuses. They count as U+FFFD.

    Only short bodies are read again, by the slow reader: a context is at most a few of them.
    """
    parse_error = Refusal(400, "Not JSON", f"the body is no JSON: {error}", code="PARSE_ERROR")
    if _SURROGATE.search(body) is None:
        raise parse_error from error
    try:
        read = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise parse_error from error
    if not isinstance(read, dict):
        raise parse_error from error
    return read.get("context")


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


def _invalid(message: str) -> Refusal:
    return Refusal(400, "Invalid context", message, code="INVALID_CONTEXT")


def _is_deeper(value: object, depth: int) -> bool:
    """Whether containers lie within each other more than *depth* levels. No recursion: *value* comes from outside."""
    level = [value]
    for _ in range(depth):
        level = [inner for outer in level for inner in _containers(outer)]
        if not level:
            return False
    return True


def _containers(value: object) -> list[object]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for found in inner if isinstance(found, dict | list)]


def success(key: str, evaluation: Evaluation, metadata: Mapping[str, object]) -> dict[str, object]:
    """Return the entry of a flag that answered. `value` is left out where the caller's default is to be used."""
    entry: dict[str, object] = {"key": key, "reason": REASONS[evaluation.reason], "variant": evaluation.variation}
    if evaluation.variation is not None:
        entry["value"] = evaluation.value
    entry["metadata"] = _metadata(evaluation, metadata)
    return entry


def failure(key: str, evaluation: Evaluation, metadata: Mapping[str, object]) -> dict[str, object]:
    """Return the entry of a flag that could not answer."""
    code = evaluation.error_code or ErrorCode.GENERAL
    return {
        "key": key,
        "errorCode": code,
        "errorDetails": evaluation.error_message or code,
        "metadata": _metadata(evaluation, metadata),
    }


def entry(key: str, evaluation: Evaluation, metadata: Mapping[str, object]) -> dict[str, object]:
    """Return what a bulk answer says of one flag."""
    return (failure if evaluation.reason is Reason.ERROR else success)(key, evaluation, metadata)


def status(evaluation: Evaluation) -> int:
    """Return the status of an answer about one flag."""
    if evaluation.reason is not Reason.ERROR:
        return 200
    return _STATUSES.get(evaluation.error_code or ErrorCode.GENERAL, 400)


def _metadata(evaluation: Evaluation, common: Mapping[str, object]) -> dict[str, object]:
    found = dict(common)
    if evaluation.flag_version is not None:
        found["flagVersion"] = evaluation.flag_version
    if evaluation.rule_id is not None:
        found["ruleId"] = evaluation.rule_id
    return found
