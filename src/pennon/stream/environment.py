"""One environment as a node serves it: the hub, the compiled rules, and those who listen."""

import asyncio
import gzip
import math
from collections.abc import Iterator, Mapping

import msgspec

from pennon.engine import RuleSet, compile_snapshot
from pennon.model import DECODE_ERRORS, Delta, Item, ItemKind, Items, KeyRecord, Position
from pennon.protocol import PROJECTIONS, Hub, Projection, sse
from pennon.protocol.projection import is_client_side
from pennon.stream.metrics import NodeMetrics
from pennon.stream.subscribers import Ended, Subscription

_KINDS: tuple[ItemKind, ...] = ("flag", "segment", "layer")
_GZIP_LEVEL = 4
_KEPT_PACKED = 8


class Environment:
    """Serves one environment. Nothing may be asked of it before `adopt`; `is_loaded` says."""

    def __init__(self, name: str, metrics: NodeMetrics) -> None:
        self.name = name
        self._listening: Mapping[Projection, set[Subscription]] = {projection: set() for projection in PROJECTIONS}
        self.grown = asyncio.Event()
        """Set when the log is said to have grown."""
        self._metrics = metrics
        self._hub: Hub | None = None
        self._rules: RuleSet | None = None
        self._aged: RuleSet | None = None
        self._aged_from, self._aged_until = 0.0, math.inf
        self._client_flags: frozenset[str] | None = None
        self._packed: dict[int, tuple[bytes, asyncio.Future[bytes]]] = {}

    @property
    def is_loaded(self) -> bool:
        """Whether there is anything to serve."""
        return self._hub is not None

    @property
    def hub(self) -> Hub:
        """The hub. There is one from the first `adopt` on."""
        if self._hub is None:
            raise LookupError(f"{self.name} is not loaded")
        return self._hub

    @property
    def position(self) -> Position | None:
        """Where the environment stands; None before it is loaded."""
        return None if self._hub is None else self._hub.position

    @property
    def keys(self) -> Items[KeyRecord]:
        """The key records."""
        return self.hub.snapshot("edge").keys

    def subscriptions(self) -> Iterator[Subscription]:
        """Yield every stream's subscription, as they are now."""
        for listening in self._listening.values():
            yield from tuple(listening)

    def listen(self, subscription: Subscription) -> None:
        """Leave deltas for *subscription* from now on."""
        self._listening[subscription.projection].add(subscription)

    def forget(self, subscription: Subscription) -> None:
        """Leave nothing for *subscription* any more."""
        self._listening[subscription.projection].discard(subscription)

    def adopt(self, hub: Hub) -> None:
        """Serve what *hub* was loaded with. Every stream is brought there from wherever it stands."""
        self._hub = hub
        self._client_flags = None
        self._swap(compile_snapshot(hub.snapshot("server")))
        for subscription in self.subscriptions():
            subscription.fall_behind()
        self._note()

    def advance(self, delta: Delta, *, known_at: float, now: float) -> Delta:
        """Apply *delta*, of the edge projection, and leave it for every stream. Return it as the client sees it.

        Raises `DeltaDoesNotFit`; nothing has changed then.
        """
        steps = self.hub.advance(delta, known_at=known_at)
        touched = [(kind, key) for kind in _KINDS for key in steps["server"].items(kind)]
        self._swap(self._base().advanced(self.hub.snapshot("server"), touched))
        self._follow_client_flags(steps["client"].flags)
        for projection in PROJECTIONS:
            self._publish(projection, steps[projection], now)
        self._note()
        return steps["client"]

    def close(self) -> None:
        """End every stream: the environment is gone."""
        for subscription in self.subscriptions():
            subscription.end(Ended.REMOVED)
        if self._hub is not None:
            self._metrics.revision.remove(self.name)

    def rules(self, now: float) -> RuleSet:
        """Return the rule set for evaluations at *now*: flags whose staleness bound is passed answer STALE in it."""
        base, age = self._base(), self.hub.age(now)
        if self._aged is None or not self._aged_from <= age < self._aged_until:
            self._aged = base.aged(age)
            self._aged_from = 0.0 if self._aged is base else age
            until = base.next_staleness(age)
            self._aged_until = math.inf if until is None else until
        return self._aged

    def client_flags(self) -> frozenset[str]:
        """Return the keys of the flags that client keys may evaluate."""
        if self._client_flags is None:
            flags = self.hub.snapshot("client").flags.records
            self._client_flags = frozenset(key for key, item in flags.items() if is_client_side(item))
        return self._client_flags

    async def packed(self, document: bytes) -> bytes:
        """Return one of the hub's documents compressed: once, off the loop; whoever asks meanwhile waits for that."""
        # By identity: the hub keeps a document for as long as it is current, and hashing megabytes would cost more.
        known = self._packed.get(id(document))
        if known is None:
            if len(self._packed) >= _KEPT_PACKED:
                self._packed.clear()
            packing = asyncio.ensure_future(asyncio.to_thread(gzip.compress, document, _GZIP_LEVEL, mtime=0))
            known = self._packed[id(document)] = (document, packing)
        return await asyncio.shield(known[1])

    def _base(self) -> RuleSet:
        if self._rules is None:
            raise LookupError(f"{self.name} is not loaded")
        return self._rules

    def _swap(self, rules: RuleSet) -> None:
        self._packed.clear()
        self._rules = rules
        self._aged = None

    def _follow_client_flags(self, touched: Mapping[str, Item | None]) -> None:
        if self._client_flags is None or not touched:
            return
        added = {key for key, item in touched.items() if is_client_side(item)}
        self._client_flags = (self._client_flags - touched.keys()) | added

    def _publish(self, projection: Projection, step: Delta, now: float) -> None:
        position = self.hub.position
        if position is None or not self._listening[projection]:
            return
        frame = sse.encode(self.hub.delta_frame(projection, step, now))
        for subscription in self._listening[projection]:
            if not subscription.offer(frame, position):
                self._metrics.coalesced.inc()

    def _note(self) -> None:
        if (position := self.position) is not None:
            self._metrics.revision.labels(self.name).set(position.revision)


class _Sketch(msgspec.Struct, frozen=True):
    critical: bool = False


_SKETCHES = msgspec.json.Decoder(_Sketch)


def is_critical(item: Item | None) -> bool:
    """Whether *item*, a flag, says that its changes must not wait."""
    try:
        return item is not None and _SKETCHES.decode(item.text).critical
    except DECODE_ERRORS:
        return False
