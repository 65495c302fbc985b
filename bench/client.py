"""Evaluation through the client, a hook, pinned rules and OpenFeature, against the bare rule set."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.provider.no_op_provider import NoOpProvider

from pennon import Client
from pennon.openfeature import PennonProvider
from pennon.sdk.rules import Rules
from pennon.testing import InMemorySource, flag

CALLS = 20_000
ROUNDS = 25
CONTEXT = {"targetingKey": "user-123456", "country": "DE"}
FLAGS = {
    "on, no rules": flag("on").on(),
    "a 50/50 split": flag("split").on().split(on=50, off=50),
    "the same, an experiment": flag("experiment").on().split(on=50, off=50).experiment("exp"),
}


def main() -> None:
    """Print nanoseconds of CPU a call, the fastest of interleaved rounds, and what is beyond the floor of its group."""
    with Client(source=InMemorySource(*FLAGS.values())) as client, _provider(client) as provided:
        print(f"{'':60}{'ns':>8}{'beyond':>10}{'ratio':>8}")
        for name, builder in FLAGS.items():
            _show(name, _ways(builder.build().key, client))
        _show("OpenFeature", provided)


def _ways(key: str, client: Client) -> Mapping[str, Callable[[], Any]]:
    rules: Rules = client.rules()._rules
    pinned = client.rules()
    return {
        "floor: RuleSet.evaluate": lambda: rules.evaluate(key, CONTEXT, False),
        "client.boolean": lambda: client.boolean(key, CONTEXT, default=False),
        "client.evaluation": lambda: client.evaluation(key, CONTEXT, default=False),
        "client.rules().boolean, pinned before": lambda: pinned.boolean(key, CONTEXT, default=False),
    }


@contextmanager
def _provider(client: Client) -> Iterator[Mapping[str, Callable[[], Any]]]:
    api.set_provider_and_wait(NoOpProvider(), "null")
    api.set_provider_and_wait(PennonProvider(client), "pennon")
    null, ours = api.get_client("null"), api.get_client("pennon")
    context = EvaluationContext("user-123456", {"country": "DE"})
    try:
        yield {
            "floor: its null provider": lambda: null.get_boolean_value("on", False, context),
            "on, no rules": lambda: ours.get_boolean_value("on", False, context),
            "a 50/50 split": lambda: ours.get_boolean_value("split", False, context),
        }
    finally:
        api.shutdown()
        api.clear_providers()


def _show(what: str, ways: Mapping[str, Callable[[], Any]]) -> None:
    times = {name: min(_ns(way) for _ in range(ROUNDS)) for name, way in ways.items()}
    floor = next(iter(times.values()))
    for name, taken in times.items():
        print(f"{what + ': ' + name:60}{taken:8.0f}{taken - floor:10.0f}{taken / floor:8.2f}")


def _ns(way: Callable[[], Any]) -> float:
    started = time.process_time_ns()
    for _ in range(CALLS):
        way()
    return (time.process_time_ns() - started) / CALLS


if __name__ == "__main__":
    main()
