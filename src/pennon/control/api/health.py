"""`/healthz`, `/readyz` and `/metrics`: what those who run the server ask it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import msgspec
from litestar import Response, get
from litestar.types import ControllerRouterHandler

from pennon.control.api.authentication import Guard
from pennon.control.api.metrics import HttpMetrics
from pennon.control.api.routes import PERMISSION
from pennon.control.mounting import Mounted

_REMEMBERED_S = 0.5


class Health(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How the server is. `waiting_for` says what keeps it from serving."""

    status: Literal["alive", "ready", "not ready"]
    waiting_for: tuple[str, ...] = ()


class Readiness:
    """Asks each check what is still missing; an answer is remembered for half a second, for anybody may ask.

    A check returns None, or what is missing. One that takes longer than *timeout_s* counts as missing.
    """

    def __init__(self, checks: Sequence[Callable[[], Awaitable[str | None]]], *, timeout_s: float = 5.0) -> None:
        self._checks = checks
        self._timeout_s = timeout_s
        self._answer: tuple[str, ...] = ()
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def missing(self) -> tuple[str, ...]:
        """Return what keeps the server from serving; nothing where it can."""
        async with self._asking:
            if time.monotonic() - self._asked_at > _REMEMBERED_S:
                answers = await asyncio.gather(*(self._ask(check) for check in self._checks))
                self._answer = tuple(answer for answer in answers if answer is not None)
                self._asked_at = time.monotonic()
            return self._answer

    async def _ask(self, check: Callable[[], Awaitable[str | None]]) -> str | None:
        try:
            return await asyncio.wait_for(check(), self._timeout_s)
        except TimeoutError:
            return f"an answer within {self._timeout_s:g} s"


def health_routes(
    readiness: Readiness, metrics: HttpMetrics, *, metrics_guard: Guard | None
) -> list[ControllerRouterHandler]:
    """Return the handlers. `/metrics` needs what *metrics_guard* needs; None opens it to everybody."""

    @get("/healthz", include_in_schema=False)
    async def healthz() -> Health:
        """Say that the process is alive."""
        return Health("alive")

    @get("/readyz", include_in_schema=False)
    async def readyz() -> Response[Health]:
        """Say whether the server can serve now."""
        missing = await readiness.missing()
        health = Health("not ready", missing) if missing else Health("ready")
        return Response(health, status_code=503 if missing else 200, headers={"Cache-Control": "no-store"})

    @get("/metrics", include_in_schema=False, opt={PERMISSION: "read"})
    async def show_metrics() -> Response[bytes]:
        """Show what Prometheus scrapes."""
        body, media_type = await metrics.exposition()
        return Response(body, headers={"Content-Type": media_type})

    # A guard of the route's own would leave its OPTIONS open.
    guarded = Mounted("/", route_handlers=[show_metrics], guards=[metrics_guard] if metrics_guard else [])
    return [healthz, readyz, guarded]
