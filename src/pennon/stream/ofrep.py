"""OFREP 0.3: `POST /ofrep/v1/evaluate/flags/{key}` for one flag, and without the key for all the caller may see.

The most asked of all endpoints: nothing is encoded here that was encoded before.
"""

import asyncio
import hashlib
from typing import Any

from pennon.model import ErrorCode, Evaluation, Reason
from pennon.stream import evaluations
from pennon.stream.calls import Call
from pennon.stream.entries import Entries
from pennon.stream.http import JSON, NO_STORE, Answer, Lines, encoded
from pennon.stream.notify import stream_uri
from pennon.stream.samples import sample
from pennon.stream.signed import require_signature

AT_ONCE = 200
"""So many flags are evaluated before somebody else has a turn."""
_INACTIVITY_S = 120
_SINGLE: Lines = encoded((JSON, NO_STORE))
_BULK: Lines = encoded((JSON, ("cache-control", "private, no-cache")))


async def answer_flag(call: Call) -> Answer:
    """Evaluate one flag for the context in the body. It counts as an evaluation."""
    return flag_at_once(call, await _body(call))


async def answer_flags(call: Call) -> Answer:
    """Evaluate every flag that the caller may see. The tag covers the whole answer, so the context too."""
    body = await _body(call)
    context = _context(call, body)
    sample(call, context, body)
    node = call.node
    now, time = node.now(), node.clock.time()
    entries, keys = _asked(call, now)
    age, version = call.environment.hub.age(now), call.environment.flags_version(call.projection)
    # All by one rule set, whatever changes meanwhile.
    said = entries.listed(keys[:AT_ONCE], context, time)
    for start in range(AT_ONCE, len(keys), AT_ONCE):
        await asyncio.sleep(0)
        said += entries.listed(keys[start : start + AT_ONCE], context, time)
    return _bulk(call, entries, said, version=version, age=age, time=time)


def flag_at_once(call: Call, body: bytes) -> Answer:
    """Return the answer about one flag. Raises `Refusal`."""
    context = _context(call, body)
    environment, key, node = call.environment, call.rest, call.node
    now = node.now()
    entries = environment.entries(now)
    if call.access.kind == "client" and key not in environment.client_flags():
        evaluation = _unknown(key)
    else:
        evaluation = environment.report.evaluate(entries.rules, key, context)
        sample(call, context, body)
    node.metrics.single.inc()
    entry, age = entries.entry(key, evaluation), environment.hub.age(now)
    body = b'%b,"age":%.3f}}' % (entry.opened, age)
    return Answer(entry.status, body, lines=(*_SINGLE, *_standing(entries, age)))


def flags_at_once(call: Call, body: bytes) -> Answer | None:
    """Return the answer about all flags, None where they are too many for one turn. Raises `Refusal`."""
    node = call.node
    now, time = node.now(), node.clock.time()
    entries, keys = _asked(call, now)
    if len(keys) > AT_ONCE:
        return None
    context = _context(call, body)
    sample(call, context, body)
    said = entries.listed(keys, context, time)
    age, version = call.environment.hub.age(now), call.environment.flags_version(call.projection)
    return _bulk(call, entries, said, version=version, age=age, time=time)


def _asked(call: Call, now: float) -> tuple[Entries, list[str]]:
    """Return what is said now, and of which flags to the caller."""
    entries = call.environment.entries(now)
    return entries, entries.keys(call.environment.client_flags() if call.access.kind == "client" else None)


def _bulk(call: Call, entries: Entries, said: list[bytes], *, version: str, age: float, time: float) -> Answer:
    call.node.metrics.bulk.inc(len(said))
    body = b'{"flags":[%b]%b,"metadata":{"revision":"%b","flagsVersion":"%b","ttl":%d}}' % (
        b",".join(said),
        _event_streams(call, entries, time) if call.node.has_room() else b"",
        entries.revision.encode(),
        version.encode(),
        call.node.settings.client_ttl_s,
    )
    # The age changes with every answer and is no news, so the tag leaves it out, and is a weak one.
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    standing = (*_standing(entries, age), (b"etag", tag.encode()))
    if call.request.matches(tag):
        return Answer(304, b"", lines=(*_BULK[1:], *standing))
    return Answer(200, b'%b,"age":%.3f}}' % (body[:-2], age), lines=(*_BULK, *standing))


async def _body(call: Call) -> bytes:
    call.request.require_json()
    return await call.request.body(call.node.settings.evaluate_bytes)


def _context(call: Call, body: bytes) -> dict[str, Any]:
    settings = call.node.settings
    context = evaluations.context_of(body, limit=settings.context_bytes, depth=settings.context_depth)
    require_signature(call, context)
    return context


def _standing(entries: Entries, age: float) -> Lines:
    return (b"x-pennon-revision", entries.revision.encode()), (b"x-pennon-age", b"%.3f" % age)


def _event_streams(call: Call, entries: Entries, now: float) -> bytes:
    """Return the member that says where notices come from. A token in it is another one every few minutes."""
    period = int(now) // call.node.settings.token_s
    depends_on = call.access.key_hash, call.environment.name, len(call.access.records), call.request.root, period
    if (found := entries.event_streams(depends_on)) is None:
        found = b',"eventStreams":' + evaluations.encode([_event_stream(call)])
        entries.keep_event_streams(depends_on, found)
    return found


def _event_stream(call: Call) -> dict[str, object]:
    uri, public = stream_uri(call), call.node.settings.public_url
    # Without a known public address the client resolves it against the address that it came by.
    place: dict[str, object] = {"endpoint": {"requestUri": uri}} if public is None else {"url": public + uri}
    return {"type": "sse", **place, "inactivityDelaySec": _INACTIVITY_S}


def _unknown(key: str) -> Evaluation:
    """Return the answer for a flag that is not for this caller: the same as for one that is not there."""
    return Evaluation(
        value=None,
        variation=None,
        reason=Reason.ERROR,
        error_code=ErrorCode.FLAG_NOT_FOUND,
        error_message=f"there is no flag {key!r}",
    )
