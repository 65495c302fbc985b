"""The bus over NATS JetStream: a bucket of the newest positions, watched, so that whoever connects again hears them."""

import asyncio
from typing import Any

import nats
from nats.aio.client import Client
from nats.js.errors import BucketNotFoundError
from nats.js.kv import KeyValue

from pennon.bus.remote import RemoteBus

BUCKET = "pennon_positions"
_TIMEOUT_S = 5
_HEADERS_BYTES = 1024
_PING_S = 5
_SILENCE_S = 3600.0


def nats_bus(url: str) -> RemoteBus:
    """Return a bus over the NATS server, with JetStream, at *url* (`nats://host:port`; several with commas)."""

    async def connect() -> _Link:
        broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def gone() -> None:
            if not broken.done():
                broken.set_result(None)

        # It does not reconnect by itself: a watch that outlives its server is silent, and a new link watches anew.
        client = await nats.connect(
            [part.strip() for part in url.split(",")],
            connect_timeout=_TIMEOUT_S,
            allow_reconnect=False,
            ping_interval=_PING_S,
            max_outstanding_pings=2,
            closed_cb=gone,
            disconnected_cb=gone,
            error_cb=_quiet,
        )
        try:
            bucket = await _bucket(client)
            watcher = await bucket.watchall()
        except BaseException:  # nothing is swallowed: what was opened is closed
            await client.close()
            raise
        return _Link(client, bucket, watcher, broken)

    return RemoteBus(connect, name="nats")


async def _quiet(_error: Exception) -> None:
    """Leave what went wrong to the link, which says it once."""


async def _bucket(client: Client) -> KeyValue:
    stream = client.jetstream(timeout=_TIMEOUT_S)
    try:
        return await stream.key_value(BUCKET)
    except BucketNotFoundError:
        return await stream.create_key_value(bucket=BUCKET, history=1)


class _Link:
    def __init__(self, client: Client, bucket: KeyValue, watcher: Any, broken: asyncio.Future[None]) -> None:
        self._client = client
        self._bucket = bucket
        self._watcher = watcher
        self._broken = broken

    def takes(self, payload: bytes) -> bool:
        return len(payload) <= self._client.max_payload - _HEADERS_BYTES

    async def send(self, payload: bytes, environment: str) -> None:
        # In hex, for a name may hold what a subject may not.
        await self._bucket.put(environment.encode().hex(), payload)

    async def receive(self) -> bytes:
        while True:
            update = asyncio.ensure_future(self._watcher.updates(timeout=_SILENCE_S))
            try:
                await asyncio.wait((update, self._broken), return_when=asyncio.FIRST_COMPLETED)
                if not update.done():
                    raise ConnectionError("the NATS server is gone")
                entry = update.result()
            except TimeoutError:
                continue
            finally:
                update.cancel()
            if entry is not None and entry.value:  # None: all that was there when the watch began has been told
                return bytes(entry.value)

    async def close(self) -> None:
        await self._client.close()
