"""`GET /sdk/v1/stream`: the opening, then every delta, and heartbeats in between, until somebody ends it.

One task writes and one waits for the client to leave; both are gone when the stream is. A large frame goes out in
pieces, so that a slow reader holds one of them and not five megabytes.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator

from pennon.model import Position
from pennon.protocol import DELTA, GOODBYE, HEARTBEAT, sse
from pennon.stream.calls import Call
from pennon.stream.http import Headers, Receive, Refusal, Send, Streaming, start
from pennon.stream.subscribers import Ended, Subscription

EVENT_STREAM: Headers = (
    ("content-type", "text/event-stream"),
    ("cache-control", "no-cache, no-transform"),
    ("x-accel-buffering", "no"),
)
_PIECE = 64 * 1024


async def answer_stream(call: Call) -> Streaming:
    """Return the stream of the environment in the key's projection."""
    refuse_beyond_capacity(call)
    subscription = Subscription(call.access.key_hash, call.projection, limit=call.node.settings.pending_bytes)
    subscription.position = _resumed(call)
    # Opened when it begins to write: the opening is then all that it has missed, as for any stream that lags.
    subscription.fall_behind()
    return _Stream(call, subscription).run


def refuse_beyond_capacity(call: Call) -> None:
    """Refuse a new stream while draining, and beyond the number that the node is to hold."""
    if call.node.is_draining:
        raise Refusal(503, "Draining", "the node is stopping: come back", headers=(("retry-after", "1"),))
    if not call.node.has_room():
        raise Refusal(503, "Too many streams", "the node holds as many as it may", headers=(("retry-after", "5"),))


def _resumed(call: Call) -> Position | None:
    """Return where the client stands. An event id that is none of ours is left aside: it may be another server's."""
    with contextlib.suppress(ValueError):
        return Position.parse(call.request.headers.get("last-event-id", ""))
    return call.since()


def pieces(data: bytes) -> Iterator[bytes]:
    """Yield *data* in pieces that a slow reader may hold."""
    if len(data) <= _PIECE:
        yield data
        return
    for at in range(0, len(data), _PIECE):
        yield data[at : at + _PIECE]


@contextlib.asynccontextmanager
async def watched(subscription: Subscription, receive: Receive) -> AsyncIterator[None]:
    """Run a stream, and end it when its client leaves. Nothing of it is left afterwards.

    A stream that was aborted ends here: its task was cancelled by us and by nobody else.
    """
    subscription.task = asyncio.current_task()
    leaving = asyncio.create_task(_watch(subscription, receive))
    try:
        yield
    except asyncio.CancelledError:
        if subscription.ended is not Ended.STUCK or subscription.task is None or subscription.task.uncancel():
            raise
    except OSError:
        subscription.end(Ended.LEFT)
    finally:
        subscription.task = None
        leaving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaving


async def _watch(subscription: Subscription, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    subscription.end(Ended.LEFT)


class _Stream:
    """One client's stream."""

    def __init__(self, call: Call, subscription: Subscription) -> None:
        self._call = call
        self._node = call.node
        self._environment = call.environment
        self._subscription = subscription
        settings = call.node.settings
        self._interval = settings.edge_heartbeat_s if call.access.kind == "edge" else settings.heartbeat_s

    async def run(self, receive: Receive, send: Send) -> None:
        """Write until the stream ends."""
        subscription, metrics = self._subscription, self._node.metrics
        self._environment.listen(subscription)
        metrics.streams.labels(subscription.projection).inc()
        try:
            async with watched(subscription, receive):
                await self._write(send)
        finally:
            self._environment.forget(subscription)
            metrics.streams.labels(subscription.projection).dec()
            metrics.streams_ended.labels(subscription.ended or Ended.FAILED).inc()

    async def _write(self, send: Send) -> None:
        subscription, loop = self._subscription, asyncio.get_running_loop()
        await start(send, 200, (*EVENT_STREAM, *self._call.standing()))
        await self._send(send, b"retry: %d\n\n" % self._node.settings.retry_ms)
        # The first beat comes early by chance, so that those who came at once do not beat at once.
        beat = loop.time() + self._interval * random.uniform(0.5, 1.0)
        while subscription.ended is None:
            frames = self._due(is_beat=loop.time() >= beat)
            for frame in frames:
                await self._send(send, frame)
            if frames:
                beat = max(beat, loop.time() + self._interval)
            await subscription.wait(beat)
        await self._close(send)

    def _due(self, *, is_beat: bool) -> list[bytes]:
        """Return what is to be sent now."""
        subscription, hub, now = self._subscription, self._environment.hub, self._node.now()
        deliveries = self._node.metrics.deliveries
        if subscription.lagging:
            subscription.lagging = False
            frame = hub.opening(subscription.projection, subscription.position, now)
            if frame.event != HEARTBEAT:
                subscription.position = hub.position
            deliveries.labels(frame.event).inc()
            return [sse.encode(frame)]
        if taken := subscription.take():
            deliveries.labels(DELTA).inc(len(taken))
            return taken
        if is_beat:
            deliveries.labels(HEARTBEAT).inc()
            return [sse.encode(hub.heartbeat(now, subscription.projection))]
        return []

    async def _close(self, send: Send) -> None:
        """End the body, with a `goodbye` that tells each client another time to come back."""
        if self._subscription.ended is Ended.LEFT:
            return
        if self._subscription.ended is Ended.DRAINED:
            retry_ms = random.randint(0, self._node.settings.goodbye_spread_ms)
            await self._send(send, sse.encode(self._environment.hub.goodbye(retry_ms, self._node.now())))
            self._node.metrics.deliveries.labels(GOODBYE).inc()
        await send({"type": "http.response.body", "body": b""})

    async def _send(self, send: Send, data: bytes) -> None:
        for piece in pieces(data):
            self._subscription.sending_since = self._node.now()
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        self._subscription.sending_since = None
