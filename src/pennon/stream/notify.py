"""`GET /ofrep/v1/stream`: tells web clients to evaluate again, and nothing else.

The flags themselves never travel here: each client asks for them with its own context. All would ask at once, so each
is told at its own moment within a few seconds, unless a critical flag changed.
"""

import asyncio
import math
import random
from urllib.parse import quote

import msgspec

from pennon.stream.calls import Call
from pennon.stream.http import Receive, Refusal, Request, Send, Streaming, start
from pennon.stream.keys import Access, admit, admitted
from pennon.stream.node import StreamNode
from pennon.stream.streams import EVENT_STREAM, refuse_beyond_capacity, watched
from pennon.stream.subscribers import Ended, Subscription

EVENT = "refetchEvaluation"


def by_url(node: StreamNode, request: Request, _rest: str) -> Access:
    """Return what the token or the client key in the URL opens; one in the headers will do as well.

    An `EventSource` sends no headers, and a URL ends up in logs, so a key that is secret is refused there.
    """
    now = node.clock.time()
    if (token := request.query.get("token")) is not None:
        return admitted(node.keys.by_token(token, now), complete=node.is_complete)
    if (secret := request.query.get("key")) is not None:
        access = admitted(node.keys.check(secret, now), complete=node.is_complete)
        if access.kind != "client":
            raise Refusal(403, "Secret key in a URL", "only client keys may be in one: replace this key, it has leaked")
        return access
    return admit(node.keys, request, now, complete=node.is_complete)


async def answer_notify(call: Call) -> Streaming:
    """Return the stream that says when to evaluate again."""
    refuse_beyond_capacity(call)
    subscription = Subscription(call.access.key_hash, call.projection, limit=0)
    return _NotifyStream(call, subscription).run


class _NotifyStream:
    def __init__(self, call: Call, subscription: Subscription) -> None:
        self._node = call.node
        self._environment = call.environment
        self._subscription = subscription
        self._settings = call.node.settings
        self._seen = call.request.headers.get("last-event-id")
        self._due = math.inf

    async def run(self, receive: Receive, send: Send) -> None:
        """Write until the stream ends."""
        subscription, metrics = self._subscription, self._node.metrics
        self._environment.listen(subscription, to_notices=True)
        metrics.streams.labels("notify").inc()
        try:
            async with watched(subscription, receive):
                await self._write(send)
        finally:
            self._environment.forget(subscription)
            metrics.streams.labels("notify").dec()
            metrics.streams_ended.labels(subscription.ended or Ended.FAILED).inc()

    async def _write(self, send: Send) -> None:
        subscription, loop = self._subscription, asyncio.get_running_loop()
        await start(send, 200, EVENT_STREAM)
        await self._send(send, b"retry: %d\n\n" % self._settings.retry_ms)
        # A client that was cut off does not ask by itself what it missed.
        self._notice(spread_s=0.0)
        beat = loop.time() + self._settings.heartbeat_s * random.uniform(0.5, 1.0)
        while subscription.ended is None:
            if subscription.lagging:
                self._notice(spread_s=0.0 if subscription.urgent else self._settings.notify_spread_s)
                subscription.lagging = subscription.urgent = False
            if loop.time() >= self._due:
                await self._tell(send)
            elif loop.time() >= beat:
                await self._send(send, b":\n\n")
                beat = loop.time() + self._settings.heartbeat_s
            await subscription.wait(min(beat, self._due))
        if subscription.ended is not Ended.LEFT:
            if subscription.ended is Ended.DRAINED:
                await self._send(send, b"retry: %d\n\n" % random.randint(0, self._settings.goodbye_spread_ms))
            await send({"type": "http.response.body", "body": b""})

    def _notice(self, *, spread_s: float) -> None:
        """Plan to tell the client, unless it knows already; sooner, if that was planned for later."""
        if self._version() != self._seen:
            moment = asyncio.get_running_loop().time() + random.uniform(0, spread_s)
            self._due = min(self._due, moment)

    async def _tell(self, send: Send) -> None:
        self._due, self._seen = math.inf, self._version()
        tag = self._environment.flags_version(self._subscription.projection)
        data = msgspec.json.encode({"type": EVENT, "etag": tag})
        await self._send(send, b"id: %b\ndata: %b\n\n" % (self._seen.encode(), data))
        self._node.metrics.deliveries.labels("refetch").inc()

    def _version(self) -> str:
        return self._environment.version(self._subscription.projection, self._node.now())

    async def _send(self, send: Send, data: bytes) -> None:
        self._subscription.sending_since = self._node.now()
        await send({"type": "http.response.body", "body": data, "more_body": True})
        self._subscription.sending_since = None


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
