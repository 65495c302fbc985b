"""What the loops wait on and run in, for tasks of an event loop. `pennon.sdk.threads` has the same for threads.

The two are the only hand-written twins of the SDK: where one awaits, `scripts/generate.py` takes the `await` away.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

from pennon.sdk.failures import LineCut

_LOG = logging.getLogger("pennon")
_RESTART_S = 1.0

Result = TypeVar("Result")

AsyncLoop: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
AsyncLock = asyncio.Lock


class AsyncSignal:
    """Something to wait for, which any thread may give."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._given = False

    def is_set(self) -> bool:
        """Return whether it was given and not cleared."""
        return self._given

    def set(self) -> None:
        """Wake who waits."""
        self._given = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._event.set)

    def clear(self) -> None:
        """Be ready for the next time."""
        self._given = False
        self._event.clear()

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is given, at most *timeout_s* seconds. Return whether it is."""
        if not self._given and (timeout_s is None or timeout_s > 0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):  # `wait_for` of Python 3.11 may lose a cancellation
                    await self._event.wait()
        return self._given


class AsyncBell:
    """Something to wait for that any thread may give, or another process by way of the file *handle*, if there is one.

    Who wakes clears it.
    """

    def __init__(self, handle: int | None) -> None:
        self._signal = AsyncSignal()
        self._handle = handle
        self.ring = self._signal.set
        self._loop = asyncio.get_running_loop()

    async def wait(self, timeout_s: float) -> None:
        """Wait until it is given, at most *timeout_s* seconds. What can be read from the handle is left to be read."""
        if self._handle is not None:
            self._loop.add_reader(self._handle, self._read)
        try:
            await self._signal.wait(timeout_s)
        finally:
            self.close()
        self._signal.clear()

    def _read(self) -> None:
        self.close()  # the loop would call again and again until somebody has read
        self._signal.set()

    def close(self) -> None:
        """Let nobody wait any more. The handle is its owner's to close."""
        if self._handle is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._handle)

    def forget(self) -> None:
        """Do nothing: in a forked process this would take the handle out of the parent's loop."""


class AsyncLoops:
    """Background loops as tasks of the running event loop. One that raises is reported and started again.

    `release` is called if somebody else cancels them, as `asyncio.run` does at its end with whatever still runs.
    """

    def __init__(self, release: AsyncLoop) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._release = release
        self._stopping = False

    def start(self, loops: Mapping[str, AsyncLoop]) -> None:
        """Start *loops*, by their names."""
        self._tasks = [asyncio.create_task(self._keep(loop), name=name) for name, loop in loops.items()]

    async def stop(self, timeout_s: float) -> bool:
        """Wait at most *timeout_s* seconds for the loops to end, then end them. Return whether all are over."""
        self._stopping = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        return True

    async def _keep(self, loop: AsyncLoop) -> None:
        while True:
            try:
                return await loop()
            except asyncio.CancelledError:
                if not self._stopping:
                    await self._release()
                raise
            except Exception:  # noqa: BLE001  # boundary: a background loop outlives what it does
                _LOG.exception("a background task failed and starts again")
            await asyncio.sleep(_RESTART_S)


class AsyncLifeline:
    """Encloses waiting on the network, so that others may end it: what then waits raises `LineCut`."""

    def __init__(self) -> None:
        self._scopes: list[asyncio.Timeout] = []
        self._closed = False

    def extensions(self) -> dict[str, Any]:
        """Return what requests must carry for this to work."""
        return {}

    def cut(self) -> None:
        """End what is waited for now."""
        now = asyncio.get_running_loop().time()
        for scope in self._scopes:
            if not scope.expired():
                scope.reschedule(now)

    def close(self) -> None:
        """End what is waited for now, and let nothing begin any more."""
        self._closed = True
        self.cut()

    async def __aenter__(self) -> "AsyncLifeline":
        if self._closed:
            raise LineCut
        scope = asyncio.timeout(None)
        await scope.__aenter__()
        self._scopes.append(scope)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._scopes.pop().__aexit__(kind, error, traceback)
        except TimeoutError as late:
            raise LineCut from late


async def async_call(function: Callable[[], Result]) -> Result:
    """Call *function*, which may take a while on the disk, without holding up the event loop."""
    return await asyncio.to_thread(function)


def async_can_start() -> bool:
    """Return whether loops can be started here: tasks need a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
