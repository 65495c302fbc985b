"""A server as a process, its administrator, and a real SDK client that follows it: what bad input must not harm."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pennon import Client
from tests.serving import Api, Process, process

T = TypeVar("T")
PLACE = "projects/default/environments/production"
BOOLEAN = [{"key": "on", "value": True}, {"key": "off", "value": False}]
WITNESS = "witness"


def eventually(claim: Callable[[], T], *, within_s: float = 60.0) -> T:
    """Return the first true answer of *claim*; fail if there is none in time."""
    until = time.monotonic() + within_s
    while not (answer := claim()):
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.005)
    return answer


class Attached:
    """Changes arrive at `client` for as long as all is well; `witness` is the flag that shows it."""

    def __init__(self, server: Process, api: Api, client: Client) -> None:
        self.server = server
        self.api = api
        self.client = client

    def state(self) -> bytes:
        """Return the environment as the server has it."""
        return self.api.send("GET", f"{PLACE}/state").content

    def snapshot(self) -> bytes:
        """Return the environment as the SDK has it."""
        return self.client.rules().snapshot.to_json()

    def change(self, *edits: dict[str, Any]) -> int:
        """Make a change and return its revision."""
        return int(self.api.made("POST", f"{PLACE}/changes", {"why": "test", "edits": list(edits)})["revision"])

    def check_life(self) -> None:
        """Check that the next change is taken and arrives, and that both sides hold the same afterwards."""
        is_on = self.client.boolean(WITNESS, {"targetingKey": "u1"}, default=False)
        revision = self.change({"do": "turnOff" if is_on else "turnOn", "flag": WITNESS})
        eventually(lambda: self.client.status().revision >= revision)
        assert self.client.boolean(WITNESS, {"targetingKey": "u1"}, default=is_on) is not is_on
        assert self.snapshot() == self.state()
        assert self.server.process.poll() is None

    @contextlib.contextmanager
    def unharmed(self) -> Iterator[None]:
        """Check that what happens within changes nothing, loses nothing and kills nobody."""
        before = self.state()
        yield
        assert self.state() == before
        self.check_life()

    def raw(self, request: bytes, *, is_all: bool = False, timeout_s: float = 60.0) -> bytes:
        """Send *request* as it is; return what comes back until the server closes, or the answer has a whole body.

        *is_all*: nothing follows, which the server is told.
        """
        host, _, port = self.server.url.removeprefix("http://").partition(":")
        received = b""
        with socket.create_connection((host, int(port)), timeout=timeout_s) as connection:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                connection.sendall(request)
                if is_all:
                    connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while not _is_whole(received) and (chunk := connection.recv(65536)):
                    received += chunk
        return received

    def post(self, head: str, body: bytes) -> bytes:
        """Return a request with *head*, lines without an end, that would make a change if it were in order."""
        lines = (
            f"POST /api/v1/{PLACE}/changes HTTP/1.1",
            "Host: test",
            f"Authorization: Bearer {self.api.token}",
            "Content-Type: application/json",
            *head.splitlines(),
        )
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def _is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    lengths = [line[15:] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return bool(end and lengths) and len(body) >= int(lengths[0])


def status_of(answer: bytes) -> int:
    """Return the status of an answer, 0 for none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def problem_of(answer: bytes) -> dict[str, Any]:
    """Return the problem that a raw answer tells."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, answer[:500]
    return msgspec.json.decode(body, type=dict[str, Any])


@contextlib.contextmanager
def attached(folder: Path, *options: str, url: Callable[[str], str] = str, **client: Any) -> Iterator[Attached]:
    """Run a server, and a client of it, which finds it where *url* says."""
    with process(folder, "--log-format", "json", *options) as (server, api):
        api.made("POST", "projects/default/flags", {"key": WITNESS, "kind": "boolean", "variations": BOOLEAN})
        quick = {"poll_interval_s": 0.2, "chance": lambda: 0.05, **client}
        with Client(url(server.url), key=api.key(), **quick) as sdk:
            assert sdk.wait_until_ready(60)
            yield Attached(server, api, sdk)
