"""What it costs an evaluation that a sample of contexts is taken, and what one context costs that is looked at."""

import random
import time
from collections.abc import Callable
from typing import Any

from pennon.engine import compile_snapshot
from pennon.events import Pace, Sampler
from pennon.model import Item, Snapshot
from pennon.testing import flag

CALLS = 200_000
ROUNDS = 15
LOOKS = 20_000
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


def _ns(call: Callable[[], Any], calls: int) -> float:
    started = time.process_time_ns()
    for _ in range(calls):
        call()
    return (time.process_time_ns() - started) / calls


if __name__ == "__main__":
    main()
