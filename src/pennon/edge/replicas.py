"""What an edge node knows of its environments: a replica each, and the log that the stream node reads off them."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeAlias, TypeVar

import msgspec
import structlog

from pennon.model import Delta, Head, Position, Snapshot
from pennon.protocol import Action, Adopted, Endorsed, Reported, ReportKind, Trust
from pennon.sdk import Level
from pennon.sdk.config import Clock
from pennon.sdk.trust import replica_by
from pennon.stream import LogReader
from pennon.stream.ports import NotKnownYet

_log = structlog.get_logger(__name__)
_STEPS = 256

Hears: TypeAlias = Callable[[str, Position], None]
"""Is told of an environment and where it stands now."""


class NothingKnown(NotKnownYet):
    """Nothing is known of the environment yet."""


Document = TypeVar("Document", Snapshot, Delta)


class Overlay(Protocol):
    """What is served in place of what came from upstream: overrides of a last resort."""

    def applied(self, document: Document) -> Document:
        """Return a snapshot or a delta as it is to be served."""

    def overridden(self, environment: str) -> str:
        """Return which flags of *environment* it replaces, as a header says it."""


class NoOverlay:
    """Serves everything as it came."""

    def applied(self, document: Document) -> Document:
        """Return *document*."""
        return document

    def overridden(self, _environment: str) -> str:
        """Return that there are none."""
        return ""


class Defaults(msgspec.Struct, frozen=True):
    """The state that the operator bundled, for when nothing else is known. `written_at`: seconds since 1970."""

    snapshot: Snapshot
    written_at: float


class Feed:
    """Knows one environment. `hears` is told whenever what is to be served has changed; *read* reads snapshots."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        hears: Hears,
        trust: Trust | None = None,
        *,
        read: Callable[[bytes], Snapshot] = Snapshot.from_json,
    ) -> None:
        self.name = name
        self.trust = trust
        self.replica = replica_by(trust, read=read)
        self.defaults: Defaults | None = None
        self.client_rules = False
        self.is_listed = False
        """Whether an upstream has named it since this node started."""
        self.problem = ""
        self.reports: dict[ReportKind, int] = {}
        self._clock = clock
        self._hears = hears
        self._steps: deque[Delta] = deque(maxlen=_STEPS)
        self._wants_whole = False

    @property
    def position(self) -> Position | None:
        """Where what came from upstream stands; None if nothing did."""
        return self.replica.position

    @property
    def served(self) -> Snapshot | None:
        """What is served: what came from upstream, else the defaults."""
        if (snapshot := self.replica.snapshot) is not None:
            return snapshot
        return None if self.defaults is None else self.defaults.snapshot

    @property
    def standing(self) -> Position | None:
        """Where what is served stands; None if nothing is, or only the whole of it will do."""
        return None if self._wants_whole or (served := self.served) is None else served.position

    @property
    def is_on_defaults(self) -> bool:
        """Whether nothing but the defaults is known."""
        return self.replica.snapshot is None and self.defaults is not None

    def level(self, best: Level) -> Level:
        """Return the rung that is stood on, given the *best* that the upstreams offer."""
        return Level.DEFAULTS if self.replica.snapshot is None else best

    def age(self) -> float:
        """Return for how many seconds what is served has not been known to be current at the origin."""
        if self.is_on_defaults and self.defaults is not None:
            return max(0.0, self._clock.time() - self.defaults.written_at)
        return self.replica.age(self._clock.monotonic()) or 0.0

    def known_at(self) -> float | None:
        """Return when what came from upstream was last known to be current, in seconds since 1970."""
        age = self.replica.age(self._clock.monotonic())
        return None if age is None else self._clock.time() - age

    def restore(self, snapshot: Snapshot, known_at: float) -> None:
        """Take what a store kept, if it says more than what is known. *known_at*: seconds since 1970."""
        now, age = self._clock.monotonic(), max(0.0, self._clock.time() - known_at)
        self.perform(self.replica.receive_snapshot(snapshot, age=age, now=now))

    def confirm(self, known_at: float) -> None:
        """Take another's word that what is known was current at *known_at*, in seconds since 1970."""
        now, age = self._clock.monotonic(), max(0.0, self._clock.time() - known_at)
        self.perform(self.replica.receive_unchanged(age=age, now=now))

    def perform(self, actions: list[Action]) -> list[Action]:
        """Do what a replica asks and can be done here; return the rest, for who speaks with the upstream."""
        left: list[Action] = []
        for action in actions:
            if isinstance(action, Adopted):
                self._adopt(action)
            elif isinstance(action, Endorsed) and (position := self.replica.position) is not None:
                self._hears(self.name, position)
            else:
                left.append(action)
            if isinstance(action, Reported):
                self._report(action)
        return left

    def since(self, position: Position) -> list[Delta] | None:
        """Return the steps from *position* to what is served now; None where only the whole will do."""
        own = self._standing().position
        if self._wants_whole or position > own or position.epoch != own.epoch:
            return None
        while self._steps and self._steps[0].to <= position.revision:
            self._steps.popleft()
        if position == own:
            return []
        if not self._steps or self._steps[0].from_ > position.revision:
            return None
        return list(self._steps)

    def whole(self) -> Snapshot:
        """Return what is served. Raises `NothingKnown`."""
        snapshot = self._standing()
        self._wants_whole = False
        return snapshot

    def reload(self) -> None:
        """Have the whole served anew: something about it is another now, although it stands where it stood."""
        self._wants_whole = True
        if (snapshot := self.served) is not None:
            self._hears(self.name, snapshot.position)

    def _standing(self) -> Snapshot:
        if (snapshot := self.served) is None:
            raise NothingKnown(f"nothing is known of {self.name} yet")
        return snapshot

    def _adopt(self, adopted: Adopted) -> None:
        position = adopted.snapshot.position
        if (delta := adopted.as_delta()) is not None:
            self._steps.append(delta)
        elif adopted.touched != () or adopted.previous != position:
            self._steps.clear()
            self._wants_whole = True
        self._hears(self.name, position)

    def _report(self, reported: Reported) -> None:
        self.reports[reported.kind] = self.reports.get(reported.kind, 0) + 1
        problem = f"{reported.kind}: {reported.problem}"
        if problem != self.problem:
            self.problem = problem
            log = _log.info if reported.kind is ReportKind.LAGGING else _log.warning
            log("what came from upstream is not right", environment=self.name, problem=problem)


