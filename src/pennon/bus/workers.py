"""The bus among the workers of one server: a Unix socket, and a relay on it that one process runs for all.

The relay passes on what each tells to every other, and tells whoever connects (again) the newest of each environment.
"""

import asyncio
import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from pennon.bus.remote import PAYLOAD_BYTES, RemoteBus, Retry

SOCKET = "bus"
"""The name of the socket in the folder that the workers share."""
_HEAD_BYTES = 8
_HALF = 4
_NAME_BYTES = 1024
_BEHIND_BYTES = 4 * 2**20
"""Who lets so much wait is cut off, and hears the newest when it comes back."""
_RETRY = Retry(first_s=0.05, most_s=1.0)
"""Of a server's own process, which is away for a moment only."""


def workers_bus(path: Path) -> RemoteBus:
    """Return a bus over the relay at *path*."""

    async def connect() -> _Link:
        return _Link(*await asyncio.open_unix_connection(path))

    return RemoteBus(connect, name="workers", retry=_RETRY)


class Relay:
    """The relay at *path*. Use it as an async context manager; a socket that a dead one left there is replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._newest: dict[bytes, bytes] = {}
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._open):
            writer.close()
        await self._server.wait_closed()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        for frame in self._newest.values():
            writer.write(frame)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while (found := await _read(reader)) is not None:
                    self._pass_on(*found, source=writer)
        finally:
            self._open.discard(writer)
            writer.close()

    def _pass_on(self, name: bytes, frame: bytes, *, source: asyncio.StreamWriter) -> None:
        self._newest[name] = frame
        for writer in tuple(self._open):
            if writer is source:
                continue
            writer.write(frame)
            if writer.transport.get_write_buffer_size() > _BEHIND_BYTES:
                writer.transport.abort()


class _Link:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def takes(self, payload: bytes) -> bool:
        return True

    async def send(self, payload: bytes, environment: str) -> None:
        self._writer.write(_framed(environment.encode(), payload))
        await self._writer.drain()

    async def receive(self) -> bytes:
        found = await _read(self._reader)
        if found is None:
            raise ConnectionError("the relay says what no relay says")
        name, frame = found
        return frame[_HEAD_BYTES + len(name) :]

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


def _framed(name: bytes, payload: bytes) -> bytes:
    return len(name).to_bytes(_HALF, "big") + len(payload).to_bytes(_HALF, "big") + name + payload


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes] | None:
    """Return the name and the whole of the next frame; None for what is no frame of ours."""
    head = await reader.readexactly(_HEAD_BYTES)
    name, payload = int.from_bytes(head[:_HALF], "big"), int.from_bytes(head[_HALF:], "big")
    if name > _NAME_BYTES or payload > PAYLOAD_BYTES:
        return None
    body = await reader.readexactly(name + payload)
    return body[:name], head + body
