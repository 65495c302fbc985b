"""How long what was broken took to be whole again: noted by tests, shown at the end of a run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

RECOVERY = "recovery"


class Recoveries:
    """Times recoveries of one test, for the report."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._node = request.node

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Time what happens inside, and note it as *what*."""
        started = time.monotonic()
        yield
        self._node.user_properties.append((RECOVERY, (what, time.monotonic() - started)))
