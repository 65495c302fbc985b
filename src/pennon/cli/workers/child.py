"""One worker: a process that the supervisor starts, which serves on a listening socket that it was handed.

`python -m pennon.cli.workers.child N`: the channel to the supervisor is file descriptor N, and says all else.
"""

import asyncio
import signal
import socket
import sys

import structlog
from prometheus_client.registry import Collector
from uvicorn.loops.auto import auto_loop_factory

from pennon.cli.server import Server, configured, serve
from pennon.cli.workers.channel import Ask, Channel, Counted, Failed, Followed, Ready, Start, read_start
from pennon.cli.workers.programs import CannotMake, Made, make
from pennon.stream.families import Family, families_of

_log = structlog.get_logger("pennon.cli.workers.child")
_ANSWER_S = 5.0


class Others:
    """The other workers, as far as one can ask of them: what have they counted?"""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._asked: dict[int, asyncio.Future[list[list[Family]]]] = {}
        self._number = 0

    async def families(self) -> list[list[Family]]:
        """Return what each of the others has counted; nothing of those who do not say so in time."""
        self._number += 1
        number = self._number
        answer: asyncio.Future[list[list[Family]]] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        self._channel.send(Ask(number))
        try:
            async with asyncio.timeout(_ANSWER_S):
                return await answer
        except TimeoutError:
            return []
        finally:
            del self._asked[number]

    def hear(self, said: Counted) -> None:
        """Take an answer."""
        waiting = self._asked.get(said.number or 0)
        if waiting is not None and not waiting.done():
            waiting.set_result(said.processes)


def main() -> int:
    """Be the worker that the supervisor asks for, until told to end, and return the exit status."""
    # For the supervisor only: who wants all workers renewed may well send it to every process that there is.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    end = socket.socket(fileno=int(sys.argv[1]))
    try:
        start = read_start(end)
    except EOFError:
        return 1
    structlog.contextvars.bind_contextvars(worker=start.number)
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        return runner.run(_work(start, end))


async def _work(start: Start, end: socket.socket) -> int:
    channel = await Channel.over(end)
    others = Others(channel)
    try:
        made = make(start, others.families)
        try:
            await _serve(made, start, channel, others)
        except made.refusals as error:
            raise CannotMake(str(error)) from error
    except CannotMake as error:
        channel.send(Failed(str(error)))
        return 1
    finally:
        await channel.aclose()
    return 0


async def _serve(made: Made, start: Start, channel: Channel, others: Others) -> None:
    listeners = [socket.socket(fileno=number) for number in start.listeners]
    config = configured(made.app, drain_timeout_s=start.drain_timeout_s)
    server = Server(config, ready=lambda: channel.send(Ready(made.said())), drain=made.app.state.drain)
    obeying = asyncio.create_task(_obey(channel, server, others, made.collector))
    try:
        await serve(made.app, server, *listeners)
    finally:
        obeying.cancel()
    channel.send(Counted(None, [families_of(made.collector)]))


async def _obey(channel: Channel, server: Server, others: Others, collector: Collector) -> None:
    """Do what the supervisor says, and end when it has ended."""
    while (message := await channel.receive()) is not None:
        match message:
            case Ask(number):
                channel.send(Counted(number, [families_of(collector)]))
            case Counted():
                others.hear(message)
            case Followed():
                server.follow()
            case _:
                _log.error("the supervisor says what no worker understands", message=type(message).__name__)
    _log.error("the supervisor has ended, and this worker with it")
    server.should_exit = True


if __name__ == "__main__":
    sys.exit(main())
