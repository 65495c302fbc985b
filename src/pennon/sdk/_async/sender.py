"""Sends what the recorder gathered, now and then, when there is much, and at the end."""

import logging

from pennon.sdk._async.transport import AsyncTransport
from pennon.sdk._core import Core
from pennon.sdk.config import Config
from pennon.sdk.failures import UpstreamFailed
from pennon.sdk.ladder import Failure, FailureKind
from pennon.sdk.tasks import AsyncLock, AsyncSignal

_LOG = logging.getLogger("pennon")
_LONGEST_S = 300.0
_DOUBLINGS = 5


class AsyncSender:
    """Posts batches, one at a time, each until it is taken or refused for good."""

    def __init__(self, core: Core, config: Config, transport: AsyncTransport) -> None:
        self._core = core
        self._config = config
        self._transport = transport
        self._lock = AsyncLock()
        self._wake = AsyncSignal()
        self._stopping = False
        self._failures = 0
        self._wish_s = 0.0

    async def run(self) -> None:
        """Send until `stop`."""
        while not self._stopping:
            await self._wake.wait(self._pause_s())
            self._wake.clear()
            if not self._stopping:
                await self.flush(self._config.timeout_s)

    def wake(self) -> None:
        """Send soon."""
        if not self._failures:
            self._wake.set()

    def stop(self) -> None:
        """End `run`, after what it is sending."""
        self._stopping = True
        self._wake.set()

    def cut(self) -> None:
        """Give up what is being sent now; it stays to be sent again."""
        self._transport.line.close()

    async def flush(self, timeout_s: float) -> bool:
        """Send all there is, for at most about *timeout_s* seconds. Return whether all is sent."""
        until = self._config.clock.monotonic() + timeout_s
        async with self._lock:
            is_old = self._core.has_pending
            while (batch := self._core.pending()) is not None:
                left_s = until - self._config.clock.monotonic()
                if left_s <= 0 or not await self._send(batch.body, left_s):
                    return False
                if not (batch.is_full or is_old):
                    break  # what has happened since is for the next time: on a busy day there is always something
                is_old = False
        return True

    async def _send(self, body: bytes, timeout_s: float) -> bool:
        failure: Failure | None = None
        for url in self._config.urls:
            try:
                share_s = timeout_s / len(self._config.urls)
                await self._transport.post(f"{url}/sdk/v1/events", body, timeout_s=share_s)
            except UpstreamFailed as failed:
                failure = failed.failure
                continue
            self._failures, self._wish_s = 0, 0.0
            self._core.sent()
            return True
        if failure is None:
            return False
        if failure.kind is FailureKind.UNFIT:
            _LOG.warning("%s; this batch of events is lost, and counted as such", failure.message)
            self._core.sent(taken=False)
            return True
        self._failures += 1
        self._wish_s = min(failure.not_before_s or 0.0, _LONGEST_S)
        if self._failures == 1 and not self._stopping:
            _LOG.info("%s; events wait", failure.message)
        return False

    def _pause_s(self) -> float:
        """Return how long to wait: spread by a tenth, so that a fleet started together does not report together."""
        pause: float = self._config.flush_interval_s * 2 ** min(self._failures, _DOUBLINGS)
        return max(self._wish_s, min(pause, _LONGEST_S)) * (0.9 + 0.2 * self._config.chance())
