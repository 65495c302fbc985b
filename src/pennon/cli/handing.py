"""Hands out documents that are files: the kernel sends them, on connections that are no transports."""

import asyncio
import os
from collections.abc import Callable

from pennon.cli import sending as files
from pennon.cli.waiting import Waiting
from pennon.cli.wires import Wire
from pennon.stream.quick import Sending

_AT_ONCE = 1024 * 1024


class Handing:
    """The documents under way. *done* is given each connection on which one was sent, and whether it is to end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, done: Callable[[Wire, bool], None]) -> None:
        self.done = done
        self.stuck: Waiting[Wire] = Waiting(loop, Wire.abort)
        self.under_way = 0

    def begin(self, wire: Wire, sending: Sending, *, is_last: bool) -> None:
        """Send a document on *wire*, the connection's last answer or not."""
        self.under_way += 1
        document = _Document(self, wire, sending, is_last=is_last)
        try:
            if os.write(wire.descriptor, sending.head) < len(sending.head):
                raise ConnectionResetError("the client takes nothing")
        except OSError:
            wire.abort()
            return
        document.go_on()


class _Document(asyncio.Protocol):
    """One of them: the protocol of its connection until it is sent."""

    __slots__ = ("_at", "_handing", "_is_last", "_sending", "_wire")

    def __init__(self, handing: Handing, wire: Wire, sending: Sending, *, is_last: bool) -> None:
        self._handing = handing
        self._wire = wire
        self._sending: Sending | None = sending
        self._is_last = is_last
        self._at = 0
        wire.set_protocol(self)

    def resume_writing(self) -> None:
        """Send what there is room for."""
        self._handing.stuck.remove(self._wire)
        self.go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave it."""
        self._handing.stuck.remove(self._wire)
        self._over()

    def go_on(self) -> None:
        """Send a piece, and wait for room for the next: a reader who takes all at once must not hold up the others."""
        sending, wire = self._sending, self._wire
        if sending is None:
            return
        try:
            self._at += os.sendfile(wire.descriptor, sending.file, self._at, min(sending.size - self._at, _AT_ONCE))
        except BlockingIOError:
            pass
        except OSError:
            wire.abort()
            return
        if self._at < sending.size:
            self._handing.stuck.add(wire, files.STUCK_S)
            wire.wait_for_room()
        else:
            self._over()
            self._handing.done(wire, self._is_last)

    def _over(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None:
            self._handing.under_way -= 1
            sending.sent()
