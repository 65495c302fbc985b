"""A circuit breaker: whether an upstream is asked at all. A state machine without a clock or chance of its own.

It spares a server that fails or is slow the calls of every environment, and those who wait the time that they would
wait for it.
"""

import random
from collections import deque
from collections.abc import Callable
from enum import StrEnum

import msgspec


class Circuit(StrEnum):
    """Closed: calls pass. Open: none does. Half-open: one is tried, and decides."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


class BreakerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """It opens when of the last `window` calls, `least` of them at least, `share` failed or took above `slow_s`.

    It stays open for about `open_s`, doubled each time that the trial fails, up to `open_max_s`. A trial that nobody
    hears of for `trial_s` is forgotten.
    """

    window: int = 20
    least: int = 5
    share: float = 0.5
    slow_s: float = 5.0
    open_s: float = 1.0
    open_max_s: float = 4.0
    trial_s: float = 20.0


class Breaker:
    """The circuit to one upstream. *chance* gives numbers from 0 to 1; times are seconds of any one clock."""

    def __init__(self, settings: BreakerSettings, chance: Callable[[], float] = random.random) -> None:
        self._settings = settings
        self._chance = chance
        self._calls: deque[bool] = deque(maxlen=settings.window)
        self._open_until: float | None = None
        self._open_s = settings.open_s
        self._tried_at: float | None = None
        self.opened = 0
        """How often it has opened."""

    def circuit(self, now: float) -> Circuit:
        """Return how it stands."""
        if self._open_until is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now < self._open_until else Circuit.HALF_OPEN

    def admit(self, now: float) -> float | None:
        """Return None if a call may be made, to be followed by what came of it; else after how many seconds to ask."""
        match self.circuit(now):
            case Circuit.CLOSED:
                return None
            case Circuit.OPEN:
                return (self._open_until or now) - now
        if self._tried_at is not None and now - self._tried_at < self._settings.trial_s:
            return self._open_s
        self._tried_at = now
        return None

    def succeeded(self, took_s: float, now: float) -> None:
        """Note that a call was answered after *took_s*."""
        if took_s > self._settings.slow_s:
            self.failed(now)
        elif self._open_until is None:
            self._calls.append(True)
        else:
            self._close()

    def failed(self, now: float) -> None:
        """Note that a call failed."""
        if self._open_until is not None:
            if self._tried_at is not None:  # or it is a call that began before, and says nothing new
                self._open_s = min(self._open_s * 2, self._settings.open_max_s)
                self._open(now)
            return
        self._calls.append(False)
        failures = len(self._calls) - sum(self._calls)
        if len(self._calls) >= self._settings.least and failures >= self._settings.share * len(self._calls):
            self._open_s = self._settings.open_s
            self._open(now)

    def _open(self, now: float) -> None:
        # Between half and the whole, so that those who were cut off together do not try together.
        self._open_until = now + self._open_s * (0.5 + 0.5 * self._chance())
        self._tried_at = None
        self._calls.clear()
        self.opened += 1

    def _close(self) -> None:
        self._open_until = self._tried_at = None
        self._open_s = self._settings.open_s
        self._calls.clear()
