"""Keeps a node below its memory limit: cools it when it comes near, and looks after the files that items lie in."""

import asyncio
import contextlib
import ctypes
import gc
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from pennon.edge.tiers.housing import Housing, house_of
from pennon.model import Snapshot

_log = structlog.get_logger(__name__)
TEND_S = 1.0
COOL_S = 10.0
"""So long is between two coolings: one that did not help will not help the next second either."""
HEAL_S = 10.0
_NEAR = 0.95
GROWN = 64 * 1024**2
"""A file that grew by this, and by more than it had at first, is written anew."""
_STATM = Path("/proc/self/statm")


class Held(Protocol):
    """An environment as the node knows it."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def snapshot(self) -> Snapshot | None:
        """What is known."""

    def rehouse(self, snapshot: Snapshot) -> bool:
        """Hold *snapshot* in place of what is held, if it says the same; return whether it does."""


class Warm(Protocol):
    """An environment as the node serves it."""

    def cool(self) -> None:
        """Let go of all that can be made again."""


def resident() -> int | None:
    """Return how many bytes of memory this process has, None where the system does not say."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def returned() -> None:
    """Give memory that is free back to the system, where the C library has a way to do it."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class Tending:
    """Looks after a node with a memory *limit*. `heal` is asked to bring an environment whose file is damaged."""

    def __init__(
        self,
        limit: int,
        housing: Housing,
        *,
        held: Callable[[], Sequence[Held]],
        warm: Callable[[], Sequence[Warm]],
        heal: Callable[[str], Awaitable[None]],
        used: Callable[[], int | None] = resident,
    ) -> None:
        self.limit = limit
        self.cooled = 0
        """How often it was near the limit."""
        self.problem = ""
        self._housing = housing
        self._held = held
        self._warm = warm
        self._heal = heal
        self._used = used
        self._not_before: dict[str, float] = {}

    async def run(self, now: Callable[[], float]) -> None:
        """Look after it until cancelled."""
        while True:
            await asyncio.sleep(TEND_S)
            try:
                await self.tend(now())
            except Exception:  # noqa: BLE001  # the background loop must survive a disk that is full or gone
                _log.warning("the memory limit cannot be looked after", exc_info=True)

    async def tend(self, now: float) -> None:
        """Do what is to be done at *now*."""
        for held in self._held():
            await self._look_at(held, now)
        self._cool(now)

    async def _look_at(self, held: Held, now: float) -> None:
        snapshot = held.snapshot
        house = None if snapshot is None else house_of(snapshot)
        if snapshot is None or house is None:
            return
        if house.is_damaged:
            if self._is_time(f"heal {held.name}", now, HEAL_S):
                _log.error(
                    "what is kept on disk for memory's sake is damaged: it is fetched anew", environment=held.name
                )
                await self._heal(held.name)
        elif house.grown > max(GROWN, house.size) and self._is_time(f"rehouse {held.name}", now, HEAL_S):
            housed = await asyncio.to_thread(self._housing.house, snapshot)
            if held.snapshot is snapshot and not held.rehouse(housed):
                _log.warning("a file could not be written anew", environment=held.name)

    def _cool(self, now: float) -> None:
        used = self._used()
        if used is None or used < _NEAR * self.limit:
            self.problem = ""
            return
        if not self._is_time("cool", now, COOL_S):
            return
        for environment in self._warm():
            environment.cool()
        returned()
        self.cooled += 1
        after = self._used() or 0
        _log.info("the node was near its memory limit", limit=self.limit, before=used, after=after)
        if after >= self.limit:
            self.problem = f"{after} bytes of memory are used, and the limit is {self.limit}: raise it"
            _log.warning("the memory limit cannot be kept", limit=self.limit, used=after)

    def _is_time(self, what: str, now: float, pause_s: float) -> bool:
        if now < self._not_before.get(what, now):
            return False
        self._not_before[what] = now + pause_s
        return True
