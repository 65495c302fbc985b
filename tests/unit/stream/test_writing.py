"""Writing to many sockets: who takes nothing holds up nobody."""

import os
import socket
from collections.abc import Iterator

import pytest

from pennon.stream.writing import write_each, write_own

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    made = [socket.socketpair() for _ in range(5)]
    for here, _ in made:
        here.setblocking(False)
    yield made
    for here, there in made:
        here.close()
        there.close()


def test_everybody_gets_it_and_it_is_told_how_much_each_took(pairs: list[Pair]) -> None:
    assert write_each([here.fileno() for here, _ in pairs], b"news") == [4] * 5
    assert [there.recv(100) for _, there in pairs] == [b"news"] * 5


def test_who_takes_nothing_or_is_gone_is_told_apart_from_the_others(pairs: list[Pair]) -> None:
    (full, _), (half, reader) = pairs[1], pairs[2]
    for connection in (full, half):
        while True:
            try:
                connection.send(b"x" * 65536)
            except BlockingIOError:
                break
    os.read(reader.fileno(), 65536)  # so that there is room for a part of what comes
    pairs[3][1].close()
    data = b"n" * 1_000_000
    descriptors = [*(here.fileno() for here, _ in pairs[1:4]), -1, pairs[4][0].fileno()]
    taken = write_each(descriptors, data)
    assert (taken[0], taken[2], taken[3]) == (0, 0, 0)
    assert 0 < taken[1] < len(data)
    assert 0 < taken[4] <= len(data)


def test_each_gets_its_own_whoever_before_it_is_gone(pairs: list[Pair]) -> None:
    descriptors = [here.fileno() for here, _ in pairs]
    descriptors[1] = -1
    assert write_own(descriptors, [b"a", b"bb", b"ccc", b"", b"eeeee"]) == [1, 0, 3, 0, 5]
    assert [pairs[number][1].recv(100) for number in (0, 2, 4)] == [b"a", b"ccc", b"eeeee"]


def test_nobody_is_nothing_to_do() -> None:
    assert write_each([], b"news") == []
