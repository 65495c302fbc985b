"""How often somebody may ask: a bucket of tokens for each caller, filled at a steady rate. Time is an argument."""

import math
from collections import OrderedDict
from collections.abc import Hashable

import msgspec


class Standing(msgspec.Struct, frozen=True):
    """How a caller stands after asking. Seconds until all is as at first; and, where it was refused, until a try."""

    allowed: bool
    remaining: int
    whole_in_s: float
    again_in_s: float = 0.0


class Rates:
    """Lets each caller ask *burst* times at once and *rate* times a second in the long run.

    The generic cell rate algorithm (ITU-T I.371): one time a caller, by which what it asked so far is paid for. Of
    callers the *most* who asked last are known. Who is forgotten begins anew, and was mostly whole by then.
    """

    def __init__(self, rate: float, burst: int, *, most: int = 10_000) -> None:
        self._cost_s = 1 / rate
        self._burst = burst
        self._most = most
        self._paid_at: OrderedDict[Hashable, float] = OrderedDict()

    @property
    def policy(self) -> str:
        """The quota, as in the header `RateLimit-Policy`."""
        return f'"api";q={self._burst};w={math.ceil(self._burst * self._cost_s)}'

    def ask(self, caller: Hashable, now: float) -> Standing:
        """Note that *caller* asks at *now* (seconds), and return how it stands. What is refused costs nothing."""
        start = max(self._paid_at.get(caller, now), now)
        paid_at, whole_s = start + self._cost_s, self._burst * self._cost_s
        over_s = paid_at - now - whole_s
        if over_s > 1e-9:  # what adding fractions of seconds leaves over is nobody's fault
            return Standing(allowed=False, remaining=0, whole_in_s=start - now, again_in_s=over_s)
        self._paid_at[caller] = paid_at
        self._paid_at.move_to_end(caller)
        if len(self._paid_at) > self._most:
            self._paid_at.popitem(last=False)
        remaining = math.floor((whole_s - (paid_at - now)) / self._cost_s + 1e-6)
        return Standing(allowed=True, remaining=remaining, whole_in_s=paid_at - now)
