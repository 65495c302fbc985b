"""Asks the upstreams which environments there are: now and then, and when a stream has ended."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from pennon.edge.circuits import CircuitCalls, Circuits
from pennon.edge.listing import Listing, Membership, read_listing
from pennon.sdk._async.transport import AsyncTransport
from pennon.sdk.config import Config
from pennon.sdk.failures import UpstreamFailed
from pennon.sdk.ladder import Failure, FailureKind

_log = structlog.get_logger(__name__)
LIST_S = 10.0
SOONEST_S = 0.5
"""Strangers with keys that nobody knows have the upstreams asked no more often than this."""
FAILED_S = 2.0
REFRESH_S = 2.0


class Discovery:
    """Follows *membership*; *took* is called after each answer, with all that were listed in it."""

    def __init__(
        self,
        config: Config,
        circuits: Circuits,
        membership: Membership,
        took: Callable[[Listing], None],
        *,
        every_s: float = LIST_S,
    ) -> None:
        self.membership = membership
        self.failure: Failure | None = None
        self.is_tried = asyncio.Event()
        """Set once an upstream has answered, or all have failed."""
        self._config = config
        self._took = took
        self._every_s = every_s
        self._now = config.clock.monotonic
        self._complete_at = self._answered_from = float("-inf")
        self._is_asked = asyncio.Event()
        self._wanted = asyncio.Event()
        self._transport = AsyncTransport(config, CircuitCalls(circuits))
        self._task = asyncio.create_task(self._run())

    @property
    def is_current(self) -> bool:
        """Whether an upstream that knows has lately said which environments there are, and none was unsure since."""
        return self._now() - self._complete_at < 3 * self._every_s

    def ask_soon(self) -> None:
        """Ask again now: something has happened."""
        self._wanted.set()

    async def refresh(self) -> bool:
        """Return when the upstreams were asked from now on: whoever asks meanwhile waits for the same answer.

        Where they answer nothing soon, nobody knows whether there are others.
        """
        asked = self._now()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REFRESH_S):
                while self._answered_from < asked:
                    self._is_asked.clear()
                    self.ask_soon()
                    await self._is_asked.wait()
        if self._answered_from < asked:
            self._complete_at = float("-inf")
        return True

    async def close(self) -> None:
        """Ask no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._transport.close()

    async def _run(self) -> None:
        while True:
            self._wanted.clear()
            began = self._now()
            try:
                await self._ask_all()
            except Exception:  # noqa: BLE001  # boundary: a background loop outlives what it does
                _log.exception("the list of environments could not be taken")
            self._answered_from = began
            self._is_asked.set()
            self.is_tried.set()
            await asyncio.sleep(SOONEST_S)
            apart_s = self._every_s if self.failure is None else min(self._every_s, FAILED_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(apart_s * (0.75 + 0.5 * self._config.chance())):
                    await self._wanted.wait()

    async def _ask_all(self) -> None:
        """Ask the upstreams in their order, until one has all that is known."""
        failure = None
        for url in self._config.urls:
            try:
                listing = await self._ask(url)
            except UpstreamFailed as failed:
                failure = failed.failure
                continue
            failure = None
            self._take(url, listing)
            if not self.membership.missing(listing):
                break
        self._note(failure)

    async def _ask(self, url: str) -> Listing:
        answer = await self._transport.get(f"{url}/sdk/v1/environments", {}, {})
        if (listing := read_listing(answer.body)) is None:
            raise UpstreamFailed(Failure(FailureKind.BROKEN, f"{url} answered something else than its environments"))
        return listing

    def _take(self, url: str, listing: Listing) -> None:
        self.membership.take(url, listing)
        self._complete_at = self._now() if listing.complete else float("-inf")
        self._took(listing)

    def _note(self, failure: Failure | None) -> None:
        """Say what went wrong once until all is well."""
        before, self.failure = self.failure, failure
        if failure is not None and (before is None or before.kind is not failure.kind):
            log = _log.error if failure.kind is FailureKind.REFUSED else _log.warning
            log("no upstream says which environments there are; what is known is served", problem=failure.message)
        elif failure is None and before is not None:
            _log.info("the upstreams answer again")
