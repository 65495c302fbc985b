"""One address for several processes, and for one server only."""

import contextlib
import select
import socket
from collections.abc import Iterator

import pytest

from pennon.cli.server import CannotListen, listen, listen_together


@contextlib.contextmanager
def together(host: str, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(made) for made in listen_together(host, 0, count)]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_all_listen_on_one_free_port_and_each_gets_its_share(host: str) -> None:
    with together(host, 3) as listeners, contextlib.ExitStack() as stack:
        addresses = {listener.getsockname()[:2] for listener in listeners}
        assert len(addresses) == 1
        waiting = set(listeners)
        # The kernel deals out by chance: with 400 connections each of three has some, but for once in 10^70.
        for _ in range(400):
            stack.enter_context(socket.create_connection(next(iter(addresses))))
            for listener in select.select(listeners, (), (), 5)[0]:
                stack.enter_context(listener.accept()[0])
                waiting.discard(listener)
            if not waiting:
                break
        assert not waiting


def test_nobody_else_can_listen_there_not_even_another_that_shares() -> None:
    with together("127.0.0.1", 2) as listeners:
        port = listeners[0].getsockname()[1]
        for attempt in (listen, lambda host, port: listen_together(host, port, 2)):
            with pytest.raises(CannotListen, match=f"port {port}: address already in use; stop what uses it"):
                attempt("127.0.0.1", port)


def test_what_waits_to_be_accepted_outlives_who_would_have_accepted_it() -> None:
    with together("127.0.0.1", 1) as (kept,):
        theirs = kept.dup()  # as a worker has it
        with socket.create_connection(kept.getsockname()) as client:
            client.sendall(b"hello")
            theirs.close()
            with kept.accept()[0] as accepted:
                assert accepted.recv(5) == b"hello"
