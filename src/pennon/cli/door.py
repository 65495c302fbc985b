"""Lets connections in: one whose first words are a whole request for a stream gets it at once, others go to uvicorn.

Most connections of a herd want a stream, and what an event loop and uvicorn make for each costs more than to open it.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from uvicorn.server import ServerState

from pennon.cli import http
from pennon.cli.streaming import is_taken
from pennon.cli.waiting import Waiting
from pennon.cli.wires import Wire, Wires

_AT_ONCE = 64
_FIRST_BYTES = 4096
"""A head that is longer is no herd's."""
_PAUSE_S = 1.0
"""So long nobody is let in where there is no room for one more."""
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_log = structlog.get_logger(__name__)


class Door:
    """Lets in who connects to *listeners*. *streams* takes those who want a stream.

    *protocol* makes who takes each of the others.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        *,
        streams: Any,
        state: ServerState,
        protocol: Callable[[], asyncio.Protocol],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listeners = listeners
        self._family = listeners[0].family
        self._streams = streams
        self._state = state
        self._protocol = protocol
        self._wires = Wires(self._loop, self._asked)
        self._waiting: Waiting[Wire] = Waiting(self._loop)
        """Those who have not said anything yet."""
        self._handing_over: set[asyncio.Task[None]] = set()
        self._pauses: set[asyncio.TimerHandle] = set()

    def open(self) -> None:
        """Let them in from now on."""
        for listener in self._listeners:
            listener.setblocking(False)  # noqa: FBT003  # as Python has it
            self._loop.add_reader(listener.fileno(), self._let_in, listener)

    async def shut(self) -> None:
        """Let nobody in any more, and leave to uvicorn those who have not said anything yet."""
        for pause in self._pauses:
            pause.cancel()
        for listener in self._listeners:
            self._loop.remove_reader(listener.fileno())
        for wire in self._waiting.take():
            self._hand_over(wire)
        await asyncio.gather(*self._handing_over, return_exceptions=True)

    def close(self) -> None:
        """End what is left."""
        self._wires.close()

    def _let_in(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                # The public one makes an object of each, which takes as long as the call itself.
                descriptor, _ = listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                self._pause(listener, error)
                return
            os.set_blocking(descriptor, False)
            self._waiting.add(self._wires.add(descriptor), http.HEAD_S)

    def _pause(self, listener: socket.socket, error: OSError) -> None:
        _log.error("nobody is let in for a moment", problem=os.strerror(error.errno or 0), pause_s=_PAUSE_S)
        self._loop.remove_reader(listener.fileno())

        def go_on() -> None:
            self._pauses.discard(pause)
            self._loop.add_reader(listener.fileno(), self._let_in, listener)

        pause = self._loop.call_later(_PAUSE_S, go_on)
        self._pauses.add(pause)

    def _asked(self, wire: Wire) -> None:
        """Give *wire*, on which something has come, to who is meant."""
        connection = socket.SocketType(self._family, socket.SOCK_STREAM, 0, wire.descriptor)
        try:
            # Only looked at: whoever gets the connection is to find it as it came.
            data = connection.recv(_FIRST_BYTES, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        finally:
            connection.detach()
        self._waiting.remove(wire)
        if not data:
            wire.abort()
        elif is_taken(self._streams, data, wire, self._state.default_headers):
            os.read(wire.descriptor, len(data))
            self._state.total_requests += 1
        else:
            self._hand_over(wire)

    def _hand_over(self, wire: Wire) -> None:
        task = self._loop.create_task(self._with_transport(wire.give_away()))
        self._handing_over.add(task)
        task.add_done_callback(self._handing_over.discard)

    async def _with_transport(self, descriptor: int) -> None:
        connection = socket.socket(self._family, socket.SOCK_STREAM, 0, descriptor)
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:
            connection.close()
        except BaseException:
            connection.close()
            raise
