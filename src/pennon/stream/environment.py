"""One environment as a node serves it: the hub, the compiled rules, and those who listen."""

import asyncio
import contextlib
import math
from collections.abc import Mapping

import msgspec

from pennon.engine import RuleSet, compile_snapshot
from pennon.model import DECODE_ERRORS, Delta, Head, Item, ItemKind, Items, KeyRecord, Position
from pennon.protocol import Hub, Projection
from pennon.protocol.projection import is_client_side
from pennon.stream.census import Census
from pennon.stream.entries import Entries
from pennon.stream.fanout import Fanout
from pennon.stream.known import KnownFlags
from pennon.stream.listeners import Listeners
from pennon.stream.reports import Report
from pennon.stream.settings import StreamSettings
from pennon.stream.subscribers import Ended

_KINDS: tuple[ItemKind, ...] = ("flag", "segment", "layer")
_TIDY_S = 30.0
_KEPT = 50_000
_KEPT_TEXT = 1000
"""So many OFREP entries are kept, or one for so much text of compiled flags where that is bounded."""
_EVALUATED: tuple[Projection, ...] = ("server", "client")


class Environment:
    """Serves one environment. Nothing may be asked of it before `adopt`; `is_loaded` says."""

    def __init__(self, name: str, fanout: Fanout, settings: StreamSettings, report: Report) -> None:
        self.name = name
        self.listeners = Listeners(fanout, settings, version=self.version, tag=self.flags_version)
        """The streams."""
        self.report = report
        self._compiled_bytes = settings.compiled_bytes
        self._tidied_at = -math.inf
        self.census = Census()
        self.refreshing = asyncio.Lock()
        """Held while what the log says is read and applied."""
        self.is_doubtful = False
        """Set when something unforeseen happened on the way: only the whole will do."""
        self.was_tried = asyncio.Event()
        """Set when it was loaded, or that failed, for the first time."""
        self.grown = asyncio.Event()
        """Set when the log is said to have grown."""
        self._known: Mapping[Projection, KnownFlags] = {projection: KnownFlags() for projection in _EVALUATED}
        self._metrics = fanout.metrics
        self._hub: Hub | None = None
        self._rules: RuleSet | None = None
        self._entries: Entries | None = None
        self._aged: RuleSet | None = None
        self._aged_from, self._aged_until = 0.0, math.inf
        self._client_flags: frozenset[str] | None = None
        self._client_rules: tuple[bytes, bytes] | None = None

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

    def sdks(self, now: float) -> dict[str, int]:
        """Return how many SDKs stand at which revision: by their streams, polls and batches."""
        return self.census.sdks(self.listeners.positions("server"), now)

    def compiled(self, hub: Hub) -> RuleSet:
        """Return the rules of what *hub* was loaded with. It looks at every flag: not for the loop's thread."""
        snapshot = hub.snapshot("server")
        rules = compile_snapshot(snapshot, exposed=self.report.exposed)
        if self._compiled_bytes is not None:
            rules = rules.bounded(self._compiled_bytes)
        rules.next_staleness(0.0)  # looks at every flag once
        if self.report.sampler is not None:
            self.report.sampler.follow(snapshot, None)
        return rules

    def adopt(self, hub: Hub, rules: RuleSet) -> None:
        """Serve what *hub* was loaded with, by its *rules*. Every stream is brought there from wherever it stands."""
        self._hub = hub
        self._client_flags = None
        for projection, known in self._known.items():
            known.follow(hub.snapshot(projection).flags.records)
        self._swap(rules)
        self.listeners.follow(hub)
        self._note()

    def advance(self, delta: Delta, *, known_at: float) -> None:
        """Apply *delta*, of the edge projection, and leave it for every stream.

        Raises `DeltaDoesNotFit`; nothing has changed then.
        """
        before, since = self.hub.snapshot("server").flags.records, self.position
        steps = self.hub.advance(delta, known_at=known_at)
        touched = [(kind, key) for kind in _KINDS for key in steps["server"].items(kind)]
        self._swap(self._base().advanced(self.hub.snapshot("server"), touched))
        if self.report.sampler is not None:
            self.report.sampler.follow(self.hub.snapshot("server"), touched)
        self._follow_client_flags(steps["client"].flags)
        for projection, known in self._known.items():
            known.follow(self.hub.snapshot(projection).flags.records, steps[projection].flags)
        if since is not None:
            urgent = [projection for projection in _EVALUATED if _is_urgent(steps[projection], before)]
            self.listeners.advance(since, steps, urgent=urgent)
        self._note()

    def endorse(self, heads: tuple[Head, ...]) -> None:
        """Take signed heads that came after their state, or renew those there are."""
        before = self.hub.heads("edge")
        is_news = self.hub.endorse(heads)
        if self.hub.heads("edge") != before:
            self.listeners.renew(is_news=is_news)

    def close(self) -> None:
        """End every stream: the environment is gone."""
        self.listeners.end(Ended.REMOVED)
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

    def entries(self, now: float) -> Entries:
        """Return what OFREP says by the rules for *now*."""
        rules = self.rules(now)
        if self._entries is None or self._entries.rules is not rules:
            self._entries = Entries(
                rules, _KEPT if self._compiled_bytes is None else self._compiled_bytes // _KEPT_TEXT
            )
        return self._entries

    def tidy(self, now: float) -> None:
        """Let go of what nobody asked for lately and can be made again."""
        self.listeners.tidy()
        if self._hub is not None and now - self._tidied_at >= _TIDY_S:
            self._tidied_at = now
            if self._hub.tidy():
                self._client_rules = None

    def cool(self) -> None:
        """Let go of all that can be made again: memory is short."""
        if self._rules is not None and self._hub is not None:
            self._swap(self._rules.cooled())
            self._entries = None
            self._client_rules = None
            self._hub.tidy()
            self._hub.tidy()

    def version(self, projection: Projection, now: float) -> str:
        """Return a text that differs when an evaluation of *projection*'s flags may answer differently."""
        base, rules = self._base(), self.rules(now)
        staleness = "" if rules is base else f"-{self._aged_until:g}"
        return self.hub.digest(projection)[:16] + staleness

    def flags_version(self, projection: Projection) -> str:
        """Return the flags version as clients see it."""
        return f"v{self.hub.position.revision if self.hub.position else 0}_{self.hub.digest(projection)[:8]}"

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

    def _base(self) -> RuleSet:
        if self._rules is None:
            raise LookupError(f"{self.name} is not loaded")
        return self._rules

    def _swap(self, rules: RuleSet) -> None:
        self._rules = rules
        self._aged = None

    def _follow_client_flags(self, touched: Mapping[str, Item | None]) -> None:
        if self._client_flags is None or not touched:
            return
        added = {key for key, item in touched.items() if is_client_side(item)}
        self._client_flags = (self._client_flags - touched.keys()) | added

    def _note(self) -> None:
        if (position := self.position) is not None:
            self._metrics.revision.labels(self.name).set(position.revision)


def _is_urgent(step: Delta, before: Mapping[str, Item]) -> bool:
    return any(is_critical(item) or is_critical(before.get(key)) for key, item in step.flags.items())


class _Sketch(msgspec.Struct, frozen=True):
    critical: bool = False


_SKETCHES = msgspec.json.Decoder(_Sketch)


def is_critical(item: Item | None) -> bool:
    """Whether *item*, a flag, says that its changes must not wait."""
    try:
        return item is not None and _SKETCHES.decode(item.text).critical
    except DECODE_ERRORS:
        return False
