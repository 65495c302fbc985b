"""The demo's simulated services: each evaluates flags for customers through a real SDK client, in its own thread."""

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

from pennon import Client
from pennon.model import Json

_PAUSE_S = 0.02
_BATCH = 12
REMEMBERED = 1200


class Service:
    """One simulated service. `served` remembers its last answers, `arrivals` when it had which revision."""

    def __init__(
        self, name: str, asks: Sequence[tuple[str, Json]], client: Client, customers: Sequence[Mapping[str, Any]]
    ) -> None:
        self.name = name
        self.client = client
        self.evaluations = 0
        self.served: Mapping[str, deque[str]] = {flag: deque(maxlen=REMEMBERED) for flag, _ in asks}
        self.arrivals: deque[tuple[int, float]] = deque(maxlen=200)
        self._asks = asks
        self._customers = customers
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"demo-{name}", daemon=True)

    def start(self) -> None:
        """Start to evaluate."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and close the client, which sends what it counted."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=2)
        self.client.close()

    def arrived(self, revision: int) -> None:
        """Note that *revision* is now what this service evaluates."""
        self.arrivals.append((revision, time.monotonic()))

    def arrival_of(self, revision: int) -> float | None:
        """Return when (monotonic) this service had *revision* or a later one, None if not yet."""
        return next((at for known, at in list(self.arrivals) if known >= revision), None)

    def shares(self, flag: str) -> Counter[str]:
        """Return how often each variation of *flag* was served of late."""
        return Counter(list(self.served[flag]))

    def _run(self) -> None:
        chance = random.Random(self.name)
        while not self._stopping.wait(_PAUSE_S):
            for _ in range(_BATCH):
                context = chance.choice(self._customers)
                for flag, default in self._asks:
                    result = self.client.evaluation(flag, context, default=default)
                    self.served[flag].append(result.variation or "(default)")
                    self.evaluations += 1
