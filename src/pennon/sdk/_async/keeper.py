"""Keeps a client in order, about once a second: ages, silence, the local store, files that changed."""

import logging
import math
from functools import partial

from pennon.sdk._async.sharing import AsyncSharing
from pennon.sdk._async.upstream import AsyncUpstream
from pennon.sdk._core import Core
from pennon.sdk.config import Config
from pennon.sdk.stores.base import Store, Stored
from pennon.sdk.tasks import AsyncSignal, async_call

_LOG = logging.getLogger("pennon")
_TICK_S = 1.0
_REFRESH_S = 300.0  # a store that says when its state was current must be told so now and then


class AsyncKeeper:
    """Does what is due, until it is stopped."""

    def __init__(
        self, core: Core, config: Config, upstream: AsyncSharing | AsyncUpstream | None, store: Store | None
    ) -> None:
        self._core = core
        self._config = config
        self._store = store
        self._upstream = upstream
        self._stopping = AsyncSignal()
        self._look_at = -math.inf
        self._saved: Stored | None = None
        self._source_problem = ""

    async def run(self) -> None:
        """Keep until `stop`."""
        while not self._stopping.is_set():
            now = self._config.clock.monotonic()
            due_in = self._core.tick(now)
            if self._upstream is not None:
                self._upstream.watch(now)
            await self._look(now)
            await self.save()
            if isinstance(self._upstream, AsyncSharing):
                await self._upstream.sync()
            await self._stopping.wait(min(due_in, _TICK_S))

    def stop(self) -> None:
        """End `run`."""
        self._stopping.set()

    async def save(self, *, last: bool = False) -> None:
        """Put the state in the local store if it changed or was kept long ago, at the *last* in any case."""
        store = self._store
        if store is None or (stored := self._core.storable()) is None or not (last or self._is_news(stored)):
            return
        try:
            await async_call(partial(store.save, stored))
        except OSError as error:
            _LOG.warning("the local store cannot be written: %s", error)
        self._saved = stored

    def _is_news(self, stored: Stored) -> bool:
        last = self._saved or self._core.loaded
        return (
            last is None
            or last.snapshot.position != stored.snapshot.position
            or stored.known_at - last.known_at >= _REFRESH_S
        )

    async def _look(self, now: float) -> None:
        source = self._config.source
        if source is None or source.look_every_s is None or now < self._look_at:
            return
        self._look_at = now + source.look_every_s
        problem = await async_call(source.look)
        if problem != self._source_problem:
            self._source_problem = problem
            self._core.complain(problem)
