"""Compiling 10,000 flags, and applying deltas to them, against parsing their JSON."""

import gc
import json
import time
from collections.abc import Callable

from bench.evaluation.sdks.pennon import body, snapshot
from bench.evaluation.worlds import five_rules, segments, user
from pennon.engine import RuleSet, compile_snapshot
from pennon.model import Item, Snapshot

CONTEXT = user(1)
FLAGS = 10_000
ROUNDS = 5


def main() -> None:
    """Print the CPU time of each step, and its ratio to the bare parse in the same run."""
    data = snapshot((five_rules(f"flag-{index}", index) for index in range(FLAGS)), segments())
    floor = _fastest(lambda: json.loads(data))
    print(f"{len(data) / 1e6:.1f} MB of JSON, {FLAGS:,} flags{'':5}{'ms':>10}{'of the floor':>14}")
    _print("floor: json.loads", floor, floor)
    _print("snapshot read, rules ready", _fastest(lambda: compile_snapshot(Snapshot.from_json(data))), floor)
    first = _fastest(lambda: _use(compile_snapshot(Snapshot.from_json(data), counted=True)))
    _print("every flag used once", first, floor)
    _print("  of that, a flag", first / FLAGS, floor)
    rules = compile_snapshot(Snapshot.from_json(data), counted=True)
    _use(rules)
    _print("a delta of one flag, all compiled", _delta(rules, 1), floor)
    _print("a delta of a hundred flags", _delta(rules, 100), floor)


def _print(name: str, seconds: float, floor: float) -> None:
    print(f"{name:36}{seconds * 1e3:10.3f}{seconds / floor:14.4f}")


def _fastest(run: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        started = time.process_time()
        run()
        best = min(best, time.process_time() - started)
    return best


def _use(rules: RuleSet) -> None:
    for key in rules.flag_keys():
        rules.evaluate(key, CONTEXT, False)


def _delta(rules: RuleSet, count: int) -> float:
    """Return the CPU time from the items of a delta to rules that answer for each of them."""
    keys = [f"flag-{index}" for index in range(count)]
    model = rules.snapshot
    changed = {key: Item.from_text(key, json.dumps(body(five_rules(key, 5))).encode()) for key in keys}

    def apply() -> None:
        flags = {**model.flags.records, **changed}
        later = Snapshot.of({"flag": flags, "segment": model.segments.records}, position=model.position)
        advanced = rules.advanced(later, [("flag", key) for key in keys])
        for key in keys:
            advanced.evaluate(key, CONTEXT, False)

    return _fastest(apply)


if __name__ == "__main__":
    main()
