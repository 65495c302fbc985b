"""What is found is so: each finding is held against the engine, with contexts that try to prove it wrong."""

import json
import os
from collections import Counter
from itertools import combinations_with_replacement

from hypothesis import given, settings
from hypothesis import strategies as st

from pennon.engine import Code, Finding, Prover, compile_snapshot
from pennon.model import Snapshot
from tests.unit.engine.proofs.holding import Bench, Json, hold
from tests.unit.engine.proofs.proving import rules
from tests.unit.engine.proofs.worlds import DIALECTS, FAMILIES, SCALARS, World

LONG = os.environ.get("PENNON_LONG_TESTS") == "1"


def found_in(known: dict[str, Json]) -> list[Finding]:
    prover = Prover(Snapshot.from_json(json.dumps(known)), dialects=DIALECTS)
    flags = [finding for key in known["flags"] for finding in prover.flag_findings(key)]
    return flags + [finding for key in known["segments"] for finding in prover.segment_findings(key)]


@settings(max_examples=3000 if LONG else 40)
@given(st.integers(0, 2**32 - 1))
def test_whatever_is_found_is_so_for_every_context_that_is_tried(seed: int) -> None:
    world = World(seed)
    known = world.snapshot()
    bench = Bench(known, [world.context() for _ in range(60)])
    for finding in found_in(known):
        hold(finding, bench)


VALUES = [
    *SCALARS,
    "abab",
    "xaby",
    "aXb",
    "1.3",
    "11.0.0.1",
    "200.0.0.1",
    "2023-05-01T12:00:01Z",
    "u1",
    "u2",
    "u3",
    "u4",
]
VALUES += [3, 7, -5, 20, 1e301, 1_714_564_800_001]
SINGLE: list[Json] = [{}, *({"a": value} for value in VALUES)]
ARRAYS: list[Json] = [{"a": [one, other]} for one, other in combinations_with_replacement(VALUES, 2)]


def about_a(world: World) -> list[Json]:
    """Return two or three conditions on one attribute."""
    ops = [op for op in world.choice(FAMILIES) if op != "inSegment"]
    made = [world.condition(ops, "a", []) for _ in range(world.choice([2, 2, 3]))]
    return [each | ({"by": "a"} if each["op"] == "inBucket" else {"attribute": "a"}) for each in made]


@settings(max_examples=400 if LONG else 20)
@given(st.integers(0, 2**32 - 1))
def test_conditions_on_one_attribute_are_tried_with_every_value_and_every_two(seed: int) -> None:
    world = World(seed)
    flags = {key: rules(about_a(world), key=key) for key in map(str, range(15))}
    known = Snapshot.from_json(json.dumps({"flags": flags}))
    prover, compiled = Prover(known), compile_snapshot(known)
    for key, flag in flags.items():
        codes = {finding.code for finding in prover.flag_findings(key)}
        never = bool(codes & {Code.CONDITION_NEVER, Code.CONDITIONS_CONTRADICT})
        if never or Code.CONDITIONS_NEED_ARRAY in codes:
            tried = SINGLE + ARRAYS if never else SINGLE
            met = [context for context in tried if compiled.evaluate(key, context).rule_id is not None]
            assert not met, (met[0], flag["rules"])


def test_the_worlds_are_full_of_findings() -> None:
    codes = Counter(finding.code for seed in range(250) for finding in found_in(World(seed).snapshot()))
    rare = {code: codes[code] for code in Code if codes[code] < 5 and code is not Code.BROKEN}
    assert not rare, codes
