"""Pennon and flagd's own Python SDKs, asked the same: drawn files, and every odd value against every odd literal."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from pennon.engine import RuleSet, compile_snapshot
from pennon.importers import Fidelity, Plan, PlannedFlag, flagd, peers
from pennon.importers.verify import DEFAULT, Verifier, compare
from pennon.model import Item, Snapshot
from tests.conformance.flagd_drawing import SCALARS, SEMANTIC, VERSIONS, Drawing
from tests.shared import SHARED

LONG = os.environ.get("PENNON_LONG_TESTS") == "1"
SEEDS = range(200 if LONG else 2)
CONTEXTS = 200 if LONG else 30
FLAGS = 30
NOW = 1_700_000_000.25
V = list(flagd.DIALECTS)


@contextmanager
def _peer(dialect: str, document: str) -> Iterator[peers.Peer]:
    try:
        peer = peers.start("flagd", dialect, document)
    except peers.PeerNotInstalled as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"flagd's SDK cannot be had here: {error}")
    with peer:
        yield peer


def _planned(document: Any, dialect: str) -> tuple[str, Plan, RuleSet]:
    text = json.dumps(document)
    plan = flagd.plan(text.encode(), dialect)
    flags = {each.key: Item.of(each.flag) for each in plan.flags if each.flag is not None}
    return text, plan, compile_snapshot(Snapshot.of({"flag": flags}))


def _differences(
    peer: peers.Peer, flag: PlannedFlag, rules: RuleSet, contexts: Sequence[dict[str, Any]], seen: Counter[str]
) -> list[str]:
    """Return the contexts that are answered differently, errors included. *seen* counts what the SDK answered."""
    found = []
    for context, theirs in zip(contexts, peer.evaluate(flag.source, contexts, NOW), strict=True):
        ours = rules.evaluate(flag.key, context, DEFAULT, now=NOW)
        seen["error" if theirs.error else "default" if theirs.default else "variant"] += 1
        if compare(flag, ours, theirs) is not None or (ours.error_code is None) != (theirs.error is None):
            found.append(f"{flag.key} for {context}: {ours} and {theirs}")
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dialect", V)
def test_drawn_files_evaluate_as_in_the_sdk(dialect: str, seed: int) -> None:
    drawing = Drawing(seed)
    text, plan, rules = _planned(drawing.document(FLAGS), dialect)
    contexts = [{}, *(drawing.context() for _ in range(CONTEXTS))]
    assert {flag.fidelity for flag in plan.flags} == {Fidelity.EXACT}
    seen: Counter[str] = Counter()
    with _peer(dialect, text) as peer:
        assert [found for flag in plan.flags for found in _differences(peer, flag, rules, contexts, seen)] == []
        drawn = Verifier(plan, flagd.vocabulary(text.encode()), peer.evaluate, rules=rules, now=NOW)
        reports = [drawn.verify(flag, contexts=CONTEXTS, seed=seed) for flag in plan.flags]
        assert [sample for report in reports for sample in report.samples] == []
    assert seen["variant"] > seen.total() // 4
    assert min(seen.values()) > 0


LITERALS = (*SCALARS, *VERSIONS)
ODD: tuple[Any, ...] = (*LITERALS, [], ["a"], [1, "b"], [[5]], {}, {"a": 1})


def _crossed(literals: Sequence[Any]) -> dict[str, Any]:
    """Return a flag for each operator and literal, which serves "a" to those whose `v` it holds of."""
    value = {"var": "v"}
    conditions: list[Any] = []
    for name in ("==", "!=", "===", "!==", "<", "<=", ">", ">="):
        conditions += [{name: [value, literal]} for literal in literals]
        conditions += [{name: [literal, value]} for literal in literals]
    for name in ("in", "starts_with", "ends_with", "+", "-", "%", "cat", "substr", "min"):
        conditions += [{name: [value, literal]} for literal in literals]
        conditions += [{name: [literal, value]} for literal in literals]
    conditions += [{"in": [value, [literal, *range(at)]]} for literal in literals for at in (0, 20)]
    conditions += [{"sem_ver": [value, name, version]} for name in SEMANTIC for version in VERSIONS]
    conditions += [{name: value} for name in ("!", "!!", "cat", "-", "missing", "merge")]
    variants = {"a": 1, "b": 2}
    return {
        "flags": {
            f"f{number}": {"state": "ENABLED", "variants": variants, "targeting": {"if": [condition, "a", "b"]}}
            for number, condition in enumerate(conditions)
        }
    }


@pytest.mark.parametrize("dialect", V)
def test_every_odd_value_compares_with_every_odd_literal_as_in_the_sdk(dialect: str) -> None:
    literals = LITERALS if LONG else LITERALS[V.index(dialect) :: 3]
    text, plan, rules = _planned(_crossed(literals), dialect)
    contexts: list[dict[str, Any]] = [{}, *({"v": value} for value in ODD)]
    seen: Counter[str] = Counter()
    with _peer(dialect, text) as peer:
        assert [found for flag in plan.flags for found in _differences(peer, flag, rules, contexts, seen)] == []


@pytest.mark.parametrize("dialect", V)
def test_every_unit_lands_where_it_lands_in_the_sdk(dialect: str) -> None:
    fractions = [["a", 1], ["b", 33], ["c", 333], ["d", 3333]]
    email, key = {"var": "email"}, {"var": "$flagd.flagKey"}
    targetings = {
        "short": {"fractional": fractions},
        "Łong 😀": {"fractional": fractions},
        "alone": {"fractional": [email, *fractions]},
        "salted": {"fractional": [{"cat": [key, email]}, *fractions]},
        "written": {"fractional": [{"cat": ["salt.", key, ".", email]}, *fractions]},
        "within": {"if": [{"cat": "x"}, {"or": [None, {"fractional": [{"cat": [email, key]}, *fractions]}]}]},
    }
    variants = {name: name.upper() for name in "abcde"}
    flags = {
        name: {"state": "ENABLED", "variants": variants, "defaultVariant": "e", "targeting": targeting}
        for name, targeting in targetings.items()
    }
    text, plan, rules = _planned({"flags": flags}, dialect)
    numbers = (-(2**40), 2**63, 2**64, -(2**70), 1e300, 1e-7, 65504.5, -2.0)
    odd = [{"email": value, "targetingKey": value} for value in (*ODD, *numbers)]
    units = [{"email": f"é{number}", "targetingKey": f"user-{number}"} for number in range(20_000 if LONG else 500)]
    seen: Counter[str] = Counter()
    with _peer(dialect, text) as peer:
        assert [found for flag in plan.flags for found in _differences(peer, flag, rules, odd + units, seen)] == []


def test_yaml_is_read_as_the_daemon_reads_it() -> None:
    text = "flags:\n  f:\n    state: ENABLED\n    variants: {on: true, off: false}\n    defaultVariant: on\n"
    plan = flagd.plan(text.encode(), "v3")
    with _peer("v3", text) as peer:
        (theirs,) = peer.evaluate("f", [{}])
    assert (theirs.value, theirs.variation) == (True, "on")
    assert plan.flags[0].flag is not None
    assert plan.flags[0].flag.fallthrough.variation == "on"


@pytest.mark.skipif(SHARED is None, reason="the real input is not beside the project")
@pytest.mark.parametrize("dialect", V)
def test_the_opentelemetry_demo_is_served_as_by_the_sdk(dialect: str) -> None:
    assert SHARED is not None
    document = json.loads((SHARED / "data" / "otel-demo.flagd.json").read_bytes())
    text, plan, rules = _planned(document, dialect)
    contexts: list[dict[str, Any]] = [{}, {"product_id": "OLJCESPC7Z"}, {"product_id": 5, "targetingKey": "u1"}]
    seen: Counter[str] = Counter()
    with _peer(dialect, text) as peer:
        assert [found for flag in plan.flags for found in _differences(peer, flag, rules, contexts, seen)] == []
    assert seen == {"variant": 45}
