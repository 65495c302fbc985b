"""A link that misbehaves on request: it stands between two processes and stalls, cuts, halves, slows or loses.

One thread runs it. What it is told holds at once, for the connections that are open too.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
_PIECE = 16 * 1024
_RESET = struct.pack("ii", 1, 0)
_RETRANSMITTED_S = 0.2
"""What a lost packet costs at least before TCP sends it again."""


class Link:
    """Passes bytes between whoever connects to `url` and the server at *upstream* (`http://host:port`)."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._bytes_per_s: float | None = None
        self._lag_s = 0.0
        self._lossy = 0.0
        self._halving = False
        self._refusing = False
        self._chance = random.Random(4)
        self._open: set[asyncio.StreamWriter] = set()
        self._forgotten: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.connections = 0
        """How many were ever made."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="link", daemon=True)
        self._thread.start()
        self._server = self._in_loop(self._listen)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def lead_to(self, upstream: str) -> None:
        """Lead connections made from now on to another server."""
        self._upstream = upstream

    def stall(self) -> None:
        """Pass nothing on, either way, and close nothing: both ends see a connection that is only silent."""
        self._now(self._flowing.clear)

    def resume(self) -> None:
        """End a stall: what was sent meanwhile goes on."""
        self._now(self._flowing.set)

    def forget(self) -> None:
        """Never pass anything on again on the connections that are open, and close none: they are half open."""
        self._now(self._forget)

    def cut(self) -> None:
        """Reset every connection that is open."""
        self._now(self._reset)

    def refuse(self, *, refusing: bool = True) -> None:
        """Reset what is open, and every new connection too; or let them in again."""
        self._refusing = refusing
        if refusing:
            self.cut()

    def halve(self, *, halving: bool = True) -> None:
        """Pass half of whatever the server sends next on each connection, then reset it."""
        self._halving = halving

    def throttle(self, bytes_per_s: float | None) -> None:
        """Pass at most so much each way on each connection; None: as fast as may be."""
        self._bytes_per_s = bytes_per_s

    def slow(self, *, lag_s: float = 0.0, loses: float = 0.0) -> None:
        """Delay every piece by *lag_s*, and a share of them by what sending a lost packet again costs."""
        self._lag_s, self._lossy = lag_s, loses

    def mend(self) -> None:
        """Be a good link again."""
        self.refuse(refusing=False)
        self.halve(halving=False)
        self.throttle(None)
        self.slow()
        self.resume()

    def close(self) -> None:
        """End everything."""
        self._in_loop(self._end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._meet, "127.0.0.1", 0)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        if self._refusing:
            self._reset()
            return
        host, _, port = self._upstream.removeprefix("http://").rpartition(":")
        try:
            answers, requests = await asyncio.open_connection(host, int(port))
        except OSError:
            self._drop(writer)
            return
        self._open.add(requests)
        pumps = [
            asyncio.create_task(self._pump(reader, requests, is_answer=False)),
            asyncio.create_task(self._pump(answers, writer, is_answer=True)),
        ]
        self._pumps.update(pumps)
        await asyncio.wait(pumps)
        self._pumps.difference_update(pumps)
        for end in (writer, requests):
            self._drop(end)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(_PIECE):
                if target in self._forgotten:
                    continue
                await self._delay(len(piece))
                await self._flowing.wait()
                if self._halving and is_answer:
                    target.write(piece[: len(piece) // 2])
                    await target.drain()
                    self._reset()
                    return
                target.write(piece)
                await target.drain()
            if target not in self._forgotten and target.can_write_eof():
                target.write_eof()

    async def _delay(self, size: int) -> None:
        delay = self._lag_s
        if self._chance.random() < self._lossy:
            delay += _RETRANSMITTED_S * (1 + self._chance.random())
        if self._bytes_per_s is not None:
            delay += size / self._bytes_per_s
        if delay:
            await asyncio.sleep(delay)

    def _forget(self) -> None:
        self._forgotten |= self._open

    def _reset(self) -> None:
        for writer in tuple(self._open):
            self._drop(writer)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)
        self._forgotten.discard(writer)
        connection: socket.socket | None = writer.get_extra_info("socket")
        if connection is not None and connection.fileno() >= 0:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()

    async def _end(self) -> None:
        self._server.close()
        self._reset()
        for pump in tuple(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        # Those who met the connections end once their pumps have.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    def _now(self, act: Callable[[], None]) -> None:
        async def acting() -> None:
            act()

        self._in_loop(acting)

    def _in_loop(self, work: Callable[[], Coroutine[None, None, T]]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(_awaited(work), self._loop)
        return future.result(60)


async def _awaited(work: Callable[[], Coroutine[None, None, T]]) -> T:
    return await work()


@contextlib.contextmanager
def linked(upstream: str) -> Iterator[Link]:
    """A link before *upstream*, closed afterwards."""
    link = Link(upstream)
    try:
        yield link
    finally:
        link.close()
