"""Random snapshots and contexts that meet: few names, few keys, shared values, and now and then something broken.

Snapshots are made from a seed: choices this many, each drawn by hypothesis itself, would repeat each other. A failure
is found again by its seed.
"""

import string
from collections.abc import Mapping
from itertools import pairwise
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

Json = Any

FLAGS = [f"flag-{number}" for number in range(4)]
SEGMENTS = [f"segment-{number}" for number in range(3)]
LAYERS = ["layer-0", "layer-1"]
VARIATIONS = ["on", "off", "third"]
ATTRIBUTES = ["targetingKey", "a", "b", "/org/plan", "/list/0", "org"]
KEYS = ["u1", "u2", "u3", "1", "É", ""]

STRINGS = [*KEYS, "x", "X", "xy", "yx", "\ufffd", "😀", "true", "ß"]
VERSIONS = ["1.2", "1.2.0", "v1.10", "1.2.0-rc.1", "1.2.0-rc.2+b", "2"]
DATES = ["2024-05-01T12:00:00Z", "2024-05-01T14:00:00+02:00", "2024-05-01T12:00:00.5Z"]
ADDRESSES = ["10.0.0.1", "10.200.0.1", "::ffff:10.0.0.1", "2001:db8::1", "192.0.2.1"]
NUMBERS: list[int | float] = [0, 1, 1.0, -1, 2.5, 10, 2**53 - 1, 2**53, 2**53 + 1, 1_714_564_800_000, 1_714_564_800_500]
NETWORKS = ["10.0.0.0/8", "10.0.0.1", "2001:db8::/32", "::/0", "0.0.0.0/0", "::ffff:10.0.0.0/104"]
PATTERNS = ["^x", "y$", "^[a-z]+$", "(?i)^X", "u[12]", "", "^.$", "1|2"]

LITERALS: Mapping[str, list[Json]] = {
    **{key: [*STRINGS, *NUMBERS, True, False] for key in ("in", "equals")},
    **{key: [*STRINGS, "1.", "u"] for key in ("startsWith", "endsWith", "contains")},
    "matches": PATTERNS,
    **dict.fromkeys(("lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual"), NUMBERS),
    **{key: [*DATES, 1714564800000, 0] for key in ("before", "after")},
    **dict.fromkeys(("versionEqual", "versionLess", "versionLessOrEqual"), VERSIONS),
    **dict.fromkeys(("versionGreater", "versionGreaterOrEqual"), VERSIONS),
    "inCidr": NETWORKS,
}
IGNORING_CASE = ("in", "equals", "startsWith", "endsWith", "contains", "matches")


class Chance(Random):
    """A source of choices."""

    def is_so(self, share: float) -> bool:
        return self.random() < share

    def few(self, items: list[T], most: int = 3) -> list[T]:
        return [self.choice(items) for _ in range(self.randint(0, most))]

    def some(self, **members: Json) -> dict[str, Json]:
        """Return half of the members: defaults are met as often as values."""
        return {name: value for name, value in members.items() if self.is_so(0.5)}


def condition(chance: Chance, segments: list[str]) -> dict[str, Json]:
    kind = chance.random()
    negation = {"negate": True} if chance.is_so(0.3) else {}
    if kind < 0.6:
        return value_condition(chance) | negation
    if kind < 0.7 or (kind < 0.85 and not segments):
        return {"op": "exists", "attribute": chance.choice(ATTRIBUTES)} | negation
    if kind < 0.85:
        return {"op": "inSegment", "values": chance.few(segments, 2) or segments[:1]} | negation
    if kind < 0.99:
        start, end = sorted((chance.randint(0, 100_000), chance.randint(0, 100_000)))
        how = chance.some(by=chance.choice(ATTRIBUTES), salt=chance.choice(["s", "t"]), hash="sha256")
        return {"op": "inBucket", "from": start, "to": end} | how | negation
    return chance.choice(BROKEN)


def value_condition(chance: Chance) -> dict[str, Json]:
    op = chance.choice(list(LITERALS))
    folded = {"ignoreCase": True} if op in IGNORING_CASE and chance.is_so(0.4) else {}
    values = chance.few(LITERALS[op]) or chance.few(LITERALS[op])
    return {"op": op, "attribute": chance.choice(ATTRIBUTES), "values": values} | folded


def conditions(chance: Chance, segments: list[str]) -> list[dict[str, Json]]:
    return [condition(chance, segments) for _ in range(chance.choice([0, 1, 1, 1, 2, 3]))]


BROKEN: list[dict[str, Json]] = [
    {"op": "soundsLike", "attribute": "a", "values": ["x"]},
    {"op": "matches", "attribute": "a", "values": ["("]},
    {"op": "inSegment", "values": ["gone"]},
    {"op": "lessThan", "attribute": "a", "values": ["1"]},
    {"op": "exists"},
    {"op": "exists", "attribute": "/a~"},
]


