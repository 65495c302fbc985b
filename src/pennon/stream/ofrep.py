"""OFREP 0.3: `POST /ofrep/v1/evaluate/flags/{key}` for one flag, and without the key for all the caller may see."""

import asyncio
import hashlib
from typing import Any

from pennon.engine import RuleSet
from pennon.model import ErrorCode, Evaluation, Reason
from pennon.stream import evaluations
from pennon.stream.calls import Call
from pennon.stream.http import JSON, NO_STORE, Answer, Headers
from pennon.stream.notify import stream_uri

_AT_ONCE = 200
"""So many flags are evaluated before somebody else has a turn."""
_INACTIVITY_S = 120


async def answer_flag(call: Call) -> Answer:
    """Evaluate one flag for the context in the body. It counts as an evaluation."""
    context = await _context(call)
    environment, key = call.environment, call.rest
    rules = environment.rules(call.now)
    if call.access.kind == "client" and key not in environment.client_flags():
        evaluation = _unknown(key)
    else:
        evaluation = environment.report.evaluate(rules, key, context)
    call.node.metrics.evaluations.labels("single").inc()
    metadata = {"revision": _revision(rules), "age": round(environment.hub.age(call.now), 3)}
    body = evaluations.encode(evaluations.entry(key, evaluation, metadata))
    return Answer(evaluations.status(evaluation), body, (JSON, NO_STORE, *call.standing()))


async def answer_flags(call: Call) -> Answer:
    """Evaluate every flag that the caller may see. The tag covers the whole answer, so the context too."""
    context = await _context(call)
    environment, settings = call.environment, call.node.settings
    rules = environment.rules(call.now)
    keys = environment.client_flags() if call.access.kind == "client" else rules.flag_keys()
    version = environment.flags_version(call.projection)
    standing, age = call.standing(), environment.hub.age(call.now)
    answer: dict[str, Any] = {"flags": await _entries(call, rules, sorted(keys), context)}
    if call.node.has_room():
        answer["eventStreams"] = [_event_stream(call)]
    answer["metadata"] = {"revision": _revision(rules), "flagsVersion": version, "ttl": settings.client_ttl_s}
    body = evaluations.encode(answer)
    # The age changes with every answer and is no news, so the tag leaves it out, and is a weak one.
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers: Headers = (*standing, ("etag", tag), ("cache-control", "private, no-cache"))
    if call.request.matches(tag):
        return Answer(304, b"", headers)
    return Answer(200, b'%b,"age":%.3f}}' % (body[:-2], age), (JSON, *headers))


async def _context(call: Call) -> dict[str, Any]:
    settings = call.node.settings
    call.request.require_json()
    body = await call.request.body(settings.evaluate_bytes)
    return evaluations.context_of(body, limit=settings.context_bytes, depth=settings.context_depth)


async def _entries(call: Call, rules: RuleSet, keys: list[str], context: dict[str, Any]) -> list[dict[str, object]]:
    """Return what each flag answers: all by one rule set, whatever changes meanwhile."""
    now, common = call.node.clock.time(), {"revision": _revision(rules)}
    entries = []
    for start in range(0, len(keys), _AT_ONCE):
        if start:
            await asyncio.sleep(0)
        for key in keys[start : start + _AT_ONCE]:
            entries.append(evaluations.entry(key, rules.evaluate(key, context, now=now), common))
    call.node.metrics.evaluations.labels("bulk").inc(len(keys))
    return entries


def _event_stream(call: Call) -> dict[str, object]:
    uri, public = stream_uri(call), call.node.settings.public_url
    # Without a known public address the client resolves it against the address that it came by.
    place: dict[str, object] = {"endpoint": {"requestUri": uri}} if public is None else {"url": public + uri}
    return {"type": "sse", **place, "inactivityDelaySec": _INACTIVITY_S}


def _revision(rules: RuleSet) -> str:
    return f"{rules.epoch}.{rules.revision}"


def _unknown(key: str) -> Evaluation:
    """Return the answer for a flag that is not for this caller: the same as for one that is not there."""
    return Evaluation(
        value=None,
        variation=None,
        reason=Reason.ERROR,
        error_code=ErrorCode.FLAG_NOT_FOUND,
        error_message=f"there is no flag {key!r}",
    )
