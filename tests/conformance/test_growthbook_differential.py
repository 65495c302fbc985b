"""Pennon and GrowthBook's own SDKs, asked the same: drawn files, and every odd value against every odd literal."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from pennon.engine import RuleSet
from pennon.importers import Fidelity, Plan, PlannedFlag, growthbook, peers
from pennon.importers.verify import DEFAULT, Verifier, compare
from tests.conformance.growthbook import flag_of, planned, rules_of
from tests.conformance.growthbook_drawing import ODD, PATTERNS, VERSIONS, Drawing

LONG = os.environ.get("PENNON_LONG_TESTS") == "1"
SEEDS = range(60 if LONG else 3)
CONTEXTS = 200 if LONG else 60
FEATURES = 8
DIALECTS = ["javascript", "python"]


@contextmanager
def _peer(dialect: str, document: dict[str, Any], **options: str) -> Iterator[peers.Peer]:
    try:
        peer = peers.start("growthbook", dialect, json.dumps(document), options)
    except peers.PeerNotInstalled as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"GrowthBook's SDK cannot be had here: {error}")
    with peer:
        yield peer


def _differences(peer: peers.Peer, flag: PlannedFlag, rules: RuleSet, contexts: Sequence[dict[str, Any]]) -> list[str]:
    found = []
    if _says(flag, "are ASCII"):
        contexts = [context for context in contexts if json.dumps(context, ensure_ascii=False).isascii()]
    for context, theirs in zip(contexts, peer.evaluate(flag.source, contexts), strict=True):
        ours = rules.evaluate(flag.key, context, DEFAULT)
        if compare(flag, ours, theirs) is not None or (ours.error_code is None) != (theirs.error is None):
            found.append(f"{flag.key} for {context}: {ours} and {theirs}")
    return found


def _carried(plan: Plan) -> list[PlannedFlag]:
    """Return the flags that answer what the SDK answers to these contexts: not those in rings that may end early, nor
    those whose experiment another rule has, nor any that needs one of these.
    """
    left_out = {flag.key for flag in plan.flags if flag.flag is None or _says(flag, "in turn", "no other rule of")}
    while (
        more := {flag.key for flag in plan.flags if _says(flag, *(f"{key!r} is exact" for key in left_out))} - left_out
    ):
        left_out |= more
    return [flag for flag in plan.flags if flag.key not in left_out]


def _says(flag: PlannedFlag, *parts: str) -> bool:
    return any(part in note.message for note in flag.notes for part in parts)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_drawn_files_evaluate_as_in_the_sdk(dialect: str, seed: int) -> None:
    drawing = Drawing(seed, dialect)
    document = drawing.document(FEATURES)
    contexts = [{}, *(drawing.context() for _ in range(CONTEXTS))]
    plan = planned(document, dialect, sticky="off")
    rules = rules_of(plan)
    carried = _carried(plan)
    assert len(carried) >= FEATURES // 2
    vocabulary = growthbook.vocabulary(json.dumps(document).encode())
    with _peer(dialect, document, sticky="off") as peer:
        assert [found for flag in carried for found in _differences(peer, flag, rules, contexts)] == []
        drawn = Verifier(plan, vocabulary, peer.evaluate, rules=rules)
        for_all = (flag for flag in carried if not _says(flag, "are ASCII"))
        reports = [drawn.verify(flag, contexts=CONTEXTS, seed=seed) for flag in for_all]
        assert [sample for report in reports for sample in report.samples] == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_stored_buckets_are_kept_as_in_the_sdk(dialect: str, seed: int) -> None:
    drawing = Drawing(1000 + seed, dialect)
    document = drawing.document(FEATURES)
    contexts = [{}, *(drawing.context() for _ in range(CONTEXTS))]
    sticky = json.dumps(drawing.documents(document, contexts))
    plan = planned(document, dialect, sticky=sticky)
    rules = rules_of(plan)
    with _peer(dialect, document, sticky=sticky) as peer:
        assert [found for flag in _carried(plan) for found in _differences(peer, flag, rules, contexts)] == []


def _crossed() -> dict[str, Any]:
    """Return a feature for each operator and operand, which is true for those whose `v` it holds of."""
    conditions: list[Any] = [*ODD]
    for operator in ("$eq", "$ne", "$lt", "$lte", "$gt", "$gte", "$size", "$not", "$exists"):
        conditions += [{operator: value} for value in ODD]
    for operator in ("$in", "$nin", "$ini", "$nini", "$all", "$alli"):
        conditions += [{operator: [value]} for value in ODD]
    for operator in ("$veq", "$vne", "$vlt", "$vlte", "$vgt", "$vgte"):
        conditions += [{operator: value} for value in VERSIONS]
    for operator in ("$regex", "$regexi"):
        conditions += [{operator: pattern} for pattern in PATTERNS]
    names = ("string", "number", "boolean", "array", "object", "null")
    conditions += [{"$type": name} for name in names] + [{"$elemMatch": {"$eq": value}} for value in ODD]
    asked = conditions if LONG else conditions[::3]
    rules = ([{"condition": {"v": condition}, "force": True}] for condition in asked)
    return {"features": {f"f{i}": {"defaultValue": False, "rules": each} for i, each in enumerate(rules)}}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_odd_value_compares_with_every_odd_literal_as_in_the_sdk(dialect: str) -> None:
    document = _crossed()
    plan = planned(document, dialect)
    rules = rules_of(plan)
    contexts = [{}, *({"v": value} for value in (*ODD, *VERSIONS, "a\n", "a\u2028b", "aac", "1\xa02", "x61", "/a/b"))]
    found: list[str] = []
    with _peer(dialect, document) as peer:
        for flag in plan.flags:
            if flag.flag is not None:
                found += _differences(peer, flag, rules, contexts)
    assert found == []
    impossible = [flag for flag in plan.flags if flag.fidelity is Fidelity.IMPOSSIBLE]
    assert len(impossible) <= 4, [flag.notes for flag in impossible]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_place_gets_what_it_gets_in_the_sdk(dialect: str) -> None:
    shares = (0.1, 0.333, 0.5, 0.7, 1.0)
    rules: dict[str, Any] = {f"force-{share}": {"force": 1, "coverage": share} for share in shares}
    for share in shares:
        rules[f"split-{share}"] = {"variations": [1, 2, 3], "weights": [0.334, 0.333, 0.333], "coverage": share}
    document = {
        "features": {
            f"{name}-{version}": {"defaultValue": 0, "rules": [{**rule, "hashVersion": version, "seed": "roll"}]}
            for name, rule in rules.items()
            for version in (1, 2)
        }
    }
    plan = planned(document, dialect)
    compiled = rules_of(plan)
    contexts = [{"targetingKey": f"u{number}"} for number in range(20_000 if LONG else 1000)]
    with _peer(dialect, document) as peer:
        for key in document["features"]:
            assert _differences(peer, flag_of(plan, key), compiled, contexts) == []
