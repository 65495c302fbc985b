"""Which revision the nodes below have applied, and when: what they report, and the last of it.

Clocks of two machines are never compared: a report says how long ago things were, and each node on its way up adds how
long it kept the report. What is left out is the time on the wire.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from pennon.events import Time
from pennon.model import Position

NODES = 10_000
APPLIED = 32
"""A report names at most so many revisions that were applied lately."""
FORGOTTEN_S = 900.0
"""A node that said nothing for so long is not passed on any more. Where acks are kept decides for itself."""

_Name = Annotated[str, Meta(min_length=1, max_length=128)]
_Revision = Annotated[str, Meta(max_length=40)]
_Seconds = Annotated[float, Meta(ge=0, le=1e9)]


class Ack(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node of the tree below: which revision it applied when, and how many SDKs below it stand at which.

    `at` is by the node's own clock, for people. Everything else about time is in seconds: `applied` says how long
    before the report each revision was applied, `waited` how long ago the report was written. `gone`: the node stops.
    """

    node: _Name
    revision: _Revision
    at: Time
    sdks: Annotated[dict[_Revision, Annotated[int, Meta(ge=0, le=1_000_000_000)]], Meta(max_length=1000)] = {}
    applied: Annotated[dict[_Revision, _Seconds], Meta(max_length=APPLIED)] = {}
    waited: _Seconds = 0.0
    age: _Seconds | None = None
    level: Annotated[int, Meta(ge=0, le=3)] | None = None
    path: Annotated[tuple[_Name, ...], Meta(max_length=64)] = ()
    overrides: Annotated[tuple[Annotated[str, Meta(max_length=256)], ...], Meta(max_length=1000)] = ()
    digest: Annotated[str, Meta(max_length=64)] = ""
    version: Annotated[str, Meta(max_length=64)] = ""
    gone: bool = False

    @property
    def position(self) -> Position:
        """The revision as a position. Raises `ValueError` for text that is none."""
        return Position.parse(self.revision)


class _Kept:
    """The last report of a node. `written` is when, by the clock of who keeps it."""

    __slots__ = ("ack", "applied", "is_sent", "written")

    def __init__(self, ack: Ack, now: float) -> None:
        self.ack = ack
        self.written = now - ack.waited
        self.applied = {revision: self.written - before for revision, before in ack.applied.items()}
        self.is_sent = False

    def following(self, known: "_Kept") -> None:
        """Take over from the report before this one what nobody was told yet."""
        if not known.is_sent:
            self.applied = dict(list((known.applied | self.applied).items())[-APPLIED:])

    def as_of(self, now: float) -> Ack:
        return msgspec.structs.replace(
            self.ack,
            waited=max(0.0, now - self.written),
            applied={revision: max(0.0, self.written - at) for revision, at in self.applied.items()},
        )


class AckBook:
    """The last ack of each node below, by environment. Bounded: the node silent longest is forgotten.

    Times are seconds of one clock that only goes forward.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], _Kept] = {}

    def take(self, environment: str, ack: Ack, now: float) -> None:
        """Keep *ack*, unless a newer one of that node is here: it may have come by another way."""
        known = self._kept.pop((environment, ack.node), None)
        kept = _Kept(ack, now)
        if known is not None and kept.written < known.written:
            kept = known
        elif known is not None:
            kept.following(known)
        self._kept[environment, ack.node] = kept
        if len(self._kept) > NODES:
            del self._kept[next(iter(self._kept))]

    def of(self, environment: str) -> Mapping[str, Ack]:
        """Return the last ack of every node, by its name."""
        return {node: kept.ack for (place, node), kept in self._kept.items() if place == environment}

    @property
    def environments(self) -> frozenset[str]:
        """The environments of which there is something to tell."""
        return frozenset(place for (place, _), kept in self._kept.items() if not kept.is_sent)

    def untold(self, environment: str, now: float) -> list[Ack]:
        """Return what came since `told`, as it is to be passed on at *now*; nothing of who was silent too long."""
        self._forget(now)
        return [kept.as_of(now) for (place, _), kept in self._kept.items() if place == environment and not kept.is_sent]

    def told(self, environment: str, acks: Iterable[Ack], now: float) -> None:
        """Note that *acks*, of `untold` at *now*, were passed on. What has come since then is not among them."""
        for ack in acks:
            kept = self._kept.get((environment, ack.node))
            if kept is None or kept.written > now - ack.waited + 1e-6:
                continue
            kept.is_sent = True
            kept.applied = {}
            if ack.gone:
                del self._kept[environment, ack.node]

    def _forget(self, now: float) -> None:
        # In the order in which they came, but for those that waited on their way.
        for place, kept in list(self._kept.items()):
            if now - kept.written > FORGOTTEN_S:
                del self._kept[place]
