"""Ports for servers that are started again where they were, or named before they are started."""

import contextlib
import random
import socket

_CHANCE = random.SystemRandom()  # hypothesis makes the other one the same in each process


def free_port() -> int:
    """Return a free port that no system gives to who asks for any: nobody takes it while its server is down."""
    while True:
        port = _CHANCE.randrange(11_000, 31_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
