"""What flows on streams: the frames that bring a client from where it stands to where the environment is.

A feed makes each frame once, whoever asks; who gets it, and when, is `fanout`'s. Two feeds: of deltas, and of notices.
"""

import random
from collections.abc import Callable, Hashable
from typing import Protocol

import msgspec

from pennon.model import Delta, Position
from pennon.protocol import HEARTBEAT, Hub, Projection, sse
from pennon.stream.framing import Framed, Template, chunk

REFETCH = "refetch"
"""The event of notices in the metrics."""
REFETCH_EVENT = "refetchEvaluation"
_FRESH_S = 0.05
"""An age may be wrong by this much: so long one encoding serves everybody."""
_KEPT_BYTES = 8 * 2**20
_LARGE_KEPT_S = 5.0
_COMMENT = chunk(b":\n\n")


class Feed(Protocol):
    """What flows on the streams of one channel. Times are in seconds of the node's clock."""

    @property
    def mark(self) -> Hashable:
        """Where a client stands who has been told everything."""

    def frame(self, since: Hashable, now: float) -> Framed | None:
        """Return what a client needs who stands at *since*; None for nothing."""

    def beat(self, now: float) -> bytes:
        """Return a sign of life."""

    def goodbye(self, now: float) -> bytes:
        """Return the last frame for one client of a node that stops, with a time of its own to come back."""

    def tidy(self, now: float) -> None:
        """Forget large frames that nobody asked for lately."""


class _Kept:
    """A frame that was made, as it was at some moment."""

    __slots__ = ("at", "framed", "template")

    def __init__(self, template: Template, framed: Framed, at: float) -> None:
        self.template = template
        self.framed = framed
        self.at = at


class DeltaFeed:
    """Openings and deltas of one projection of an environment."""

    def __init__(self, projection: Projection, spread_ms: int) -> None:
        self._projection: Projection = projection
        self._spread_ms = spread_ms
        self._hub: Hub | None = None
        self._mark: Position | None = None
        self._kept: dict[Hashable, _Kept] = {}
        self._kept_bytes = 0
        self._beat: _Kept | None = None
        self._path: tuple[str, ...] = ()
        self._step: tuple[Position, Delta] | None = None

    @property
    def mark(self) -> Hashable:
        """The position of the hub, another object where what it says there is to be told anew."""
        return self._mark

    def follow(self, hub: Hub) -> None:
        """Feed what *hub* holds, from now on."""
        self._hub, self._step = hub, None
        self._mark = hub.position
        self._forget()

    def advance(self, since: Position, delta: Delta) -> None:
        """Note that the hub has gone on from *since* by *delta*, which needs no looking up."""
        self._step = since, delta
        self._mark = self._held().position
        self._forget()

    def renew(self, *, is_news: bool) -> None:
        """Note that the hub's signed heads are others; *is_news*: those who have everything lack them."""
        self._step = None
        if is_news and (position := self._mark) is not None:
            self._mark = Position(position.epoch, position.revision)
        self._forget()

    def frame(self, since: Hashable, now: float) -> Framed | None:
        """Return the delta from *since*, or the snapshot; a heartbeat for who has everything or is ahead of us."""
        age = self._held().age(now)
        kept = self._kept.get(since)
        if kept is None:
            kept = self._keep(since, now)
        elif not 0 <= now - kept.at < _FRESH_S:
            kept.framed, kept.at = kept.template.at(age), now
        return kept.framed

    def beat(self, now: float) -> bytes:
        """Return a heartbeat."""
        hub, kept = self._held(), self._beat
        if kept is None or self._path != hub.path:
            self._path = hub.path
            template = Template(hub.heartbeat(now, self._projection), hub.position)
            kept = self._beat = _Kept(template, template.at(hub.age(now)), now)
        elif not 0 <= now - kept.at < _FRESH_S:
            kept.framed, kept.at = kept.template.at(hub.age(now)), now
        return kept.framed.head

    def goodbye(self, now: float) -> bytes:
        """Return a goodbye."""
        return chunk(sse.encode(self._held().goodbye(random.randint(0, self._spread_ms), now)))

    def tidy(self, now: float) -> None:
        """Forget large frames: the hub makes them again, and a copy of the whole is much to keep for nobody."""
        if any(kept.framed.rest is not None and now - kept.at > _LARGE_KEPT_S for kept in self._kept.values()):
            self._forget()

    def _held(self) -> Hub:
        if self._hub is None:
            raise LookupError("there is nothing to feed yet")
        return self._hub

    def _keep(self, since: Hashable, now: float) -> _Kept:
        hub = self._held()
        position = since if isinstance(since, Position) else None
        if self._step is not None and self._step[0] == position:
            frame = hub.delta_frame(self._projection, self._step[1], now)
        else:
            frame = hub.opening(self._projection, position, now)
        is_ahead = frame.event == HEARTBEAT and since != hub.position
        template = Template(frame, since if is_ahead else self._mark)
        if self._kept_bytes + template.size > _KEPT_BYTES:
            self._kept.clear()
            self._kept_bytes = 0
        self._kept_bytes += template.size
        kept = self._kept[since] = _Kept(template, template.at(hub.age(now)), now)
        return kept

    def _forget(self) -> None:
        self._kept.clear()
        self._kept_bytes = 0
        self._beat = None


class NoticeFeed:
    """Notices that evaluations may answer differently, and nothing else.

    *version* gives, for a time, a text that differs when they may; *tag* the flags version that clients are shown.
    """

    def __init__(self, version: Callable[[float], str], tag: Callable[[], str], spread_ms: int) -> None:
        self._version = version
        self._tag = tag
        self._spread_ms = spread_ms
        self._mark = ""
        self._framed: Framed | None = None

    @property
    def mark(self) -> Hashable:
        """The version at the last `renew`."""
        return self._mark

    def renew(self, now: float) -> bool:
        """Look whether the version is another one now, and say so."""
        version = self._version(now)
        if version == self._mark:
            return False
        data = msgspec.json.encode({"type": REFETCH_EVENT, "etag": self._tag()})
        head = chunk(b"id: %b\ndata: %b\n\n" % (version.encode(), data))
        self._mark, self._framed = version, Framed(REFETCH, version, head)
        return True

    def frame(self, since: Hashable, now: float) -> Framed | None:
        """Return the notice, unless *since* is the version already."""
        self.renew(now)
        return None if since == self._mark else self._framed

    def beat(self, now: float) -> bytes:
        """Return a comment."""
        return _COMMENT

    def goodbye(self, now: float) -> bytes:
        """Return a time to come back after."""
        return chunk(b"retry: %d\n\n" % random.randint(0, self._spread_ms))

    def tidy(self, now: float) -> None:
        """Keep what is small."""
