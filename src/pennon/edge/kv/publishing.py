"""Keeps what workers read up to date: what changed is published soon, the newest only, and again where that fails.

What did not change can be published again now and then: how old it is is part of what is published.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from pennon.edge.kv.base import KvError, KvUnavailable
from pennon.edge.kv.cloudflare import Document, TooLarge, pause
from pennon.model import Position

_log = structlog.get_logger(__name__)
PAUSE_S = 1.0
"""Between two writes: Workers KV takes one a second of a key."""


class Target(Protocol):
    """Where documents go."""

    async def position(self, environment: str, projection: str) -> Position | None:
        """Return where the published document stands, None for none."""

    async def write(self, documents: Sequence[Document]) -> list[Document]:
        """Publish *documents*; return those that were not written."""

    async def close(self) -> None:
        """Let go of connections."""


class Publishing:
    """Publishes what *source* gives of an environment, its projections as they are then. `problem` says what is wrong.

    A document never takes the place of a later one: where the published ones stand is read once, and known from then on
    by what is written. So one node publishes to a namespace; a second one, if there is, only adds requests.
    """

    def __init__(
        self,
        target: Target,
        source: Callable[[str], Sequence[Document]],
        *,
        pause_s: float = PAUSE_S,
        confirm_s: float | None = None,
    ) -> None:
        self.problem = ""
        self.published = 0
        self._target = target
        self._source = source
        self._pause_s = pause_s
        self._confirm_s = confirm_s
        self._done_at: dict[str, float] = {}
        self._changed: set[str] = set()
        self._wanted = asyncio.Event()
        self._standing: dict[str, Position | None] = {}
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Publish from now on."""
        self._task = asyncio.create_task(self._publish_on())

    def changed(self, environment: str) -> None:
        """Have *environment* published soon. What changes meanwhile is published once."""
        self._changed.add(environment)
        self._wanted.set()

    async def close(self) -> None:
        """Publish no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._target.close()

    async def _publish_on(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._until_confirming(now())):
                    await self._wanted.wait()
            self._wanted.clear()
            due, self._changed = self._changed | self._unconfirmed(now()), set()
            await asyncio.sleep(await self._tried(due))
            self._done_at.update(dict.fromkeys(due - self._changed, now()))
            if self._changed:
                self._wanted.set()

    def _until_confirming(self, now: float) -> float | None:
        """Return for how long nothing is to be published again, None for ever."""
        if self._confirm_s is None or not self._done_at:
            return None
        return max(0.0, min(self._done_at.values()) + self._confirm_s - now)

    def _unconfirmed(self, now: float) -> set[str]:
        if self._confirm_s is None:
            return set()
        return {name for name, at in self._done_at.items() if now - at >= self._confirm_s}

    async def _tried(self, due: set[str]) -> float:
        """Publish what is *due*; return for how long to wait."""
        try:
            failed = await self._publish(due)
        except TooLarge as error:
            self._note(str(error))  # no second try will do better; the next change may
            return self._pause_s
        except KvError as error:
            return self._failed(due, error)
        except Exception as error:  # noqa: BLE001  # the background loop must survive whatever the network does
            _log.exception("a document could not be published")
            return self._failed(due, KvUnavailable(repr(error)))
        if failed:
            return self._failed({document.environment for document in failed}, KvUnavailable("some keys were refused"))
        self._failures = 0
        self._note("")
        return self._pause_s

    async def _publish(self, due: set[str]) -> list[Document]:
        documents = [document for environment in sorted(due) for document in self._source(environment)]
        later = [document for document in documents if await self._is_later(document)]
        if not later:
            return []
        failed = await self._target.write(later)
        for document in later:
            if document not in failed:
                self._standing[document.name] = document.position
                self.published += 1
        return failed

    async def _is_later(self, document: Document) -> bool:
        if document.name not in self._standing:
            position = await self._target.position(document.environment, document.projection)
            self._standing[document.name] = position
            return position is None or position <= document.position  # what stands there may have other overrides
        known = self._standing[document.name]
        return known is None or known <= document.position

    def _failed(self, due: set[str], error: KvError) -> float:
        self._changed |= due
        self._failures += 1
        self._note(str(error))
        return max(self._pause_s, pause(self._failures, error))

    def _note(self, problem: str) -> None:
        if problem and problem != self.problem:
            _log.warning("what workers read is not up to date", problem=problem)
        elif not problem and self.problem:
            _log.info("what workers read is up to date again")
        self.problem = problem
