"""Snapshots that were asked for a moment ago in the same words, as a herd does: only the request's id is new.

No head is kept, for there is a key in it: only its hash.
"""

import hashlib
from typing import Any

import msgspec

from pennon.model import Head, Position
from pennon.stream.calls import Call, Until
from pennon.stream.codings import Coding
from pennon.stream.http import Answer
from pennon.stream.node import StreamNode
from pennon.stream.repeats import NODE, REQUEST_ID
from pennon.stream.shelf import Document
from pennon.stream.snapshots import sent_whole

_FRESH_S = 0.05
"""So long the head of an answer serves everybody: the age in it may be wrong by this much."""
_REMEMBERED = 256
_ID = b"\r\nx-request-id: "


class _Given(msgspec.Struct, frozen=True):
    """An answer that was given: what it said before the request's id and after it, and how long that holds."""

    before: bytes
    after: bytes
    common: Any
    call: Call
    until: Until
    document: Document
    coding: Coding
    at: float
    position: Position | None
    heads: tuple[Head, ...]
    overridden: str


class Recent:
    """The last answers of *node*, by the hashes of what asked for them. Bounded: beyond that all are forgotten."""

    def __init__(self, node: StreamNode) -> None:
        self._node = node
        self._given: dict[bytes, _Given] = {}

    def keep(self, data: bytes, common: Any, call: Call, document: Document, coding: Coding, head: bytes) -> None:
        """Remember that *data* was answered with *head* and *document*. *common* are the server's headers in it."""
        line, hub = call.request.headers.line, call.environment.hub
        if line(REQUEST_ID) is not None or line(NODE) is not None:
            return
        before, _, rest = head.partition(_ID)
        if len(self._given) >= _REMEMBERED:
            self._given.clear()
        self._given[_name(data)] = _Given(
            before=before + _ID,
            after=rest[rest.index(b"\r\n") :],
            common=common,
            call=call,
            until=Until.now(call),
            document=document,
            coding=coding,
            at=self._node.now(),
            position=hub.position,
            heads=hub.heads(call.projection),
            overridden=self._node.reader.overridden(call.environment.name),
        )

    def again(self, data: bytes, common: Any, named: bytes) -> tuple[bytes, Answer] | None:
        """Return the answer to *data* as the request *named* gets it, its head and the rest, if it may go out now."""
        given, node = self._given.get(_name(data)), self._node
        if given is None or given.common is not common or not self._holds(given):
            return None
        packed = node.documents.kept(given.document, given.coding)
        # Asked whether there is room: who is told to come later is booked, and would be again by who is asked next.
        if packed is None or packed.file is None or not node.admission.has_room(len(packed)):
            return None
        return given.before + named + given.after, sent_whole(given.call, packed)

    def _holds(self, given: _Given) -> bool:
        call, node = given.call, self._node
        hub = call.environment.hub
        return (
            0 <= node.now() - given.at < _FRESH_S
            and hub.position is given.position
            and hub.heads(call.projection) == given.heads
            and node.reader.overridden(call.environment.name) == given.overridden
            and given.until.holds(call)
        )


def _name(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
