"""Draws payloads as LaunchDarkly's SDKs receive them: every part of the format, odd cases more often than in life."""

import json
import random
from typing import Any

KINDS = ("user", "org", "device")
ATTRIBUTES = (
    "country",
    "plan",
    "age",
    "email",
    "version",
    "at",
    "tags",
    "name",
    "anonymous",
    "key",
    "kind",
    "/odd",
    "a:b",
    "nested",
    "targetingKey",
)
TEXTS = ("DE", "de", "pro", "99", "true", "", "Łukasz", "😀x", "a@b.example", "x y", "user-1", "user-2", "org-1")
NUMBERS = (0, 1, 1.0, -3, 99, 99.5, 33333, 33333.0)
HUGE = (2**53, 1e21, 10**25, 123456789012345680000)
VERSIONS = (
    "2",
    "2.0",
    "2.0.0",
    "v2.0.0",
    "2.0.0-rc.1",
    "2.0.0-rc.2",
    "2.0.0+build",
    "02.0",
    "2.0.0.1",
    " 2.0.0",
    "1.10.3",
    "2-beta",
    "2\nx",
    "2.0.0-1",
    "2.0.0-a",
)
DATES = (
    0,
    1.5,
    1577836800000,
    "2020-01-01T00:00:00Z",
    "2020-01-01 00:00:00Z",
    "2020-01-01T00:00:00",
    "2020-01-01",
    "2020-01-01T00:00:00.5+02:00",
    "2020-01-01t00:00:00z",
    "2020-02-30T00:00:00Z",
    "2020-01-01T00:00:00+0200",
    "2020-01-01T24:00:00Z",
    "2020-01-01T00:00:00.123456789Z",
    "1577836800000",
    "2020-W01-1T00:00:00+00:00",
    "20200101T000000Z",
    "2019-12-31T23:59:60Z",
    "2020-01-01T00:00:00-00:30",
    "0000-01-01T00:00:00Z",
)
OPERATORS = {
    "in": (*TEXTS, *NUMBERS, True, False, None, ["DE"], {"a": 1}),
    "startsWith": (*TEXTS, "D", 99),
    "endsWith": (*TEXTS, "E", 99),
    "contains": (*TEXTS, "e", 99),
    "matches": ("^D", "E$", "a+@b\\.", "x|y", "", "[a-z]{2}", "^[^@]+@", "^.$", "^..$", "99$", 99, "\\.example"),
    "lessThan": (*NUMBERS, "99"),
    "lessThanOrEqual": (*NUMBERS, "99"),
    "greaterThan": (*NUMBERS, "99"),
    "greaterThanOrEqual": (*NUMBERS, "99"),
    "before": DATES,
    "after": DATES,
    "semVerEqual": (*VERSIONS, 2),
    "semVerLessThan": (*VERSIONS, 2),
    "semVerGreaterThan": (*VERSIONS, 2),
}
KEYS = ("user-1", "user-2", "user-3", "org-1", "org-2", "device-1", "Łukasz", "a.b", "x y")


