"""Draws GrowthBook files and contexts, odd ones on purpose: what is compared with the vendor's own SDKs."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from pennon.engine.dialects.growthbook.coercion import json_text

Json = Any

ODD: Sequence[Json] = (
    *(
        None,
        "",
        "0",
        "1",
        "a",
        "b",
        "abc",
        "ABC",
        "\u0141ukasz",
        "\U0001f600",
        "\ue000",
        "\xdf",
        "\u0130",
        "null",
        "true",
    ),
    *(0, 1, 1.0, -0.0, -1, 2, 12, 0.1, 1e21, 1.5e-7, 123456789012345683968, 2**53 + 2, True, False),
    *("12", " 12 ", "0x1f", "1e3", "Infinity", "-0", ".5", "5.", "1_0", "+3", "\u0661", "2020-01-01"),
    *([], [1], ["a", "b"], ["A"], [[1], None, "x"], [{"a": 1}, None, {"a": "b"}], [None], [True], {}, {"a": 1}),
    *(
        {"a": {"b": "c"}},
        {"b": 1, "a": 2},
        {"2": 1, "1": 2},
        {"1": 2, "2": 1},
        [1, [2, 3]],
        [0, ""],
        "1,2,3",
        "[object Object]",
    ),
)
VERSIONS: Sequence[Json] = (
    *(
        "1.2.3",
        "v1.2.3",
        "1.10.0",
        "1.2",
        "1",
        "1.2.3-beta",
        "1.2.3-rc.1+build",
        "10.0.0",
        "1.2.3+b.7",
        "100000.1.1",
        "",
        "v",
    ),
    *(1, 1.2, 10, None, "1.2.3-", "1.2.\u0661", "a.b.c", "1.2.3\n", "1+2\n3+4", [1], True),
)
PATTERNS = (
    *(
        "^a",
        "b$",
        "a.c",
        "[a-c]+",
        "^(?:a|b)*$",
        "a{2,3}",
        "\\.",
        "^$",
        "",
        "\u0141",
        "[\u0141\U0001f600]",
        "^.$",
        "^..$",
    ),
    *(
        "[^a]",
        "1\\s2",
        "\\S",
        "null",
        "object",
        "a/b",
        "\\x61",
        "[\\-x]",
        "^[^\\n]+$",
        "x|y|",
        "(a(b)?c)+",
        "\U0001f600?$",
    ),
)
SPREAD_PATTERNS = ("^\\d+$", "\\bab", "\\w\\W", "[\\d.]+", "\\D", "[^\\w]")
"""Which Python finds differently beyond ASCII."""
ATTRIBUTES = (
    "id",
    "country",
    "age",
    "tags",
    "org.plan",
    "org",
    "version",
    "deviceId",
    "company",
    "tags.0",
    "tags.length",
    "gone",
)
SEEDS = ("", "exp1", "s-exp2", "roll", "\u0141\U0001f600", "a.b")


class Drawing:
    """Draws by one source of chance, for one dialect."""

    def __init__(self, seed: int, dialect: str) -> None:
        self.chance = random.Random(seed)
        self.dialect = dialect

    def one(self, of: Sequence[Json]) -> Json:
        return self.chance.choice(of)

    def maybe(self, share: float) -> bool:
        return self.chance.random() < share

    # Contexts

    def context(self) -> dict[str, Json]:
        """Draw a context: units mostly, now and then of another type, and any attributes."""
        found: dict[str, Json] = {}
        for name in ("targetingKey", "id", "deviceId", "company"):
            if self.maybe(0.75 if name == "targetingKey" else 0.4):
                found[name] = self.unit()
        for name in ("country", "age", "tags"):
            if self.maybe(0.7):
                found[name] = self.value()
        if self.maybe(0.7):
            found["version"] = self.one(VERSIONS)
        if self.maybe(0.7):
            found["org"] = self.one([{"plan": self.value()}, {"plan": {"a": 1}}, self.value()])
        return found

    def unit(self) -> Json:
        if self.maybe(0.8):
            return f"user-{self.chance.randrange(10**6)}"
        return self.one(
            [*range(1, 9), "u423", "\u0141ukasz", "\U0001f600", "", 0, 1.5, -7, 1e21, True, False, None, ["a"], {}, 2.0]
        )

    def value(self) -> Json:
        return self.one(ODD)

    # Conditions

    def condition(self, deep: int = 2) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for _ in range(self.one((1, 1, 1, 2))):
            kind = self.chance.random()
            if deep and kind < 0.12:
                found["$not"] = self.condition(deep - 1)
            elif deep and kind < 0.3:
                found[self.one(("$or", "$nor", "$and"))] = [
                    self.condition(deep - 1) for _ in range(self.one((0, 1, 2, 2, 3)))
                ]
            elif kind < 0.36:
                found["$savedGroup"] = self.reference()
            else:
                found[self.one(ATTRIBUTES)] = self.beside(deep)
        return found

    def reference(self) -> dict[str, str]:
        reference = {"id": self.one(("listed", "when", "round", "ring", "bare", "nowhere"))}
        if self.maybe(0.3):
            reference["attributeKey"] = self.one(("country", "tags", "org.plan"))
        return reference

    def beside(self, deep: int) -> Json:
        if self.maybe(0.3):
            return self.value()
        operators = [self.operator(deep) for _ in range(self.one((1, 1, 1, 2)))]
        return dict(operators)

    def operator(self, deep: int) -> tuple[str, Json]:
        draw: dict[str, Callable[[], Json]] = {
            **dict.fromkeys(("$eq", "$ne", "$lt", "$lte", "$gt", "$gte"), self.value),
            **dict.fromkeys(("$veq", "$vne", "$vlt", "$vlte", "$vgt", "$vgte"), lambda: self.one(VERSIONS)),
            **dict.fromkeys(("$in", "$nin", "$ini", "$nini", "$all", "$alli"), self.operands),
            **dict.fromkeys(("$regex", "$regexi"), self.pattern),
            **dict.fromkeys(("$inGroup", "$notInGroup"), lambda: self.one(("listed", "bare", "when", "nowhere"))),
            "$exists": lambda: self.one((True, False, 0, "", [], None)),
            "$type": lambda: self.one(("string", "number", "boolean", "array", "object", "null", "undefined", 1)),
            "$size": lambda: self.one((0, 1, 2, {"$gt": 0}, "1", True)),
            "$not": lambda: self.beside(max(deep - 1, 0)) if deep else self.value(),
            "$elemMatch": lambda: self.element(deep),
        }
        if self.dialect == "python":
            draw |= dict.fromkeys(("$notRegex", "$notRegexi"), self.pattern)
        name = self.one(sorted(draw))
        return name, draw[name]()

    def operands(self) -> Json:
        if self.maybe(0.05):
            return self.value()
        return [self.value() for _ in range(self.chance.randrange(5))]

    def pattern(self) -> Json:
        return self.one((*PATTERNS, *SPREAD_PATTERNS)) if self.maybe(0.95) else self.one((1, None, ["a"]))

    def element(self, deep: int) -> Json:
        if not deep or self.maybe(0.5):
            return dict([self.one((("$eq", self.value()), ("$gt", self.value()), ("$in", self.operands())))])
        return self.one(({"a": self.beside(deep - 1)}, {"$or": [{"a": 1}]}, {}, {"$not": {"$eq": 1}}, {"length": 2}))

    # Shares

    def hashing(self) -> dict[str, Json]:
        found: dict[str, Json] = {}
        if self.maybe(0.5):
            found["hashVersion"] = self.one((1, 2, 2, 2, 0, 3, None))
        if self.maybe(0.4):
            found["hashAttribute"] = self.one(("id", "deviceId", "company", "targetingKey", "org", None))
        if self.maybe(0.4):
            found["seed"] = self.one(SEEDS)
        if self.maybe(0.2):
            found["fallbackAttribute"] = self.one(("deviceId", "id", "company", None))
        return found

    def share(self) -> float:
        return self.chance.choice((0, 1, 0.5, 0.1, 0.333, self.chance.random(), self.chance.randrange(1001) / 1000))

    def range(self) -> list[float]:
        return sorted([self.share(), self.share()]) if self.maybe(0.95) else [self.share(), self.share()]

    def filters(self) -> list[dict[str, Json]]:
        drawn = []
        for _ in range(self.one((0, 1, 1, 2))):
            each: dict[str, Json] = {
                "seed": self.one(SEEDS),
                "ranges": [self.range() for _ in range(self.one((0, 1, 1, 3)))],
            }
            if self.maybe(0.4):
                each["attribute"] = self.one(("id", "deviceId", "company"))
            if self.maybe(0.4):
                each["hashVersion"] = self.one((1, 2, 0, 3))
            drawn.append(each)
        return drawn

    # Features

    def document(self, size: int) -> dict[str, Json]:
        """Draw a file of *size* features and a few saved groups."""
        keys = [f"f{number}" for number in range(size - 1)] + ["\u0141 f/\U0001f600"]
        return {
            "features": {key: self.feature(key, keys) for key in keys},
            "savedGroups": {
                "bare": self.operands_of_group(),
                "listed": {
                    "type": "list",
                    "attributeKey": self.one(("country", "tags")),
                    "values": self.operands_of_group(),
                },
                "when": {"type": "condition", "condition": self.condition(1)},
                "round": {
                    "type": "condition",
                    "condition": {"$or": [{"$savedGroup": {"id": "ring"}}, {"country": "a"}]},
                },
                "ring": {"type": "condition", "condition": {"$not": {"$savedGroup": {"id": "round"}}}},
            },
            "contextualBandits": {
                "b1": {"banditVersion": 1, "contexts": [self.leaf(number) for number in range(self.one((0, 1, 2, 3)))]}
            },
        }

    def operands_of_group(self) -> list[Json]:
        return [self.value() for _ in range(self.chance.randrange(6))]

    def leaf(self, number: int) -> dict[str, Json]:
        found: dict[str, Json] = {"leafId": number, "condition": self.one(({}, self.condition(1), self.condition(1)))}
        found["weights"] = self.one(([0.5, 0.5], [1, 0], [0.2, 0.8], [0.9, 0.9], [0.5, 0.3, 0.2]))
        return found

    def feature(self, key: str, keys: Sequence[str]) -> dict[str, Json]:
        values = self.one(((True, False), ("x", "y", "", "z"), (0, 1, 2.5, -1), ({"a": 1}, [], {"b": [1]}, [1, 2])))
        found: dict[str, Json] = {"rules": [self.rule(key, keys, values) for _ in range(self.chance.randrange(5))]}
        if self.maybe(0.9):
            found["defaultValue"] = self.one((*values, *values, None))
        return found

    def rule(self, key: str, keys: Sequence[str], values: Sequence[Json]) -> dict[str, Json]:
        found: dict[str, Json] = self.hashing()
        if self.maybe(0.3):
            found["id"] = self.one(("r1", "r2", "\u0141", ""))
        if self.maybe(0.5):
            found["condition"] = self.condition()
        if self.maybe(0.25):
            found["filters"] = self.filters()
        if self.maybe(0.25):
            found["parentConditions"] = [self.parent(key, keys, values) for _ in range(self.one((1, 1, 2)))]
        if self.maybe(0.3):
            found["coverage"] = self.one((self.share(), self.share(), self.share(), 1.2, -0.1, None))
        if self.maybe(0.5):
            self.force(found, values)
        else:
            self.experiment(found, values)
        return found

    def parent(self, key: str, keys: Sequence[str], values: Sequence[Json]) -> dict[str, Json]:
        later = [other for other in keys if other > key] or ["missing"]
        found: dict[str, Json] = {"id": self.one((*later, *later, *later, "missing", key, self.one(keys)))}
        literals: Sequence[Json] = (
            {"value": self.one(values)},
            {"value": {"$ne": self.one(values)}},
            {"value": {"$exists": True}},
            {},
            {"value": None},
        )
        found["condition"] = self.one(literals)
        if self.maybe(0.4):
            found["gate"] = self.maybe(0.8)
        return found

    def force(self, found: dict[str, Json], values: Sequence[Json]) -> None:
        found["force"] = self.one((*values, None))
        if self.maybe(0.3):
            found["range"] = self.range()

    def experiment(self, found: dict[str, Json], values: Sequence[Json]) -> None:
        count = self.one((1, 2, 2, 2, 3))
        name = "contextualVariations" if self.maybe(0.2) else "variations"
        found[name] = [self.one(values) for _ in range(count)]
        if self.maybe(0.3):
            found["key"] = self.one(SEEDS)
        if self.maybe(0.5):
            found["weights"] = self.one(
                ([0.5, 0.5], [1, 0], [0.334, 0.333, 0.333], [0.1, 0.9], [1.2, -0.2], [0.2, 0.1], None)
            )
        if self.maybe(0.2):
            found["ranges"] = [self.range() for _ in range(self.one((0, count, count, count + 1)))]
        if self.maybe(0.4):
            found["meta"] = [{"key": f"v{i}", "passthrough": self.maybe(0.15)} for i in range(count)]
        if self.maybe(0.2):
            found["namespace"] = [self.one(SEEDS), *self.range()]
        if self.maybe(0.2) or name == "contextualVariations":
            found["contextualBanditRef"] = self.one(("b1", "b1", "nowhere"))
        for member, share in (("bucketVersion", 0.5), ("minBucketVersion", 0.3)):
            if self.maybe(share):
                found[member] = self.chance.randrange(3)
        if self.maybe(0.1):
            found["disableStickyBucketing"] = True

    def documents(self, document: dict[str, Json], contexts: Sequence[dict[str, Json]]) -> list[dict[str, Json]]:
        """Draw sticky bucket documents for some of the units of *contexts*."""
        drawn: dict[tuple[str, str], dict[str, Json]] = {}
        experiments = [rule.get("key") or key for key, each in document["features"].items() for rule in each["rules"]]
        for context in contexts:
            for name in ("id", "deviceId", "company"):
                unit = context.get(name, context.get("targetingKey") if name == "id" else None)
                if unit == "" or self.maybe(0.4):
                    continue
                text = unit if isinstance(unit, str) else json_text(unit)
                assigned = {
                    f"{self.one(experiments)}__{self.chance.randrange(3)}": self.one(("v0", "v1", "v2", "v9"))
                    for _ in "123"
                }
                drawn[name, text] = {"attributeName": name, "attributeValue": text, "assignments": assigned}
        return list(drawn.values())
