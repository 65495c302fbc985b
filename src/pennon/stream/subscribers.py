"""One open stream: its transport, where its client stands, and what of a large frame is still to be written.

It has no task, no queue and no parser. What does not fit into the socket's buffer waits in the transport, a piece of
it at most; meanwhile the stream is busy, and is given nothing else.
"""

import asyncio
import os
from collections.abc import Hashable, Sequence
from enum import StrEnum
from typing import Protocol

from pennon.stream.admission import Ticket
from pennon.stream.framing import PIECE, Framed
from pennon.stream.writing import write_each, write_own


class Ended(StrEnum):
    """Why a stream ended."""

    LEFT = "left"
    REVOKED = "revoked"
    STUCK = "stuck"
    DRAINED = "drained"
    REMOVED = "removed"
    FAILED = "failed"


class Host(Protocol):
    """The channel that a stream is on: it is told what happens to the stream, and gives it what it lacks."""

    def stalled(self, stream: "Subscriber") -> None:
        """Hear that the socket takes no more for now."""

    def flowing(self, stream: "Subscriber") -> None:
        """Hear that all of what the transport held has been taken."""

    def drained(self, stream: "Subscriber") -> None:
        """Hear that nothing waits for the stream any more, and it may be given something."""

    def left(self, stream: "Subscriber") -> None:
        """Hear that the connection is gone."""

    def catch_up(self, stream: "Subscriber") -> bool:
        """Give the stream what it lacks. Return whether that was something large."""

    @property
    def is_due(self) -> bool:
        """Whether somebody is still to be told of what is new."""

    def is_behind(self, stream: "Subscriber") -> bool:
        """Whether the stream is still to be told of what is new."""

    def beat(self) -> bytes:
        """Return a sign of life."""

    def end(self, stream: "Subscriber", reason: Ended) -> None:
        """End the stream; the first reason stands."""


class _Pieces:
    """What is left of a large frame. The bytes are everybody's; the place in them is one stream's."""

    __slots__ = ("at", "data", "ticket")

    def __init__(self, data: memoryview, ticket: Ticket | None) -> None:
        self.data = data
        self.at = 0
        self.ticket = ticket

    def next(self) -> memoryview:
        piece = self.data[self.at : self.at + PIECE]
        self.at += PIECE
        return piece

    @property
    def is_empty(self) -> bool:
        return self.at >= len(self.data)


class Subscriber(asyncio.Protocol):
    """One stream. `known` is where its client stands once everything given to the transport has arrived."""

    __slots__ = (
        "_pieces",
        "busy",
        "channel",
        "descriptor",
        "ended",
        "index",
        "key_hash",
        "known",
        "missed",
        "seat",
        "stalled_at",
        "told_at",
        "transport",
    )

    def __init__(self, transport: asyncio.Transport, key_hash: str, known: Hashable) -> None:
        self.transport = transport
        self.key_hash = key_hash
        self.known = known
        self.channel: Host
        self.index = self.seat = -1
        self.busy = self.missed = False
        self.told_at = 0.0
        self.descriptor = _descriptor(transport)
        """Of the socket, if what is written there is what the client gets; else -1, which nothing can be written to."""
        self.stalled_at: float | None = None
        self.ended: Ended | None = None
        self._pieces: _Pieces | None = None

    def write(self, framed: Framed, *, before: bytes = b"", ticket: Ticket | None = None) -> None:
        """Write *framed*, after *before*: at once what is small, the rest of it as the client takes it.

        The *ticket* is given back when all is written, or the client has left. Only a stream that is not busy writes.
        """
        self.known = framed.mark
        head = before + framed.head if before else framed.head
        if framed.rest is None:
            self.send(head)
            if ticket is not None:
                ticket.leave()
            return
        self.transport.write(head)
        self._pieces = _Pieces(framed.rest, ticket)
        self.busy = True
        self._go_on()

    def send(self, data: bytes) -> None:
        """Write something small. Only to a stream that is not busy.

        Nothing waits in the transport then, so the socket may be written to past it, which costs less. What the socket
        does not take, and what goes wrong, is the transport's.
        """
        try:
            sent = os.write(self.descriptor, data)
        except OSError:
            sent = 0
        if sent != len(data):
            self.transport.write(memoryview(data)[sent:])

    def data_received(self, data: bytes) -> None:
        """Leave aside what a client says on: there is no next request on this connection."""

    def pause_writing(self) -> None:
        """Be busy until the socket has taken what it was given."""
        self.busy = True
        self.channel.stalled(self)

    def resume_writing(self) -> None:
        """Go on with what is left."""
        self.channel.flowing(self)
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._let_go()
        self.channel.left(self)

    def _go_on(self) -> None:
        pieces = self._pieces
        while pieces is not None and not pieces.is_empty:
            if self.stalled_at is not None or self.transport.is_closing():
                return
            self.transport.write(pieces.next())
        if self.stalled_at is None:
            self._let_go()
            self.busy = False
            self.channel.drained(self)

    def _let_go(self) -> None:
        pieces, self._pieces = self._pieces, None
        if pieces is not None and pieces.ticket is not None:
            pieces.ticket.leave()


def send_each(streams: Sequence[Subscriber], data: bytes) -> None:
    """Write something small to each of *streams*, none of which is busy, as its own `send` does."""
    size = len(data)
    taken = write_each([stream.descriptor for stream in streams], data)
    if taken.count(size) < len(taken):
        for stream, sent in zip(streams, taken, strict=True):
            if sent != size:
                stream.transport.write(memoryview(data)[sent:])


def send_own(streams: Sequence[Subscriber], each: Sequence[bytes]) -> None:
    """Write to each of *streams*, none of which is busy, what is small and its own."""
    taken = write_own([stream.descriptor for stream in streams], each)
    for stream, data, sent in zip(streams, each, taken, strict=True):
        if sent != len(data):
            stream.transport.write(memoryview(data)[sent:])


def _descriptor(transport: asyncio.Transport) -> int:
    shown = None if transport.get_extra_info("sslcontext") else transport.get_extra_info("socket")
    # What waits there of an answer before this one comes first.
    return -1 if shown is None or transport.get_write_buffer_size() else int(shown.fileno())
