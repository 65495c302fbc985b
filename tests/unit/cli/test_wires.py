"""Connections watched by their descriptors: what fits is written, what does not waits, and each end is told once."""

import asyncio
import contextlib
import os
import select
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from pennon.cli.wires import IS_POSSIBLE, Wire, Wires

pytestmark = pytest.mark.skipif(not IS_POSSIBLE, reason="the kernel has no epoll")
LARGE = b"x" * 4_000_000


class Hearing(asyncio.Protocol):
    """A protocol that notes what it is told."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.told: list[str] = []
        self.data = b""
        wire.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        self.data += data

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append("lost")


class Scene:
    """Wires in a loop, and the other ends of them."""

    def __init__(self) -> None:
        self.asked: list[Wire] = []
        self.wires = Wires(asyncio.get_running_loop(), self.asked.extend)
        self.ends: list[socket.socket] = []
        self.wrong: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: self.wrong.append(context))

    def wire(self) -> tuple[Wire, socket.socket]:
        """Return a new one that is watched, and its other end."""
        here, there = socket.socketpair()
        here.setblocking(False)
        there.setblocking(False)
        self.ends.append(there)
        return self.wires.add(here.detach()), there

    def taken(self) -> tuple[Wire, socket.socket, Hearing]:
        """Return a new one that has a protocol."""
        wire, there = self.wire()
        return wire, there, Hearing(wire)

    async def until(self, check: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not check():
                await asyncio.sleep(0.001)

    async def all_of(self, end: socket.socket, size: int) -> bytes:
        """Return what comes at an *end*, so many bytes, or all until it ends."""
        read = bytearray()
        async with asyncio.timeout(60):
            while len(read) < size:
                try:
                    if not (data := end.recv(65536)):
                        break
                    read += data
                except BlockingIOError:
                    await asyncio.sleep(0.001)
        return bytes(read)


def play(act: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        scene = Scene()
        try:
            await act(scene)
        finally:
            scene.wires.close()
            for end in scene.ends:
                end.close()
            await asyncio.sleep(0)

    for loop in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(run())


def test_who_says_something_first_is_asked_about_until_somebody_takes_it() -> None:
    async def act(scene: Scene) -> None:
        wire, there = scene.wire()
        there.send(b"hello")
        await scene.until(lambda: len(scene.asked) > 1)
        assert set(scene.asked) == {wire}
        hearing = Hearing(wire)
        await scene.until(lambda: hearing.data == b"hello")

    play(act)


def test_what_does_not_fit_is_written_when_there_is_room() -> None:
    async def act(scene: Scene) -> None:
        wire, there, hearing = scene.taken()
        wire.write(b"first ")
        assert hearing.told == []
        wire.write(LARGE)
        assert hearing.told == ["pause"]
        assert 0 < wire.get_write_buffer_size() < len(LARGE)
        wire.write(b" last")
        assert await scene.all_of(there, len(LARGE) + 11) == b"first " + LARGE + b" last"
        await scene.until(lambda: hearing.told == ["pause", "resume"])
        assert wire.get_write_buffer_size() == 0
        wire.write(b"again")
        assert await scene.all_of(there, 5) == b"again"

    play(act)


def test_closed_wire_ends_when_all_is_written_and_takes_nothing_more() -> None:
    async def act(scene: Scene) -> None:
        wire, there, hearing = scene.taken()
        wire.write(LARGE)
        wire.close()
        wire.close()
        wire.write(b"too late")
        assert wire.is_closing()
        there.send(b"a client who talks on is not listened to")
        assert await scene.all_of(there, len(LARGE) + 1) == LARGE
        await scene.until(lambda: hearing.told == ["pause", "lost"])
        assert hearing.data == b""
        assert len(scene.wires) == 0

    play(act)


def test_aborted_wire_drops_what_waits_and_tells_it_once_and_later() -> None:
    async def act(scene: Scene) -> None:
        wire, there, hearing = scene.taken()
        wire.write(LARGE)
        wire.abort()
        wire.abort()
        assert hearing.told == ["pause"]
        os.fstat(wire.descriptor)  # nobody else can have this number before it is told
        await scene.until(lambda: hearing.told == ["pause", "lost"])
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(wire.descriptor)
        assert len(await scene.all_of(there, len(LARGE))) < len(LARGE)

    play(act)


@pytest.mark.parametrize("leaves", ["says goodbye", "is reset", "is found out"])
def test_client_that_leaves_is_told(leaves: str) -> None:
    async def act(scene: Scene) -> None:
        wire, there, hearing = scene.taken()
        if leaves == "is reset":
            wire.write(b"never read")
        there.close()
        if leaves == "is found out":
            wire.write(b"to nobody")
            assert wire.is_closing()
        await scene.until(lambda: hearing.told == ["lost"])
        wire.write(b"nothing happens")
        assert scene.wrong == []

    play(act)


def test_what_goes_wrong_on_one_connection_ends_that_one() -> None:
    class Failing(Hearing):
        def data_received(self, data: bytes) -> None:
            raise ValueError("no")

    async def act(scene: Scene) -> None:
        wire, there = scene.wire()
        failing = Failing(wire)
        _, other, hearing = scene.taken()
        there.send(b"a")
        other.send(b"b")
        await scene.until(lambda: failing.told == ["lost"] and hearing.data == b"b")
        assert [str(context["exception"]) for context in scene.wrong] == ["no"]
        assert hearing.told == []

    play(act)


def test_given_away_descriptor_is_open_and_watched_no_more() -> None:
    async def act(scene: Scene) -> None:
        wire, there = scene.wire()
        descriptor = wire.give_away()
        there.send(b"hello")
        with select.epoll() as watched:
            watched.register(descriptor, select.EPOLLIN)
            assert watched.poll(30)
        assert (scene.asked, len(scene.wires)) == ([], 0)
        with contextlib.closing(socket.socket(fileno=descriptor)) as taken:
            assert taken.recv(100) == b"hello"

    play(act)


def test_socket_that_is_asked_for_is_the_descriptor_and_nothing_else_is_known() -> None:
    async def act(scene: Scene) -> None:
        wire, _ = scene.wire()
        assert wire.get_extra_info("socket").fileno() == wire.descriptor
        assert wire.get_extra_info("sslcontext") is None
        assert wire.get_extra_info("peername", "nobody") == "nobody"

    play(act)
