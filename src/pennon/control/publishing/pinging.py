"""Whether word comes over the bus: the server sends itself one."""

import asyncio
import time

from pennon.bus import Bus
from pennon.model import Position

_HEARD_S = 2.0
_PINGED = "pennon/health"


def heard(bus: Bus, loop: asyncio.AbstractEventLoop) -> float | None:
    """Return after how many seconds word came over *bus*, None where none did. Called on a thread beside *loop*."""
    return asyncio.run_coroutine_threadsafe(_ping(bus), loop).result(2 * _HEARD_S)


async def _ping(bus: Bus) -> float | None:
    notices = bus.subscribe()
    started = time.perf_counter()
    try:
        async with asyncio.timeout(_HEARD_S):
            # At no revision at all, so that it is news to nobody; any word is a sign of life.
            await bus.publish(_PINGED, Position(0, 0))
            await anext(notices)
    except Exception:  # noqa: BLE001  # boundary: any adapter of the bus may fail in its own way
        return None
    finally:
        await notices.aclose()
    return time.perf_counter() - started
