"""A bare answer by the server that Pennon runs on: what any application there costs at least."""

import sys
from typing import Any

import uvicorn

from pennon.cli.server import listen

_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"17")]


async def hello(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer, whatever was asked."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b'{"hello":"world"}'})


if __name__ == "__main__":
    listener = listen("127.0.0.1", int(sys.argv[1]))
    config = uvicorn.Config(hello, lifespan="off", ws="none", log_config=None, access_log=False, server_header=False)
    uvicorn.Server(config).run(sockets=[listener])
