"""Connections that are no transports of the event loop's: descriptors, in one set that the kernel watches.

A transport costs 15 us and a kilobyte for what a stream never uses. Here it is heard when a client says something or
leaves, and when there is room again, where what was written did not fit at once.
"""

import asyncio
import os
import select
from collections.abc import Callable
from typing import Any, cast

IS_POSSIBLE = hasattr(select, "epoll")
_AT_ONCE = 256
_READ_BYTES = 64 * 1024
if IS_POSSIBLE:
    _HEARD = select.EPOLLIN | select.EPOLLRDHUP
    _ROOM = select.EPOLLOUT
    _GONE = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Wires:
    """Watches connections. *asked* is given those that say something, and that nobody has taken yet."""

    def __init__(self, loop: asyncio.AbstractEventLoop, asked: Callable[[list["Wire"]], None]) -> None:
        self.loop = loop
        self._asked = asked
        self._epoll = select.epoll()
        self._wires: dict[int, Wire] = {}
        loop.add_reader(self._epoll.fileno(), self._look)

    def __len__(self) -> int:
        return len(self._wires)

    def add(self, descriptor: int) -> "Wire":
        """Watch a connection, which is owned from now on. It must not block."""
        wire = self._wires[descriptor] = Wire(self, descriptor)
        self._epoll.register(descriptor, _HEARD)
        return wire

    def remove(self, wire: "Wire") -> None:
        """Watch *wire* no more."""
        del self._wires[wire.descriptor]
        self._epoll.unregister(wire.descriptor)

    def watch(self, wire: "Wire", events: int) -> None:
        """Say of *wire* when one of *events* happens, or it is gone."""
        self._epoll.modify(wire.descriptor, events)

    def close(self) -> None:
        """Close whatever is open, and watch no more."""
        for wire in tuple(self._wires.values()):
            wire.abort()
        self.loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def failed(self, wire: "Wire", error: Exception) -> None:
        """End a connection on which something went wrong that nobody expected. The others go on."""
        self.loop.call_exception_handler({"message": "a connection failed", "exception": error})
        wire.abort()

    def _look(self) -> None:
        asking = []
        for descriptor, events in self._epoll.poll(0, _AT_ONCE):
            if (wire := self._wires.get(descriptor)) is None:
                continue  # it went because of what happened to another one
            if wire.protocol is None and not wire.is_closing():
                asking.append(wire)
                continue
            try:
                wire.happened(events)
            except Exception as error:  # noqa: BLE001  # the boundary of a connection
                self.failed(wire, error)
        if asking:
            self._asked(asking)


class Wire(asyncio.Transport):
    """One connection. `protocol` is None until somebody takes it, and hears what a transport's would.

    It pauses as soon as anything waits to be written, whatever limits are set.
    """

    __slots__ = ("_is_closing", "_is_over", "_left", "_wires", "descriptor", "protocol")

    def __init__(self, wires: Wires, descriptor: int) -> None:  # not the base's: it makes a dictionary for each
        self.descriptor = descriptor
        self.protocol: asyncio.Protocol | None = None
        self._wires = wires
        self._left: bytearray | None = None
        self._is_closing = self._is_over = False

    def happened(self, events: int) -> None:
        """Go on after *events*."""
        if events & _ROOM and self._left is not None:
            self._go_on(self._left)
        if events & _GONE:
            self.abort()
        elif events & select.EPOLLIN:
            self._read()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return for `socket` something that knows the socket's descriptor, for anything else *default*."""
        return self if name == "socket" else default

    def fileno(self) -> int:
        """Return the descriptor."""
        return self.descriptor

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have *protocol* told what happens."""
        self.protocol = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return who is told what happens."""
        return cast("asyncio.BaseProtocol", self.protocol)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Leave it: the limit is nothing."""

    def get_write_buffer_size(self) -> int:
        """Return how much waits to be written."""
        return 0 if self._left is None else len(self._left)

    def is_closing(self) -> bool:
        """Return whether it ends, or has ended."""
        return self._is_closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write *data*; what does not fit now, when there is room."""
        if self._is_closing:
            return
        if self._left is not None:
            self._left += data
            return
        if (sent := self._sent(data)) is None or sent == len(data):
            return
        self._left = bytearray(memoryview(data)[sent:])
        self._wires.watch(self, _HEARD | _ROOM)
        if self.protocol is not None:
            self.protocol.pause_writing()

    def wait_for_room(self) -> None:
        """Tell the protocol when something may be written. What is said meanwhile stays where it is."""
        if self._left is None and not self._is_over:
            self._left = bytearray()
            self._wires.watch(self, _ROOM)

    def wait_for_more(self) -> None:
        """Be nobody's again: what is said next is asked about."""
        self.protocol = None

    def close(self) -> None:
        """End, when all is written."""
        if self._left is None:
            self.abort()
        self._is_closing = True

    def abort(self) -> None:
        """End now."""
        if not self._is_over:
            self._leave()
            # Not now: whoever is told may be who writes. And no other connection gets this descriptor before that.
            self._wires.loop.call_soon(self._end)

    def give_away(self) -> int:
        """Return the descriptor, which is the caller's from now on. Nothing may wait to be written."""
        self._leave()
        return self.descriptor

    def _leave(self) -> None:
        self._is_over = self._is_closing = True
        self._left = None
        self._wires.remove(self)

    def _end(self) -> None:
        protocol, self.protocol = self.protocol, None
        try:
            if protocol is not None:
                protocol.connection_lost(None)
        finally:
            os.close(self.descriptor)

    def _go_on(self, left: bytearray) -> None:
        if left:
            if not (sent := self._sent(left)):
                return
            del left[:sent]
            if left:
                return
        self._left = None
        if self._is_closing:
            self.abort()
            return
        self._wires.watch(self, _HEARD)
        if self.protocol is not None:
            self.protocol.resume_writing()

    def _sent(self, data: bytes | bytearray | memoryview) -> int | None:
        """Return how much of *data* the kernel took, None if the connection is gone."""
        try:
            return os.write(self.descriptor, data)
        except BlockingIOError:
            return 0
        except OSError:
            self.abort()
            return None

    def _read(self) -> None:
        try:
            data = os.read(self.descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.abort()
        elif self.protocol is not None and not self._is_closing:  # what is read too late is read, or it were a reset
            self.protocol.data_received(data)
