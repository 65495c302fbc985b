"""What is found is so: each finding is held against the engine, with contexts that try to prove it wrong."""

import json
import os
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from pennon.engine import Code, Finding, Prover
from pennon.model import Snapshot
from tests.unit.engine.proofs.holding import Bench, Json, hold
from tests.unit.engine.proofs.worlds import World

LONG = os.environ.get("PENNON_LONG_TESTS") == "1"


def found_in(known: dict[str, Json]) -> list[Finding]:
    prover = Prover(Snapshot.from_json(json.dumps(known)))
    flags = [finding for key in known["flags"] for finding in prover.flag_findings(key)]
    return flags + [finding for key in known["segments"] for finding in prover.segment_findings(key)]


@settings(max_examples=3000 if LONG else 120)
@given(st.integers(0, 2**32 - 1))
def test_whatever_is_found_is_so_for_every_context_that_is_tried(seed: int) -> None:
    world = World(seed)
    known = world.snapshot()
    bench = Bench(known, [world.context() for _ in range(60)])
    for finding in found_in(known):
        hold(finding, bench)


def test_the_worlds_are_full_of_findings() -> None:
    codes = Counter(finding.code for seed in range(250) for finding in found_in(World(seed).snapshot()))
    rare = {code: codes[code] for code in Code if codes[code] < 5 and code is not Code.BROKEN}
    assert not rare, codes
