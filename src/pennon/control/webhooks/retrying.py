"""When a delivery is tried again, and when a webhook is left alone for a while. Pure: time and chance are arguments."""

from datetime import datetime, timedelta

import msgspec

FIRST = timedelta(seconds=5)
LONGEST = timedelta(hours=3)
UNTIL = timedelta(hours=24)
"""So long after it happened, a delivery is tried for the last time."""
FAILURES = 5
"""After so many in a row the circuit opens: nothing is tried until it closes by a half, for one try."""
OPEN_FIRST = timedelta(seconds=30)
OPEN_LONGEST = timedelta(minutes=15)
LONGEST_RETRY_AFTER = timedelta(hours=6)


class Circuit(msgspec.Struct, frozen=True):
    """How a webhook's endpoint has been doing: failures in a row, and until when it is left alone."""

    failures: int = 0
    open_until: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Return whether nothing may be tried now. Past its time one try decides."""
        return self.open_until is not None and now < self.open_until

    def succeeded(self) -> "Circuit":
        """Return it after a success."""
        return Circuit()

    def failed(self, now: datetime, chance: float) -> "Circuit":
        """Return it after one failure more. *chance*, from 0 up to 1, spreads the times of several webhooks."""
        failures = self.failures + 1
        if failures < FAILURES:
            return Circuit(failures)
        longest = _doubled(OPEN_FIRST, failures - FAILURES, OPEN_LONGEST)
        return Circuit(failures, now + longest * (0.5 + chance / 2))


def next_try(
    attempts: int, now: datetime, until: datetime, *, chance: float, retry_after: timedelta | None = None
) -> datetime | None:
    """Return when a delivery that failed *attempts* times is tried again; None: never, it is dead.

    The wait is drawn from nothing up to twice as much as the time before (full jitter), and is not shorter than
    *retry_after*, within reason. A last try is made at *until*.
    """
    if now >= until:
        return None
    wait = _doubled(FIRST, attempts - 1, LONGEST) * chance
    if retry_after is not None:
        wait += min(max(retry_after, timedelta()), LONGEST_RETRY_AFTER)
    return min(now + wait, until)


def _doubled(first: timedelta, times: int, longest: timedelta) -> timedelta:
    return min(first * (1 << min(max(times, 0), 30)), longest)
