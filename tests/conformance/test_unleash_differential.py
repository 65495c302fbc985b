"""Pennon and Unleash's own SDKs, asked the same: drawn configurations, and every odd value against odd literals."""

import json
import os
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from pennon.engine import RuleSet
from pennon.importers import Fidelity, PlannedFlag, peers, unleash
from pennon.importers.verify import DEFAULT, Verifier, compare
from tests.conformance.unleash import NOW, peer, planned, rules
from tests.conformance.unleash_crossed import contexts, features
from tests.conformance.unleash_drawing import Draw

LONG = os.environ.get("PENNON_LONG_TESTS") == "1"
SEEDS = range(20 if LONG else 1)
CONTEXTS = 100 if LONG else 25
FEATURES = 40 if LONG else 18
CROSSED = {"python": 600, "node": 1500} if LONG else {"python": 60, "node": 120}
"""How many of the crossed features are tried: all of them take minutes."""
SDKS = ["python", "node"]


def _differences(asked: peers.Peer, flag: PlannedFlag, found: RuleSet, contexts: Sequence[dict[str, Any]]) -> list[str]:
    return [
        f"{flag.key} {aspect} for {context}: {ours} and {theirs}"
        for context, theirs in zip(contexts, asked.evaluate(flag.source, contexts, NOW), strict=True)
        for ours in (found.evaluate(flag.key, context, DEFAULT, now=NOW),)
        if (aspect := compare(flag, ours, theirs)) is not None
    ]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dialect", SDKS)
def test_drawn_features_evaluate_as_in_the_sdk(dialect: str, seed: int) -> None:
    draw = Draw(seed)
    document = draw.document(FEATURES)
    drawn = [{}, *(draw.context() for _ in range(CONTEXTS))]
    plan = planned(document, dialect)
    carried = [flag for flag in plan.flags if flag.flag is not None]
    assert len(carried) >= FEATURES // 2
    found = rules(plan)
    with peer(dialect, document) as asked:
        assert [each for flag in carried for each in _differences(asked, flag, found, drawn)] == []


@pytest.mark.parametrize("dialect", SDKS)
def test_every_odd_value_compares_with_every_odd_literal_as_in_the_sdk(dialect: str) -> None:
    tried = Random(7).sample(list(features()), CROSSED[dialect])
    document = json.dumps({"version": 2, "features": [feature for _, feature in tried]})
    plan = planned(document, dialect)
    flags = {flag.key: flag for flag in plan.flags if flag.flag is not None}
    assert len(flags) >= len(tried) * 4 // 5
    found = rules(plan)
    differences: list[str] = []
    with peer(dialect, document) as asked:
        for group, feature in tried:
            if (flag := flags.get(feature["name"])) is not None:
                differences += _differences(asked, flag, found, list(contexts(group, dialect)))
    assert differences == []


def test_what_the_verifier_draws_finds_no_difference() -> None:
    """The vocabulary leads it to what the rules compare with."""
    document = Draw(3).document(8)
    plan = planned(document, "node")
    carried = [flag for flag in plan.flags if flag.fidelity is not Fidelity.IMPOSSIBLE]
    with peer("node", document) as asked:
        verifier = Verifier(plan, unleash.vocabulary(document.encode()), asked.evaluate, rules=rules(plan), now=NOW)
        reports = [verifier.verify(flag, contexts=300, seed=1) for flag in carried]
    assert [sample for report in reports for sample in report.samples] == []


FEATURE: dict[str, Any] = {"name": "a", "enabled": True, "variants": [{"name": "v", "weight": 1}]}
STRATEGIES: list[dict[str, Any]] = [
    {"name": "userWithId", "parameters": {"userIds": "u1"}, "sortOrder": 2},
    {
        "name": "flexibleRollout",
        "parameters": {"rollout": "50", "groupId": "a", "stickiness": "userId"},
        "sortOrder": 1,
    },
]
CHILD: dict[str, Any] = {"name": "c", "enabled": True, "strategies": [{"name": "default", "parameters": {}}]}
DEPENDENCIES = [{"feature": "a", "enabled": False}]
DELTA = {
    "events": [
        {"type": "hydration", "eventId": 1, "features": [CHILD, {**FEATURE, "strategies": []}], "segments": []},
        {"type": "segment-updated", "eventId": 2, "segment": {"id": 1, "constraints": []}},
        {"type": "feature-updated", "eventId": 3, "feature": {**FEATURE, "strategies": STRATEGIES}},
        {"type": "feature-updated", "eventId": 4, "feature": {**CHILD, "dependencies": DEPENDENCIES}},
        {"type": "segment-removed", "eventId": 5, "segmentId": 1},
        {"type": "feature-removed", "eventId": 6, "featureName": "gone", "project": "default"},
    ]
}
EXPORT = {
    "features": [{"name": "a"}, {"name": "c"}],
    "featureStrategies": [
        *({**strategy, "featureName": "a"} for strategy in STRATEGIES),
        {"name": "default", "featureName": "a", "disabled": True},
        {"name": "default", "featureName": "c", "parameters": {}},
    ],
    "featureEnvironments": [
        {"name": "a", "environment": "production", "enabled": True, "variants": FEATURE["variants"]},
        {"name": "c", "environment": "production", "enabled": True},
    ],
    "dependencies": [{"feature": "c", "dependencies": DEPENDENCIES}],
}


@pytest.mark.parametrize("document", [DELTA, EXPORT], ids=["delta", "export"])
@pytest.mark.parametrize("dialect", SDKS)
def test_a_delta_and_an_export_are_what_the_sdk_is_sent(dialect: str, document: dict[str, Any]) -> None:
    text = json.dumps(document)
    plan = planned(text, dialect)
    assert [flag.key for flag in plan.flags] == ["a", "a.variant", "c"]
    found, drawn = rules(plan), [{"targetingKey": f"u{number}"} for number in range(20)]
    with peer(dialect, text) as asked:
        assert [each for flag in plan.flags for each in _differences(asked, flag, found, drawn)] == []
    served = {flag.key: {found.evaluate(flag.key, each).variation for each in drawn} for flag in plan.flags}
    assert served == {"a": {"on", "off"}, "a.variant": {"v", "disabled"}, "c": {"on", "off"}}
