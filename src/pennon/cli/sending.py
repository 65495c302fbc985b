"""Has the kernel send a file on a connection: what thousands of clients get is copied for none of them.

Its own half of the socket, as the event loop's transport knows nothing of it: nothing else may be written meanwhile.
"""

import asyncio
import contextlib
import os
import socket

STUCK_S = 30.0
"""A reader who takes nothing for so long is cut off."""
_AT_ONCE = 1024 * 1024


class FileSender:
    """Sends files on the socket of *transport*."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[None] | None = None

    def begin(self, head: bytes, file: int, size: int) -> int:
        """Send *head* and what the kernel takes at once of a *file*; return how much of that.

        Nothing that was written before may still wait. Raises `OSError`.
        """
        connection = self._transport.get_extra_info("socket").fileno()
        if os.write(connection, head) < len(head):
            raise ConnectionResetError("the client takes nothing")
        return _sent(connection, file, 0, size)

    async def send(self, file: int, size: int, *, begun: int = 0) -> None:
        """Send the first *size* bytes of *file* but what is *begun*, when all that was written before is sent.

        Raises `ConnectionError` where the client leaves, or takes nothing.
        """
        # The transport forbids to watch its own descriptor. A copy of it is the same socket.
        connection = os.dup(self._transport.get_extra_info("socket").fileno())
        try:
            sent = begun
            while sent < size:
                # One turn for each piece: a reader who takes all at once must not keep the others waiting.
                done = 0 if self._transport.get_write_buffer_size() else _sent(connection, file, sent, size - sent)
                sent += done
                if self._transport.is_closing():
                    raise ConnectionResetError("the client has left")
                if sent < size:
                    await self._writable(connection)
        finally:
            os.close(connection)

    def lost(self) -> None:
        """Wait no more: the connection is gone."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError("the client has left"))

    async def _writable(self, connection: int) -> None:
        waiting = self._waiting = self._loop.create_future()
        self._loop.add_writer(connection, _end, waiting)
        timer = self._loop.call_later(STUCK_S, self._transport.abort)
        try:
            await waiting
        finally:
            timer.cancel()
            self._waiting = None
            self._loop.remove_writer(connection)


def is_possible(transport: asyncio.Transport) -> bool:
    """Whether the kernel can send files on *transport*: it must be the socket, with nothing in between."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    return hasattr(os, "sendfile") and connection is not None and transport.get_extra_info("sslcontext") is None


def _sent(connection: int, file: int, offset: int, left: int) -> int:
    with contextlib.suppress(BlockingIOError):
        return os.sendfile(connection, file, offset, min(left, _AT_ONCE))
    return 0


def _end(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
