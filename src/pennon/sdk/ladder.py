"""What a client or an edge node does when all else is dead: stream, else poll, else what it knows, else the defaults.

A state machine without a clock or chance of its own. It says what to try next, and is told what came of it. It knows
neither HTTP nor threads.
"""

import random
from collections.abc import Callable
from enum import IntEnum, StrEnum
from typing import TypeAlias

import msgspec


class Level(IntEnum):
    """How good the source of the state is: 0 is best. The same in every SDK and edge node."""

    STREAMING = 0
    POLLING = 1
    LAST_KNOWN = 2
    DEFAULTS = 3


class FailureKind(StrEnum):
    """Why an attempt came to nothing, as far as what to do next depends on it."""

    REFUSED = "refused"  # the key is wrong: a person must act
    MISSING = "missing"  # nothing at this address
    UNFIT = "unfit"  # what was sent cannot be taken, now or later
    BUSY = "busy"  # 429 or 503
    UNTRUSTED = "untrusted"  # what was sent is not signed as it must be: a person must act
    BROKEN = "broken"  # an answer that makes no sense
    UNREACHABLE = "unreachable"  # no answer
    SILENT = "silent"  # a stream without a sign of life
    ENDED = "ended"  # a stream that the server closed
    DRAINING = "draining"  # a stream that the server closed with a goodbye


class Failure(msgspec.Struct, frozen=True):
    """What came to nothing and why. `not_before_s` is the server's own wish, in seconds from now."""

    kind: FailureKind
    message: str
    not_before_s: float | None = None


class Standing(msgspec.Struct, frozen=True):
    """The rung that can be stood on, and what went wrong since the last stream, if something did."""

    level: Level
    failure: Failure | None = None


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast to try again. Reconnecting waits between nothing and `base_s` doubled with each failure, up to `cap_s`.

    A stream that lived for `healthy_s` counts as a success. Where a person must act, `refused_s` is waited at least.
    """

    poll_s: float = 30.0
    base_s: float = 1.0
    cap_s: float = 30.0
    healthy_s: float = 10.0
    refused_s: float = 60.0


class Connect(msgspec.Struct, frozen=True):
    """Open a stream at this upstream, 0 being the preferred one."""

    upstream: int


class Poll(msgspec.Struct, frozen=True):
    """Ask the upstreams once, in their order, until one answers."""


class Wait(msgspec.Struct, frozen=True):
    """Do nothing until this time."""

    until: float


Step: TypeAlias = Connect | Poll | Wait

_LONGEST_WISH_S = 3600.0
_SHORTEST_BASE_S = 0.1  # of nothing, twice as much is nothing: it would connect without end, and never poll
_DOUBLINGS = 16
_WISH_SPREAD = 0.25


class Ladder:
    """Decides what to try next. `chance` gives numbers from 0 to 1, `upstreams` is how many there are."""

    def __init__(self, pace: Pace, *, upstreams: int = 1, chance: Callable[[], float] = random.random) -> None:
        self.pace = pace
        self._chance = chance
        self._upstreams = upstreams
        self._upstream = 0
        self._base_s = pace.base_s
        self._failures = 0
        self._opened_at: float | None = None
        self._connect_at = 0.0
        self._poll_at = 0.0
        self._is_poll_put_off = False
        self._best = Level.POLLING  # until a poll has failed too

    def level(self, *, known: bool) -> Level:
        """Return the rung that stands, given whether there is anything to evaluate by."""
        return self._best if known else Level.DEFAULTS

    def next(self, now: float) -> Step:
        """Return what to do at *now*."""
        if now >= self._connect_at:
            return Connect(self._upstream)
        if now >= self._poll_at:
            return Poll()
        return Wait(min(self._connect_at, self._poll_at))

    def opened(self, now: float) -> None:
        """Note that the stream gave a sign of life, the first of this connection or a later one."""
        if self._opened_at is None:
            self._opened_at = now
        self._best = Level.STREAMING

    def asked_to_wait(self, retry_s: float) -> None:
        """Note the server's `retry:`, the base of the waiting times from now on."""
        self._base_s = min(max(retry_s, _SHORTEST_BASE_S), self.pace.cap_s)

    def ended(self, failure: Failure, now: float) -> None:
        """Note that the stream, or the attempt at one, is over."""
        was_open, self._opened_at = self._opened_at, None
        if was_open is not None:
            if now - was_open >= self.pace.healthy_s:
                self._failures = 0
            self._best = Level.POLLING
            self._poll_at = now + self.pace.poll_s * (0.5 + 0.5 * self._chance())
        self._upstream = 0 if was_open is not None else (self._upstream + 1) % self._upstreams
        self._connect_at = now + self._delay(failure)
        if failure.kind is FailureKind.BUSY and self._upstream == 0 and self._poll_at <= now:
            self._put_poll_off()
        if failure.kind is FailureKind.REFUSED and self._upstream == 0:
            self._best = Level.LAST_KNOWN
            self._poll_at = self._connect_at

    def polled(self, now: float) -> None:
        """Note that an upstream answered a poll."""
        self._best = Level.POLLING
        self._is_poll_put_off = False
        self._poll_at = now + self.pace.poll_s

    def poll_failed(self, failure: Failure, now: float) -> None:
        """Note that no upstream answered a poll."""
        self._best = Level.LAST_KNOWN
        self._is_poll_put_off = False
        # Spread: servers may tell all the same.
        wish = min(failure.not_before_s or 0.0, _LONGEST_WISH_S) * (1 + _WISH_SPREAD * self._chance())
        wait = self.pace.refused_s if failure.kind is FailureKind.REFUSED else self.pace.poll_s
        self._poll_at = now + max(wish, wait * (0.75 + 0.5 * self._chance()))

    def _put_poll_off(self) -> None:
        """Wait with a poll that is due: asked at once, it would be one more of those that are too many.

        Only once: a server may have no room for streams for as long as it runs, and still answer polls.
        """
        if not self._is_poll_put_off:
            self._is_poll_put_off = True
            self._poll_at = self._connect_at

    def _delay(self, failure: Failure) -> float:
        if failure.kind is FailureKind.DRAINING and failure.not_before_s is not None:
            return min(failure.not_before_s, _LONGEST_WISH_S)  # the server has spread its clients already
        wish = min(failure.not_before_s or 0.0, _LONGEST_WISH_S)
        if self._upstream > 0:
            return 0.0  # the next upstream has not been tried yet
        if failure.kind is FailureKind.REFUSED:
            return max(wish, self.pace.refused_s * (1 + self._chance()))
        ceiling: float = min(self.pace.cap_s, self._base_s * 2 ** min(self._failures, _DOUBLINGS))
        self._failures += 1
        return wish + ceiling * self._chance()
