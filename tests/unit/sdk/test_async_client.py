"""What an asynchronous client does that a synchronous one does not: it needs an event loop, and gets one."""

import asyncio
from pathlib import Path

from pennon import AsyncClient
from pennon.testing import InMemorySource, flag


def test_a_client_made_outside_of_a_loop_starts_when_it_is_entered(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    path.write_text('{"flags": {"a": true}}', "utf-8")
    client = AsyncClient(file=path)
    assert client.boolean("a") is True

    async def follow() -> None:
        async with client as entered:
            assert entered is client
            assert await client.wait_until_ready(60)
            path.write_text('{"flags": {"a": false}}', "utf-8")
            while client.boolean("a"):
                await asyncio.sleep(0.005)

    asyncio.run(asyncio.wait_for(follow(), 60))


def test_a_client_that_is_only_closed_needs_no_more_than_that() -> None:
    client = AsyncClient(source=InMemorySource(flag("a").on()))

    async def close() -> bool:
        assert await client.flush()
        await client.close()
        await client.close()
        return client.boolean("a")

    assert asyncio.run(close())


def test_evaluating_needs_no_loop_at_all() -> None:
    source = InMemorySource(flag("a").on())
    client = AsyncClient(source=source)
    source.put(flag("a").off())
    assert client.boolean("a", default=True) is False
    asyncio.run(client.close())
