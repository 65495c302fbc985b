"""What is too large for Pennon."""

from pennon.importers import Fidelity, launchdarkly
from pennon.importers.verify import rules_of
from tests.unit.importers.launchdarkly.building import (
    DEFAULT,
    clause,
    flag,
    messages,
    of_plan,
    payload,
    planned,
    rule,
    segment,
)

MANY = [f"0a1b2c3d-user-{number:08}" for number in range(20_000)]


def test_long_lists_of_targets_become_segments_in_their_order() -> None:
    item = flag(
        targets=[{"variation": 0, "values": [*MANY, "both"]}],
        contextTargets=[
            {"variation": 2, "values": ["o"], "contextKind": "org"},
            {"variation": 0, "values": [], "contextKind": "user"},
        ],
        rules=[{**rule(clause("in", "pro"), variation=2), "id": "targets-0"}],
    )
    plan = launchdarkly.plan(payload(item, segment("f.targets.0")), "python")
    found = of_plan(plan)
    assert found.fidelity is Fidelity.EXACT
    assert "too long for a flag" in messages(found)
    assert [(each.key, each.source) for each in plan.segments] == [
        ("f.targets.0", "f.targets.0"),
        ("f.targets.0-", "f"),
        ("f.targets.1", "f"),
    ]
    assert found.flag is not None
    assert found.flag.targets == ()
    assert [each.id for each in found.flag.rules] == ["targets-0-", "targets-1", "targets-0"]
    rules = rules_of(plan)
    both = {"kind": "multi", "user": {"key": "both"}, "org": {"key": "o"}}
    for context, value in (
        ({"key": MANY[0]}, "a"),
        ({"key": MANY[-1], "plan": "pro"}, "a"),
        ({"key": "x", "plan": "pro"}, "c"),
        ({"key": "x"}, "b"),
        ({"kind": "org", "key": "o"}, "c"),
        (both, "c"),
    ):
        assert rules.evaluate("f", context, DEFAULT).value == value


def test_lists_that_fit_stay_targets() -> None:
    found = planned(flag(targets=[{"variation": 0, "values": MANY[:5000]}]))
    assert found.flag is not None
    assert len(found.flag.targets[0].values) == 5000


def test_what_is_beyond_a_limit_cannot_be_carried_and_the_limit_is_named() -> None:
    found = planned(flag(rules=[{**rule(clause("in", "x")), "id": f"r{index}"} for index in range(101)]))
    assert found.fidelity is Fidelity.IMPOSSIBLE
    assert "over the limit of 100" in found.notes[0].message


def test_a_list_that_is_too_long_for_a_segment_cannot_be_carried() -> None:
    keys = [f"{number:0100}" for number in range(90_000)]
    found = planned(flag(targets=[{"variation": 0, "values": keys}]))
    assert found.fidelity is Fidelity.IMPOSSIBLE
    assert "a segment has at most" in found.notes[0].message


def test_a_value_beyond_what_every_language_holds_cannot_be_carried() -> None:
    found = planned(flag(rules=[rule(clause("in", 2**53 + 1))]))
    assert found.fidelity is Fidelity.IMPOSSIBLE
    assert "2^53 - 1" in found.notes[0].message
