"""Which revision the nodes below have applied, and when: what they report, and the last of it.

Clocks of two machines are never compared: a report says how long ago things were, and each node on its way up adds how
long it kept the report. What is left out is the time on the wire.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import takewhile
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
_SAME_S = 1e-6
"""What is lost of a time that was subtracted and added again."""

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

    __slots__ = ("ack", "applied", "written")

    def __init__(self, ack: Ack, now: float) -> None:
        self.ack = ack
        self.written = now - ack.waited
        self.applied = {revision: self.written - before for revision, before in ack.applied.items()}

    def following(self, known: "_Kept") -> None:
        """Take over what the report before this one said, of which nobody was told yet."""
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
        # The nodes of an environment in the order in which they were heard of; those with news beside them.
        self._kept: dict[str, dict[str, _Kept]] = {}
        self._untold: dict[str, dict[str, _Kept]] = {}
        self._count = 0
        self.heard: Callable[[], None] = lambda: None
        """Called when there is something new to tell."""

    def take(self, environment: str, ack: Ack, now: float) -> None:
        """Keep *ack*, unless a newer one of that node is here: it may have come by another way."""
        of_it = self._kept.setdefault(environment, {})
        known, kept = of_it.pop(ack.node, None), _Kept(ack, now)
        self._count += known is None
        if known is not None and kept.written < known.written:
            of_it[ack.node] = known
            return
        if known is not None and ack.node in self._untold.get(environment, {}):
            kept.following(known)
        of_it[ack.node] = self._untold.setdefault(environment, {})[ack.node] = kept
        if self._count > NODES:
            self._forget_one()
        self.heard()

    def of(self, environment: str) -> Mapping[str, Ack]:
        """Return the last ack of every node, by its name."""
        return {node: kept.ack for node, kept in self._kept.get(environment, {}).items()}

    @property
    def environments(self) -> frozenset[str]:
        """The environments of which there is something to tell."""
        return frozenset(environment for environment, news in self._untold.items() if news)

    def untold(self, environment: str, now: float) -> list[Ack]:
        """Return what came since `told`, as it is to be passed on at *now*; nothing of who was silent too long."""
        news = self._untold.get(environment, {})
        old = [node for node, kept in news.items() if now - kept.written > FORGOTTEN_S]
        for node in (*old, *self._silent(environment, now)):
            self._forget(environment, node)
        return [kept.as_of(now) for kept in news.values()]

    def told(self, environment: str, acks: Iterable[Ack], now: float) -> None:
        """Note that *acks*, of `untold` at *now*, were passed on. What has come since then is not among them."""
        news = self._untold.get(environment, {})
        for ack in acks:
            kept = news.get(ack.node)
            if kept is None or kept.written > now - ack.waited + _SAME_S:
                continue
            del news[ack.node]
            kept.applied = {}
            if ack.gone:
                self._forget(environment, ack.node)

    def _silent(self, environment: str, now: float) -> list[str]:
        """Return the nodes that were heard of longest ago, as far as that is too long."""
        of_it = self._kept.get(environment, {}).items()
        return [node for node, _ in takewhile(lambda each: now - each[1].written > FORGOTTEN_S, of_it)]

    def _forget_one(self) -> None:
        first = {name: next(iter(of_it)) for name, of_it in self._kept.items() if of_it}
        name = min(first, key=lambda each: self._kept[each][first[each]].written)
        self._forget(name, first[name])

    def _forget(self, environment: str, node: str) -> None:
        self._count -= self._kept[environment].pop(node, None) is not None
        self._untold.get(environment, {}).pop(node, None)
