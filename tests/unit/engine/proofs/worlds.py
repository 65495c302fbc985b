"""Snapshots full of mistakes, and contexts that try to prove findings wrong: few names, few values, many clashes."""

from collections.abc import Mapping
from itertools import pairwise
from random import Random
from typing import Any
from zlib import crc32

import msgspec

from pennon.model import Condition, Flag, Segment, Split

Json = Any
TEXTS = ["", "a", "b", "ab", "ba", "AB", "aB", "É", "é", "ΑΣ", "ας", "\ufffd", "1", "10", "1.2", "1.2.0", "v1.3"]
TEXTS += ["1.2.0-rc.1", "10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"]
TEXTS += ["2024-05-01T12:00:00Z", "2024-05-01T14:00:00+02:00"]
NUMBERS: list[int | float] = [0, 1, 1.0, 1.5, 2, 5, 10, -1, 2**53, 1_714_564_800_000, 1e300]
SCALARS: list[Json] = [*TEXTS, *NUMBERS, True, False]
AFFIXES = ["", "a", "b", "ab", "AB", "É", "ς", "Σ", "1", "1."]
PATTERNS = ["^a", "b$", "", "(?i)AB", "^[a-z]+$", "1"]
VERSIONS = ["1", "1.2", "1.2.0", "v1.3", "1.2.0-rc.1", "10.0.0.1"]
DATES: list[Json] = ["2024-05-01T12:00:00Z", "2024-05-01T12:00:00.5Z", 1_714_564_800_000, 0, 1]
NETWORKS = ["10.0.0.0/8", "10.0.0.1", "0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "2001:db8::/32"]
ATTRIBUTES = ["a", "a", "a", "/a", "b", "/b/x", "/a/0", "targetingKey"]
SEGMENTS = ["s0", "s1", "s2"]
FLAGS = ["f0", "f1", "f2"]
VARIATIONS = ["on", "off", "third"]
BOUNDS = [0, 25_000, 50_000, 100_000]

VALUES = {
    **dict.fromkeys(("in", "equals"), SCALARS),
    **dict.fromkeys(("startsWith", "endsWith", "contains"), AFFIXES),
    "matches": PATTERNS,
    **dict.fromkeys(("lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual"), NUMBERS),
    **dict.fromkeys(("before", "after"), DATES),
    **dict.fromkeys(
        ("versionEqual", "versionLess", "versionLessOrEqual", "versionGreater", "versionGreaterOrEqual"), VERSIONS
    ),
    "inCidr": NETWORKS,
}
CASELESS = {"in", "equals", "startsWith", "endsWith", "contains", "matches"}
FAMILIES = [
    ["in", "equals"],
    ["in", "startsWith", "endsWith", "contains", "matches"],
    ["in", "lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual"],
    ["before", "after", "in"],
    ["versionEqual", "versionLess", "versionLessOrEqual", "versionGreater", "versionGreaterOrEqual"],
    ["inCidr", "in"],
    ["inBucket", "inBucket", "in"],
    ["exists", "in"],
    ["inSegment", "inSegment", "in"],
    [*VALUES, "exists", "inSegment", "inBucket"],
]


COMPAT = {"vendor": "odd", "dialect": "odd"}


class Odd:
    """A dialect that nothing can be known of but that it gives one answer to one question; sometimes it fails."""

    def condition(self, condition: Condition, _owner: Flag | Segment) -> Any:
        text = msgspec.json.encode(condition)

        def holds(context: Json, _now: float | None) -> bool:
            found = crc32(text + repr(context.get("a")).encode("utf-8", "replace")) % 7
            if found == 0:
                raise ValueError("it cannot answer")
            return found > 3

        return holds

    def split(self, split: Split, _owner: Flag) -> Any:
        return lambda context, _now: crc32(repr(context).encode("utf-8", "replace")) % len(split.weights)

    def key(self, attribute: str) -> Any:
        return lambda context: str(context.get("b")) if attribute.startswith("/") else context.get("a")


DIALECTS: Mapping[tuple[str, str], Any] = {("odd", "odd"): Odd()}


class World(Random):
    """Makes one snapshot and contexts for it, from a seed."""

    def few(self, pool: list[Json], most: int = 3) -> list[Json]:
        return [self.choice(pool) for _ in range(self.randint(0 if self.random() < 0.05 else 1, most))]

    def condition(self, ops: list[str], attribute: str, segments: list[str]) -> dict[str, Json]:
        op = self.choice(ops)
        found: dict[str, Json] = {"op": op} | ({"negate": True} if self.random() < 0.4 else {})
        if op == "inSegment":
            return found | {"values": self.few(segments, 2)}
        if op == "inBucket":
            start, end = sorted(self.choices(BOUNDS, k=2))
            members = {"from": start, "to": end, "salt": self.choice([None, None, "s", "t"])}
            return found | members | ({"by": attribute} if self.random() < 0.4 else {})
        found["attribute"] = attribute if self.random() < 0.8 else self.choice(ATTRIBUTES)
        if op == "exists":
            return found
        caseless = {"ignoreCase": True} if op in CASELESS and self.random() < 0.4 else {}
        return found | {"values": self.few(VALUES[op])} | caseless

    def conditions(self, segments: list[str]) -> list[Json]:
        ops, attribute = self.choice(FAMILIES), self.choice(ATTRIBUTES)
        ops = [op for op in ops if op != "inSegment" or segments] or ["in"]
        return [self.condition(ops, attribute, segments) for _ in range(self.choice([0, 1, 1, 2, 2, 3]))]

    def rules(self, segments: list[str], most: int) -> list[list[Json]]:
        """Return the conditions of some rules, which like to repeat each other."""
        found: list[list[Json]] = []
        for _ in range(self.randint(0, most)):
            conditions = self.conditions(segments)
            if found and self.random() < 0.4:
                conditions = [*self.choice(found), *conditions]
                self.shuffle(conditions)
            if self.random() < 0.15:
                start, end = sorted(self.choices(BOUNDS, k=2))
                conditions.insert(0, {"op": "inBucket", "from": start, "to": end, "salt": self.choice([None, "s"])})
            found.append(conditions[:4])
        return found

    def serve(self) -> dict[str, Json]:
        if self.random() < 0.5:
            return {"variation": self.choice(VARIATIONS)}
        edges = sorted([0, 100_000, *self.choices(BOUNDS, k=self.randint(0, 2))])
        weights = [{"variation": self.choice(VARIATIONS), "weight": end - start} for start, end in pairwise(edges)]
        layer = self.choice([None, "l"])
        experiment = {"key": self.choice("efgh"), "layer": layer, "otherwise": "off"}
        return {
            "split": {"weights": weights, "salt": self.choice([None, None, "s"])}
            | ({"experiment": experiment} if self.random() < 0.4 else {})
            | ({"by": self.choice(ATTRIBUTES)} if self.random() < 0.3 else {})
        }

    def flag(self, key: str, required: list[str]) -> dict[str, Json]:
        rules = [
            {"id": f"r{index}", "conditions": conditions, "serve": self.serve()}
            for index, conditions in enumerate(self.rules(SEGMENTS, 4))
        ]
        targets = [
            {"values": self.few(["1", "a", "b", "\ufffd"]), "variation": self.choice(VARIATIONS)}
            | ({"attribute": self.choice(ATTRIBUTES)} if self.random() < 0.3 else {})
            for _ in range(self.choice([0, 0, 1, 2, 3]))
        ]
        prerequisites = [
            {"flag": self.choice(required), "variations": self.few(VARIATIONS, 2)}
            for _ in range(self.choice([0, 0, 1, 2]) if required else 0)
        ]
        stale = {"maxAgeS": 60, "serve": self.serve()} if self.random() < 0.15 else None
        return {
            "key": key,
            "on": self.random() < 0.85,
            "salt": self.choice(["s", "t"]),
            "kind": "string",
            "variations": [{"key": each, "value": each} for each in VARIATIONS],
            "offVariation": self.choice([None, *VARIATIONS]),
            "fallthrough": self.serve(),
            "rules": rules,
            "targets": targets,
            "prerequisites": prerequisites,
            "staleness": stale,
            "compat": self.compat(),
        }

    def segment(self, key: str, inner: list[str]) -> dict[str, Json]:
        rules = [{"conditions": conditions} for conditions in self.rules(inner, 2)]
        lists = {name: self.few(["1", "a", "b", "\ufffd"]) for name in ("included", "excluded") if self.random() < 0.35}
        return {"key": key, "salt": "m", "rules": rules, "compat": self.compat()} | lists

    def compat(self) -> Json:
        return COMPAT if self.random() < 0.12 else None

    def snapshot(self) -> dict[str, Json]:
        cuts = sorted(self.choices(BOUNDS, k=4))
        slots = [
            {"from": start, "to": end, "experiment": key}
            for key, (start, end) in zip("efg", pairwise(cuts), strict=False)
        ]
        return {
            "spec": 1,
            "environment": "shop/production",
            "epoch": 1,
            "revision": 1,
            "flags": {key: self.flag(key, FLAGS[index + 1 :]) for index, key in enumerate(FLAGS)},
            "segments": {key: self.segment(key, SEGMENTS[index + 1 :]) for index, key in enumerate(SEGMENTS)},
            "layers": {"l": {"key": "l", "salt": "q", "slots": slots}},
        }

    def value(self) -> Json:
        kind = self.random()
        if kind < 0.55:
            return self.choice([*SCALARS, "\ud800"])  # which counts as U+FFFD, and cannot be in a snapshot
        if kind < 0.85:
            return [self.choice([*SCALARS, None, {}, []]) for _ in range(self.randint(0, 4))]
        return self.choice(
            [None, {}, {"x": self.choice(SCALARS)}, {"x": [self.choice(SCALARS)]}, "other", "OTHER", 7, 1e9]
        )

    def context(self) -> dict[str, Json]:
        found = {name: self.value() for name in ("a", "b") if self.random() < 0.8}
        if self.random() < 0.85:
            found["targetingKey"] = f"u{self.randint(0, 50)}" if self.random() < 0.4 else self.value()
        return found
