"""A bucket of NATS JetStream as a key-value store. What is deleted leaves no marker, so a bucket does not grow."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import parse_qs

import msgspec
import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import BucketNotFoundError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from pennon.edge.kv.base import Allows, KvUnavailable, KvUnusable, check_size

_TIMEOUT_S = 5.0
_PING_S = 5
_TRIES = 20
_Answer = TypeVar("_Answer")


class Address(msgspec.Struct, frozen=True):
    """Which servers, which bucket, and how many replicas it is made with where it is not there yet."""

    servers: list[str]
    bucket: str
    replicas: int = 1

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read `nats://host:port,host:port/bucket?replicas=3`. Raises `KvUnusable`."""
        start, _, query = url.partition("?")
        scheme, _, rest = start.partition("://")
        hosts, _, bucket = rest.partition("/")
        replicas = parse_qs(query).get("replicas", ["1"])[-1]
        if not hosts or not bucket or not bucket.replace("_", "").replace("-", "").isalnum():
            raise KvUnusable("the address names no bucket of letters, digits, - and _; write nats://host:4222/pennon")
        if replicas not in ("1", "3", "5"):
            raise KvUnusable(f"{replicas} replicas cannot be had; write 1, 3 or 5")
        return cls([f"{scheme}://{host.strip()}" for host in hosts.split(",")], bucket, int(replicas))


class _Link(msgspec.Struct, frozen=True):
    client: Client
    stream: JetStreamContext
    bucket: KeyValue
    gone: asyncio.Event


class NatsKv:
    """See `pennon.edge.kv.base.KeyValueStore`. Whoever names the same bucket shares what is kept."""

    def __init__(self, address: Address, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._link: _Link | None = None
        self._linking = asyncio.Lock()
        self._subjects = f"$KV.{address.bucket}."

    def __repr__(self) -> str:
        return f"NatsKv({self._address.bucket!r})"

    async def read(self, name: str) -> bytes | None:
        """Return what is kept under *name*, None for nothing."""
        return (await self._asked(lambda link: _found(link, name)))[0]

    async def write(self, name: str, value: bytes) -> None:
        """Keep *value* under *name*."""
        check_size(value)
        await self._asked(lambda link: link.bucket.put(_key(name), value))

    async def write_if(self, name: str, value: bytes, allows: Allows) -> bool:
        """Write if *allows* says so of what is there; return whether it did."""
        check_size(value)
        for _ in range(_TRIES):
            found, revision = await self._asked(lambda link: _found(link, name))
            if not allows(found):
                return False
            if await self._asked(lambda link, last=revision: _swapped(link, name, value, last)):  # type: ignore[misc]
                return True
        raise KvUnavailable(f"others write {name} all the time")

    async def names(self) -> list[str]:
        """Return every name under which something is kept."""
        stream = f"KV_{self._address.bucket}"
        info = await self._asked(lambda link: link.stream.stream_info(stream, subjects_filter=f"{self._subjects}>"))
        keys = [subject.removeprefix(self._subjects) for subject in info.state.subjects or {}]
        return [name for key in keys if (name := _name(key)) is not None]

    async def delete(self, name: str) -> None:
        """Keep nothing under *name* any more."""
        stream, subject = f"KV_{self._address.bucket}", self._subjects + _key(name)
        await self._asked(lambda link: link.stream.purge_stream(stream, subject=subject))

    async def close(self) -> None:
        """Close the connection."""
        link, self._link = self._link, None
        if link is not None:
            await link.client.close()

    async def _asked(self, question: Callable[[_Link], Awaitable[_Answer]]) -> _Answer:
        link = None
        try:
            async with asyncio.timeout(self._timeout_s):
                link = await self._linked()
                return await _answered(link.gone, question(link))
        except (NatsError, OSError, TimeoutError, ValueError) as error:
            await self._drop(link)
            raise KvUnavailable(f"NATS: {str(error) or type(error).__name__}") from error

    async def _linked(self) -> _Link:
        async with self._linking:
            if self._link is None:
                self._link = await self._connect()
            return self._link

    async def _connect(self) -> _Link:
        # It does not reconnect by itself: what waits for a dead server is refused, and the next question connects.
        gone = asyncio.Event()

        async def note() -> None:
            gone.set()

        client = await nats.connect(
            self._address.servers,
            connect_timeout=int(self._timeout_s) or 1,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # of each server, when it connects at first; 0 is without end
            reconnect_time_wait=0,
            ping_interval=_PING_S,
            max_outstanding_pings=2,
            error_cb=_quiet,
            closed_cb=note,
            disconnected_cb=note,
        )
        try:
            stream = client.jetstream(timeout=self._timeout_s)
            return _Link(client, stream, await _answered(gone, self._bucket(stream)), gone)
        except BaseException:  # nothing is swallowed: what was opened is closed
            await client.close()
            raise

    async def _bucket(self, stream: JetStreamContext) -> KeyValue:
        try:
            return await stream.key_value(self._address.bucket)
        except BucketNotFoundError:
            replicas = self._address.replicas
            return await stream.create_key_value(bucket=self._address.bucket, history=1, replicas=replicas)

    async def _drop(self, link: _Link | None) -> None:
        if link is not None and self._link is link:
            self._link = None
            await link.client.close()


async def _quiet(_error: Exception) -> None:
    """Leave what went wrong to whoever asks next."""


async def _answered(gone: asyncio.Event, question: Awaitable[_Answer]) -> _Answer:
    """Return the answer. The client leaves a question that its server died over without one."""
    asking = asyncio.ensure_future(question)
    going = asyncio.ensure_future(gone.wait())
    try:
        await asyncio.wait((asking, going), return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            raise ConnectionError("the server is gone")
        return asking.result()
    finally:
        asking.cancel()
        going.cancel()


async def _found(link: _Link, name: str) -> tuple[bytes | None, int]:
    """Return what is there and its revision; 0 is the revision of nothing."""
    try:
        entry = await link.bucket.get(_key(name))
    except KeyNotFoundError as error:
        return None, getattr(error.entry, "revision", None) or 0
    return entry.value or b"", entry.revision or 0


async def _swapped(link: _Link, name: str, value: bytes, last: int) -> bool:
    try:
        await link.bucket.update(_key(name), value, last=last)
    except KeyWrongLastSequenceError:
        return False
    return True


def _key(name: str) -> str:
    return name.encode().hex()  # a name may hold what a subject may not


def _name(key: str) -> str | None:
    try:
        return bytes.fromhex(key).decode()
    except ValueError:
        return None
