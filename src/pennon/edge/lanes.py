"""The way up of one environment's event batches: from its spool, by an outbox, to whichever upstream takes them.

What was taken above leaves the spool afterwards; what is refused for good is a dead letter before. So a node that is
killed anywhere sends a few batches twice, which are counted once, and loses none.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

import msgspec
import structlog

from pennon.edge.dead_letters import DeadLetter, DeadLetters
from pennon.edge.event_metrics import ForwardingMetrics
from pennon.events import forwarding, read_results
from pennon.ingest import Ingest
from pennon.ingest.forward import Group, Letter, Outbox, Refused, Upstreams
from pennon.ingest.spool import Place
from pennon.sdk._async.transport import AsyncTransport
from pennon.sdk.config import Clock, Config
from pennon.sdk.failures import UpstreamFailed
from pennon.sdk.ladder import Failure, FailureKind
from pennon.sdk.receiver import AnyCall, Calls

_log = structlog.get_logger(__name__)


class ForwardingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How event batches are handed on. Times in seconds, sizes in bytes; the spool's is that of each environment."""

    spool_bytes: int = 256 * 1024 * 1024
    reserve_bytes: int = 0
    dead_letter_bytes: int = 64 * 1024 * 1024
    gather_s: float = 0.5
    """For how long batches gather before they go up together."""
    timeout_s: float = 10.0
    retry_s: float = 0.5
    retry_max_s: float = 30.0
    """After a failure an upstream is left alone for a random time up to the first, doubled up to the second."""
    look_s: float = 5.0
    """How often to look for dead letters that somebody wants to be sent again."""
    drain_s: float = 5.0
    """For how long a node that stops goes on handing on what it has."""


class Surroundings(msgspec.Struct, frozen=True):
    """What the lanes of a node have in common. `node` is its name on the way of a batch."""

    node: str
    config: Config
    settings: ForwardingSettings
    dead: DeadLetters
    metrics: ForwardingMetrics
    watch: Callable[[], Calls] = AnyCall
    """Makes what is told of the calls of a transport."""

    @property
    def clock(self) -> Clock:
        """The time."""
        return self.config.clock


