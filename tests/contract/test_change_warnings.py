"""What a change is answered with that its author may not have thought of, over every storage."""

from typing import Any

from pennon.control.flags.definitions import FlagConfiguration
from pennon.control.log import ChangeWarning, Outcome
from pennon.model import Condition, Rule, Segment, SegmentRule, Serve
from tests.contract.shop import ANNA, PRODUCTION, Shop
from tests.editing import read_edits

ON = {"do": "turnOn", "flag": "checkout"}
GERMANS = {"attribute": "country", "op": "in", "values": ["DE"]}
OTHERS = {**GERMANS, "negate": True}


def rule(key: str, *conditions: dict[str, Any]) -> dict[str, Any]:
    made = {"id": key, "conditions": list(conditions), "serve": {"variation": "on"}}
    return {"do": "addRule", "flag": "checkout", "rule": made}


def said(outcome: Outcome) -> list[tuple[str, str]]:
    assert all(warning.message and warning.mend for warning in outcome.warnings)
    return [(warning.code, warning.path) for warning in outcome.warnings]


def test_edits_warn_of_what_can_never_happen_in_the_items_that_they_touch(shop: Shop) -> None:
    shop.create()
    shop.create("other")
    assert said(shop.edit(ON)) == []
    outcome = shop.edit(rule("r1", GERMANS, OTHERS), rule("r2", GERMANS), rule("r3", GERMANS))
    assert said(outcome) == [
        ("conditions-contradict", "/flags/checkout/rules/0/conditions/1"),
        ("rule-unreachable", "/flags/checkout/rules/2"),
    ]
    assert said(shop.edit({"do": "turnOn", "flag": "other"})) == []
    assert said(shop.edit({"do": "removeRule", "flag": "checkout", "rule": "r1"})) == [
        ("rule-unreachable", "/flags/checkout/rules/1"),
    ]


def test_a_preview_warns_of_what_the_edits_would_be_warned_of(shop: Shop) -> None:
    shop.create()
    edits = [ON, rule("r1", GERMANS, OTHERS)]
    preview = shop.changes.preview(PRODUCTION, read_edits(edits))
    assert [warning.code for warning in preview.warnings] == ["conditions-contradict"]
    assert preview.warnings == shop.edit(*edits).warnings


def test_a_revert_warns_too(shop: Shop) -> None:
    shop.create()
    shop.edit(ON, rule("r1", GERMANS, OTHERS))
    shop.edit({"do": "removeRule", "flag": "checkout", "rule": "r1"})
    outcome = shop.changes.revert(PRODUCTION, shop.revision(), by=ANNA)
    assert said(outcome) == [("conditions-contradict", "/flags/checkout/rules/0/conditions/1")]


def test_replacing_a_configuration_or_a_segment_warns(shop: Shop) -> None:
    shop.create()
    both = (Condition("exists", attribute="a"), Condition("exists", attribute="a", negate=True))
    configuration = FlagConfiguration(
        on=True, fallthrough=Serve(variation="off"), rules=(Rule("r1", both, Serve(variation="on")),)
    )
    outcome = shop.flags.set_configuration(PRODUCTION, "checkout", configuration, by=ANNA)
    assert said(outcome) == [("conditions-contradict", "/flags/checkout/rules/0/conditions/1")]
    again = shop.flags.set_configuration(PRODUCTION, "checkout", configuration, by=ANNA)
    assert (again.changed, again.warnings) == (False, ())
    made = shop.segments.create_segment(PRODUCTION, Segment("beta", included=("u1",), excluded=("u1",)), by=ANNA)
    assert said(made) == [("key-in-both-lists", "/segments/beta/excluded/0")]
    emptied = Segment("beta", rules=(SegmentRule(both),))
    replaced = shop.segments.replace_segment(PRODUCTION, emptied, by=ANNA)
    assert said(replaced) == [("conditions-contradict", "/segments/beta/rules/0/conditions/1")]


def test_a_segment_that_loses_everybody_names_the_rules_that_asked_for_it(shop: Shop) -> None:
    shop.create()
    beta = {"key": "beta", "included": ["u1"]}
    shop.edit({"do": "putSegment", "segment": beta}, ON, rule("r1", {"op": "inSegment", "values": ["beta"]}))
    leave = {"do": "removeFromSegment", "segment": "beta", "keys": ["u1"]}
    assert said(shop.edit(leave)) == [("condition-never", "/flags/checkout/rules/0/conditions/0")]
    described = {"do": "addToSegment", "segment": "beta", "keys": ["u2"], "list": "excluded"}
    assert said(shop.edit(described)) == [], "it was empty before"


def test_turning_on_a_flag_whose_prerequisite_is_off_warns(shop: Shop) -> None:
    shop.create()
    shop.create("payments")
    required = {"do": "addPrerequisite", "flag": "checkout", "prerequisite": {"flag": "payments", "variations": ["on"]}}
    shop.edit(required)
    (warning,) = shop.edit(ON).warnings
    assert (warning.code, warning.path) == ("prerequisite-never-met", "/flags/checkout/prerequisites/0")
    assert "it is off" in warning.message


def test_a_deleted_item_and_a_layer_are_not_warned_of(shop: Shop) -> None:
    shop.edit({"do": "putSegment", "segment": {"key": "beta", "included": ["u1"], "excluded": ["u1"]}})
    shop.edit({"do": "putLayer", "layer": {"key": "l"}})
    assert said(shop.edit({"do": "deleteSegment", "segment": "beta"}, {"do": "deleteLayer", "layer": "l"})) == []


def test_an_answer_has_so_many_warnings_and_no_more(shop: Shop) -> None:
    shop.create()
    keys = [f"u{number}" for number in range(30)]
    segments = [{"key": f"s{number}", "included": keys, "excluded": keys} for number in range(4)]
    outcome = shop.edit(*({"do": "putSegment", "segment": segment} for segment in segments))
    assert len(outcome.warnings) == 50
    assert isinstance(outcome.warnings[0], ChangeWarning)
