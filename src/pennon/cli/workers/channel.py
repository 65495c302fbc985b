"""What a supervisor and a worker say to each other over a pair of sockets: MessagePack, each with its length before it.

The end of the one is the end of the channel, which the other hears at once: no worker outlives its supervisor.
"""

import asyncio
import socket
from typing import Literal, Self, TypeAlias

import msgspec

from pennon.stream.families import Family

_LENGTH_BYTES = 4
Program: TypeAlias = Literal["serve", "edge"]
"""Which command's worker it is to be."""


class Start(msgspec.Struct, frozen=True, tag=True):
    """To a new worker: what it is. `settings` are its program's as JSON, with passwords: here nobody sees them."""

    program: Program
    settings: bytes
    number: int
    workers: int
    events: int
    """Which folder of events it has: while one worker follows another, not that of its own number."""
    folder: str
    """Of the workers of this server, and of nobody else."""
    listeners: list[int]
    hub_url: str
    """Where an edge's other workers find the first; empty for a server's."""
    drain_timeout_s: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """From a worker: it serves, and this is what it has to say of itself."""

    said: bytes


class Followed(msgspec.Struct, frozen=True, tag=True):
    """To a worker: another one serves on its listener now. Answer who is there, say goodbye, and end."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """From a worker: it cannot start, for a reason that people are told in these words."""

    text: str


class Ask(msgspec.Struct, frozen=True, tag=True):
    """To a worker: what has it counted? From a worker: what have all the others?"""

    number: int


class Counted(msgspec.Struct, frozen=True, tag=True):
    """The answer to the `Ask` of that number; without a number, a worker's last word. One list for each process."""

    number: int | None
    processes: list[list[Family]]


Message: TypeAlias = Start | Ready | Followed | Failed | Ask | Counted

_encode = msgspec.msgpack.Encoder().encode
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


class Channel:
    """One end. Open it in the loop that uses it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Self:
        """Return the channel over *end* of a pair of sockets, which it closes in the end."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    def send(self, message: Message) -> None:
        """Say *message*, sooner or later. It is lost where the other has ended."""
        if not self._writer.is_closing():
            data = _encode(message)
            self._writer.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)

    async def receive(self) -> Message | None:
        """Return the next message; None when the other has ended."""
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES), "big")
            return _DECODER.decode(await self._reader.readexactly(length))
        except (ConnectionError, asyncio.IncompleteReadError):
            return None

    async def aclose(self) -> None:
        """End it when the other has what was said, or has ended."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


def read_start(end: socket.socket) -> Start:
    """Return the first message to a worker, before it has a loop. Raises `EOFError` where the supervisor has ended."""
    message = _DECODER.decode(_exactly(end, int.from_bytes(_exactly(end, _LENGTH_BYTES), "big")))
    if not isinstance(message, Start):
        raise TypeError(f"a worker begins with Start, not with {type(message).__name__}")
    return message


def _exactly(end: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        if not (piece := end.recv(length - len(data))):
            raise EOFError
        data += piece
    return bytes(data)
