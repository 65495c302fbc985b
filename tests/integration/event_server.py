"""A node with a spool in the folder that is named, as a process of its own, so that a test can kill it.

Prints its port, then serves. Its one argument is the folder.
"""

import asyncio
import sys
import time
from pathlib import Path

import uvicorn

from pennon.bus import MemoryBus
from pennon.ingest import Ingest
from pennon.stream import Endpoints, StreamNode
from tests.integration.nodes import ENVIRONMENT, KEYS, MemoryLog, boolean


async def serve(folder: Path) -> None:
    log = MemoryLog()
    log.write(ENVIRONMENT, *KEYS, boolean("checkout"))
    ingest = Ingest(folder, time.time)
    await ingest.start()
    async with StreamNode(log, MemoryBus(), ingest, time) as node:
        server = uvicorn.Server(uvicorn.Config(Endpoints(node), port=0, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.005)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        await serving


def main() -> None:
    """Serve."""
    asyncio.run(serve(Path(sys.argv[1])))
