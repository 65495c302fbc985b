"""Opens streams: where each begins, and what its client is told first.

A stream is no answer of the app: the server hands the connection over (`intake`), and here it stays till it ends.
"""

import contextlib
import socket
from asyncio import Transport
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from pennon.model import Position
from pennon.stream.admission import Later, Ticket
from pennon.stream.calls import Call
from pennon.stream.channels import Channel
from pennon.stream.framing import Framed, chunk
from pennon.stream.http import Answer, Headers, Refusal
from pennon.stream.node import StreamNode
from pennon.stream.subscribers import Subscriber

EVENT_STREAM: Headers = (
    ("content-type", "text/event-stream"),
    ("cache-control", "no-cache, no-transform"),
    ("x-accel-buffering", "no"),
)
_SEND_BUFFER = 64 * 1024
"""What the kernel may keep for a reader who does not read; it doubles this for its own use."""


async def answer_without_hand_over(call: Call) -> Answer:
    """Answer a stream's request where the server has no way to hand the connection over: with its headers only."""
    refuse_beyond_capacity(call.node)
    if call.request.method == "HEAD":
        return Answer(200, b"", (*EVENT_STREAM, *call.standing()))
    raise Refusal(501, "No streams here", "this server cannot hand connections over: run it by `pennon serve`")


class Place(NamedTuple):
    """Where a stream begins: on which channel, and where its client stands."""

    channel: Channel
    since: Hashable


def place_of(call: Call) -> Place:
    """Return where the stream of the environment in the key's projection begins. Raises `Refusal`."""
    return Place(call.environment.listeners.deltas(call.projection), _resumed(call))


def begin(node: StreamNode, key_hash: str, transport: Transport, place: Place, head: bytes) -> None:
    """Open a stream at *place* on a connection that is given over, with *head* before it. Raises `Refusal`.

    *head* is the answer's, with what `retry` says.
    """
    channel, since = place
    opening = channel.opening(since)
    ticket = _admitted(node, opening)
    try:
        stream = _made(transport, key_hash, since)
    except BaseException:  # nothing is swallowed: a leave that nobody uses would be one less for ever
        if ticket is not None:
            ticket.leave()
        raise
    transport.set_protocol(stream)
    channel.open(stream, before=head, opening=opening, ticket=ticket)


def begin_each(
    node: StreamNode, key_hash: str, transports: Sequence[Transport], place: Place, heads: Sequence[bytes]
) -> int:
    """Open a stream on each of *transports*, as `begin` does, with its own of *heads* before it.

    Return how many were opened: the first ones. There is no leave for what the others were to be sent.
    """
    channel, since = place
    opening = channel.opening(since)
    if opening is None or opening.rest is None:
        made = [_made(each, key_hash, since) for each in transports]
        for stream in made:
            stream.transport.set_protocol(stream)
        channel.open_each(made, before=heads, opening=opening)
        return len(made)
    for number, (transport, head) in enumerate(zip(transports, heads, strict=True)):
        try:
            begin(node, key_hash, transport, place, head)
        except Refusal:
            return number
    return len(transports)


def _made(transport: Transport, key_hash: str, since: Hashable) -> Subscriber:
    stream = Subscriber(transport, key_hash, since)
    # The buffer is the kernel's only: whatever it does not take at once makes the stream wait.
    transport.set_write_buffer_limits(high=0)
    _bound_kernel_buffer(stream.descriptor)
    return stream


def retry(node: StreamNode) -> bytes:
    """Return the first block of every stream, which says when to come back after a cut."""
    return chunk(b"retry: %d\n\n" % node.settings.retry_ms)


def _bound_kernel_buffer(descriptor: int) -> None:
    """Bound what the kernel keeps for a reader who does not read: it would grow to megabytes."""
    if descriptor < 0:
        return
    # Of the C class with all of its arguments: what transports show makes a socket for each call, and asks the kernel
    # for its family, its type and its protocol.
    connection = socket.SocketType(socket.AF_INET, socket.SOCK_STREAM, 0, descriptor)
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    finally:
        connection.detach()  # the descriptor is the transport's


def refuse_beyond_capacity(node: StreamNode) -> None:
    """Refuse a new stream while draining, and beyond the number that the node is to hold."""
    if node.is_draining:
        raise Refusal(503, "Draining", "the node is stopping: come back", headers=(("retry-after", "1"),))
    if not node.has_room():
        raise Refusal(503, "Too many streams", "the node holds as many as it may", headers=(("retry-after", "5"),))


def _admitted(node: StreamNode, opening: Framed | None) -> Ticket | None:
    """Return the leave to send an *opening* that is large, None for one that needs none."""
    if opening is None or opening.rest is None:
        return None
    leave = node.admission.try_enter(len(opening.rest))
    if isinstance(leave, Later):
        headers = (("retry-after", str(leave.retry_after_s)),)
        raise Refusal(503, "Too many snapshots", "many ask for everything at once: come back", headers=headers)
    return leave


def _resumed(call: Call) -> Position | None:
    """Return where the client stands. An event id that is none of ours is left aside: it may be another server's."""
    if (last := call.request.headers.get("last-event-id")) is not None:
        with contextlib.suppress(ValueError):
            return Position.parse(last)
    return call.since()
