"""Keeps what is known in the store, and takes it from there: at the start, and from other nodes that share it."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from pennon.edge.kv import KvUnavailable, SpoiledState, StateStore, StoredState
from pennon.edge.replicas import Feed
from pennon.sdk.config import Clock

_log = structlog.get_logger(__name__)
PAUSE_S = 1.0
"""Between two writes: what changes meanwhile is written once."""
CONFIRM_S = 60.0
"""How often the time is written at which a state that does not change was last confirmed."""
LOOK_S = 10.0


class Keeping:
    """Writes *feeds* to *store* when they change. `problem` says what is wrong with the store, empty if nothing is."""

    def __init__(self, store: StateStore, feeds: Mapping[str, Feed], clock: Clock) -> None:
        self.problem = ""
        self.saved = 0
        self.failed = 0
        self._store = store
        self._feeds = feeds
        self._clock = clock
        self._changed: set[str] = set()
        self._wanted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, *, shared_with: Callable[[Feed], bool] | None = None) -> None:
        """Write from now on. With *shared_with*, take what others write of the feeds that it chooses, now and then."""
        self._tasks = [asyncio.create_task(self._save_on()), asyncio.create_task(self._confirm_on())]
        if shared_with is not None:
            self._tasks.append(asyncio.create_task(self._look_on(shared_with)))

    async def close(self) -> None:
        """Write what is not written, and let go of the store."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._changed.update(self._feeds)
        await self._save_changed()
        await self._store.close()

    def changed(self, name: str) -> None:
        """Have the state of *name* written soon."""
        self._changed.add(name)
        self._wanted.set()

    async def names(self) -> list[str]:
        """Return the environments that are kept; none where the store is away."""
        try:
            return await self._store.environments()
        except KvUnavailable as error:
            self._note(f"the store is away: {error}")
            return []

    async def load(self, name: str) -> StoredState | None:
        """Return what is kept of *name*; None for nothing, or nothing that is usable, which is said."""
        try:
            state = await self._store.load(name)
        except KvUnavailable as error:
            self._note(f"the store is away: {error}")
            return None
        except SpoiledState as error:
            self._note(f"{error}; it is fetched from the upstream")
            return None
        return state

    async def forget(self, name: str) -> None:
        """Keep nothing of *name* any more."""
        self._changed.discard(name)
        try:
            await self._store.forget(name)
        except KvUnavailable as error:
            self._note(f"the store is away: {error}")

    async def _save_on(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._save_changed()
            await asyncio.sleep(PAUSE_S)
            if self._changed:
                self._wanted.set()

    async def _confirm_on(self) -> None:
        while True:
            await asyncio.sleep(CONFIRM_S)
            self._changed.update(self._feeds)
            self._wanted.set()

    async def _look_on(self, chosen: Callable[[Feed], bool]) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            for feed in tuple(self._feeds.values()):
                if chosen(feed):
                    await self._look_at(feed)

    async def _look_at(self, feed: Feed) -> None:
        """Take what another node has written: the whole of it only where it is another state."""
        try:
            standing = await self._store.standing(feed.name)
        except KvUnavailable as error:
            self._note(f"the store is away: {error}")
            return
        except SpoiledState as error:
            self._note(f"{error}; it is fetched from the upstream")
            return
        known = feed.replica.snapshot
        if standing is None or (known is not None and standing.position < known.position):
            return
        if known is not None and (standing.position, standing.digest) == (known.position, known.digest):
            feed.confirm(standing.known_at)
        elif (state := await self.load(feed.name)) is not None:
            feed.restore(state.snapshot, state.known_at)

    async def _save_changed(self) -> None:
        for name in tuple(self._changed):
            feed = self._feeds.get(name)
            self._changed.discard(name)
            if feed is not None and not await self._save(feed):
                self._changed.add(name)

    async def _save(self, feed: Feed) -> bool:
        snapshot, known_at = feed.replica.snapshot, feed.known_at()
        if snapshot is None or known_at is None:
            return True
        state = StoredState(feed.name, snapshot, known_at=known_at, confirmed_at=known_at)
        try:
            await self._store.save(state)
        except (KvUnavailable, SpoiledState) as error:
            self.failed += 1
            self._note(f"the store takes nothing: {error}")
            return False
        except Exception as error:  # noqa: BLE001  # boundary: whatever a store does, the node serves on
            _log.exception("a state could not be kept", environment=feed.name)
            self._note(repr(error))
            return True
        self.saved += 1
        self._note("")
        return True

    def _note(self, problem: str) -> None:
        if problem and problem != self.problem:
            _log.warning("what is known cannot be kept, or was not", problem=problem)
        elif not problem and self.problem:
            _log.info("what is known is kept again")
        self.problem = problem
