"""Requests for streams that are word for word what was asked before, as those of a herd that comes back are.

What such a request came to holds as long as no key changes, so nothing of it is read again. No head is kept, for there
is a key in it: only its hash.
"""

import hashlib

from pennon.stream.calls import Call, standing
from pennon.stream.environment import Environment
from pennon.stream.http import Headers, Lines
from pennon.stream.node import StreamNode
from pennon.stream.streams import Place

LONGEST = 4096
"""A head above so many bytes is read each time."""
REMEMBERED = 4096
_FRESH_S = 0.05
"""So long the head of an answer serves everybody, as the frame does that follows it: ages may be wrong by this much."""
_OWN = (b"x-request-id", b"x-pennon-node")
"""Headers of requests that are answered each in a way of its own."""


class Repeat:
    """A request as it was admitted: it opens a stream at *place*. *always* are the headers that it always gets."""

    __slots__ = ("_always", "_common", "_head", "_head_at", "environment", "key_hash", "overridden", "place", "until")

    def __init__(self, call: Call, place: Place, always: Headers) -> None:
        self.environment: Environment = call.environment
        self.key_hash = call.access.key_hash
        self.place = place
        self.until = call.node.keys.until(self.key_hash)
        self.overridden = call.node.reader.overridden(call.environment.name)
        self._always = always
        self._common: Lines = ()
        self._head = b"", b""
        self._head_at = float("-inf")

    def head(self, common: Lines, now: float) -> tuple[bytes, bytes]:
        """Return the head of the answer before the request's id and after it. *common* are the server's own headers."""
        if self._common is not common or not 0 <= now - self._head_at < _FRESH_S:
            self._common, self._head_at = common, now
            after = "".join(f"{name}: {value}\r\n" for name, value in (*standing(self.environment, now), *self._always))
            before = b"".join(b"%b: %b\r\n" % line for line in common)
            self._head = before, after.encode("latin-1", "replace")
        return self._head


class Repeats:
    """Those of *node*, by the hashes of their heads. Bounded: all are forgotten when they are too many."""

    def __init__(self, node: StreamNode) -> None:
        self._node = node
        self._kept: dict[bytes, Repeat] = {}
        self._generation = -1

    def find(self, head: bytes) -> Repeat | None:
        """Return what this *head* came to, if it would come to the same now."""
        node = self._node
        if self._generation != node.keys.generation or (repeat := self._kept.get(_name(head))) is None:
            return None
        environment = repeat.environment
        is_good = (
            node.clock.time() < repeat.until
            and node.environments.get(environment.name) is environment
            and node.reader.doubts(environment.name) is None
            and node.reader.overridden(environment.name) == repeat.overridden
        )
        return repeat if is_good else None

    def keep(self, head: bytes, call: Call, place: Place, always: Headers) -> None:
        """Remember what *head* came to."""
        if len(head) > LONGEST or any(call.request.headers.line(name) is not None for name in _OWN):
            return
        if self._generation != self._node.keys.generation or len(self._kept) >= REMEMBERED:
            self._generation = self._node.keys.generation
            self._kept.clear()
        self._kept[_name(head)] = Repeat(call, place, always)


def _name(head: bytes) -> bytes:
    return hashlib.sha256(head).digest()
