"""Finds flags that change all the time: a program in a loop, two operators who disagree, an import run too often."""

from collections import deque
from collections.abc import Iterable

CHANGES = 10
"""More changes than this within a minute are worth a warning."""
_MINUTE_S = 60.0


class RestlessFlags:
    """Says which flags changed more than ten times within a minute, each at most once a minute."""

    def __init__(self) -> None:
        self._changes: dict[str, deque[float]] = {}
        self._said: dict[str, float] = {}

    def changed(self, flags: Iterable[str], now: float) -> list[str]:
        """Note that *flags* changed at *now*; return those to warn of."""
        return [flag for flag in flags if self._is_restless(flag, now)]

    def tick(self, now: float) -> None:
        """Forget what was more than a minute ago."""
        for flag in [flag for flag, times in self._changes.items() if now - times[-1] > _MINUTE_S]:
            del self._changes[flag]
            self._said.pop(flag, None)

    def _is_restless(self, flag: str, now: float) -> bool:
        times = self._changes.setdefault(flag, deque(maxlen=CHANGES + 1))
        times.append(now)
        if len(times) <= CHANGES or now - times[0] > _MINUTE_S or now - self._said.get(flag, -_MINUTE_S) < _MINUTE_S:
            return False
        self._said[flag] = now
        return True
