"""Memory of 10,000 five-rule flags, loaded, and compiled and used, beside their text and the parsed document."""

import json
import subprocess
import sys

from pennon.model import (
    Condition,
    Flag,
    Item,
    Rule,
    Segment,
    Serve,
    Snapshot,
    Split,
    Variation,
    Weight,
)

FLAGS = 10_000
SEGMENTS = 100

_MEASURE = """
import gc, resource, sys
def rss():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
import hashlib, json, struct, msgspec, pennon.engine
from pennon.model import Snapshot
what = sys.argv[1]
before = rss()
data = sys.stdin.buffer.read()
if what == "document":
    kept = json.loads(data); del data
elif what in ("loaded", "used"):
    snapshot = Snapshot.from_json(data); del data
    rules = pennon.engine.compile_snapshot(snapshot, counted=True)
    if what == "used":
        for key in rules.flag_keys():
            for user in ("u1", "u2"):
                rules.evaluate(key, {"targetingKey": user, "country": "DE", "version": "3.0.0",
                                     "email": "a@b.example", "age": 40}, False)
print(rss() - before)
"""


def five_rules(number: int) -> Flag:
    """Return a flag with five rules and a split, like nobody else's."""
    tests = (
        Condition("in", "country", (f"C{number}", "US", "FR")),
        Condition("versionGreaterOrEqual", "version", (f"4.{number % 90}.0",)),
        Condition("endsWith", "email", (f"@company-{number}.example",)),
        Condition("greaterThan", "age", (60 + number % 30,)),
        Condition("inSegment", values=(f"segment-{number % SEGMENTS}",)),
    )
    half = Serve(split=Split((Weight("on", 50_000), Weight("off", 50_000))))
    return Flag(
        key=f"flag-{number}",
        variations=(Variation("on", True), Variation("off", False)),
        on=True,
        fallthrough=Serve("off"),
        salt=f"salt{number}",
        off_variation="off",
        rules=tuple(Rule(f"rule-{index}", (test,), half) for index, test in enumerate(tests, 1)),
    )


def snapshot() -> bytes:
    """Return the bytes of a snapshot of 10,000 five-rule flags and 100 segments."""
    flags = {flag.key: Item.of(flag) for flag in map(five_rules, range(FLAGS))}
    segments = {
        segment.key: Item.of(segment)
        for segment in (Segment(f"segment-{number}", included=("u1",)) for number in range(SEGMENTS))
    }
    return Snapshot.of({"flag": flags, "segment": segments}).to_json()


def measured(what: str, data: bytes) -> int:
    """Return by how many bytes a process of its own grows when it holds *data* as *what*."""
    command = [sys.executable, "-c", _MEASURE, what]
    return int(subprocess.run(command, input=data, capture_output=True, check=True).stdout)


def main() -> None:
    data = snapshot()
    assert len(json.loads(data)["flags"]) == FLAGS
    floor = measured("text", data)
    print(f"text of {FLAGS:,} flags: {len(data) / 1e6:.1f} MB")
    print(f"{'held as':34} {'MB':>6} {'KiB a flag':>11} {'x text':>7}")
    for what, name in (
        ("text", "bytes (the floor)"),
        ("document", "json.loads of it"),
        ("loaded", "Pennon, loaded"),
        ("used", "Pennon, each flag compiled and used"),
    ):
        size = floor if what == "text" else measured(what, data)
        print(f"{name:34} {size / 1e6:6.1f} {size / FLAGS / 1024:11.2f} {size / floor:7.1f}")


if __name__ == "__main__":
    main()
