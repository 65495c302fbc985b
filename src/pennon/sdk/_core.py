"""What `Client` and `AsyncClient` share: what is known, what answers, what is reported. No input, no output.

Evaluating threads read one attribute, the rules; a writer holds the lock and swaps them whole.
"""

import logging
import math
import threading
from collections.abc import Callable, Iterable

from pennon.engine import Context, Count, RuleSet, compile_snapshot
from pennon.model import Head, Json, Position, Snapshot
from pennon.protocol import Action, Adopted, Endorsed, Frame, Replica, Reported
from pennon.protocol.bootstrap import TTL_S
from pennon.protocol.state import Reference, difference
from pennon.sdk.bootstrap import Bootstrap, ClientSide
from pennon.sdk.complaints import Complaints
from pennon.sdk.config import Config
from pennon.sdk.flags import Flags, PinnedRules
from pennon.sdk.ladder import Failure, Level, Standing
from pennon.sdk.listeners import Listeners
from pennon.sdk.overrides import Override
from pennon.sdk.recorder import Pending, Recorder, sampler_of
from pennon.sdk.restless import RestlessFlags
from pennon.sdk.rules import NoRules, Observed, Overridden, Rules
from pennon.sdk.status import Change, Status
from pennon.sdk.stores.base import Stored
from pennon.sdk.trust import remembering, replica_by, trust_of

_LOG = logging.getLogger("pennon")
_NOT_READY = "no flags are known yet: the client is still waiting for them"
_PAST_S = 0.001  # a flag is stale past its bound, not at it
_TOO_OLD = "the last known flags are older than last_known_ttl"


