"""How much of the admin API's work is done at a time, by its kind, so that what must not wait never waits for the rest.

Turning a flag off and signing in have lanes of their own. All else shares one: writes go before reads, and what is
large may take but a little of it. A few wait for a moment, and whoever comes then is refused at once.
"""

import asyncio
from collections import Counter
from enum import StrEnum

import msgspec


class Work(StrEnum):
    """A kind of request. In the shared lane the first that waits goes first."""

    KILL = "kill"
    SIGN_IN = "signIn"
    WRITE = "write"
    LARGE = "large"
    READ = "read"


_OWN = frozenset({Work.KILL, Work.SIGN_IN})
_SHARED = tuple(work for work in Work if work not in _OWN)


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests are worked on at once, in the shared lane and in the others, and how many may wait how long."""

    shared: int = 8
    large: int = 2
    kill: int = 4
    sign_in: int = 2
    waiting: int = 64
    wait_s: float = 1.0

    @property
    def together(self) -> int:
        """How many are worked on at once in all: so many threads they take."""
        return self.shared + self.kill + self.sign_in

    def most(self, work: Work) -> int:
        """Return how many requests of one kind are worked on at once."""
        return {
            Work.KILL: self.kill,
            Work.SIGN_IN: self.sign_in,
            Work.WRITE: self.shared,
            Work.LARGE: min(self.large, self.shared),
            # A quarter is left for writes, however many read.
            Work.READ: max(1, self.shared - self.shared // 4),
        }[work]


class Lanes:
    """Lets requests in and out. Belongs to one event loop."""

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self._running: Counter[Work] = Counter()
        self._waiting: dict[Work, list[asyncio.Future[bool]]] = {work: [] for work in Work}

    def running(self, work: Work) -> int:
        """Return how many requests of one kind are worked on now."""
        return self._running[work]

    async def enter(self, work: Work) -> bool:
        """Return whether a request may be worked on, after a moment at most. Then `leave` must be called for it."""
        if self._has_room(work):  # then nobody waits for it: whoever leaves lets in all whom there is room for
            self._running[work] += 1
            return True
        if not self._may_wait(work):
            return False
        mine: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[work].append(mine)
        try:
            async with asyncio.timeout(self._sizes.wait_s):
                return await asyncio.shield(mine)
        except TimeoutError:
            return self._given_up(work, mine)
        except asyncio.CancelledError:
            if self._given_up(work, mine):
                self.leave(work)
            raise

    def leave(self, work: Work) -> None:
        """Note that a request is worked on no more, and let in whoever waits for that."""
        self._running[work] -= 1
        for each in Work:
            waiting = self._waiting[each]
            while waiting and self._has_room(each):
                self._running[each] += 1
                waiting.pop(0).set_result(True)

    def _has_room(self, work: Work) -> bool:
        if self._running[work] >= self._sizes.most(work):
            return False
        return work in _OWN or sum(self._running[each] for each in _SHARED) < self._sizes.shared

    def _may_wait(self, work: Work) -> bool:
        lane = (work,) if work in _OWN else _SHARED
        if sum(len(self._waiting[each]) for each in lane) < self._sizes.waiting:
            return True
        for later in reversed(lane[lane.index(work) + 1 :]):  # who came last of those whose turn is last makes place
            if self._waiting[later]:
                self._waiting[later].pop().set_result(False)
                return True
        return False

    def _given_up(self, work: Work, mine: asyncio.Future[bool]) -> bool:
        if mine.done():  # it was let in, or refused, in the same moment
            return mine.result()
        self._waiting[work].remove(mine)
        return False
