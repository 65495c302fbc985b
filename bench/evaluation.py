"""Evaluation of flags, counted, on one core, against the bare hash."""

import hashlib
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

from pennon.bucketing import bucket_after, bucket_prefix
from pennon.engine import RuleSet, compile_snapshot
from pennon.engine.values import version_rank
from pennon.model import Evaluation, Reason, Snapshot

CALLS = 20_000
ROUNDS = 15
CONTEXT = {
    "targetingKey": "user-123456",
    "country": "US",
    "appVersion": "2.2.9",
    "email": "a@example.org",
    "age": 30,
    "plan": "pro",
}
HALVES = {"split": {"weights": [{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}]}}


def five_rules(key: str, number: int = 0) -> dict[str, Any]:
    """Return a flag of which the fifth rule matches, and splits; *number* varies its literals."""
    conditions: list[dict[str, Any]] = [
        {"attribute": "country", "op": "in", "values": [f"D{number % 50}", "FR", "IT"]},
        {"attribute": "appVersion", "op": "versionGreaterOrEqual", "values": ["2.3.0"]},
        {"attribute": "email", "op": "endsWith", "values": ["@example.com"]},
        {"attribute": "age", "op": "greaterThan", "values": [50 + number % 100]},
        {"op": "inSegment", "values": [f"beta-{number % 100}"]},
    ]
    serves = [{"variation": "on"}] * 4 + [HALVES]
    rules = [
        {"id": f"r{index}", "conditions": [condition], "serve": serve}
        for index, (condition, serve) in enumerate(zip(conditions, serves, strict=True))
    ]
    return flag(key, rules=rules, salt=f"k3v{number:05d}")


def flag(key: str, **members: Any) -> dict[str, Any]:
    """Return a boolean flag that is on."""
    return {
        "key": key,
        "version": 3,
        "on": True,
        "salt": "k3v9x0",
        "variations": [{"key": "on", "value": True}, {"key": "off", "value": False}],
        "offVariation": "off",
        "fallthrough": {"variation": "off"},
        **members,
    }


def snapshot(*flags: dict[str, Any]) -> Snapshot:
    """Return a snapshot of *flags* and a hundred segments."""
    in_plan = {"attribute": "plan", "op": "in", "values": ["pro", "team"]}
    segments = {
        f"beta-{index}": {
            "key": f"beta-{index}",
            "salt": "m2",
            "included": ["u9"],
            "rules": [{"conditions": [in_plan]}],
        }
        for index in range(100)
    }
    document = {"spec": 1, "flags": {item["key"]: item for item in flags}, "segments": segments}
    return Snapshot.from_json(json.dumps(document).encode())


def main() -> None:
    """Measure, in turns, so that a busy machine slows everything alike."""
    many = [five_rules(f"flag-{index}", index) for index in range(10_000)]
    plain = flag("plain", fallthrough={"variation": "on"})
    rules = compile_snapshot(snapshot(plain, five_rules("five-rules"), flag("half", fallthrough=HALVES)), counted=True)
    crowd = compile_snapshot(snapshot(*many), counted=True)
    rounds = {
        "floor: the bucket, with hashlib": _hashlib_bucket,
        "floor: the bucket, prepared": _prepared_bucket(),
        "a flag that is on": _evaluating(rules, ["plain"]),
        "half and half": _evaluating(rules, ["half"]),
        "the same as closures": _calling(half_as_closure()),
        "five rules, then half and half": _evaluating(rules, ["five-rules"]),
        "the same as closures, five rules": _calling(five_rules_as_closures()),
        "one of 10,000 such flags": _evaluating(crowd, [item["key"] for item in many]),
    }
    seconds = _fastest(rounds)
    floor = seconds["floor: the bucket, with hashlib"]
    print(f"{'':34}{'ns':>8}{'per second':>13}{'of the floor':>14}")
    for name, each in seconds.items():
        print(f"{name:34}{each * 1e9:8.0f}{1 / each:13,.0f}{each / floor:14.2f}")


def _fastest(rounds: dict[str, Callable[[], int]]) -> dict[str, float]:
    """Return the seconds of a call in the fastest of the rounds, which interleave; CPU time, not the clock's."""
    best = dict.fromkeys(rounds, float("inf"))
    for _ in range(ROUNDS + 1):  # the first fills caches and compiles
        for name, run in rounds.items():
            started = time.process_time()
            calls = run()
            best[name] = min(best[name], (time.process_time() - started) / calls)
    return best


