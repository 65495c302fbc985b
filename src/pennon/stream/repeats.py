"""Requests for streams that ask for what was asked for before, most of them word for word, as those of a herd do.

What such a request came to holds as long as no key changes, so it is not looked into again. No head is kept, for there
is a key in it: only its hash.
"""

import hashlib
from collections.abc import Mapping

from pennon.stream.calls import Call, standing
from pennon.stream.environment import Environment
from pennon.stream.http import Headers, Lines, Scope
from pennon.stream.node import StreamNode
from pennon.stream.streams import Place

LONGEST = 4096
"""What is longer is read each time."""
REMEMBERED = 4096
_FRESH_S = 0.05
"""So long the head of an answer serves everybody, as the frame does that follows it: ages may be wrong by this much."""
REQUEST_ID = b"x-request-id"
NODE = b"x-pennon-node"
READ = (b"authorization", b"x-api-key", b"last-event-id", b"origin")
"""Headers that decide what a request for a stream comes to, beside those two."""


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
    """Those of *node*, by the hashes of their heads, and by those of what is read of these.

    Behind a proxy each head says whose it is, so no two are alike, but what is read of them is. Bounded: where there
    are too many, all are forgotten.
    """

    def __init__(self, node: StreamNode) -> None:
        self._node = node
        self._whole: dict[bytes, Repeat] = {}
        self._read: dict[bytes, Repeat] = {}
        self._generation = -1

    def find(self, head: bytes) -> Repeat | None:
        """Return what this *head* came to, if it would come to the same now."""
        if self._generation != self._node.keys.generation:
            return None
        return self._good(self._whole.get(_name(head)))

    def find_read(self, head: bytes, scope: Scope) -> Repeat | None:
        """Return what a request came to of which was read what is read of this one, and remember this *head* too."""
        if self._generation != self._node.keys.generation:
            return None
        headers = dict(scope["headers"])
        if NODE in headers or (repeat := self._good(self._read.get(_name(_part(scope, headers))))) is None:
            return None
        if REQUEST_ID not in headers:
            self._keep(self._whole, head, repeat)
        return repeat

    def keep(self, head: bytes, scope: Scope, call: Call, place: Place, always: Headers) -> None:
        """Remember what the request with this *head* came to. Nodes below are each answered in a way of their own."""
        headers = dict(scope["headers"])
        if NODE in headers:
            return
        if self._generation != self._node.keys.generation:
            self._generation = self._node.keys.generation
            self._whole.clear()
            self._read.clear()
        repeat = Repeat(call, place, always)
        self._keep(self._read, _part(scope, headers), repeat)
        if REQUEST_ID not in headers:
            self._keep(self._whole, head, repeat)

    def _good(self, repeat: Repeat | None) -> Repeat | None:
        if repeat is None:
            return None
        node, environment = self._node, repeat.environment
        is_good = (
            node.clock.time() < repeat.until
            and node.environments.get(environment.name) is environment
            and node.reader.doubts(environment.name) is None
            and node.reader.overridden(environment.name) == repeat.overridden
        )
        return repeat if is_good else None

    def _keep(self, kept: dict[bytes, Repeat], text: bytes, repeat: Repeat) -> None:
        if len(text) > LONGEST:
            return
        if len(kept) >= REMEMBERED:
            kept.clear()
        kept[_name(text)] = repeat


def _part(scope: Scope, headers: Mapping[bytes, bytes]) -> bytes:
    """Return what is read of a request: no line of it can be taken for two."""
    read = [b"%b: %b" % (name, headers[name]) for name in READ if name in headers]
    return b"\r\n".join((scope["raw_path"], scope["query_string"], *read))


def _name(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()
