"""One environment as a node serves it: the hub, the compiled rules, and those who listen."""

import asyncio
import contextlib
import gzip
import math
from collections.abc import Iterator, Mapping

import msgspec

from pennon.engine import RuleSet, compile_snapshot
from pennon.model import DECODE_ERRORS, Delta, Item, ItemKind, Items, KeyRecord, Position
from pennon.protocol import PROJECTIONS, Hub, Projection, sse
from pennon.protocol.projection import is_client_side
from pennon.stream.census import Census
from pennon.stream.known import KnownFlags
from pennon.stream.metrics import NodeMetrics
from pennon.stream.reports import Report
from pennon.stream.subscribers import Ended, Subscription

_KINDS: tuple[ItemKind, ...] = ("flag", "segment", "layer")
_GZIP_LEVEL = 4
_KEPT_PACKED = 8
_EVALUATED: tuple[Projection, ...] = ("server", "client")


class Environment:
    """Serves one environment. Nothing may be asked of it before `adopt`; `is_loaded` says."""

    def __init__(self, name: str, metrics: NodeMetrics, report: Report) -> None:
        self.name = name
        self.report = report
        self.census = Census()
        self._listening: Mapping[Projection, set[Subscription]] = {projection: set() for projection in PROJECTIONS}
        self.refreshing = asyncio.Lock()
        """Held while what the log says is read and applied."""
        self.is_doubtful = False
        """Set when something unforeseen happened on the way: only the whole will do."""
        self.was_tried = asyncio.Event()
        """Set when it was loaded, or that failed, for the first time."""
        self.grown = asyncio.Event()
        """Set when the log is said to have grown."""
        self._notified: set[Subscription] = set()
        self._versions: dict[Projection, str] = {}
        self._known: Mapping[Projection, KnownFlags] = {projection: KnownFlags() for projection in _EVALUATED}
        self._metrics = metrics
        self._hub: Hub | None = None
        self._rules: RuleSet | None = None
        self._aged: RuleSet | None = None
        self._aged_from, self._aged_until = 0.0, math.inf
        self._client_flags: frozenset[str] | None = None
        self._client_rules: tuple[bytes, bytes] | None = None
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

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._notified) + sum(map(len, self._listening.values()))

    def sdks(self, now: float) -> dict[str, int]:
        """Return how many SDKs stand at which revision: by their streams, polls and batches."""
        streams = (stream.position for stream in self._listening["server"])
        return self.census.sdks((position for position in streams if position is not None), now)

    def subscriptions(self) -> Iterator[Subscription]:
        """Yield every stream's subscription, as they are now."""
        for listening in (*self._listening.values(), self._notified):
            yield from tuple(listening)

    def listen(self, subscription: Subscription, *, to_notices: bool = False) -> None:
        """Leave deltas for *subscription* from now on; or, *to_notices*, let it lag whenever its projection differs."""
        (self._notified if to_notices else self._listening[subscription.projection]).add(subscription)

    def forget(self, subscription: Subscription) -> None:
        """Leave nothing for *subscription* any more."""
        self._listening[subscription.projection].discard(subscription)
        self._notified.discard(subscription)

    def adopt(self, hub: Hub) -> None:
        """Serve what *hub* was loaded with. Every stream is brought there from wherever it stands."""
        self._hub = hub
        self._client_flags = None
        self._versions = {projection: hub.digest(projection)[:16] for projection in _EVALUATED}
        for projection, known in self._known.items():
            known.follow(hub.snapshot(projection).flags.records)
        self._swap(compile_snapshot(hub.snapshot("server"), exposed=self.report.exposed))
        for subscription in self.subscriptions():
            subscription.fall_behind()
        self._note()

    def advance(self, delta: Delta, *, known_at: float, now: float) -> None:
        """Apply *delta*, of the edge projection, and leave it for every stream.

        Raises `DeltaDoesNotFit`; nothing has changed then.
        """
        before = self.hub.snapshot("server").flags.records
        steps = self.hub.advance(delta, known_at=known_at)
        touched = [(kind, key) for kind in _KINDS for key in steps["server"].items(kind)]
        self._swap(self._base().advanced(self.hub.snapshot("server"), touched))
        self._follow_client_flags(steps["client"].flags)
        for projection, known in self._known.items():
            known.follow(self.hub.snapshot(projection).flags.records, steps[projection].flags)
        for projection in PROJECTIONS:
            self._publish(projection, steps[projection], now)
        for projection in _EVALUATED:
            self._notify(projection, steps[projection], before)
        self._note()

    def close(self) -> None:
        """End every stream: the environment is gone."""
        for subscription in self.subscriptions():
            subscription.end(Ended.REMOVED)
        for gauge in (self._metrics.revision, self._metrics.age):
            with contextlib.suppress(KeyError):
                gauge.remove(self.name)

    def rules(self, now: float) -> RuleSet:
        """Return the rule set for evaluations at *now*: flags whose staleness bound is passed answer STALE in it."""
        base, age = self._base(), self.hub.age(now)
        if self._aged is None or not self._aged_from <= age < self._aged_until:
            self._aged = base.aged(age)
            self._aged_from = 0.0 if self._aged is base else age
            until = base.next_staleness(age)
            self._aged_until = math.inf if until is None else until
        return self._aged

    def version(self, projection: Projection, now: float) -> str:
        """Return a text that differs when an evaluation of *projection*'s flags may answer differently."""
        base, rules = self._base(), self.rules(now)
        staleness = "" if rules is base else f"-{self._aged_until:g}"
        return self.hub.digest(projection)[:16] + staleness

    def flags_version(self, projection: Projection) -> str:
        """Return the flags version as clients see it."""
        return f"v{self.hub.position.revision if self.hub.position else 0}_{self.hub.digest(projection)[:8]}"

    def notice_staleness(self, now: float) -> None:
        """Let those who wait for notices know when flags became stale, or fresh again."""
        for projection in _EVALUATED:
            version = self.version(projection, now)
            if self._versions.get(projection) != version:
                self._versions[projection] = version
                for subscription in self._notified:
                    if subscription.projection == projection:
                        subscription.fall_behind()

    def client_flags(self) -> frozenset[str]:
        """Return the keys of the flags that client keys may evaluate."""
        if self._client_flags is None:
            flags = self.hub.snapshot("client").flags.records
            self._client_flags = frozenset(key for key, item in flags.items() if is_client_side(item))
        return self._client_flags

    def known_flags(self, projection: Projection) -> KnownFlags:
        """Return what may be reported by who sees *projection*."""
        return self._known["client" if projection == "client" else "server"]

    def client_rules(self, ttl_s: int) -> bytes:
        """Return the client projection as browsers get it, with the time for which they may go on with it."""
        snapshot = self.hub.snapshot_json("client")
        if self._client_rules is None or self._client_rules[0] is not snapshot:
            self._client_rules = snapshot, b'{"ttl":%d,' % ttl_s + snapshot[1:]
        return self._client_rules[1]

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

    def _notify(self, projection: Projection, step: Delta, before: Mapping[str, Item]) -> None:
        if not (step.flags or step.segments or step.layers):
            return
        is_urgent = any(is_critical(item) or is_critical(before.get(key)) for key, item in step.flags.items())
        for subscription in self._notified:
            if subscription.projection == projection:
                subscription.urgent = subscription.urgent or is_urgent
                subscription.fall_behind()

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