class Core(Flags):
    """A client without its loops: it takes what they bring, and answers."""

    def __init__(self, config: Config) -> None:
        self._nothing = NoRules(_NOT_READY)
        self._too_old = NoRules(_TOO_OLD)
        super().__init__(self._nothing)
        self.loaded: Stored | None = None
        self.standing: Standing | None = None
        self.pass_on: Callable[[Adopted], None] | None = None
        self._config = config
        self._lock = threading.RLock()
        self._trust = trust_of(config)
        self._replica = replica_by(self._trust)
        self._base: RuleSet | None = None
        self._answers: Rules | None = None
        self._shown: Snapshot | None = None
        self._due_at = math.inf
        self._overrides = [Override(self._remove_override, flag, value) for flag, value in config.overrides.items()]
        self._sampler = sampler_of(config)
        self._recorder = Recorder(
            time=config.clock.time, wake=self._wake_sender, sampler=self._sampler, application=config.application
        )
        self._restless = RestlessFlags()
        self._client_side = ClientSide()
        self._best = Level.LAST_KNOWN
        self._was_young = False
        self._level = Level.DEFAULTS
        self._tried = False
        self._complaints = Complaints()
        self._listeners = Listeners(config.on_change, config.on_status)
        self._serve(config.clock.monotonic())

    # What the application asks.

    def rules(self) -> PinnedRules:
        """Return the rules that answer now, to be held for a request: all that it evaluates is of one revision."""
        return self._pinned

    def bootstrap(self, context: Context, *, ttl_s: int = TTL_S, rules: PinnedRules | None = None) -> Bootstrap:
        """Return what *context* is served of the client-side flags, for the HTML of a page: see `Bootstrap`.

        By *rules* that a request holds, or those that answer now. The page may go on with it for *ttl_s* seconds.
        Nothing is counted: the browser reports what it reads.
        """
        clock = self._config.clock
        return self._client_side.bootstrap(
            rules or self._pinned, context, age_s=self.age_s or 0.0, now=clock.time(), ttl_s=ttl_s
        )

    def flags_version(self, rules: PinnedRules | None = None) -> str | None:
        """Return what a page that holds the flags of now, or of *rules*, sends as `X-Flags-Version`.

        None while nothing is known.
        """
        snapshot = (rules or self._pinned).snapshot
        return self._client_side.flags_version(snapshot) if snapshot.epoch else None

    def status(self) -> Status:
        """Return how the client stands: its level, revision, age, and what went wrong last."""
        snapshot, head = self._shown, self._replica.head
        return Status(
            level=self._level,
            ready=self._is_ready(),
            environment="" if snapshot is None else snapshot.environment,
            epoch=0 if snapshot is None else snapshot.epoch,
            revision=0 if snapshot is None else snapshot.revision,
            age_s=self.age_s,
            problem=self._complaints.problem,
            is_refused=self._complaints.is_refused,
            instance=self._recorder.instance,
            signed_by="" if head is None else head.key,
            head_age_s=None if head is None or self._trust is None else self._trust.age_s(head),
        )

    def override(self, flag: str, value: Json) -> Override:
        """Serve *value* for *flag* to everybody in this process, for development and tests.

        It lasts until `remove()` of what is returned, which is a context manager too. Flags that have this one as a
        prerequisite do not see it.
        """
        override = Override(self._remove_override, flag, value)
        with self._lock:
            self._overrides.append(override)
            self._serve(self._config.clock.monotonic(), anew=True)
        return override

    def track(self, key: str, context: Context, *, value: float = 1.0, by: str = "targetingKey") -> bool:
        """Report that *value* was measured for the unit of *context*, an order's worth for example.

        Return whether it could be taken: it has a unit, and the number is finite.
        """
        return self._recorder.track(key, context, value=value, by=by) if self._config.events else False

    @property
    def age_s(self) -> float | None:
        """How many seconds ago the state was last known to be current at its origin; None if nothing is known."""
        if self._config.source is not None and self._base is not None:
            return 0.0  # as `_age` says, without a look at the clock: OpenFeature asks with each evaluation
        return self._age(self._config.clock.monotonic())

    def on_change(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call *listener* after each change of the flags, from the client's own thread or loop.

        Return a function that ends it.
        """
        return self._listeners.on_change(listener)

    def on_status(self, listener: Callable[[Status], None]) -> Callable[[], None]:
        """Call *listener* after each change of the level, from the client's own thread or loop.

        Return a function that ends it.
        """
        return self._listeners.on_status(listener)

    # What the loops bring (`pennon.sdk.receiver.Receiver`).

    @property
    def position(self) -> Position | None:
        """Where the known state stands, None if nothing is known."""
        return self._replica.position

    def receive(self, frame: Frame, now: float) -> list[Action]:
        """Take a frame of a stream."""
        return self._act(lambda: self._replica.receive(frame, now), now)

    def receive_document(self, data: bytes, *, age: float, now: float) -> list[Action]:
        """Take what the snapshot endpoint answered."""
        return self._act(lambda: self._replica.receive_document(data, age=age, now=now), now)

    def receive_unchanged(self, *, age: float, now: float, said: tuple[Head, ...] = ()) -> list[Action]:
        """Take the word of the snapshot endpoint that nothing changed."""
        return self._act(lambda: self._replica.receive_unchanged(age=age, now=now, said=said), now)

    def receive_snapshot(self, snapshot: Snapshot, *, age: float, now: float) -> list[Action]:
        """Take what another process of this host left in the local store."""
        return self._act(lambda: self._replica.receive_snapshot(snapshot, age=age, now=now), now)

    def rehouse(self, snapshot: Snapshot, *, anew: bool = False) -> bool:
        """Hold *snapshot* in place of what is known, if it says the same: its items may be kept elsewhere.

        With *anew*, every flag is compiled again. Return whether it does say the same.
        """
        with self._lock:
            if not self._replica.rehouse(snapshot) or self._base is None:
                return False
            self._base = self._base.advanced(self._replica.snapshot or snapshot, None if anew else ())
            self._serve(self._config.clock.monotonic())
        return True

    def doubt(self) -> None:
        """Serve what is known, and know nothing to anybody who would send what changed since: the whole is wanted."""
        with self._lock:
            self._replica = replica_by(self._trust)

    def stand(self, best: Level, failure: Failure | None, now: float) -> None:
        """Take note of the best rung that can be stood on now, and of what went wrong, if something did."""
        with self._lock:
            self._best = best
            self._tried = self._tried or failure is None or best is Level.LAST_KNOWN
            before = None if self.standing is None or best is Level.STREAMING else self.standing.failure
            self.standing = Standing(best, failure or before)
            if failure is not None:
                self._complaints.failed(failure)
            elif best is Level.STREAMING:
                self._complaints.recovered()
        self._settle(now)

    def adopt(self, snapshot: Snapshot) -> None:
        """Take the state of a source that needs no protocol: a file, a test."""
        now = self._config.clock.monotonic()
        with self._lock:
            before = self._replica.snapshot
            touched = None if before is None else difference(before, snapshot)
            self._replica = Replica(snapshot=snapshot, known_at=now)
            self._compile(snapshot, touched, now)
            self._best = Level.STREAMING
            self._tried = True
        self._settle(now)

    def remember(self, stored: Stored) -> None:
        """Take the state of the local store, to begin with."""
        now = self._config.clock.monotonic()
        with self._lock:
            self._replica = remembering(stored, self._trust, self._config)
            if (refused := self._replica.refused) is not None:
                self._complaints.reported(Reported(f"in the local store, {refused.problem}", refused.kind))
            if (snapshot := self._replica.snapshot) is not None:
                self.loaded = stored
                self._compile(snapshot, None, now)
        self._settle(now)

    def complain(self, problem: str) -> None:
        """Take note of what is wrong with a file or a source; empty, that it is right again."""
        self._complaints.found(problem)

    def tick(self, now: float) -> float:
        """Do what is due, and return in how many seconds the next thing is."""
        self._recorder.tick()
        self._restless.tick(now)
        self._settle(now)
        return max(self._due_at - now, 0.0)

    def storable(self) -> Stored | None:
        """Return what the local store should hold; None while nothing is known."""
        with self._lock:
            snapshot = self._replica.snapshot
            age = self._age(self._config.clock.monotonic())
        return None if snapshot is None or age is None else Stored(snapshot, self._config.clock.time() - age)

    @property
    def has_pending(self) -> bool:
        """Whether a batch that was cut before still waits to be taken."""
        return self._recorder.has_pending

    def pending(self) -> Pending | None:
        """Return the batch of events to send now; None if there is nothing to report."""
        return self._recorder.pending(self._counts())

    def sent(self, *, taken: bool = True) -> None:
        """Take note that the pending batch was taken, or that it never will be."""
        if taken:
            self._recorder.taken()
        else:
            self._recorder.refused()

    # How it comes about.

    def _act(self, take: Callable[[], list[Action]], now: float) -> list[Action]:
        """Let the replica take something, do what it says, and return what only an upstream can answer.

        The news are told by `stand`, when it is known which rung this came from.
        """
        left: list[Action] = []
        with self._lock:
            for action in take():
                match action:
                    case Adopted(snapshot, touched):
                        self._compile(snapshot, touched, now)
                        if self.pass_on is not None:
                            self.pass_on(action)
                    case Endorsed():
                        if self.pass_on is not None and (held := self._replica.snapshot) is not None:
                            self.pass_on(action.as_step(held))
                    case Reported():
                        self._complaints.reported(action)
                        left.append(action)
                    case _:
                        left.append(action)
        return left

    def _compile(self, snapshot: Snapshot, touched: Iterable[Reference] | None, now: float) -> None:
        touched = None if touched is None else list(touched)
        changed = None if touched is None else frozenset(touched)
        if self._sampler is not None:
            self._sampler.follow(snapshot, touched)
        if self._base is None:
            counted = self._config.events
            self._base = compile_snapshot(
                snapshot,
                counted=counted,
                exposed=self._recorder.exposed if counted else None,
                clock=self._config.clock.time,
                bucket_cache=self._config.bucket_cache,
                sampled=None if self._sampler is None else self._sampler.sampled,
            )
        else:
            self._base = self._base.advanced(snapshot, touched)
            self._complaints.restless(
                self._restless.changed((key for kind, key in touched or () if kind == "flag"), now)
            )
        self._recorder.evaluates_by(str(snapshot.position))
        self._serve(now)
        self._listeners.changed(self._base, changed)

    def _serve(self, now: float, *, anew: bool = False) -> None:
        """Put in place what answers at *now*, unless it is there."""
        rules = self._answering(now)
        if rules is self._answers and not anew:
            return
        self._answers = rules
        if self._overrides:
            rules = Overridden(rules, {override.flag: override.value for override in self._overrides})
        if self._config.hooks:
            rules = Observed(rules, self._config.hooks)
        self._answer_by(rules)
        self._pinned = PinnedRules(rules)
        # Last: who waits for a revision and then evaluates must not get the one before.
        self._shown = None if self._base is None else self._base.snapshot

    def _answering(self, now: float) -> Rules:
        """Return the rule set for the age of the state, and note when that will be another one."""
        self._due_at = math.inf
        if self._base is None:
            return self._nothing
        age = self._age(now)
        if age is None:
            return self._base
        if self._is_too_old(age):
            return self._too_old
        if self._config.last_known_ttl is not None and self._best is Level.LAST_KNOWN:
            self._due_at = now + self._config.last_known_ttl - age
        # Asked of the set that answers, not of a fresh one: it returns itself where nothing differs.
        self._base = self._base.aged(age)
        bound = self._base.next_staleness(age)
        if bound is not None:
            self._due_at = min(self._due_at, now + bound - age + _PAST_S)
        return self._base

    def _counts(self) -> Iterable[Count]:
        return () if self._base is None else self._base.counts()

    def _age(self, now: float) -> float | None:
        """Return the age of what is known. What a file or a test says is current as long as it says nothing else."""
        return 0.0 if self._config.source is not None and self.position is not None else self._replica.age(now)

    def _is_too_old(self, age: float | None) -> bool:
        ttl = self._config.last_known_ttl
        if ttl is None or age is None:
            return False
        self._was_young = self._was_young or age < ttl
        # A rung that nothing has been heard on yet makes a stored state no younger.
        return age >= ttl and (self._best is Level.LAST_KNOWN or not self._was_young)

    def _is_ready(self) -> bool:
        return self._base is not None and self._answers is not self._too_old

    def _settle(self, now: float) -> None:
        """Bring everything that follows from the state into line with it, and tell who wants to know."""
        with self._lock:
            self._serve(now)
            level = self._best if self._is_ready() else Level.DEFAULTS
            if level is not self._level:
                # With a local store each process begins on a low rung: that is no news before anything was tried.
                log = _LOG.info if level <= Level.POLLING or not self._tried else _LOG.warning
                log("level %d: %s", level, level.name.lower().replace("_", " "))
                self._level = level
                self._listeners.stands(self.status())
        if self._tried and (self._is_ready() or self._complaints.is_refused):
            self._settled()
        self._listeners.tell()

    def _remove_override(self, override: Override) -> None:
        with self._lock:
            self._overrides = [each for each in self._overrides if each is not override]
            self._serve(self._config.clock.monotonic(), anew=True)

    def _after_fork_in_child(self) -> None:
        """Be usable whatever threads held, and be another instance than the parent."""
        self._lock = threading.RLock()
        self._listeners.after_fork_in_child()
        self._recorder.after_fork_in_child(self._counts())

    # What the clients know and this does not.

    def _settled(self) -> None:
        """Take note that the best that can be had is in place."""

    def _wake_sender(self) -> None:
        """Take note that there is enough to be sent."""
