"""Pennon and LaunchDarkly's own SDKs, asked the same: drawn payloads, and every odd value against every odd literal."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from pennon.engine import RuleSet
from pennon.engine.lint import Checker
from pennon.importers import Fidelity, PlannedFlag, launchdarkly, peers
from pennon.importers.verify import DEFAULT, Verifier, compare, rules_of
from tests.conformance.launchdarkly_crossed import CROSSED, crossed_flags
from tests.conformance.launchdarkly_payloads import Draw, text

LONG = os.environ.get("PENNON_LONG_TESTS") == "1"
SEEDS = range(40 if LONG else 2)
CONTEXTS = 200 if LONG else 100
SDKS = ["python", "node"]


@contextmanager
def _peer(dialect: str, document: str) -> Iterator[peers.Peer]:
    try:
        peer = peers.start("launchdarkly", dialect, document)
    except peers.PeerNotInstalled as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"LaunchDarkly's SDK cannot be had here: {error}")
    with peer:
        yield peer


def _differences(
    peer: peers.Peer, planned: PlannedFlag, rules: RuleSet, contexts: Sequence[dict[str, Any]]
) -> list[str]:
    outcomes = peer.evaluate(planned.source, contexts)
    return [
        f"{planned.key} {aspect} for {context}: {ours} and {theirs}"
        for context, theirs in zip(contexts, outcomes, strict=True)
        for ours in (rules.evaluate(planned.key, context, DEFAULT),)
        if (aspect := compare(planned, ours, theirs)) is not None
    ]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dialect", SDKS)
def test_drawn_payloads_evaluate_as_in_the_sdk(dialect: str, seed: int) -> None:
    draw = Draw(seed)
    document = text(draw.payload(24, 8))
    contexts = [draw.context() for _ in range(CONTEXTS)]
    plan = launchdarkly.plan(document.encode(), dialect)
    rules = rules_of(plan)
    carried = [planned for planned in plan.flags if planned.flag is not None]
    assert len(carried) >= 8
    checker = Checker(rules.snapshot)
    assert [problem for planned in carried for problem in checker.flag_problems(planned.key)] == []
    assert [problem for planned in plan.segments for problem in checker.segment_problems(planned.key)] == []
    with _peer(dialect, document) as peer:
        assert [found for planned in carried for found in _differences(peer, planned, rules, contexts)] == []
        drawn = Verifier(plan, launchdarkly.vocabulary(document.encode()), peer.evaluate, rules=rules)
        reports = [drawn.verify(planned, contexts=CONTEXTS, seed=seed) for planned in carried]
        assert [sample for report in reports for sample in report.samples] == []


@pytest.mark.parametrize("dialect", SDKS)
def test_every_odd_value_compares_with_every_odd_literal_as_in_the_sdk(dialect: str) -> None:
    document = text({"flags": crossed_flags(), "segments": {}})
    plan = launchdarkly.plan(document.encode(), dialect)
    rules = rules_of(plan)
    found: list[str] = []
    with _peer(dialect, document) as peer:
        for planned in plan.flags:
            if planned.flag is not None:
                contexts = [{"targetingKey": "u", "v": value} for value in _values(planned)]
                found += _differences(peer, planned, rules, contexts)
    assert found == []
    assert sum(planned.flag is not None for planned in plan.flags) >= len(plan.flags) - 8


def _values(planned: PlannedFlag) -> list[Any]:
    """Return the values that a flag is asked with: all of them, or those for which the plan says that it is exact."""
    values = CROSSED[planned.key.partition("-")[0]].values
    if planned.fidelity is Fidelity.EXACT:
        return list(values)
    return [value for value in values if isinstance(value, str) and value.isascii() and not value.endswith("\n")]


@pytest.mark.parametrize("dialect", SDKS)
@pytest.mark.parametrize("form", ["put", "events", "values"])
def test_the_sdks_are_given_every_form_of_file_that_is_read(dialect: str, form: str) -> None:
    flag = {"key": "f", "version": 1, "on": True, "variations": [1, 2], "fallthrough": {"variation": 1}}
    gone = {"key": "gone", "version": 2, "deleted": True}
    documents: dict[str, dict[str, Any]] = {
        "put": {"path": "/", "data": {"flags": {"f": flag, "gone": gone}, "segments": {"gone": gone}}},
        "events": {
            "events": [
                {"event": "server-intent", "data": {"payloads": [{"id": "p", "target": 1, "intentCode": "xfer-full"}]}},
                {"event": "put-object", "data": {"version": 1, "kind": "flag", "key": "f", "object": flag}},
                {"event": "payload-transferred", "data": {"state": "s", "version": 1}},
            ]
        },
        "values": {"flagValues": {"f": 2}},
    }
    document = documents[form]
    plan = launchdarkly.plan(text(document).encode(), dialect)
    with _peer(dialect, text(document)) as peer:
        (planned,) = plan.flags
        assert _differences(peer, planned, rules_of(plan), [{"targetingKey": "u"}, {}]) == []
        assert peer.evaluate("f", [{"targetingKey": "u"}])[0].value == 2


@pytest.mark.parametrize("dialect", SDKS)
def test_the_sdks_are_not_given_what_the_rest_api_shows(dialect: str) -> None:
    with pytest.raises(peers.PeerFailed, match="no SDK reads what the REST API shows"), _peer(dialect, '{"items": []}'):
        pass
