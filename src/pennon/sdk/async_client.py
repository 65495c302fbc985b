"""The SDK's asynchronous client: a `Core` with its loops."""

import atexit
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Unpack

from pennon.sdk._async.running import AsyncRunning
from pennon.sdk._core import Core
from pennon.sdk.config import Options, configure
from pennon.sdk.ladder import Ladder
from pennon.sdk.lifecycle import async_at_exit, async_before_fork, at_multiprocessing_exit, on_fork
from pennon.sdk.stores.base import Store
from pennon.sdk.stores.loading import load
from pennon.sdk.tasks import async_can_start


class AsyncClient(Core):
    """Follows an environment and evaluates its flags in this process.

    *url* is where the server is, several in the order of preference; *key* a server key. `PENNON_URL` and `PENNON_KEY`
    stand in for them. *file* serves flags from a JSON or YAML file instead. *store* is a file in which the last known
    state is kept, so that the next start has flags although the server is dead; processes of a host that name the same
    one share one stream. `PENNON_STORE` stands in for it. `Options` has the rest.

    Evaluating never waits, never raises and needs no lock. Whatever happens to the server, what was known is served.
    Raises `InvalidConfiguration` where it is told what cannot be.
    """

    def __init__(
        self,
        url: str | Sequence[str] | None = None,
        *,
        key: str | None = None,
        file: str | os.PathLike[str] | None = None,
        store: str | os.PathLike[str] | Store | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(configure(url, key=key, file=file, store=store, options=options))
        self._running: AsyncRunning | None = None
        self._closed = False
        self._left_behind: list[AsyncRunning] = []
        self._reports_in_children = False
        self._ladder = self._new_ladder()
        if (stored := load(self._config.store)) is not None:
            self.remember(stored)
        if self._config.source is not None:
            self._config.source.attach(self.adopt)
        on_fork(self._before_fork, self._after_fork_in_parent, self._resume_in_child)
        self._at_exit = async_at_exit(self, self._config)
        if async_can_start():
            self.start()

    def start(self) -> None:
        """Begin to follow. Happens by itself, except for an `AsyncClient` made while no event loop runs."""
        if self._running is None and not self._closed:
            self._running = AsyncRunning(self, self._config, self._ladder)
            self._settle(self._config.clock.monotonic())

    async def wait_until_ready(self, timeout: float | None = None) -> bool:
        """Wait until flags are known, at most *timeout* seconds. Return whether they are.

        Optional: evaluation answers from the first moment, with the callers' defaults until then. A refused key ends
        the waiting early; `status().problem` has the cause.
        """
        self.start()
        if self._running is not None and (self._config.urls or self._config.source):
            await self._running.settled.wait(timeout)
        return self._is_ready()

    async def flush(self, timeout: float = 10.0) -> bool:
        """Report now what was counted, seen and measured. Return whether all of it arrived within *timeout* seconds."""
        self.start()
        return True if self._running is None else await self._running.flush(timeout)

    async def close(self, timeout: float = 5.0) -> None:
        """Stop following and report what is left, within *timeout* seconds. What is known goes on being served."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self._at_exit)
        if self._config.source is not None:
            self._config.source.detach(self.adopt)
        running, self._running = self._running, None
        if running is not None:
            await running.close(timeout)

    async def __aenter__(self) -> "AsyncClient":
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def _new_ladder(self) -> Ladder:
        return Ladder(self._config.pace, upstreams=len(self._config.urls), chance=self._config.chance)

    def _settled(self) -> None:
        if self._running is not None:
            self._running.settled.set()

    def _wake_sender(self) -> None:
        if self._running is not None:
            self._running.wake_sender()

    # Forks: the loops of the parent do not exist in the child, and its connections are not the child's to use.

    def _before_fork(self) -> None:
        if not self._reports_in_children:
            self._reports_in_children = at_multiprocessing_exit(self, self._at_exit)
        if self._running is not None:
            async_before_fork(self._running)
        self._lock.acquire()

    def _after_fork_in_parent(self) -> None:
        self._lock.release()
        if self._running is not None and self._running.is_stopped:
            self._running = None
            self.start()

    def _resume_in_child(self) -> None:
        self._after_fork_in_child()
        if self._running is not None:
            # Kept, not closed: closing would end the parent's connections in an orderly way.
            self._running.forget()
            self._left_behind.append(self._running)
            self._running = None
            self._ladder = self._new_ladder()
            if async_can_start():
                self.start()
