"""`POST /client/v1/bootstrap`: the client-side flags evaluated, for a page to carry them in its HTML."""

import asyncio
import hashlib

from pennon.model import Evaluation
from pennon.protocol import bootstrap
from pennon.stream import evaluations
from pennon.stream.calls import Call
from pennon.stream.http import JSON, Answer, Headers
from pennon.stream.samples import sample
from pennon.stream.signed import require_signature

_AT_ONCE = 200
"""So many flags are evaluated before somebody else has a turn."""


async def answer_bootstrap(call: Call) -> Answer:
    """Evaluate every client-side flag, whoever asks, by one rule set. The tag covers all but the answer's age."""
    settings, environment = call.node.settings, call.environment
    call.request.require_json()
    body = await call.request.body(settings.evaluate_bytes)
    context = evaluations.context_of(body, limit=settings.context_bytes, depth=settings.context_depth)
    require_signature(call, context)
    sample(call, context, body)
    rules, now = environment.rules(call.now), call.node.clock.time()
    version, age = environment.flags_version("client"), environment.hub.age(call.now)
    standing, keys = call.standing(), sorted(environment.client_flags())
    found: list[tuple[str, Evaluation]] = []
    for start in range(0, len(keys), _AT_ONCE):
        if start:
            await asyncio.sleep(0)
        found += [(key, rules.evaluate(key, context, now=now)) for key in keys[start : start + _AT_ONCE]]
    call.node.metrics.evaluations.labels("bootstrap").inc(len(keys))
    document = bootstrap.document(
        found,
        environment=environment.name,
        position=rules.snapshot.position,
        flags_version=version,
        ttl_s=settings.client_ttl_s,
    )
    tag = f'W/"{hashlib.sha256(document).hexdigest()[:32]}"'
    headers: Headers = (*standing, ("etag", tag), ("cache-control", "private, no-cache"))
    if call.request.matches(tag):
        return Answer(304, b"", headers)
    return Answer(200, bootstrap.aged(document, age_s=age, at_ms=int(now * 1000)), (JSON, *headers))
