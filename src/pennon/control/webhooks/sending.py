"""Sends one delivery: to an address that was checked, within bounds of time and size, and nowhere else.

The name is resolved once, what comes of it is judged, and the connection is made to that address, so that nobody can
answer the second question of a resolver otherwise than the first. TLS still asks for the name. Redirects are not
followed; proxies that the environment names are not asked.
"""

import contextlib
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, TypeAlias

import httpcore2
import msgspec

from pennon.control.webhooks.addresses import Address, Network, Target, may_go_unencrypted, refusal, target_of

CONNECT_S = 5.0
TOTAL_S = 15.0
MOST_READ = 4096
LONGEST_SAID = 300
_MOST_ADDRESSES = 4
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\ud7ff]+")
_NUMBER = re.compile(r"^\[Errno -?[0-9]+\] ")
"""What a system calls a fault, which tells people nothing."""
_SAYING = ("text/", "application/json", "application/problem+json")
_FAULTS = (
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    httpcore2.ProtocolError,
    OSError,
    UnicodeError,
)

Resolve: TypeAlias = Callable[[str, int], Sequence[Address]]
"""Returns the addresses of a host name. Raises `OSError`."""


class Answer(msgspec.Struct, frozen=True):
    """What an endpoint answered; no status: it did not. `said` is short, and for people."""

    status: int | None
    said: str
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        """Whether it has heard."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether it wants to hear no more, ever."""
        return self.status == 410


class Post(Protocol):
    """Sends JSON to URLs."""

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send *body*, with *headers* more, and return what came of it, within 15 s or so. Raises nothing."""

    def stop(self) -> None:
        """End what is on its way."""


class Refused(OSError):
    """The address is one that nothing is sent to."""


def resolved(host: str, port: int) -> Sequence[Address]:
    """Return the addresses of *host* as this machine resolves it. Raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [ipaddress.ip_address(each[4][0]) for each in found]


class Poster:
    """Sends to addresses out in the world, and into the networks that are *allowed*. From several threads."""

    def __init__(
        self,
        allowed: Sequence[Network] = (),
        *,
        agent: str = "Pennon",
        resolve: Resolve = resolved,
        tls: ssl.SSLContext | None = None,
        connect_s: float = CONNECT_S,
        total_s: float = TOTAL_S,
    ) -> None:
        self._allowed = allowed
        self._agent = agent
        self._resolve = resolve
        self._tls = tls
        self._connect_s = connect_s
        self._total_s = total_s
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_stopped = False

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send *body* to *url*."""
        target = target_of(url)
        way = _Way(self, target, time.monotonic() + self._total_s)
        try:
            return self._sent(way, target, body, headers)
        except _FAULTS as error:
            return Answer(None, _shown(_NUMBER.sub("", str(error)) or type(error).__name__))
        finally:
            with self._lock:
                self._open.difference_update(way.sockets)

    def stop(self) -> None:
        """End what is on its way: its far end sees the connection close."""
        with self._lock:
            self._is_stopped = True
            for each in self._open:
                _shut(each)

    def connected(self, target: Target, until: float) -> socket.socket:
        """Return a connection to an address of *target* that may be sent to. Raises `OSError`."""
        addresses = self._checked(target)
        for at, address in enumerate(addresses, 1):
            # At least a second for each: the first may be one that this machine has no way to.
            patience = max(1.0, self._connect_s / len(addresses)) if at < len(addresses) else self._connect_s
            try:
                made = socket.create_connection((str(address), target.port), min(patience, _left(until)))
            except OSError:
                if at == len(addresses):
                    raise
                continue
            return made
        raise Refused(f"{target.host} has no address")

    def _checked(self, target: Target) -> list[Address]:
        addresses = list(dict.fromkeys(self._resolve(target.host, target.port)))[:_MOST_ADDRESSES]
        for address in addresses:
            # One that is inside spoils the others: such a name is made for getting in, or is misconfigured.
            if why := refusal(address, self._allowed):
                # Not the address: who may make webhooks need not know what names mean in here.
                raise Refused(f"{target.host} leads to what is {why}: see PENNON_WEBHOOK_NETWORKS")
            if target.scheme == "http" and not may_go_unencrypted(address, self._allowed):
                raise Refused(f"{target.host}: only this machine is spoken to without TLS")
        return addresses

    def keep(self, made: socket.socket) -> None:
        """Have *made* ended when the poster is stopped. Raises `OSError` if it is."""
        with self._lock:
            if self._is_stopped:
                made.close()
                raise Refused("the server is stopping")
            self._open.add(made)

    def _sent(self, way: "_Way", target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
        url = httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
        own = {
            "Host": target.authority,
            "User-Agent": self._agent,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        whole = [*own.items(), *headers.items()]
        with (
            httpcore2.ConnectionPool(ssl_context=self._context(), network_backend=way) as pool,
            pool.stream("POST", url, headers=whole, content=body) as response,
        ):
            told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            said = _said(told.get("content-type", ""), response.iter_stream(), is_success=response.status < 300)
            if 300 <= response.status < 400:
                said = "redirects are not followed: give the URL that it leads to"
            return Answer(response.status, said, _retry_after(told.get("retry-after", "")))

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


class _Way(httpcore2.NetworkBackend):
    """The way to one target: whatever is asked for, this is where it leads, and it ends in time."""

    def __init__(self, poster: Poster, target: Target, until: float) -> None:
        self._poster = poster
        self._target = target
        self._until = until
        self.sockets: list[socket.socket] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to an address that was checked."""
        return self.timed(self._poster.connected(self._target, self._until))

    def timed(self, made: socket.socket) -> "_Timed":
        """Return a connection that ends in time, and with the poster."""
        self.sockets.append(made)
        self._poster.keep(made)
        return _Timed(made, self)

    @property
    def left_s(self) -> float:
        """How much time is left. Raises `TimeoutError` where there is none."""
        return _left(self._until)


class _Timed(httpcore2.NetworkStream):
    """A connection that ends in time, however slowly the other side speaks."""

    def __init__(self, connection: socket.socket, way: _Way) -> None:
        self._socket = connection
        self._way = way

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what comes next."""
        self._socket.settimeout(self._way.left_s)
        return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        self._socket.settimeout(self._way.left_s)
        self._socket.sendall(buffer)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """Go on encrypted, with who can show that it is *server_hostname*."""
        self._socket.settimeout(self._way.left_s)
        # The handshake comes after, so that it can be ended too: wrapping takes the socket from its first object.
        wrapped = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname, do_handshake_on_connect=False)
        made = self._way.timed(wrapped)
        try:
            wrapped.do_handshake()
        except OSError:
            wrapped.close()
            raise
        return made


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left


def _said(content_type: str, stream: Iterable[bytes], *, is_success: bool) -> str:
    """Return the start of an answer. No more is read: its end may never come."""
    if is_success or not content_type.lower().startswith(_SAYING):
        return ""
    read = b""
    with contextlib.suppress(*_FAULTS):  # the status is there, which is what counts
        for piece in stream:
            read += piece
            if len(read) >= MOST_READ:
                break
    return _shown(read[:MOST_READ].decode(errors="replace"))


def _shown(text: str) -> str:
    return _NOT_PRINTABLE.sub(" ", text).strip()[:LONGEST_SAID]


def _retry_after(text: str) -> timedelta | None:
    """Return what a `Retry-After` header says (RFC 9110): seconds, or a date."""
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 10**7))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(timedelta(), at - datetime.now(UTC))  # noqa: TID251  # the far end's date is compared with the time of day


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be closed already
        connection.shutdown(socket.SHUT_RDWR)
