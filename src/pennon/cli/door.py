"""Lets connections in. One whose first words are a whole request for a stream, or a packed snapshot, gets that at once.

Others go to uvicorn, with what they said.

Most connections of a herd want a stream, and what an event loop and uvicorn make for each costs more than to open it.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import structlog
from uvicorn.server import ServerState

from pennon.cli import http
from pennon.cli.evaluating import CLOSE, whole_request
from pennon.cli.handing import Handing
from pennon.cli.streaming import is_taken, taken_again
from pennon.cli.waiting import Waiting
from pennon.cli.wires import Wire, Wires
from pennon.stream.quick import SNAPSHOT, Quick

_AT_ONCE = 64
_FIRST_BYTES = 4096
"""A head that is longer is no herd's."""
_LOOK_S = 0.02
_PAUSE_S = 1.0
"""So long nobody is let in where there is no room for one more."""
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_log = structlog.get_logger(__name__)


class Door:
    """Lets in who connects to *listeners*. *streams* takes those who want a stream; *quick* knows what is packed.

    *protocol* makes who takes each of the others, told whether something was asked on that connection before, and what
    was read there that nobody has looked at.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        *,
        streams: Any,
        quick: Quick | None,
        state: ServerState,
        keep_s: float,
        protocol: Callable[[bool, bytes], asyncio.Protocol],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listeners = listeners
        self._family = listeners[0].family
        self._streams = streams
        self._quick = quick
        self._keep_s = keep_s
        self._state = state
        self._protocol = protocol
        self._wires = Wires(self._loop, self._asked)
        self._waiting: Waiting[Wire] = Waiting(self._loop)
        """Those who have not said anything yet."""
        self._kept: Waiting[Wire] = Waiting(self._loop)
        """Those who had an answer, and may ask for more."""
        self._handing = Handing(self._loop, self._handed_out)
        self._is_shut = False
        self._handing_over: set[asyncio.Task[None]] = set()
        self._pauses: set[asyncio.TimerHandle] = set()

    def open(self) -> None:
        """Let them in from now on."""
        for listener in self._listeners:
            listener.setblocking(False)  # noqa: FBT003  # as Python has it
            self._loop.add_reader(listener.fileno(), self._let_in, listener)

    async def shut(self) -> None:
        """Let nobody in any more, and leave to uvicorn those who have not said anything yet, or no more."""
        self._is_shut = True
        for pause in self._pauses:
            pause.cancel()
        for listener in self._listeners:
            self._loop.remove_reader(listener.fileno())
        for wires, has_asked in ((self._waiting, False), (self._kept, True)):
            for wire in wires.take():
                self._hand_over(wire, b"", has_asked=has_asked)
        await asyncio.gather(*self._handing_over, return_exceptions=True)

    async def close(self, patience_s: float) -> None:
        """End what is left, but for so long not the documents that are under way."""
        until = self._loop.time() + patience_s
        while self._handing.under_way and self._loop.time() < until:
            await asyncio.sleep(_LOOK_S)
        self._wires.close()

    def _let_in(self, listener: socket.socket) -> None:
        said: dict[bytes, list[Wire]] = {}
        try:
            for _ in range(_AT_ONCE):
                if (descriptor := self._accepted(listener)) is None:
                    break
                self._look_at(descriptor, said)
        finally:
            self._answer(said, ())

    def _accepted(self, listener: socket.socket) -> int | None:
        """Return the next connection's descriptor, which does not block; None for nobody now."""
        try:
            # The public one makes an object of each, which takes as long as the call itself.
            descriptor, _ = listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001
        except (BlockingIOError, ConnectionAbortedError):
            return None
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            self._pause(listener, error)
            return None
        os.set_blocking(descriptor, False)
        return int(descriptor)

    def _look_at(self, descriptor: int, said: dict[bytes, list[Wire]]) -> None:
        """Note what is *said* on a new connection: who connects mostly asks at once."""
        data = _read(descriptor)
        if data == b"":
            os.close(descriptor)
            return
        wire = self._wires.add(descriptor)
        if data is None:
            self._waiting.add(wire, http.HEAD_S)
        else:
            said.setdefault(data, []).append(wire)

    def _pause(self, listener: socket.socket, error: OSError) -> None:
        _log.error("nobody is let in for a moment", problem=os.strerror(error.errno or 0), pause_s=_PAUSE_S)
        self._loop.remove_reader(listener.fileno())

        def go_on() -> None:
            self._pauses.discard(pause)
            self._loop.add_reader(listener.fileno(), self._let_in, listener)

        pause = self._loop.call_later(_PAUSE_S, go_on)
        self._pauses.add(pause)

    def _asked(self, wires: list[Wire]) -> None:
        """Give *wires*, on each of which something has come, to who is meant."""
        said: dict[bytes, list[Wire]] = {}
        again = set()
        for wire in wires:
            if (data := _read(wire.descriptor)) is None:
                continue
            if self._kept.remove(wire) or not self._waiting.remove(wire):
                again.add(wire)
            if data:
                said.setdefault(data, []).append(wire)
            else:
                wire.abort()
        self._answer(said, again)

    def _answer(self, said: Mapping[bytes, list[Wire]], again: Collection[Wire]) -> None:
        """Give to who is meant those who *said* the same, all that are alike at once. *again*: who asked before."""
        for data, wires in said.items():
            while wires:
                try:
                    taken = taken_again(self._streams, data, wires, self._state.default_headers)
                    self._state.total_requests += taken
                    del wires[:taken]
                    if wires:
                        self._answer_one(wires[0], data, has_asked=wires[0] in again)
                        del wires[0]
                except Exception as error:  # noqa: BLE001  # the boundary of a connection
                    self._wires.failed(wires.pop(0), error)

    def _answer_one(self, wire: Wire, data: bytes, *, has_asked: bool) -> None:
        if is_taken(self._streams, data, wire, self._state.default_headers):
            self._state.total_requests += 1
        elif not self._hand_out(wire, data):
            self._hand_over(wire, data, has_asked=has_asked)

    def _hand_out(self, wire: Wire, data: bytes) -> bool:
        """Send the document that *data* asks for, if that is one whole request for what is packed already."""
        if self._quick is None or not data.startswith(SNAPSHOT):
            return False
        common, is_last = self._state.default_headers, False
        if (sending := self._quick.document_again(data, common)) is None:
            if (request := whole_request(data, closes=True)) is None:
                return False
            if request.closes:
                sending, is_last = self._quick.document(request.url, request.headers, (*common, *CLOSE)), True
            else:
                sending = self._quick.document(request.url, request.headers, common, data)
        if sending is None:
            return False
        self._state.total_requests += 1
        self._handing.begin(wire, sending, is_last=is_last)
        return True

    def _handed_out(self, wire: Wire, is_last: bool) -> None:  # as it is called back
        if is_last or self._is_shut:
            wire.close()
        else:
            wire.wait_for_more()
            self._kept.add(wire, self._keep_s)

    def _hand_over(self, wire: Wire, said: bytes, *, has_asked: bool) -> None:
        task = self._loop.create_task(self._with_transport(wire.give_away(), said, has_asked=has_asked))
        self._handing_over.add(task)
        task.add_done_callback(self._handing_over.discard)

    async def _with_transport(self, descriptor: int, said: bytes, *, has_asked: bool) -> None:
        connection = socket.socket(self._family, socket.SOCK_STREAM, 0, descriptor)
        try:
            await self._loop.connect_accepted_socket(lambda: self._protocol(has_asked, said), connection)
        except OSError:
            connection.close()
        except BaseException:  # nothing is swallowed: a connection that nobody took is closed
            connection.close()
            raise


def _read(descriptor: int) -> bytes | None:
    """Return what came on a connection, None for nothing yet, and nothing if it is gone."""
    try:
        return os.read(descriptor, _FIRST_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""