class Draw:
    """Payloads and contexts from one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def some(self, pool: Any, most: int = 3, least: int = 0) -> list[Any]:
        return [self.chance.choice(pool) for _ in range(self.chance.randint(least, most))] if pool else []

    def maybe(self, share: float) -> bool:
        return self.chance.random() < share

    # Payloads

    def payload(self, flags: int, segments: int) -> dict[str, Any]:
        segment_keys = [f"segment-{index}" for index in range(segments)]
        flag_keys = [f"flag-{index}" for index in range(flags)]
        return {
            "flags": {key: self.flag(key, flag_keys[:index], segment_keys) for index, key in enumerate(flag_keys)},
            "segments": {key: self.segment(key, segment_keys[:index]) for index, key in enumerate(segment_keys)},
        }

    def flag(self, key: str, others: list[str], segments: list[str]) -> dict[str, Any]:
        values = self.chance.choice(([True, False], ["a", "b", "c"], [1, 2.5, 3], [{"x": 1}, []], [False, True]))
        flag: dict[str, Any] = {
            "key": key,
            "version": 1,
            "on": self.maybe(0.9),
            "variations": values,
            "salt": self.chance.choice(("", "s1", "ünï.cödé", "a.b")),
            "fallthrough": self.served(len(values)),
            "rules": [self.rule(index, len(values), segments) for index in range(self.chance.randint(0, 4))],
            "targets": [self.target(len(values)) for _ in range(self.chance.randint(0, 2))],
            "prerequisites": [{"key": other, "variation": self.chance.randint(0, 1)} for other in self.some(others, 1)],
            "clientSideAvailability": {"usingEnvironmentId": self.maybe(0.5), "usingMobileKey": False},
        }
        if self.maybe(0.8):
            flag["offVariation"] = self.chance.randint(0, len(values) - 1)
        if self.maybe(0.05):
            flag["prerequisites"].append({"key": "no-such-flag", "variation": 0})
        if self.maybe(0.3):
            flag["contextTargets"] = [
                {**self.target(len(values)), "contextKind": kind, **({"values": []} if kind == "user" else {})}
                for kind in self.some(KINDS, 3, 1)
            ]
        return flag

    def target(self, count: int) -> dict[str, Any]:
        return {"variation": self.chance.randint(0, count - 1), "values": self.some(KEYS, 2)}

    def served(self, count: int) -> dict[str, Any]:
        if self.maybe(0.05):
            return {"variation": count + 3}
        if self.maybe(0.4):
            return {"variation": self.chance.randint(0, count - 1)}
        rollout: dict[str, Any] = {"variations": self.weights(count)}
        if self.maybe(0.3):
            rollout["kind"] = self.chance.choice(("rollout", "experiment"))
        if self.maybe(0.4):
            rollout["contextKind"] = self.chance.choice(KINDS)
        if self.maybe(0.4):
            rollout["bucketBy"] = self.chance.choice(
                ("country", "age", "key", "kind", "anonymous", "/nested/a", "/odd", "name")
            )
        if self.maybe(0.3):
            rollout["seed"] = self.chance.choice((0, 61, -5))
        return {"rollout": rollout}

    def weights(self, count: int) -> list[dict[str, Any]]:
        shape = self.chance.choice(("full", "thirds", "short", "zero-first", "over"))
        shares = {
            "full": [50_000, 30_000, 20_000],
            "thirds": [33_333, 33_333, 33_334],
            "short": [100, 200, 300],
            "zero-first": [0, 40_000, 60_000],
            "over": [60_000, 60_000, 60_000],
        }[shape][:count]
        found = [{"variation": index, "weight": share} for index, share in enumerate(shares)]
        if self.maybe(0.2):
            found[0]["untracked"] = True
        return found

    def rule(self, index: int, count: int, segments: list[str]) -> dict[str, Any]:
        return {
            "id": f"rule-{index}",
            "clauses": [self.clause(segments) for _ in range(self.chance.randint(0, 2))],
            **self.served(count),
        }

    def clause(self, segments: list[str]) -> dict[str, Any]:
        if segments and self.maybe(0.3):
            values = self.some([*segments, "no-such-segment"], 2, 1)
            return {"attribute": "", "op": "segmentMatch", "values": values, "negate": self.maybe(0.3)}
        op = self.chance.choice(list(OPERATORS))
        clause: dict[str, Any] = {
            "attribute": self.chance.choice(ATTRIBUTES),
            "op": op,
            "values": self.some(OPERATORS[op], 3),
            "negate": self.maybe(0.35),
        }
        if self.maybe(0.4):
            clause["contextKind"] = self.chance.choice(KINDS)
            if self.maybe(0.4):
                clause["attribute"] = self.chance.choice(
                    ("/nested/a", "/nested/b~1c", "/country", "/kind", "/name/x", "/nested//a", "", "/a~2")
                )
        return clause

    def segment(self, key: str, others: list[str]) -> dict[str, Any]:
        return {
            "key": key,
            "version": 1,
            "salt": self.chance.choice(("", "segment salt")),
            "included": self.some(KEYS, 2),
            "excluded": self.some(KEYS, 2),
            "includedContexts": [{"contextKind": kind, "values": self.some(KEYS, 2)} for kind in self.some(KINDS, 2)],
            "excludedContexts": [{"contextKind": kind, "values": self.some(KEYS, 2)} for kind in self.some(KINDS, 2)],
            "rules": [self.segment_rule(others) for _ in range(self.chance.randint(0, 3))],
        }

    def segment_rule(self, others: list[str]) -> dict[str, Any]:
        rule: dict[str, Any] = {"clauses": [self.clause(others) for _ in range(self.chance.randint(0, 2))]}
        if self.maybe(0.5):
            rule["weight"] = self.chance.choice((0, 1, 33_333, 50_000, 100_000))
            if self.maybe(0.4):
                rule["bucketBy"] = self.chance.choice(("country", "age", "key", "/odd"))
            if self.maybe(0.5):
                rule["rolloutContextKind"] = self.chance.choice(KINDS)
        return rule

    # Contexts, as Pennon has them

    def context(self) -> dict[str, Any]:
        if self.maybe(0.03):
            return self.chance.choice(
                (
                    {},
                    {"targetingKey": 5},
                    {"targetingKey": ""},
                    {"kind": "multi"},
                    {"kind": "a b", "key": "x"},
                    {"targetingKey": None, "key": "user-1"},
                    {"kind": 7, "targetingKey": "user-1"},
                )
            )
        if self.maybe(0.45):
            members = {kind: self.individual(kind) for kind in self.chance.sample(KINDS, self.chance.randint(1, 3))}
            return {"kind": "multi", **members, **({"note": "no object"} if self.maybe(0.1) else {})}
        kind = self.chance.choice(KINDS)
        return {**({} if kind == "user" and self.maybe(0.5) else {"kind": kind}), **self.individual(kind)}

    def individual(self, kind: str) -> dict[str, Any]:
        name = "key" if self.maybe(0.2) else "targetingKey"
        key = self.chance.choice(KEYS) if self.maybe(0.6) else f"{kind}-{self.chance.randint(0, 10_000)}"
        found: dict[str, Any] = {name: key}
        for attribute in (
            "country",
            "plan",
            "age",
            "email",
            "version",
            "at",
            "tags",
            "name",
            "anonymous",
            "/odd",
            "a:b",
            "nested",
        ):
            if self.maybe(0.6):
                found[attribute] = self.value(attribute)
        return found

    def value(self, attribute: str) -> Any:
        if self.maybe(0.1):
            return self.chance.choice(
                (None, [], {}, True, ["DE", 99], [None], [["DE"]], {"a": 1}, "2020-01-01T00:00:00Z")
            )
        pools = {
            "age": (*NUMBERS, *HUGE),
            "version": VERSIONS,
            "at": DATES,
            "anonymous": (True, False, "yes"),
            "name": (*TEXTS, 5),
        }
        if attribute == "nested":
            return {"a": self.chance.choice((*TEXTS, *NUMBERS)), "b/c": self.chance.choice(TEXTS)}
        if attribute == "tags":
            return self.some((*TEXTS, *NUMBERS, True, None), 3)
        return self.chance.choice(pools.get(attribute, (*TEXTS, *NUMBERS, "D", "\n", "E\n")))


def text(payload: dict[str, Any]) -> str:
    return json.dumps(payload)
