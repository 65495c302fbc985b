"""Rings, depth, and what comes of those that a flag needs."""

from pennon.engine import Checker
from pennon.importers import Fidelity, launchdarkly
from pennon.model import Item, Snapshot
from tests.unit.importers.launchdarkly.building import (
    asks,
    clause,
    flag,
    messages,
    of_plan,
    payload,
    planned,
    prerequisite_of,
    rule,
    segment,
    served,
)


def test_flags_that_lead_into_a_ring_cannot_be_carried_and_their_neighbours_can() -> None:
    plan = launchdarkly.plan(
        payload(
            flag("a", prerequisites=[prerequisite_of("b", 0)]),
            flag("b", prerequisites=[prerequisite_of("a", 0)]),
            flag("into", prerequisites=[prerequisite_of("a", 0), prerequisite_of("apart", 0)]),
            flag("itself", prerequisites=[prerequisite_of("itself", 0)]),
            flag("apart"),
        ),
        "python",
    )
    assert {each.key: each.fidelity for each in plan.flags} == {
        "a": Fidelity.IMPOSSIBLE,
        "apart": Fidelity.EXACT,
        "b": Fidelity.IMPOSSIBLE,
        "into": Fidelity.IMPOSSIBLE,
        "itself": Fidelity.IMPOSSIBLE,
    }
    assert "a ring" in messages(of_plan(plan, "into"))


def test_segments_that_lead_into_a_ring_cannot_be_carried() -> None:
    rings = (segment("s", rules=[{"clauses": [asks("t")]}]), segment("t", rules=[{"clauses": [asks("s")]}]))
    plan = launchdarkly.plan(payload(flag(rules=[rule(asks("s"))]), *rings), "python")
    assert plan.segments == ()
    assert of_plan(plan).fidelity is Fidelity.IMPOSSIBLE


def test_chains_are_carried_as_deep_as_pennon_follows_them() -> None:
    chain = [flag("f0")]
    chain += [flag(f"f{depth}", prerequisites=[prerequisite_of(f"f{depth - 1}", 1)]) for depth in range(1, 35)]
    plan = launchdarkly.plan(payload(*chain), "python")
    fidelities = {each.key: each.fidelity for each in plan.flags}
    assert fidelities["f32"] is Fidelity.EXACT
    assert fidelities["f33"] is fidelities["f34"] is Fidelity.IMPOSSIBLE
    assert served(*chain, key="f32") == "b"
    assert "a chain of more than 32" in messages(of_plan(plan, "f34"))


def test_a_flag_that_is_not_in_the_file_is_a_link_of_the_chain() -> None:
    items = [flag(f"f{index}", prerequisites=[prerequisite_of(f"f{index + 1}", 0)]) for index in range(33)]
    plan = launchdarkly.plan(payload(*items), "python")
    assert [each.key for each in plan.flags if each.fidelity is Fidelity.IMPOSSIBLE] == ["f0"]
    rules = Snapshot.of({"flag": {each.key: Item.of(each.flag) for each in plan.flags if each.flag is not None}})
    assert Checker(rules).flag_problems("f1") == []


def test_segments_are_carried_as_deep_as_pennon_follows_them() -> None:
    chain = [segment("s0", included=["u"])]
    chain += [segment(f"s{depth}", rules=[{"clauses": [asks(f"s{depth - 1}")]}]) for depth in range(1, 33)]
    assert served(flag(rules=[rule(asks("s31"))]), *chain) == "a"
    assert planned(flag(rules=[rule(asks("s32"))]), *chain).fidelity is Fidelity.IMPOSSIBLE


def test_what_a_flag_needs_and_cannot_be_carried_is_told_once_with_its_own_cause() -> None:
    items = (
        flag("deep", rules=[rule(clause("matches", "(?<!a)b"))]),
        flag("middle", prerequisites=[prerequisite_of("deep", 0)]),
        flag(prerequisites=[prerequisite_of("middle", 0)]),
    )
    found = planned(*items)
    assert found.notes[0].path == "/flags/deep/rules/0/clauses/0/values/0"
    assert found.notes[0].message.startswith("it needs the flag 'middle', which cannot be carried: the pattern")


def test_a_condition_of_a_prerequisite_is_one_of_the_flag() -> None:
    below = flag("below", rules=[rule(clause("matches", r"\d"))])
    assert planned(below, flag(prerequisites=[prerequisite_of("below", 0)])).fidelity is Fidelity.CONDITIONAL
