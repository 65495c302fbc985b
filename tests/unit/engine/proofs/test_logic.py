"""Segments in rules: what leads into them, who is in none, and what contradicts them."""

from typing import Any

import pytest

from pennon.engine import Prover
from tests.unit.engine.build import flag, inside, rule, segment, snapshot, when
from tests.unit.engine.proofs.proving import Silent, of_flag, of_rule, of_segment, seen

NEVER = "conditions-contradict"
NEGATED = {"negate": True}
KEY = "targetingKey"
COMPAT = {"vendor": "v", "dialect": "d"}


def a(op: str, *values: Any, **members: Any) -> dict[str, Any]:
    return when("a", op, *values, **members)


SEGMENTS = (
    segment("nobody"),
    segment("nobody-either", inside("nobody")),
    segment("germans", a("in", "DE")),
    segment("not-germans", a("in", "DE", **NEGATED)),
    segment("neighbours", a("in", "DE"), included=["u1"]),
    segment("listed", included=["u1", "u2"]),
    segment("one-of-them", included=["u1"]),
    segment("many", included=[f"u{number}" for number in range(3000)]),
    segment("hashed", included=["00" * 32], hashed=True),
    segment("both", inside("germans"), included=["u1"], rules=[]),
    segment("of-two", rules=[{"conditions": [a("in", "DE")]}, {"conditions": [a("in", "FR")]}]),
    segment("not-germans-nor-french", a("in", "DE", **NEGATED), a("in", "FR", **NEGATED)),
)
CONTRADICTIONS = {
    "in and not in it": (inside("germans"), inside("germans", **NEGATED)),
    "in one and in none of more": (inside("germans"), inside("listed", "germans", **NEGATED)),
    "in it and what its rule denies": (inside("germans"), a("in", "DE", **NEGATED)),
    "in two whose rules clash": (inside("germans"), inside("not-germans")),
    "in either of two whose rules clash": (inside("of-two"), inside("not-germans-nor-french")),
    "what a rule asks, and not in it": (a("in", "DE"), inside("germans", **NEGATED)),
    "listed, and not in a list of more": (inside("one-of-them"), inside("listed", **NEGATED)),
    "listed, and another": (inside("listed"), when(KEY, "in", "u3")),
    "listed, and not on any list": (inside("many"), when(KEY, "exists", **NEGATED)),
    "hashed, and without a key": (inside("hashed"), when(KEY, "exists", **NEGATED)),
    "in a segment of a segment, and not": (inside("both"), inside("neighbours", "listed", **NEGATED)),
}
POSSIBLE = {
    "listed in a segment with rules": (inside("neighbours"), a("in", "DE", **NEGATED)),
    "in a larger, not in a smaller": (inside("listed"), inside("one-of-them", **NEGATED)),
    "in one of two": (inside("of-two"), inside("not-germans")),
    "listed twice": (inside("listed"), when(KEY, "in", "u2")),
    "outside of two": (inside("germans", **NEGATED), inside("listed", **NEGATED)),
    "an array of keys, which no list has": (when(KEY, "in", "u1"), inside("listed", **NEGATED)),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_rule_that_contradicts_its_segments_is_found(name: str) -> None:
    assert of_rule(*CONTRADICTIONS[name], segments=SEGMENTS) == {NEVER}


@pytest.mark.parametrize("name", POSSIBLE)
def test_nothing_is_found_of_segments_that_may_be_met(name: str) -> None:
    assert of_rule(*POSSIBLE[name], segments=SEGMENTS) == set()


def test_of_an_imported_segment_a_dialect_reads_the_lists_and_the_rules() -> None:
    conditions = {"conditions": [a("in", "DE")]}
    imported = {"key": "imported", "included": ["u1"], "rules": [conditions], "compat": COMPAT}
    asked = [inside("imported"), when(KEY, "exists", **NEGATED), a("in", "DE", **NEGATED)]
    known = snapshot(flag(rules=[rule(*asked)]), segments=(imported,))
    assert seen(Prover(known, dialects={("v", "d"): Silent()}).flag_findings("f")) == []


def test_a_segment_that_asks_a_dialect_holds_for_nobody_for_certain() -> None:
    unsure = {"key": "unsure", "rules": [{"conditions": [a("in", "DE")]}, {"conditions": []}], "compat": COMPAT}
    outer = segment("outer", rules=[{"conditions": [inside("unsure")]}, {"conditions": []}])
    for key in ("unsure", "outer"):
        known = snapshot(flag(rules=[rule(inside(key), when("b", "exists"))]), segments=(unsure, outer))
        assert seen(Prover(known, dialects={("v", "d"): Silent()}).flag_findings("f")) == []


def test_nobody_is_in_a_segment_of_segments_in_which_nobody_is() -> None:
    assert of_rule(inside("nobody-either", "nobody"), segments=SEGMENTS) == {"condition-never"}
    assert ("segment-empty", "") in of_segment(inside("nobody-either"), others=SEGMENTS)


def test_a_long_chain_of_segments_is_followed_to_its_end() -> None:
    chain = [segment(f"s{number}", inside(f"s{number + 1}")) for number in range(30)]
    known = (*chain, segment("s30", a("in", "DE")))
    assert of_rule(inside("s0"), a("in", "DE", **NEGATED), segments=known) == {NEVER}


def test_segments_that_branch_without_end_are_given_up() -> None:
    branching = [
        segment(f"s{number}", *(inside(f"s{number + 1}", f"s{number + 2}") for _ in range(3))) for number in range(20)
    ]
    ends = (segment("s20", a("exists")), segment("s21", when("b", "exists")))
    asked = [*(inside(f"s{number}") for number in range(15)), when("c", "exists")]
    assert of_flag(snapshot(flag(rules=[rule(*asked)]), segments=(*branching, *ends))) == []
