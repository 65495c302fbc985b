"""`GET /client/v1/rules/{clientKey}`: the client-side flags with their rules, for browsers that evaluate themselves.

The key is in the path so that a CDN may keep the answer: one for all visitors of a page.
"""

from pennon.stream.calls import Call
from pennon.stream.http import Answer, Headers, Refusal, Request
from pennon.stream.keys import Access, admitted
from pennon.stream.node import StreamNode
from pennon.stream.signed import demands_signature
from pennon.stream.snapshots import answer_document

_IF_ERROR_S = 86_400


def by_path(node: StreamNode, _request: Request, rest: str) -> Access:
    """Return what the key in the path opens. One that is secret is refused: paths end up in logs."""
    access = admitted(node.keys.check(rest, node.clock.time()), complete=node.is_complete)
    if access.kind != "client":
        raise Refusal(403, "Secret key in a URL", "only client keys may be in one: replace this key, it has leaked")
    return access


async def answer_rules(call: Call) -> Answer:
    """Return the client projection, where the environment allows it."""
    node, environment = call.node, call.environment
    if demands_signature(call):
        detail = "the key wants targeting keys signed, and rules would tell for everybody: use another key for rules"
        raise Refusal(403, "Not with this key", detail)
    if not await node.allows_client_rules(environment.name):
        raise Refusal(404, "Not offered", f"{environment.name} does not let browsers have its rules")
    etag = environment.hub.etag("client")
    age_s = node.settings.rules_max_age_s
    fresh = f"public, max-age={age_s}, stale-while-revalidate={10 * age_s}, stale-if-error={_IF_ERROR_S}"
    headers: Headers = (*call.standing(), ("etag", etag), ("cache-control", fresh), ("vary", "Accept-Encoding"))
    if call.request.matches(etag):
        return Answer(304, b"", headers)
    document = environment.client_rules(node.settings.client_ttl_s)
    return await answer_document(call, "rules", document, headers)
