"""The bus over Redis: a channel to publish to, and a hash of the newest positions for whoever connects (again)."""

import asyncio
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from pennon.bus.remote import RemoteBus

CHANNEL = "pennon:positions"
_SILENCE_S = 10.0
_TIMEOUT_S = 5.0


def redis_bus(url: str) -> RemoteBus:
    """Return a bus over the Redis at *url* (`redis://host:port/0`, `rediss://…`, `unix://…`)."""

    async def connect() -> _Link:
        client = Redis.from_url(url, socket_connect_timeout=_TIMEOUT_S, socket_timeout=_TIMEOUT_S)
        listening = client.pubsub(ignore_subscribe_messages=True)
        try:
            await listening.subscribe(CHANNEL)
            # After the subscription, so that nothing falls between the two.
            newest: list[Any] = list((await client.hgetall(CHANNEL)).values())
        except BaseException:  # nothing is swallowed: what was opened is closed
            await _closed(listening, client)
            raise
        return _Link(client, listening, newest)

    return RemoteBus(connect, name="redis")


class _Link:
    def __init__(self, client: Redis, listening: PubSub, newest: list[bytes]) -> None:
        self._client = client
        self._listening = listening
        self._heard = newest

    def takes(self, payload: bytes) -> bool:
        return True

    async def send(self, payload: bytes, environment: str) -> None:
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.hset(CHANNEL, environment, payload)
            pipeline.publish(CHANNEL, payload)
            await pipeline.execute()

    async def receive(self) -> bytes:
        while not self._heard:
            message = await self._listening.get_message(timeout=_SILENCE_S)
            if message is None:
                await self._client.ping()
                await self._listening.ping()
            elif message["type"] == "message":
                self._heard.append(message["data"])
        return self._heard.pop(0)

    async def close(self) -> None:
        await _closed(self._listening, self._client)


async def _closed(*connections: Any) -> None:
    await asyncio.gather(*(connection.aclose() for connection in connections), return_exceptions=True)
