"""The environment whole, or what is missing: `GET /sdk/v1/snapshot` and `GET /sdk/v1/environments`."""

import msgspec

from pennon.stream.calls import Call
from pennon.stream.http import JSON, Answer, Headers

_PRIVATE = ("cache-control", "private, no-cache")
_VARY = ("vary", "Accept-Encoding, Authorization, X-API-Key")


async def answer_snapshot(call: Call) -> Answer:
    """Return the snapshot in the key's projection, or the delta from `?since=`, or that nothing is new."""
    hub, since = call.environment.hub, call.since()
    etag = hub.etag(call.projection)
    headers: Headers = (*call.standing(), ("etag", etag), _PRIVATE, _VARY)
    if since is not None and call.projection == "server" and hub.position is not None:
        call.environment.census.polled(max(since, hub.position), call.now)
    if call.request.matches(etag):
        return Answer(304, b"", headers)
    body = hub.document(call.projection, since)
    if body is None:
        return Answer(304, b"", headers)
    if len(body) < call.node.settings.gzip_bytes or not call.request.accepts_gzip():
        return Answer(200, body, (JSON, *headers))
    packed = await call.environment.packed(body)
    # Other bytes than those that the tag was made for, so it is a weak one here.
    weak = tuple((name, f"W/{value}" if name == "etag" else value) for name, value in headers)
    return Answer(200, packed, (JSON, ("content-encoding", "gzip"), *weak))


class _Listed(msgspec.Struct, frozen=True, rename="camel"):
    key: str
    epoch: int
    revision: int
    age: float
    client_rules: bool


async def answer_environments(call: Call) -> Answer:
    """Return the environments that the key opens, and where each stands.

    `complete`: there are no others, as far as the node can tell; an edge node leaves those that are gone.
    """
    listed = []
    is_complete = call.node.is_complete
    for name in sorted(call.access.records):
        environment = call.node.environments.get(name)
        if environment is None or (position := environment.position) is None:
            continue
        age = round(environment.hub.age(call.now), 3)
        client_rules = await call.node.allows_client_rules(name)
        listed.append(_Listed(name, position.epoch, position.revision, age, client_rules))
    body = msgspec.json.encode({"environments": listed, "complete": is_complete})
    return Answer(200, body, (JSON, ("cache-control", "no-store")))
