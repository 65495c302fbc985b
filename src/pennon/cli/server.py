"""Runs the server with uvicorn: listens first, says when it is ready, and ends in good order when told to."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol

import msgspec
import uvicorn

from pennon.cli.door import Door
from pennon.cli.evaluating import EvaluatingHttp
from pennon.cli.leaving import answer_the_last
from pennon.cli.wires import IS_POSSIBLE

_BACKLOG = 2048
_GC_THRESHOLDS = (10_000, 20, 20)
_TICKS_A_SECOND = 10
"""How uvicorn counts; it writes the time into each answer's headers anew every so many."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class CannotListen(Exception):
    """The address cannot be listened on. The text says why and what to do."""


class Application(Protocol):
    """An ASGI application that is told when it begins and ends. `state.drain` ends its streams in good order."""

    @property
    def state(self) -> Any:
        """What its server asks of it."""

    def lifespan(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Run what it is made of."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""


class Listening(msgspec.Struct, frozen=True):
    """Where a server can be reached."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The URL, without a path."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class Server(uvicorn.Server):
    """uvicorn's, which is told *ready* and *drain*, and whose end by a signal is a good end: exit status 0."""

    def __init__(
        self, config: uvicorn.Config, *, ready: Callable[[], None], drain: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told_to_end = asyncio.Event()
        super().__init__(config)
        self._ready = ready
        self._drain = drain
        self._draining: asyncio.Task[None] | None = None
        self._is_followed = False
        self._door: Door | None = None

    @property
    def should_exit(self) -> bool:
        """Whether to end. May be set from another thread, or in a signal's handler."""
        return self._should_exit

    @should_exit.setter
    def should_exit(self, value: bool) -> None:  # uvicorn's attribute
        self._should_exit = value
        if value and (loop := self._loop) is not None:
            with contextlib.suppress(RuntimeError):  # it has ended just now
                loop.call_soon_threadsafe(self._told_to_end.set)

    def follow(self) -> None:
        """End, for another server accepts connections from the same listener now."""
        self._is_followed = self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell it."""
        self._door = self._door_for(sockets or [])
        await super().startup(sockets if self._door is None else [])
        if self.started:
            if self._door is not None:
                self._door.open()
            if threading.current_thread() is threading.main_thread():
                _spare_the_collector()
            self._ready()

    async def main_loop(self) -> None:
        """Wait for the end, and tick each second: uvicorn's own looks ten times a second, for nothing."""
        self._loop = asyncio.get_running_loop()
        try:
            counter = 0
            while not await self.on_tick(counter):
                counter += _TICKS_A_SECOND
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await self._told_to_end.wait()
        finally:
            self._loop = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say goodbye on the streams, which are open answers that uvicorn would wait for, then stop."""
        for server in self.servers:
            server.close()
        if self._door is not None:
            await self._door.shut()
        last = answer_the_last(self.server_state.connections, is_followed=self._is_followed)
        if self._is_followed:  # nobody is in a hurry, so a stream that is asked for now is not refused
            await last
            self._draining = asyncio.create_task(self._drain())
        else:
            self._draining = asyncio.create_task(self._drain())
            await last
        await super().shutdown(sockets)
        await self._draining
        if self._door is not None:
            await self._door.close(self.config.timeout_graceful_shutdown or 0)

    def _door_for(self, listeners: list[socket.socket]) -> Door | None:
        """Return who is to accept from *listeners* instead of uvicorn, None where that cannot be, or is for nothing."""
        config, server_state, app_state = self.config, self.server_state, self.lifespan.state
        offered = getattr(config.app, "state", None)
        streams = getattr(offered, "streams", None)
        if not (IS_POSSIBLE and listeners and streams is not None):
            return None

        def protocol(has_asked: bool, said: bytes) -> EvaluatingHttp:  # as it is called back
            return EvaluatingHttp(config, server_state, app_state, has_asked=has_asked, said=said)

        return Door(
            listeners,
            streams=streams,
            quick=None if config.root_path else getattr(offered, "quick", None),
            state=server_state,
            keep_s=config.timeout_keep_alive,
            protocol=protocol,
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on a signal. uvicorn's own raises it again afterwards, which would make the exit status another."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _spare_the_collector() -> None:
    """Keep the collector from what stays for good, and from looking at every open stream again and again.

    What a stream leaves behind is no cycle, so the collector would find nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def run(
    make: Callable[[], Application], *, host: str, port: int, drain_timeout_s: int, ready: Callable[[Listening], None]
) -> None:
    """Serve the application that *make* makes until SIGTERM or SIGINT, then let open requests end.

    Raises `CannotListen` before anything is made, and what making and starting it raise.
    """
    with listen(host, port) as listener:
        listening = Listening(host, listener.getsockname()[1])
        app = make()
        config = configured(app, drain_timeout_s=drain_timeout_s)
        server = Server(config, ready=lambda: ready(listening), drain=app.state.drain)
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(serve(app, server, listener))


async def serve(app: Application, server: uvicorn.Server, *listeners: socket.socket) -> None:
    """Run *server* within the lifespan of *app*: what fails at its start is raised here, not logged by uvicorn."""
    try:
        async with app.lifespan():
            await server.serve(sockets=list(listeners))
    except BaseExceptionGroup as group:  # Litestar starts in a task group
        raise _only(group) from group


def _only(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def configured(app: Application, *, drain_timeout_s: int) -> uvicorn.Config:
    """Return how uvicorn serves *app*."""
    return uvicorn.Config(
        app,
        loop="auto",
        http=EvaluatingHttp,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=drain_timeout_s,
        backlog=_BACKLOG,
    )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on *host* and *port*. Raises `CannotListen`."""
    with _explained(host, port):
        listener = socket.create_server((host, port), family=_family(host), backlog=_BACKLOG)
        _hold_nothing_back(listener)
        return listener


def listen_together(host: str, port: int, count: int) -> list[socket.socket]:
    """Return so many sockets that listen on one address; the kernel spreads who connects. Raises `CannotListen`.

    The first is bound as if it were alone: else another server that shares addresses too would share this one with us.
    """
    sockets: list[socket.socket] = []
    with contextlib.ExitStack() as stack, _explained(host, port):
        for number in range(count):
            made = stack.enter_context(socket.socket(_family(host)))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if made.family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if number:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            made.bind((host, sockets[0].getsockname()[1] if sockets else port))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sockets.append(made)
        for made in sockets:  # from here on each has its share, so all at once
            _hold_nothing_back(made)
            made.listen(_BACKLOG)
        stack.pop_all()
    return sockets


def _hold_nothing_back(listener: socket.socket) -> None:
    """Have each connection send what is small at once. It has this from its *listener*, and need not be told."""
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


@contextlib.contextmanager
def _explained(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        mend = "stop what uses it, or choose another with --port" if port else "choose another with --host"
        reason = os.strerror(error.errno).lower() if isinstance(error.errno, int) else str(error)
        raise CannotListen(f"Cannot listen on {host} port {port}: {reason}; {mend}.") from error