class Replicas(LogReader):
    """All environments of a node, as the log that its stream node reads."""

    def __init__(self, *, key_ttl_s: float) -> None:
        self.feeds: dict[str, Feed] = {}
        self.overlay: Overlay = NoOverlay()
        self.is_listed = False
        """Whether it is known which environments there are: from an upstream, a store or the defaults."""
        self.is_current: Callable[[], bool] = lambda: False
        """Says whether an upstream has lately confirmed that these are all environments there are."""
        self.ask: Callable[[], Awaitable[bool]] = _nobody
        """Asks the upstreams which environments there are."""
        self._key_ttl_s = key_ttl_s

    async def environments(self) -> list[str]:
        """Return every environment of which something is known, or an upstream said that it is there."""
        if not self.is_listed:
            raise NothingKnown("no upstream has said yet which environments there are")
        return list(self.feeds)

    async def standing(self) -> Mapping[str, Position | None]:
        """Return every environment of which something is known, and where it stands."""
        return {name: self.feeds[name].standing for name in await self.environments()}

    async def snapshot(self, environment: str) -> Snapshot:
        """Return all that is served of *environment*. Raises `NothingKnown`."""
        return self.overlay.applied(self._feed(environment).whole())

    async def since(self, environment: str, position: Position) -> list[Delta] | None:
        """Return what came after *position*; None where only a snapshot can tell. Raises `NothingKnown`."""
        steps = self._feed(environment).since(position)
        return None if steps is None else [self.overlay.applied(step) for step in steps]

    def age(self, environment: str) -> float:
        """Return for how many seconds *environment* has not been confirmed by the origin."""
        feed = self.feeds.get(environment)
        return 0.0 if feed is None else feed.age()

    def heads(self, environment: str) -> tuple[Head, ...]:
        """Return the newest signed heads of what is served; none of what a person on this node has overridden."""
        feed = self.feeds.get(environment)
        if feed is None or (snapshot := feed.replica.snapshot) is None or not snapshot.heads:
            return ()
        said = Endorsed(snapshot.heads).as_step(snapshot).step
        assert said is not None  # it is one
        return self.overlay.applied(said).heads

    def overridden(self, environment: str) -> str:
        """Return which flags of *environment* a person on this node has overridden, as a header says it."""
        return self.overlay.overridden(environment)

    async def look(self) -> bool:
        """Ask the upstreams which environments there are, if that was not done a moment ago."""
        return await self.ask()

    def knows_all(self) -> bool:
        """Return whether an upstream has lately confirmed everything: else an unknown key may be a new one."""
        return self.is_current()

    def doubts(self, environment: str) -> str | None:
        """Return why the key records are too old to admit anybody. Defaults are as good as who put them there."""
        feed = self.feeds.get(environment)
        if feed is None or feed.is_on_defaults or (age := feed.age()) <= self._key_ttl_s:
            return None
        return (
            f"this node has been cut off from its upstream for {age:.0f} s, and takes keys for {self._key_ttl_s:.0f} s "
            "after they were last confirmed: ask another node, or come back"
        )

    async def allows_client_rules(self, environment: str) -> bool:
        """Return whether browsers may have the rules, as the upstream last said."""
        return self._feed(environment).client_rules

    def _feed(self, environment: str) -> Feed:
        if (feed := self.feeds.get(environment)) is None:
            raise NothingKnown(f"{environment} is not served here any more")
        return feed


async def _nobody() -> bool:
    """Ask nobody: no upstream is followed yet."""
    return False
