"""Readiness: what keeps the server from serving, asked at most twice a second."""

import asyncio
from collections.abc import Awaitable, Callable

from pennon.control.api.health import Readiness


def saying(answer: str | None) -> Callable[[], Awaitable[str | None]]:
    async def check() -> str | None:
        return answer

    return check


def test_nothing_is_missing_where_every_check_is_content() -> None:
    assert asyncio.run(Readiness([saying(None), saying(None)]).missing()) == ()
    assert asyncio.run(Readiness([]).missing()) == ()


def test_everything_that_is_missing_is_named() -> None:
    checks = [saying("the database"), saying(None), saying("the environments")]
    assert asyncio.run(Readiness(checks).missing()) == ("the database", "the environments")


def test_a_check_that_does_not_answer_counts_as_missing() -> None:
    async def silent() -> str | None:
        await asyncio.Event().wait()
        return None

    assert asyncio.run(Readiness([silent], timeout_s=0.01).missing()) == ("an answer within 0.01 s",)


def test_many_who_ask_at_once_cost_one_check() -> None:
    asked = 0

    async def check() -> str | None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return None

    async def everybody() -> None:
        readiness = Readiness([check])
        await asyncio.gather(*(readiness.missing() for _ in range(100)))

    asyncio.run(everybody())
    assert asked == 1
