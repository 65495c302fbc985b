"""Frames for clients of HTTP/1.0: whatever pieces they come in, the framing is gone and nothing else is."""

import asyncio
import itertools

from hypothesis import given
from hypothesis import strategies as st

from pennon.stream.framing import END, chunk
from pennon.stream.unchunked import Unchunked


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"socket": object(), "peername": "somebody"})
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data


@given(
    head=st.binary(max_size=30),
    contents=st.lists(st.binary(min_size=1, max_size=300)),
    cuts=st.lists(st.integers(0, 2000)),
)
def test_chunks_cut_anywhere_are_their_contents(head: bytes, contents: list[bytes], cuts: list[int]) -> None:
    framed = head + b"".join(map(chunk, contents)) + END
    wire = Wire()
    transport = Unchunked(wire, len(head))
    at = [0, *sorted(cuts), len(framed)]
    for start, end in itertools.pairwise(at):
        transport.write(memoryview(framed)[start:end])
    assert wire.written == head + b"".join(contents)


def test_nobody_is_shown_the_socket_to_write_past_it() -> None:
    transport = Unchunked(Wire(), 0)
    assert transport.get_extra_info("socket") is None
    assert transport.get_extra_info("peername") == "somebody"
