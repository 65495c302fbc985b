"""Redis as a key-value store: one hash, a field a value, so that names are found without a search of the database."""

import asyncio
import hashlib
from collections.abc import Awaitable
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from pennon.edge.kv.base import Allows, KvUnavailable, check_size

PREFIX = "pennon:edge"
_TIMEOUT_S = 5.0
_TRIES = 20
# What is there is compared by its hash: a manifest need not travel twice.
_SWAP = """
local found = redis.call('HGET', KEYS[1], ARGV[1])
if (found and redis.sha1hex(found) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""


class RedisKv:
    """See `pennon.edge.kv.base.KeyValueStore`. Whoever has the same *prefix* in one database shares what is kept."""

    def __init__(self, url: str, *, prefix: str = PREFIX, timeout_s: float = _TIMEOUT_S) -> None:
        self._key = f"{prefix}:kv"
        self._timeout_s = timeout_s
        # One more try: the connection of before may have died with the server that it led to.
        self._client = Redis.from_url(
            url, socket_connect_timeout=timeout_s, socket_timeout=timeout_s, retry=Retry(NoBackoff(), 1)
        )

    def __repr__(self) -> str:
        return f"RedisKv({self._key!r})"

    async def read(self, name: str) -> bytes | None:
        """Return what is kept under *name*, None for nothing."""
        return cast("bytes | None", await self._asked(self._client.hget(self._key, name)))

    async def write(self, name: str, value: bytes) -> None:
        """Keep *value* under *name*."""
        check_size(value)
        await self._asked(self._client.hset(self._key, name, cast("str", value)))

    async def write_if(self, name: str, value: bytes, allows: Allows) -> bool:
        """Write if *allows* says so of what is there; return whether it did."""
        check_size(value)
        for _ in range(_TRIES):
            found = await self.read(name)
            if not allows(found):
                return False
            check = "" if found is None else hashlib.sha1(found, usedforsecurity=False).hexdigest()
            swapped = self._client.eval(_SWAP, 1, self._key, name, check, cast("str", value))
            if await self._asked(swapped):
                return True
        raise KvUnavailable(f"others write {name} all the time")

    async def names(self) -> list[str]:
        """Return every name under which something is kept."""
        found = await self._asked(self._client.hkeys(self._key))
        return [name.decode(errors="replace") for name in found]

    async def delete(self, name: str) -> None:
        """Keep nothing under *name* any more."""
        await self._asked(self._client.hdel(self._key, name))

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _asked(self, answer: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await answer
        except (RedisError, OSError, TimeoutError) as error:
            raise KvUnavailable(f"Redis: {str(error) or type(error).__name__}") from error
