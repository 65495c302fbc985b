"""`GET /ofrep/v1/stream`: tells web clients to evaluate again, and nothing else.

The flags themselves never travel here: each client asks for them with its own context. All would ask at once, so each
is told at its own moment within a few seconds, unless a critical flag changed.
"""

from urllib.parse import quote

from pennon.stream.calls import Call
from pennon.stream.http import Refusal, Request
from pennon.stream.keys import Access, admit, admitted
from pennon.stream.node import StreamNode
from pennon.stream.streams import Place


def by_url(node: StreamNode, request: Request, _rest: str) -> Access:
    """Return what the token or the client key in the URL opens; one in the headers will do as well.

    An `EventSource` sends no headers, and a URL ends up in logs, so a key that is secret is refused there.
    """
    now = node.clock.time()
    if (token := request.query.get("token")) is not None:
        return admitted(node.keys.by_token(token, now), complete=node.is_complete)
    return by_key_in_url(node, request, _rest)


def by_key_in_url(node: StreamNode, request: Request, _rest: str) -> Access:
    """Return what the client key in the URL opens; a key in the headers will do as well. A beacon has no headers."""
    now = node.clock.time()
    if (secret := request.query.get("key")) is not None:
        access = admitted(node.keys.check(secret, now), complete=node.is_complete)
        if access.kind != "client":
            raise Refusal(403, "Secret key in a URL", "only client keys may be in one: replace this key, it has leaked")
        return access
    return admit(node.keys, request, now, complete=node.is_complete)


def place_of(call: Call) -> Place:
    """Return where the stream begins that says when to evaluate again.

    A client that was cut off does not ask by itself what it missed, so it is told at once.
    """
    channel = call.environment.listeners.notices(call.projection)
    return Place(channel, call.request.headers.get("last-event-id"))


def stream_uri(call: Call) -> str:
    """Return the path and query of the notify stream for the caller of a bulk evaluation. It holds no secret key."""
    if call.access.kind == "client" and (key := call.request.presented_key) is not None:
        query = f"key={quote(key)}"
    else:
        token_s = call.node.settings.token_s
        query = f"token={call.node.keys.token(call.access.key_hash, call.node.clock.time(), token_s)}"
    if len(call.access.records) > 1:
        query += f"&environment={quote(call.environment.name)}"
    return f"{call.request.root}/ofrep/v1/stream?{query}"