def _hashlib_bucket() -> int:
    salt, key, unit = "k3v9x0", "half", "user-123456"
    for _ in range(CALLS):
        _ = int.from_bytes(hashlib.sha256(f"{salt}.{key}.{unit}".encode()).digest()[:8], "big") % 100_000
    return CALLS


def _prepared_bucket() -> Callable[[], int]:
    prefix, unit = bucket_prefix("k3v9x0", "half"), "user-123456"

    def run() -> int:
        for _ in range(CALLS):
            bucket_after(prefix, unit)
        return CALLS

    return run


def _evaluating(rules: RuleSet, keys: list[str]) -> Callable[[], int]:
    def run() -> int:
        evaluate = rules.evaluate
        for key in itertools.islice(itertools.cycle(keys), CALLS):
            evaluate(key, CONTEXT, False)
        return CALLS

    return run


def _calling(evaluate: Callable[[dict[str, Any]], Evaluation]) -> Callable[[], int]:
    """Call what stands for the whole of `RuleSet.evaluate`, behind a table and a method's guard as that is."""
    table = {"key": evaluate}

    def guarded(key: str, context: Any, default: Any) -> Any:
        try:
            if type(context) is not dict:
                return default
            return table[key](context)
        except KeyError:
            return default

    def run() -> int:
        for key in itertools.islice(itertools.cycle(["key"]), CALLS):
            guarded(key, CONTEXT, False)
        return CALLS

    return run


Test = Callable[[dict[str, Any]], bool]
Answer = Callable[[dict[str, Any]], Evaluation]


def five_rules_as_closures() -> Answer:
    """Return the five-rule flag as closures over the same prepared literals: what generated source is chosen over."""
    in_plan = _text("plan", frozenset({"pro", "team"}).__contains__)
    included = _text("targetingKey", frozenset({"u9"}).__contains__)
    split, on = half_as_closure(), _counted(Evaluation(value=True, variation="on", reason=Reason.RULE_MATCH))
    bound, ranks = version_rank("2.3.0"), {CONTEXT["appVersion"]: version_rank("2.2.9")}
    rules: list[tuple[Test, Answer]] = [
        (_text("country", frozenset({"D0", "FR", "IT"}).__contains__), on),
        (_text("appVersion", lambda found: ranks[found] >= bound), on),
        (_text("email", lambda found: found.endswith("@example.com")), on),
        (_number("age", lambda found: found > 50), on),
        (lambda context: included(context) or in_plan(context), split),
    ]

    def evaluate(context: dict[str, Any]) -> Evaluation:
        for holds, answer in rules:
            if holds(context):
                return answer(context)
        return on(context)

    return evaluate


def half_as_closure() -> Answer:
    """Return the half-and-half flag as closures."""
    prefix = bucket_prefix("k3v9x0", "half")
    slices = [
        (50_000, _counted(Evaluation(value=True, variation="on", reason=Reason.SPLIT))),
        (100_000, _counted(Evaluation(value=False, variation="off", reason=Reason.SPLIT))),
    ]

    def answer(context: dict[str, Any]) -> Evaluation:
        unit = context.get("targetingKey")
        place = bucket_after(prefix, unit if type(unit) is str else str(unit))
        for bound, serve in slices:
            if place < bound:
                return serve(context)
        raise AssertionError("the slices cover every bucket")

    return answer


def _counted(evaluation: Evaluation) -> Answer:
    step = itertools.count().__next__

    def answer(_context: dict[str, Any]) -> Evaluation:
        step()
        return evaluation

    return answer


def _text(attribute: str, compare: Callable[[str], bool]) -> Test:
    def holds(context: dict[str, Any]) -> bool:
        found = context.get(attribute)
        return type(found) is str and compare(found)

    return holds


def _number(attribute: str, compare: Callable[[float], bool]) -> Test:
    def holds(context: dict[str, Any]) -> bool:
        found = context.get(attribute)
        return (type(found) is int or type(found) is float) and compare(found)

    return holds


if __name__ == "__main__":
    main()
