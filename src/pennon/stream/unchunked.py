"""Streams for clients that speak HTTP/1.0: the same frames without their chunks, which only HTTP/1.1 knows.

Such a client reads until the connection ends. They are few, so what this costs is theirs alone.
"""

import asyncio
from typing import Any


class Unchunked(asyncio.Transport):
    """A transport that takes what is written to *transport* apart again: the first *head* bytes go as they are."""

    def __init__(self, transport: asyncio.Transport, head: int) -> None:
        super().__init__()
        self._transport = transport
        self._left = head
        self._ends = 0
        """What is left of the line end behind a chunk."""
        self._size = b""
        """What there is of the line that says how long the next chunk is."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the transport, but not its socket: nobody is to write past this."""
        return default if name == "socket" else self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Return whether the transport is."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close the transport when all is written."""
        self._transport.close()

    def abort(self) -> None:
        """Close the transport at once."""
        self._transport.abort()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have *protocol* told what happens to the transport."""
        self._transport.set_protocol(protocol)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Say when the protocol is to wait."""
        self._transport.set_write_buffer_limits(high=high, low=low)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write what of *data* is no framing."""
        if content := self._content(memoryview(data)):
            self._transport.write(content)

    def _content(self, data: memoryview) -> bytes:
        found, at = bytearray(), 0
        while at < len(data):
            if self._left:
                taken = data[at : at + self._left]
                found += taken
                at += len(taken)
                self._left -= len(taken)
            elif self._ends:
                at += 1
                self._ends -= 1
            else:
                self._size += data[at : at + 1]
                at += 1
                if self._size.endswith(b"\n"):
                    self._left, self._ends, self._size = int(self._size, 16), 2, b""
        return bytes(found)