class Lane:
    """Hands on the batches of one environment, for as long as `run` runs."""

    def __init__(self, environment: str, ingest: Ingest, shared: Surroundings) -> None:
        self.environment = environment
        self.ingest = ingest
        self._shared = shared
        self._outbox = Outbox()
        self._transport = AsyncTransport(shared.config, shared.watch())
        self._upstreams = Upstreams(
            len(shared.config.urls),
            chance=shared.config.chance,
            base_s=shared.settings.retry_s,
            cap_s=shared.settings.retry_max_s,
        )
        self._more = asyncio.Event()
        self._settled_to: Place | None = None
        self._said: set[FailureKind] = set()
        self._is_stuck = False
        shared.metrics.lag.labels(environment).set_function(self._lag_s)
        shared.metrics.spool_bytes.labels(environment).set_function(lambda: float(ingest.spool_bytes))

    async def run(self) -> None:
        """Hand on whatever comes, until cancelled."""
        listening = asyncio.create_task(self._listen())
        try:
            while True:
                await self._turn()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def finish(self) -> None:
        """Hand on what is left, until all is gone or an upstream fails. `run` must be over."""
        with contextlib.suppress(OSError):
            await self._fill()
            while len(self._outbox) and self._upstreams.failures == 0 and await self._send_some():
                await self._fill()

    async def close(self) -> None:
        """Close the connections and the spool."""
        await self._transport.close()
        await self.ingest.stop()
        for gauge in (self._shared.metrics.lag, self._shared.metrics.spool_bytes):
            with contextlib.suppress(KeyError):
                gauge.remove(self.environment)

    def send_again(self, name: str, letter: Letter) -> None:
        """Hand on a dead letter."""
        if self._outbox.room and not self._outbox.holds(name):
            self._outbox.add(name, letter)
            self._more.set()

    async def _listen(self) -> None:
        while True:
            await self.ingest.wait_for_more()
            self._more.set()

    async def _turn(self) -> None:
        """Do what can be done now, then wait until there may be more."""
        self._more.clear()
        try:
            await self._fill()
            while len(self._outbox) and await self._send_some():
                await self._fill()
            pause = self._upstreams.wait_s(self._shared.clock.monotonic()) if len(self._outbox) else None
            self._is_stuck = False
        except Exception:  # noqa: BLE001  # the background loop must survive a disk that fails: the spool keeps
            if not self._is_stuck:
                _log.warning("event batches wait: the disk fails", environment=self.environment, exc_info=True)
            self._is_stuck = True
            pause = self._shared.settings.retry_max_s * self._shared.config.chance()
        if pause is None:
            await self._more.wait()
            await asyncio.sleep(self._shared.settings.gather_s)
        else:
            # What comes meanwhile waits, too: the upstreams are left alone for a reason.
            await asyncio.sleep(pause)

    async def _fill(self) -> None:
        if self._settled_to is not None:
            await self._release(self._settled_to)
        if not self._outbox.room:
            return
        damaged = self._outbox.fill(await self.ingest.read(self._outbox.room, after=self._outbox.end))
        if damaged:
            self._shared.metrics.damaged.inc(damaged)
            _log.error("damaged records of the spool are lost", environment=self.environment, records=damaged)
        await self._let_go()

    async def _send_some(self) -> bool:
        """Send a group to the upstream whose turn it is. Return whether there is one to be asked."""
        now = self._shared.clock.monotonic()
        upstream = self._upstreams.choose(now)
        if upstream is None:
            return False
        group = self._outbox.group(upstream)
        if group:
            await self._bury(await self._offer(group, upstream), upstream)
            await self._let_go()
        else:
            # It declined all that is left: somebody else may take it, and in a while it may, too.
            self._upstreams.failed(upstream, now)
            self._outbox.forgive(upstream)
        return True

    async def _offer(self, group: Group, upstream: int) -> list[Refused]:
        """Send *group*, and return what is refused for good."""
        shared, now_ms = self._shared, int(self._shared.clock.time() * 1000)
        body = forwarding(entry.letter.forwarded(shared.node, now_ms) for entry in group)
        url = shared.config.urls[upstream]
        try:
            address = f"{url}/sdk/v1/events?environment={quote(self.environment, safe='')}"
            answer = await self._transport.post(address, body, timeout_s=shared.settings.timeout_s)
        except UpstreamFailed as failed:
            return self._failed(group, upstream, failed.failure)
        results = read_results(answer.body, len(group))
        if results is None:
            said = f"{url} did not say what became of each batch"
            return self._failed(group, upstream, Failure(FailureKind.BROKEN, said))
        for result in results:
            shared.metrics.batches.labels(result.status.value).inc()
        refused = self._outbox.answered(group, upstream, results)
        if len(refused) + sum(entry.is_settled for entry in group):
            self._upstreams.worked(upstream)
            self._note_recovery()
        else:
            self._note(Failure(FailureKind.BUSY, f"{url} takes no event batches now: {results[0].problem}"))
        return refused

    def _failed(self, group: Group, upstream: int, failure: Failure) -> list[Refused]:
        self._shared.metrics.failures.labels(failure.kind.value).inc()
        if failure.kind is FailureKind.UNFIT:
            return self._outbox.unfit(group, failure.message)
        self._note(failure)
        self._upstreams.failed(upstream, self._shared.clock.monotonic(), failure.not_before_s)
        return self._outbox.broke(group, failure.message) if failure.kind is FailureKind.BROKEN else []

    async def _bury(self, refused: Sequence[Refused], upstream: int) -> None:
        """Make dead letters of what is refused, then settle it."""
        gone = buried = 0
        try:
            for one in refused:
                dead, file = self._dead(one, upstream), one.entry.file
                gone += await asyncio.to_thread(partial(self._shared.dead.put, dead, again=file))
                one.entry.file = None  # it is moved, and no longer this entry's
                one.entry.settle()
                buried += 1
        finally:
            if buried:
                # A line for all of them: with a public key anybody can have batches refused, as many as he likes.
                what, why = "event batches are refused for good and kept as dead letters", refused[buried - 1].why
                _log.error(what, environment=self.environment, letters=buried, why=why)
            if gone:
                self._shared.metrics.lost.inc(gone)
                _log.error("the oldest dead letters are thrown away: there are too many", letters=gone)

    def _dead(self, one: Refused, upstream: int) -> DeadLetter:
        at = dt.datetime.fromtimestamp(self._shared.clock.time(), dt.UTC).isoformat(timespec="milliseconds")
        return DeadLetter.of(one.entry.letter, why=one.why, at=at, upstream=self._shared.config.urls[upstream])

    async def _let_go(self) -> None:
        settled = self._outbox.settled()
        if settled is None:
            return
        for file in settled.files:
            await asyncio.to_thread(self._shared.dead.sent, file)
        if settled.place is not None:
            self._settled_to = settled.place
            await self._release(settled.place)

    async def _release(self, place: Place) -> None:
        await self.ingest.release(place)
        self._settled_to = None

    def _lag_s(self) -> float:
        oldest = self._outbox.oldest
        return 0.0 if oldest is None else max(0.0, self._shared.clock.time() - oldest / 1000)

    def _note(self, failure: Failure) -> None:
        """Say what goes wrong once until all is well, not with each attempt."""
        if failure.kind in self._said:
            return
        self._said.add(failure.kind)
        # A key that is refused is refused until a person acts.
        log = _log.error if failure.kind is FailureKind.REFUSED else _log.warning
        log("event batches wait", environment=self.environment, problem=failure.message)

    def _note_recovery(self) -> None:
        if self._said:
            self._said.clear()
            _log.info("event batches are handed on again", environment=self.environment)


def folder_of(spools: Path, environment: str) -> Path:
    """Return the folder of an environment's spool."""
    project, _, name = environment.partition("/")
    return spools / quote(project, safe="") / quote(name, safe="")
