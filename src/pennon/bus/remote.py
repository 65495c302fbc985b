"""A bus over a server that may be away: one connection kept by whatever means an adapter has, and notices that wait.

Subscribers of this process hear its own notices at once, server or not. What others missed while the server was away
they find in the log, which is read now and then without being told; nothing here has to be exact.
"""

import asyncio
import contextlib
import hmac
import random
from collections.abc import Awaitable, Callable
from typing import Protocol, Self, TypeAlias

import msgspec
import structlog

from pennon.bus.base import Notice
from pennon.bus.memory import MemoryBus, MemorySubscription
from pennon.model import DECODE_ERRORS, Position

_log = structlog.get_logger(__name__)


PAYLOAD_BYTES = 256 * 1024
"""Larger notices go without their delta, whatever a server takes: a bus is no place to keep data."""


class Link(Protocol):
    """One connection to the server. Any method may raise whatever its library raises: the link is then given up."""

    def takes(self, payload: bytes) -> bool:
        """Whether the server carries *payload*, of at most `PAYLOAD_BYTES`. One without a delta is always carried."""

    async def send(self, payload: bytes, environment: str) -> None:
        """Give *payload*, which is about *environment*, to every other process, and return when the server has it."""

    async def receive(self) -> bytes:
        """Return the next payload. Raises where the connection is dead, even if it only fell silent."""

    async def close(self) -> None:
        """Close the connection."""


Connect: TypeAlias = Callable[[], Awaitable[Link]]
"""Opens a link that misses nothing from then on."""


class Retry(msgspec.Struct, frozen=True):
    """How long opening and sending may take, and how long to wait after a failure: at random up to a doubling bound."""

    timeout_s: float = 10.0
    first_s: float = 0.25
    most_s: float = 10.0


class _Message(msgspec.Struct, frozen=True):
    environment: str
    position: str
    delta: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    mac: str | msgspec.UnsetType = msgspec.UNSET
    """That whoever wrote the delta has the secret."""


_decode = msgspec.json.Decoder(_Message).decode


class RemoteBus:
    """See `pennon.bus.base.Bus`. Use it as an async context manager: it connects, and connects again, by itself."""

    def __init__(self, connect: Connect, *, name: str, retry: Retry = Retry()) -> None:  # noqa: B008  # immutable
        self._connect = connect
        self._name = name
        self._retry = retry
        self._local = MemoryBus()
        self._waiting: dict[str, Notice] = {}
        self._grown = asyncio.Event()
        self._connected = asyncio.Event()
        self._secret: bytes | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def trust(self, secret: bytes) -> None:
        """Take steps only from who has *secret*, and show with ours that we have it.

        Positions are taken from everybody: they only say when to look. Who could write steps could write flags.
        """
        self._secret = secret

    @property
    def is_connected(self) -> bool:
        """Whether other processes hear what is published now, and are heard."""
        return self._connected.is_set()

    @property
    def has_waiting(self) -> bool:
        """Whether something is not yet given to the server."""
        return bool(self._waiting)

    async def connected(self) -> None:
        """Return when the server is reached."""
        await self._connected.wait()

    async def publish(self, environment: str, position: Position, *, delta: bytes | None = None) -> None:
        """Tell every subscriber that *environment* stands at *position*; those of other processes as soon as may be."""
        self.announce(environment, position, delta=delta)

    def announce(self, environment: str, position: Position, *, delta: bytes | None = None) -> None:
        """Publish without waiting, from whatever thread: a writer's commit hook calls this."""
        self._local.announce(environment, position, delta=delta)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._enqueue, Notice(environment, position, delta))

    def subscribe(self) -> MemorySubscription:
        """Return a subscription that misses nothing published from now on. Call it in a running event loop."""
        return self._local.subscribe()

    def _enqueue(self, notice: Notice) -> None:
        # Only the newest waits, so a server that is away for long costs no memory.
        known = self._waiting.get(notice.environment)
        if known is None or known.position < notice.position:
            self._waiting[notice.environment] = notice
        self._grown.set()

    async def _run(self) -> None:
        delay = self._retry.first_s
        while True:
            try:
                await self._hold()
            except Exception as error:  # noqa: BLE001  # the background loop must survive whatever a library raises
                if self.is_connected or delay == self._retry.first_s:  # said once, not at each attempt
                    _log.warning("the bus is away, the log is polled", bus=self._name, problem=repr(error))
            if self.is_connected:
                delay = self._retry.first_s
            self._connected.clear()
            await asyncio.sleep(random.uniform(0, delay))
            delay = min(delay * 2, self._retry.most_s)

    async def _hold(self) -> None:
        """Keep one link until it breaks."""
        async with asyncio.timeout(self._retry.timeout_s):
            link = await self._connect()
        tasks = [asyncio.create_task(self._receive(link)), asyncio.create_task(self._send(link))]
        try:
            self._connected.set()
            _log.info("the bus is connected", bus=self._name)
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()
        finally:
            await _ended(tasks)
            with contextlib.suppress(Exception):
                async with asyncio.timeout(self._retry.timeout_s):
                    await link.close()

    async def _receive(self, link: Link) -> None:
        while True:
            notice = _read(await link.receive(), self._secret)
            if notice is not None:
                self._local.announce(notice.environment, notice.position, delta=notice.delta)

    async def _send(self, link: Link) -> None:
        while True:
            await self._grown.wait()
            self._grown.clear()
            for environment in list(self._waiting):
                notice = self._waiting[environment]
                payload = _written(notice, link, self._secret)
                async with asyncio.timeout(self._retry.timeout_s):
                    await link.send(payload, environment)
                # Only now: what a broken link did not take is sent by the next.
                if self._waiting.get(environment) is notice:
                    del self._waiting[environment]
                else:
                    self._grown.set()


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel *tasks* until they have ended: a library may swallow a cancellation that meets its own timeout."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.1)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # it has been seen


def _written(notice: Notice, link: Link, secret: bytes | None) -> bytes:
    """Return *notice* as it travels, with its delta if *link* carries that."""
    message = _Message(notice.environment, str(notice.position))
    if notice.delta is not None and len(notice.delta) < PAYLOAD_BYTES:
        mac = msgspec.UNSET if secret is None else _mac(secret, message, notice.delta)
        payload = msgspec.json.encode(msgspec.structs.replace(message, delta=msgspec.Raw(notice.delta), mac=mac))
        if len(payload) <= PAYLOAD_BYTES and link.takes(payload):
            return payload
    return msgspec.json.encode(message)


def _mac(secret: bytes, message: _Message, delta: bytes) -> str:
    told = b"\n".join((message.environment.encode(), message.position.encode(), delta))
    return hmac.digest(secret, told, "sha256").hex()


def _delta_of(message: _Message, secret: bytes | None) -> bytes | None:
    if not isinstance(message.delta, msgspec.Raw):
        return None
    delta = bytes(message.delta)
    said = message.mac if isinstance(message.mac, str) else ""
    is_ours = secret is None or hmac.compare_digest(said.encode(), _mac(secret, message, delta).encode())
    return delta if is_ours else None


def _read(payload: bytes, secret: bytes | None) -> Notice | None:
    """Return a notice, None for what is none: the server may be shared with other programs."""
    try:
        message = _decode(payload)
        return Notice(message.environment, Position.parse(message.position), _delta_of(message, secret))
    except (*DECODE_ERRORS, ValueError):
        return None
