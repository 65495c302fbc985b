"""Frames as they go to sockets: encoded once, with the age of the moment in them, as one chunk of an HTTP/1.1 body.

What is small is one `bytes` for all who get it. Of what is large only the head is made anew; the rest is one object
that everybody's pieces are cut from.
"""

from collections.abc import Hashable

import msgspec

from pennon.protocol import Frame, sse

PIECE = 64 * 1024
"""Most that is given to a socket at a time."""
END = b"0\r\n\r\n"
"""The end of a body."""
_AGE = b'{"age":'
_CHUNK_END = b"\r\n"


class Framed(msgspec.Struct, frozen=True):
    """A frame at one moment. `head` is to be written, then `rest`, in pieces, if there is one.

    `mark` is where whoever got it stands then.
    """

    event: str
    mark: Hashable
    head: bytes
    rest: memoryview | None = None


class Template:
    """A frame at any moment: everything but its age is encoded already."""

    __slots__ = ("_after", "_before", "_event", "_mark")

    def __init__(self, frame: Frame, mark: Hashable) -> None:
        encoded = sse.encode(frame)
        start = encoded.index(_AGE) + len(_AGE)
        self._event = frame.event
        self._mark = mark
        self._before = encoded[:start]
        self._after = encoded[encoded.index(b",", start) :] + _CHUNK_END

    @property
    def size(self) -> int:
        """How many bytes it keeps."""
        return len(self._before) + len(self._after)

    def at(self, age: float) -> Framed:
        """Return the frame as it is when the state was known to be current *age* seconds ago."""
        start = b"%b%.3f" % (self._before, max(age, 0.0))
        head = b"%x\r\n%b" % (len(start) + len(self._after) - len(_CHUNK_END), start)
        if len(self._after) <= PIECE:
            return Framed(self._event, self._mark, head + self._after)
        return Framed(self._event, self._mark, head, memoryview(self._after))


def chunk(data: bytes) -> bytes:
    """Return *data* as one chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)
