"""Edits of percentages: whoever need not move stays."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.bucketing import bucket
from pennon.control.changes.editing import EditRefused
from pennon.model import WEIGHT_TOTAL, Experiment, Flag, Rule, Serve, Variation, Weight
from tests.unit.control.changes.build import GERMANS, apply, flag, split

THREE = (Variation("a", "a"), Variation("b", "b"), Variation("c", "c"))
UNITS = [f"user-{number}" for number in range(300)]


def served(edited: Flag, unit: str) -> str:
    """The variation of *unit* in the fallthrough, by the definition of a split and nothing else."""
    if edited.fallthrough.variation is not None:
        return edited.fallthrough.variation
    assert edited.fallthrough.split is not None
    place, total = bucket(edited.fallthrough.split.salt or edited.salt, edited.key, unit), 0
    for weight in edited.fallthrough.split.weights:
        total += int(weight.weight)
        if place < total:
            return weight.variation
    raise AssertionError("the weights do not sum to the whole")


def test_a_variation_served_to_all_becomes_a_split_that_moves_only_the_share() -> None:
    before = flag()
    after = apply(before, do="setWeights", weights={"on": 10_000, "off": 90_000})
    assert after.fallthrough == split(("off", 90_000), ("on", 10_000)) or after.fallthrough == split(
        ("on", 10_000), ("off", 90_000)
    )
    assert 0 < sum(served(after, unit) == "on" for unit in UNITS) < 60


def test_weights_of_a_rule_leave_the_fallthrough() -> None:
    before = flag(rules=(GERMANS,))
    after = apply(before, do="setWeights", rule="r1", weights={"on": 50_000, "off": 50_000})
    assert after.fallthrough == before.fallthrough
    assert after.rules[0].serve.split is not None
    assert after.rules[0].conditions == GERMANS.conditions


def test_what_is_left_out_gets_nothing_and_keeps_its_mark() -> None:
    before = flag(fallthrough=split(("on", 40_000), ("off", 60_000)))
    after = apply(before, do="setWeights", weights={"off": 100_000})
    assert after.fallthrough.split is not None
    assert set(after.fallthrough.split.weights) == {Weight("on", 0), Weight("off", 100_000)}
    again = apply(after, do="setWeights", weights={"on": 40_000, "off": 60_000})
    assert [served(again, unit) for unit in UNITS] == [served(before, unit) for unit in UNITS]


@st.composite
def shares(draw: st.DrawFn) -> dict[str, int]:
    first = draw(st.integers(0, WEIGHT_TOTAL))
    second = draw(st.integers(0, WEIGHT_TOTAL - first))
    return {"a": first, "b": second, "c": WEIGHT_TOTAL - first - second}


@given(walk=st.lists(shares(), min_size=2, max_size=8))
def test_a_changed_percentage_moves_only_from_what_shrank_to_what_grew(walk: list[dict[str, int]]) -> None:
    edited = flag(kind="string", variations=THREE, off_variation="a", fallthrough=Serve("a"))
    before = {"a": WEIGHT_TOTAL, "b": 0, "c": 0}
    for weights in walk:
        later = apply(edited, do="setWeights", weights=weights)
        for unit in UNITS[:60]:
            old, new = served(edited, unit), served(later, unit)
            assert old == new or (weights[old] < before[old] and weights[new] > before[new])
        edited, before = later, weights


def test_a_split_by_another_unit_for_an_experiment_keeps_its_salt() -> None:
    before = flag(fallthrough=split(("on", 40_000), ("off", 60_000), salt="own"))
    experiment = {"key": "exp-a", "layer": "checkout", "otherwise": "off"}
    after = apply(before, do="setSplit", by="company", experiment=experiment, weights={"on": 50_000, "off": 50_000})
    assert after.fallthrough.split is not None
    assert after.fallthrough.split.by == "company"
    assert after.fallthrough.split.salt == "own"
    assert after.fallthrough.split.experiment == Experiment("exp-a", "checkout", "off")


def test_new_salts_are_for_the_flag_a_rule_or_the_fallthrough() -> None:
    half = split(("on", 50_000), ("off", 50_000))
    before = flag(rules=(Rule("r1", (), half),), fallthrough=half)
    assert apply(before, do="newSalt").salt == "fresh"
    assert apply(before, do="newSalt", salt="mine").salt == "mine"
    of_rule = apply(before, do="newSalt", rule="r1")
    assert (of_rule.salt, of_rule.fallthrough) == ("s1", half)
    assert of_rule.rules[0].serve == split(("on", 50_000), ("off", 50_000), salt="fresh")
    of_fallthrough = apply(before, do="newSalt", fallthrough=True)
    assert of_fallthrough.fallthrough == split(("on", 50_000), ("off", 50_000), salt="fresh")
    assert of_fallthrough.rules == before.rules


FOREIGN = flag(fallthrough=split(("on", 1), ("off", 1), hash="murmur3"))
BROKEN = flag(fallthrough=split(("on", 1), ("off", 1)))


@pytest.mark.parametrize(
    ("before", "members", "path"),
    [
        (flag(), {"do": "setWeights", "weights": {"on": 10_000}}, "/weights"),
        (flag(), {"do": "setWeights", "weights": {"on": 110_000, "off": -10_000}}, "/weights/off"),
        (flag(), {"do": "setWeights", "weights": {"maybe": 100_000}}, "/weights/maybe"),
        (flag(), {"do": "setWeights", "rule": "r1", "weights": {"on": 100_000}}, "/rule"),
        (FOREIGN, {"do": "setWeights", "weights": {"on": 100_000}}, "/weights"),
        (FOREIGN, {"do": "setSplit", "weights": {"on": 100_000}}, "/weights"),
        (BROKEN, {"do": "setWeights", "weights": {"on": 100_000}}, "/weights"),
        (flag(), {"do": "newSalt", "fallthrough": True}, "/fallthrough"),
        (flag(rules=(GERMANS,)), {"do": "newSalt", "rule": "r1"}, "/rule"),
        (flag(rules=(GERMANS,)), {"do": "newSalt", "rule": "r1", "fallthrough": True}, "/fallthrough"),
    ],
)
def test_percentages_that_cannot_be_are_refused(before: Flag, members: dict[str, Any], path: str) -> None:
    with pytest.raises(EditRefused) as refused:
        apply(before, **members)
    assert refused.value.problem.path == path
    assert refused.value.problem.mend
