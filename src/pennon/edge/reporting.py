"""Tells the upstream which revisions this node and those below it have applied: at once, and every few seconds.

There is no backlog. What could not be sent is made anew from what is the case when it can be, so that a dead upstream
costs one attempt every few seconds, and a node that was cut off for a day has nothing to catch up with.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol
from urllib.parse import quote

import msgspec
import structlog

from pennon._version import __version__
from pennon.edge.status import EnvironmentStatus, Status
from pennon.model import Position
from pennon.sdk import Level
from pennon.sdk.failures import UpstreamFailed
from pennon.stream import StreamNode
from pennon.stream.acks import APPLIED, Ack
from pennon.stream.environment import Environment

_log = structlog.get_logger(__name__)
INTERVAL_S = 10.0
COALESCED_S = 1.0
_AT_ONCE = 500
_TIMEOUT_S = 5.0


class Posting(Protocol):
    """What of a transport is needed here."""

    def __call__(self, url: str, body: bytes, *, timeout_s: float | None = None) -> Awaitable[object]:
        """Post JSON. Raises `UpstreamFailed`."""


class _Applied:
    """What an environment has applied lately: revisions, and when by the clock that only goes forward."""

    def __init__(self) -> None:
        self.latest: Position | None = None
        self.at_ms = 0.0
        self.untold: dict[str, float] = {}

    def note(self, position: Position, at: float, moment: float) -> None:
        self.latest, self.at_ms = position, at * 1000
        self.untold[str(position)] = moment
        while len(self.untold) > APPLIED:
            del self.untold[next(iter(self.untold))]

    def told(self, revisions: dict[str, float]) -> None:
        for revision in revisions:
            self.untold.pop(revision, None)


class Reporter:
    """Reports what *stream* serves, and the acks that it was sent, to the upstream that *status* names.

    *overrides* says what is overridden in an environment. `run` reports until it is cancelled.
    """

    def __init__(
        self,
        stream: StreamNode,
        status: Callable[[], Status],
        post: Posting,
        *,
        overrides: Callable[[str], Sequence[str]] = lambda _: (),
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._stream = stream
        self._status = status
        self._post = post
        self._overrides = overrides
        self._interval_s = interval_s
        self._applied: dict[str, _Applied] = {}
        self._due = asyncio.Event()
        stream.acks.heard = self._due.set
        self._reported_at: dict[str, float] = {}
        self._failing: set[str] = set()

    def on_applied(self, environment: str, position: Position, at: float) -> None:
        """Take note that *environment* was brought to *position*; *at* is seconds since 1970."""
        moment = self._stream.now() - max(0.0, self._stream.clock.time() - at)
        self._applied.setdefault(environment, _Applied()).note(position, at, moment)
        self._due.set()

    async def run(self) -> None:
        """Report until cancelled: what was applied at once, everything every few seconds."""
        while True:
            self._due.clear()
            try:
                await self.report()
            except Exception:  # noqa: BLE001  # the background loop must survive: what it tells of matters more than itself
                _log.warning("what was applied cannot be reported", exc_info=True)
            await asyncio.sleep(COALESCED_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COALESCED_S):
                    await self._due.wait()

    async def report(self) -> None:
        """Send what is new since it was last sent, and what is due."""
        for standing in self._status().environments:
            if standing.upstream:
                await self._report(standing)

    async def leave(self) -> None:
        """Say that the node stops, so that nobody waits for it. Once, for it has no time for more."""
        now = self._stream.now()
        for standing in self._status().environments:
            environment = self._stream.environments.get(standing.environment)
            if not standing.upstream or environment is None or not environment.is_loaded:
                continue
            ack = msgspec.structs.replace(self._own(environment, standing, now), gone=True)
            await self._sent(standing, [ack])

    async def _report(self, standing: EnvironmentStatus) -> None:
        now, name = self._stream.now(), standing.environment
        is_due = now - self._reported_at.get(name, float("-inf")) >= self._interval_s
        if standing.level >= Level.LAST_KNOWN and not is_due:
            return
        own = self._due_of_own(standing, now, is_due=is_due)
        acks = ([] if own is None else [own]) + self._stream.acks.untold(name, now)
        for part in _parts(acks):
            if not await self._sent(standing, part):
                return
            self._stream.acks.told(name, part, now)
        if own is not None and (applied := self._applied.get(name)) is not None:
            applied.told(own.applied)

    def _due_of_own(self, standing: EnvironmentStatus, now: float, *, is_due: bool) -> Ack | None:
        """Return the node's own report, if it has something new to say, or said nothing for a while."""
        name = standing.environment
        environment, applied = self._stream.environments.get(name), self._applied.get(name)
        if environment is None or not environment.is_loaded:
            return None
        if not is_due and (applied is None or not applied.untold):
            return None
        # Also when it comes to nothing: an upstream that is dead is asked no more often than that.
        self._reported_at[name] = now
        return self._own(environment, standing, now)

    def _own(self, environment: Environment, standing: EnvironmentStatus, now: float) -> Ack:
        applied = self._applied.get(environment.name, _Applied())
        served = environment.hub.position or Position(0, 0)
        return Ack(
            node=self._stream.name,
            revision=str(max(served, applied.latest or served)),
            at=applied.at_ms or self._stream.clock.time() * 1000,
            sdks=environment.sdks(now),
            applied={revision: max(0.0, now - moment) for revision, moment in applied.untold.items()},
            age=round(environment.hub.age(now), 3),
            level=standing.level,
            path=standing.path,
            overrides=tuple(self._overrides(environment.name)),
            digest=environment.hub.digest("edge")[:16],
            version=__version__,
        )

    async def _sent(self, standing: EnvironmentStatus, acks: Sequence[Ack]) -> bool:
        url = f"{standing.upstream}/sdk/v1/acks?environment={quote(standing.environment, safe='')}"
        try:
            await self._post(url, msgspec.json.encode({"acks": acks}), timeout_s=_TIMEOUT_S)
        except UpstreamFailed as failed:
            if standing.environment not in self._failing:
                self._failing.add(standing.environment)
                _log.info("acks are not taken", environment=standing.environment, problem=failed.failure.message)
            return False
        self._failing.discard(standing.environment)
        return True


def _parts(acks: Sequence[Ack]) -> Iterator[Sequence[Ack]]:
    for start in range(0, len(acks), _AT_ONCE):
        yield acks[start : start + _AT_ONCE]