def serve(chance: Chance, broken: float = 0.003) -> dict[str, Json]:
    if chance.is_so(broken):
        return chance.choice([{}, {"variation": "gone"}, {"schedule": {}}, {"split": {"weights": []}}])
    if chance.is_so(0.5):
        return {"variation": chance.choice(VARIATIONS)}
    edges = sorted([0, 100_000, *(chance.randint(0, 100_000) for _ in range(chance.randint(0, 4)))])
    weights = [{"variation": chance.choice(VARIATIONS), "weight": end - start} for start, end in pairwise(edges)]
    by = {"by": chance.choice(ATTRIBUTES)} if chance.is_so(0.3) else {}
    experiment = {"key": chance.choice(["e", "f"]), "layer": chance.choice([None, *LAYERS * 3]), "otherwise": "off"}
    with_experiment = {"experiment": experiment} if chance.is_so(0.3) else {}
    salt = {"salt": chance.choice([None, "s", "t"])} if chance.is_so(0.3) else {}
    return {"split": {"weights": weights} | by | with_experiment | salt}


def flag(chance: Chance, key: str, required: list[str]) -> dict[str, Json]:
    """Return a flag whose prerequisites are some of *required*."""
    rules = [
        {"id": f"r{index}", "conditions": conditions(chance, SEGMENTS), "serve": serve(chance)}
        for index in range(chance.randint(0, 4))
    ]
    prerequisites = [
        {"flag": needed, "variations": chance.few(VARIATIONS) or ["on"]} for needed in chance.few(required, 2)
    ]
    targets = [
        {"values": chance.few(KEYS), "variation": chance.choice(VARIATIONS)}
        | ({"attribute": chance.choice(ATTRIBUTES)} if chance.is_so(0.3) else {})
        for _ in range(chance.randint(0, 2))
    ]
    return {
        "key": key,
        "version": chance.randint(1, 9),
        "kind": "string",
        "on": chance.is_so(0.9),
        "variations": [{"key": variation, "value": f"value of {variation}"} for variation in VARIATIONS],
        "fallthrough": serve(chance),
        "rules": rules,
    } | chance.some(
        salt=chance.choice(["s", "t"]),
        offVariation=chance.choice([None, *VARIATIONS]),
        prerequisites=prerequisites,
        targets=targets,
        staleness={"maxAgeS": chance.choice([1, 60]), "serve": serve(chance)} if chance.is_so(0.3) else None,
        clientSide=chance.is_so(0.5),
    )


def segment(chance: Chance, key: str, inner: list[str]) -> dict[str, Json]:
    rules = [{"conditions": conditions(chance, inner)} for _ in range(chance.randint(0, 2))]
    return {"key": key, "rules": rules} | chance.some(included=chance.few(KEYS), excluded=chance.few(KEYS), salt="m")


def layer(chance: Chance, key: str) -> dict[str, Json]:
    cuts = sorted(chance.sample(range(100_001), chance.randint(1, 5)))
    slots = [{"from": start, "to": end, "experiment": chance.choice("efg")} for start, end in pairwise(cuts)]
    return {"key": key, "slots": slots} | chance.some(salt="q") | ({"by": "a"} if chance.is_so(0.2) else {})


def snapshot(seed: int) -> dict[str, Json]:
    """Return a snapshot as JSON: mostly sound flags, some of them in rings, some with a part that is broken."""
    chance = Chance(seed)
    ringed = chance.is_so(0.1)  # else a flag, or a segment, needs later ones only
    needed = {key: [*(FLAGS if ringed else FLAGS[index + 1 :]), "gone"] for index, key in enumerate(FLAGS)}
    inner = {key: SEGMENTS if ringed else SEGMENTS[index + 1 :] for index, key in enumerate(SEGMENTS)}
    return {
        "environment": "shop/production",
        "epoch": chance.randint(1, 3),
        "revision": chance.randint(0, 9),
        "flags": {key: flag(chance, key, needed[key]) for key in FLAGS},
        "segments": {key: segment(chance, key, inner[key]) for key in SEGMENTS},
        "layers": {key: layer(chance, key) for key in LAYERS},
    }


def snapshots() -> st.SearchStrategy[dict[str, Json]]:
    return st.integers(0, 2**32 - 1).map(snapshot)


def likely_context(chance: Chance) -> dict[str, Json]:
    """Return a context of the attributes and values that flags ask about."""

    def value() -> Json:
        pool: list[Json] = chance.choice(
            [STRINGS, STRINGS, VERSIONS, DATES, ADDRESSES, NUMBERS, [True, False, None, "\ud800", {}]]
        )
        found = chance.choice(pool)
        return [found, *chance.few(pool, 2)] if chance.is_so(0.2) else found

    key = {"targetingKey": chance.choice(KEYS) if chance.is_so(0.9) else value()} if chance.is_so(0.9) else {}
    return key | chance.some(a=value(), b=value(), org={"plan": value()}, list=[value()])


def scalars() -> st.SearchStrategy[Json]:
    known = [*STRINGS, *VERSIONS, *DATES, *ADDRESSES, *NUMBERS, True, False, None, "\ud800", "\udc00x"]
    return (
        st.sampled_from(known)
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(alphabet=string.printable + "éß😀\ud83d\0", max_size=4)
    )


def any_json() -> st.SearchStrategy[Json]:
    return st.recursive(
        scalars(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["plan", "a", ""]) | st.text(max_size=2), inner, max_size=3)
        ),
        max_leaves=6,
    )


def contexts() -> st.SearchStrategy[dict[str, Json]]:
    """Return contexts whose attributes are those that flags ask about, with values of any type."""
    members = dict.fromkeys(("targetingKey", "a", "b", "org", "list"), any_json())
    return st.fixed_dictionaries({}, optional=members)
