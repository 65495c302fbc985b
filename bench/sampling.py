"""What it costs an evaluation, and a request by OFREP, that a sample of contexts is taken; and what one look costs."""

import asyncio
import hashlib
import random
import time
from collections.abc import Callable
from typing import Any

import msgspec

from pennon.bus import MemoryBus
from pennon.engine import compile_snapshot
from pennon.events import DIRECT, EventBatch, Pace, SampledRequests, Sampler, Way
from pennon.ingest import Accepted
from pennon.model import Delta, Item, KeyRecord, Position, Snapshot
from pennon.protocol import digest
from pennon.stream import LogReader, Quick, StreamNode, StreamSettings
from pennon.testing import flag

CALLS = 200_000
ROUNDS = 15
LOOKS = 20_000
REQUESTS = 1_000
USERS = 100_000
CLIENT_FLAGS = 10
ENVIRONMENT = "shop/production"
KEY = "pennon_client_bench"
ALL = b"/ofrep/v1/evaluate/flags"
ROUNDS_OF_REQUESTS = 60
PATHS = {"OFREP, one flag": ALL + b"/flag-3", f"OFREP, {CLIENT_FLAGS} flags": ALL}
FLAGS = {
    "on, no rules": flag("plain").on(),
    "a 50/50 split": flag("split").on().split(on=50, off=50),
    "one rule": flag("rule").on().rule("off", country="FR"),
}


def main() -> None:
    """Print nanoseconds of CPU a call, the fastest of interleaved rounds, without a sample and with one."""
    built = {name: builder.build() for name, builder in FLAGS.items()}
    snapshot = Snapshot.of({"flag": {each.key: Item.of(each) for each in built.values()}})
    sampler = Sampler(time=time.time, pace=Pace(chance=random.random))
    sampler.follow(snapshot, None)
    without = compile_snapshot(snapshot, counted=True)
    sampled = compile_snapshot(snapshot, counted=True, sampled=sampler.sampled)
    context = {"targetingKey": "user-123456", "country": "DE"}
    print(f"{'':24}{'without':>10}{'sampled':>10}{'ratio':>8}")
    for name, each in built.items():
        best = [float("inf"), float("inf")]
        for _ in range(ROUNDS):
            sampler.pace.tick()  # as after a second: these calls take less
            for at, rules in enumerate((without, sampled)):
                best[at] = min(best[at], _ns(lambda rules=rules: rules.evaluate(each.key, context, False), CALLS))  # type: ignore[misc]  # noqa: B023  # called at once
        print(f"{name:24}{best[0]:10.0f}{best[1]:10.0f}{best[1] / best[0]:8.2f}")
    users = iter([{"targetingKey": f"user-{at}", "country": "DE", "age": at} for at in range(LOOKS)])
    print(f"{'one look':24}{'':10}{_ns(lambda: sampler.sampled.look(next(users)), LOOKS):10.0f}")
    asyncio.run(_requests())


async def _requests() -> None:
    """Print the same of requests by OFREP, each of another user, as a node answers them when they have come whole."""
    async with _node("none") as without, _node("all-keys") as sampled:
        for name, path in PATHS.items():
            best = [float("inf"), float("inf")]
            for _ in range(ROUNDS_OF_REQUESTS):
                sampled._pace.tick()
                for at, node in enumerate((without, sampled)):
                    best[at] = min(best[at], _ns(_asking(node, path), REQUESTS))
            print(f"{name:24}{best[0]:10.0f}{best[1]:10.0f}{best[1] / best[0]:8.2f}")


def _asking(node: StreamNode, path: bytes) -> Callable[[], Any]:
    quick = Quick(node)
    admitted = quick.admit(path, [(b"content-type", b"application/json"), (b"x-api-key", KEY.encode())])
    assert admitted is not None

    def ask() -> None:
        context = {"targetingKey": f"user-{random.randrange(USERS)}", "country": "DE", "email": "u@mail.example"}
        assert quick.answer(admitted, msgspec.json.encode({"context": context}), ()).startswith(b"HTTP/1.1 200")

    return ask


class _Log(LogReader):
    """An environment that never changes."""

    def __init__(self) -> None:
        built = [flag(f"flag-{at}").client_side().on().rule("off", country="FR").build() for at in range(CLIENT_FLAGS)]
        record = KeyRecord(key=hashlib.sha256(KEY.encode()).hexdigest(), kind="client")
        items = {"flag": {each.key: Item.of(each) for each in built}, "key": {record.key: Item.of(record)}}
        self._snapshot = Snapshot.of(
            items,  # type: ignore[arg-type]  # kinds are literals
            environment=ENVIRONMENT,
            position=Position(1, 1),
            digest=digest.combined(items),  # type: ignore[arg-type]
        )

    async def environments(self) -> list[str]:
        return [ENVIRONMENT]

    async def snapshot(self, _environment: str) -> Snapshot:
        return self._snapshot

    async def since(self, _environment: str, _position: Position) -> list[Delta] | None:
        return []


class _Dropped:
    """An `EventSink` that keeps nothing."""

    passes_on = False

    async def accept(self, _environment: str, _key: str, batch: EventBatch, _way: Way = DIRECT) -> Accepted:
        return Accepted(batch.entries)


def _node(requests: SampledRequests) -> StreamNode:
    return StreamNode(_Log(), MemoryBus(), _Dropped(), time, StreamSettings(sample_requests=requests))


def _ns(call: Callable[[], Any], calls: int) -> float:
    started = time.process_time_ns()
    for _ in range(calls):
        call()
    return (time.process_time_ns() - started) / calls


if __name__ == "__main__":
    main()
