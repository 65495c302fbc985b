"""Where a run stands, and when it is likely to end: one line that is written anew, or a line now and then in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_WIDTH = 30
_IN_A_LOG_S = 60.0
_ON_A_SCREEN_S = 0.2


class Progress:
    """A run that takes about *expected_s* in all. How it gets on corrects that."""

    def __init__(self, expected_s: float) -> None:
        self._expected_s = expected_s
        self._done_s = 0.0
        self._began = time.monotonic()
        self._told_at = 0.0
        self._is_screen = sys.stdout.isatty()

    @contextmanager
    def step(self, what: str, expected_s: float) -> Iterator["Step"]:
        """Do *what*, which takes about so long."""
        step = Step(self, what, expected_s)
        self.tell(step, 0.0, is_new=True)
        yield step
        self._done_s += expected_s
        if self._is_screen:
            print("\r\033[K", end="", flush=True)

    def tell(self, step: "Step", share: float, *, is_new: bool = False) -> None:
        """Say that so much of *step* is done, if that was not said just now."""
        now = time.monotonic()
        if not is_new and now - self._told_at < (_ON_A_SCREEN_S if self._is_screen else _IN_A_LOG_S):
            return
        self._told_at = now
        done_s = min(self._done_s + share * step.expected_s, self._expected_s)
        took_s = now - self._began
        pace = took_s / done_s if done_s > 0 else 1.0
        left_s = (self._expected_s - done_s) * pace
        filled = round(_WIDTH * done_s / self._expected_s)
        bar = "█" * filled + "░" * (_WIDTH - filled)
        line = f"{bar} {100 * done_s / self._expected_s:3.0f} %, {_shown(left_s)} left: {step.what}"
        print(f"\r\033[K{line}" if self._is_screen else line, end="" if self._is_screen else "\n", flush=True)


class Step:
    """A part of a run."""

    def __init__(self, progress: Progress, what: str, expected_s: float) -> None:
        self.what = what
        self.expected_s = expected_s
        self._progress = progress

    def done(self, share: float) -> None:
        """Say that so much of it is done, between 0 and 1."""
        self._progress.tell(self, min(1.0, share))


def _shown(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
