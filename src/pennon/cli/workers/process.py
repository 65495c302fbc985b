"""A worker as its supervisor has it: a process that was started, and what it said since."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Self

from pennon.cli.workers.channel import Ask, Channel, Counted, Failed, Followed, Message, Ready, Start
from pennon.stream.families import Family

_COMMAND = ("-P", "-m", "pennon.cli.workers.child")
"""Not by the name of a script, which may be another by now; and never from the folder that one happens to be in."""


class WorkerFailed(Exception):
    """A worker ended before it served. The text is its own, for people."""


class Worker:
    """A worker process. It ends when nobody holds the other end of its channel any more."""

    def __init__(self, start: Start, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.number = start.number
        self.events = start.events
        self.started_at = time.monotonic()
        self.known: list[Family] = []
        """What it had counted when it was last asked."""
        self.has_ended = asyncio.Event()
        self._process = process
        self._channel = channel
        self._serves: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._asking = 0

    @classmethod
    async def started(cls, start: Start) -> Self:
        """Start a process, and return without waiting for it to serve."""
        ours, its = socket.socketpair()
        with its:
            # Of a group of its own: what a terminal sends to all is for the supervisor, who tells the workers in order.
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *_COMMAND,
                str(its.fileno()),
                pass_fds=(its.fileno(), *start.listeners),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                process_group=0,
            )
        channel = await Channel.over(ours)
        channel.send(start)
        return cls(start, process, channel)

    @property
    def status(self) -> int | None:
        """The exit status, once it has ended."""
        return self._process.returncode

    @property
    def is_serving(self) -> bool:
        """Whether it has said so, and still lives."""
        return self._serves.done() and self._serves.exception() is None and not self.has_ended.is_set()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    async def run(self, answer: Callable[["Worker", int], None]) -> None:
        """Hear what it says, and return when it has ended. *answer* is told of each time that it asks."""
        hearing = asyncio.create_task(self._hear(answer))
        await self._process.wait()
        # It may have said something at the very end.
        await hearing
        if not self._serves.done():
            self._serves.set_exception(WorkerFailed(f"A worker ended with status {self.status} before it served."))
            self._serves.exception()  # it may be that nobody waits any more
        self.has_ended.set()
        await self._channel.aclose()

    async def serves(self) -> bytes:
        """Return, when it serves, what it says of itself. Raises `WorkerFailed`."""
        return await asyncio.shield(self._serves)

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def leave(self) -> None:
        """Have it end, as another one serves in its place."""
        self._channel.send(Followed())

    async def ask(self) -> None:
        """Bring `known` up to date. Returns when it has ended, too."""
        self._asking += 1
        asked = self._asked[self._asking] = asyncio.get_running_loop().create_future()
        self._channel.send(Ask(self._asking))
        try:
            ended = asyncio.create_task(self.has_ended.wait())
            await asyncio.wait((asked, ended), return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
        finally:
            self._asked = {number: future for number, future in self._asked.items() if future is not asked}

    def answer(self, number: int, processes: list[list[Family]]) -> None:
        """Answer what it asked."""
        self._channel.send(Counted(number, processes))

    async def _hear(self, answer: Callable[["Worker", int], None]) -> None:
        while (message := await self._channel.receive()) is not None:
            self._take(message, answer)

    def _take(self, message: Message, answer: Callable[["Worker", int], None]) -> None:
        match message:
            case Ready(said) if not self._serves.done():
                self._serves.set_result(said)
            case Failed(text) if not self._serves.done():
                self._serves.set_exception(WorkerFailed(text))
                self._serves.exception()
            case Counted(number, processes):
                self.known = processes[0]
                if (asked := self._asked.get(number or 0)) is not None and not asked.done():
                    asked.set_result(None)
            case Ask(number):
                answer(self, number)
