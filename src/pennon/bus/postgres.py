"""The bus over PostgreSQL's LISTEN and NOTIFY: no server beside the database. A payload has at most 7,999 bytes."""

import asyncio

from psycopg import AsyncConnection

from pennon.bus.remote import RemoteBus

CHANNEL = "pennon"
_PAYLOAD_BYTES = 7999
_SILENCE_S = 10.0
_KEEPALIVE_S = 10


def postgres_bus(url: str) -> RemoteBus:
    """Return a bus over the database at *url* (`postgresql://user@host/database`)."""

    async def connect() -> _Link:
        link = _Link(await _open(url), await _open(url))
        await link.listen()
        return link

    return RemoteBus(connect, name="postgresql")


async def _open(url: str) -> AsyncConnection:
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    return await AsyncConnection.connect(
        plain,
        autocommit=True,
        application_name="pennon bus",
        keepalives=1,
        keepalives_idle=_KEEPALIVE_S,
        keepalives_interval=_KEEPALIVE_S // 2,
        keepalives_count=3,
    )


class _Link:
    """Two connections, for one that listens can do nothing else meanwhile."""

    def __init__(self, listening: AsyncConnection, sending: AsyncConnection) -> None:
        self._listening = listening
        self._sending = sending
        self._heard: list[bytes] = []

    def takes(self, payload: bytes) -> bool:
        if len(payload) > _PAYLOAD_BYTES:
            return False
        # A database of another encoding might not be able to say it: then the position alone, which is ASCII.
        return payload.isascii() or self._sending.pgconn.parameter_status(b"server_encoding") == b"UTF8"

    async def listen(self) -> None:
        await self._listening.execute(f"LISTEN {CHANNEL}")

    async def send(self, payload: bytes, environment: str) -> None:
        await self._sending.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload.decode()))

    async def receive(self) -> bytes:
        while not self._heard:
            async for notify in self._listening.notifies(timeout=_SILENCE_S, stop_after=1):
                self._heard.append(notify.payload.encode())
            if not self._heard:
                async with asyncio.timeout(_SILENCE_S):
                    await self._listening.execute("SELECT 1")
        return self._heard.pop(0)

    async def close(self) -> None:
        await asyncio.gather(self._listening.close(), self._sending.close(), return_exceptions=True)
