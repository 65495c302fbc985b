"""Both clients behind one face, so that each scenario of the SDK's tests is written once and holds for both."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pennon import AsyncClient, Client
from pennon.sdk._core import Core
from tests.integration.upstream import KEY, Upstream

QUICK: dict[str, Any] = {"chance": lambda: 0.05, "poll_interval_s": 0.2, "timeout_s": 30.0}
"""Options of a client that does not keep a test waiting."""


class Held:
    """A client of either sort; `flags` is the client itself, the methods are those that wait."""

    def __init__(self, client: Client | AsyncClient, loop: asyncio.AbstractEventLoop | None) -> None:
        self._client = client
        self._loop = loop
        self.flags: Core = client

    def wait_until_ready(self, timeout: float = 60.0) -> bool:
        return bool(self._done(self._client.wait_until_ready(timeout)))

    def flush(self, timeout: float = 60.0) -> bool:
        return bool(self._done(self._client.flush(timeout)))

    def close(self, timeout: float = 30.0) -> None:
        self._done(self._client.close(timeout))

    def _done(self, answer: Any) -> Any:
        if self._loop is None:
            return answer
        return asyncio.run_coroutine_threadsafe(answer, self._loop).result(60)


class Clients:
    """Makes clients of one sort, and closes them."""

    def __init__(self, sort: str) -> None:
        self._made: list[Held] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        if sort == "async":
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
            self._thread.start()

    def __call__(self, upstream: Upstream | list[Upstream] | None = None, **options: Any) -> Held:
        """Return a client of *upstream*, quick unless *options* say otherwise."""
        if isinstance(upstream, list):
            options["url"] = [each.url for each in upstream]
        elif upstream is not None:
            options["url"] = upstream.url
        options = {"key": KEY if upstream else None} | QUICK | options
        if self._loop is None:
            held = Held(Client(**options), None)
        else:
            held = Held(asyncio.run_coroutine_threadsafe(_made(options), self._loop).result(60), self._loop)
        self._made.append(held)
        return held

    def close(self) -> None:
        for held in self._made:
            held.close()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


async def _made(options: dict[str, Any]) -> AsyncClient:
    return AsyncClient(**options)


@contextmanager
def clients(sort: str) -> Iterator[Clients]:
    made = Clients(sort)
    try:
        yield made
    finally:
        made.close()


both = pytest.mark.parametrize("sort", ["sync", "async"])
