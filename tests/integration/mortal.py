"""An origin that counts, or an edge that hands on, as a process of its own that can be told to die at any line.

Prints its port, then serves. Its arguments are `origin PORT FOLDER DIE_AT`, or `edge PORT FOLDER
DIE_AT UPSTREAM…`: the process kills itself when DIE_AT lines of what takes and hands on events were run, 0 for never.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from pennon.bus import MemoryBus
from pennon.edge.events import EdgeEvents
from pennon.edge.lanes import ForwardingSettings
from pennon.ingest import Counting, EventSink, Ingest
from pennon.stream import Endpoints, StreamNode
from tests.integration.nodes import EDGE, ENVIRONMENT, KEYS, MemoryLog, boolean

FLAGS = tuple(f"f{number}" for number in range(4))
_TRACED = ("pennon/edge/", "pennon/ingest/", "pennon/stream/forwarded", "pennon/stream/events", "storage/counts")
_FAST = ForwardingSettings(gather_s=0.005, timeout_s=20, retry_s=0.01, retry_max_s=0.1, look_s=0.05)


class Death:
    """Counts lines, in every thread, and ends the process as a power cut would at the one that it is due at."""

    def __init__(self, due: int) -> None:
        self._left = due

    def hang_over(self) -> None:
        threading.settrace(self._enter)
        sys.settrace(self._enter)

    def _enter(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        return self._step if any(part in frame.f_code.co_filename for part in _TRACED) else None

    def _step(self, _frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._step


async def serve(kind: str, port: int, folder: Path, upstreams: list[str]) -> None:
    log = MemoryLog()
    log.write(ENVIRONMENT, *KEYS, *(boolean(name) for name in FLAGS))
    async with contextlib.AsyncExitStack() as stack:
        sink: EventSink
        if kind == "edge":
            sink = await stack.enter_async_context(EdgeEvents(folder, upstreams, EDGE, _FAST))
        else:
            from pennon.control.storage import open_storage  # noqa: PLC0415  # edges start sooner without it

            sink = ingest = Ingest(folder / "events", time.time)
            await ingest.start()
            counts = open_storage(f"sqlite:///{folder / 'pennon.db'}").counts
            stack.push_async_callback(ingest.stop)
            counting = asyncio.create_task(Counting(ingest, counts).run())
            stack.callback(counting.cancel)
        node = await stack.enter_async_context(StreamNode(log, MemoryBus(), sink, time))
        server = uvicorn.Server(uvicorn.Config(Endpoints(node), port=port, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.005)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        await serving


def main() -> None:
    """Serve, and maybe die."""
    kind, port, folder, due, *upstreams = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    if int(due):
        Death(int(due)).hang_over()
    asyncio.run(serve(kind, int(port), Path(folder), upstreams))
