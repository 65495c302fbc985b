"""Segments: lists that overlap, rules that cannot hold, and nobody in it."""

from tests.unit.engine.build import segment, when
from tests.unit.engine.proofs.proving import of_segment

B = when("b", "in", 1)
THERE, MISSING = when("a", "exists"), when("a", "exists", negate=True)


def test_a_sound_segment_is_fine() -> None:
    assert of_segment(B, included=["u1"], excluded=["u2"]) == []


def test_a_key_on_both_lists_is_found() -> None:
    assert of_segment(B, included=["u1", "u2"], excluded=["u3", "u2"]) == [("key-in-both-lists", "/excluded/1")]


def test_of_many_keys_on_both_lists_some_are_named_and_the_rest_counted() -> None:
    keys = [f"u{number}" for number in range(30)]
    found = of_segment(B, included=keys, excluded=keys)
    assert len(found) == 21
    assert found[-1] == ("key-in-both-lists", "/excluded")


def test_rules_are_held_against_themselves_and_those_before() -> None:
    rules = [{"conditions": [THERE, MISSING]}, {"conditions": [THERE]}, {"conditions": [B, THERE], "id": "named"}]
    assert of_segment(rules=rules) == [
        ("conditions-contradict", "/rules/0/conditions/1"),
        ("rule-unreachable", "/rules/2"),
    ]


def test_a_segment_in_which_nobody_is_is_a_notice() -> None:
    assert of_segment() == [("segment-empty", "")]
    assert of_segment(THERE, MISSING) == [("conditions-contradict", "/rules/0/conditions/1"), ("segment-empty", "")]
    assert of_segment(excluded=["u1"]) == [("segment-empty", "")]


def test_an_exclusion_that_keeps_nobody_out_is_a_notice() -> None:
    assert of_segment(included=["u1"], excluded=["u2"]) == [("exclusion-without-effect", "/excluded")]


def test_a_segment_that_is_not_understood_is_broken() -> None:
    assert of_segment(when("a", "soundsLike", "x")) == [("broken", "/rules/0/conditions/0/op")]
    ring = segment("t", {"op": "inSegment", "values": ["s"]})
    assert of_segment({"op": "inSegment", "values": ["t"]}, others=(ring,)) == [("broken", "/rules")]
