"""A targeting taken apart: branches, variants, splits, and what is asked about as a whole."""

from typing import Any

from tests.unit.importers.flagd.build import rules

X = {"==": [{"var": "x"}, 1]}
Y = {"==": [{"var": "y"}, 1]}
IS_X = {"op": "equals", "attribute": "x", "values": [1]}
IS_Y = {"op": "equals", "attribute": "y", "values": [1]}
A, B, C = ({"variation": name} for name in "abc")
OPEN = {"variation": "caller-default"}


def asks(logic: Any, variant: str | None) -> dict[str, Any]:
    return {"op": "expression", "value": {"$variant": [logic, variant]}}


def test_no_targeting_serves_the_default_variant() -> None:
    assert rules(None) == ([], A)
    assert rules({}) == ([], A)


def test_branches_become_rules_and_the_last_the_fallthrough() -> None:
    assert rules({"if": [X, "b", Y, "c", "b"]}) == ([([IS_X], B), ([IS_Y], C)], B)
    assert rules({"if": [X, "b"]}) == ([([IS_X], B)], A)
    assert rules({"?:": [X, None, "b"]}) == ([([IS_X], A)], B)


def test_branches_within_branches_are_closed() -> None:
    inner = {"if": [Y, "b"]}
    assert rules({"if": [X, inner, "c"]}) == ([([IS_X, IS_Y], B), ([IS_X], A)], C)
    assert rules({"if": [X, "b", {"if": [Y, "c"]}]}) == ([([IS_X], B), ([IS_Y], C)], A)


def test_literal_conditions_are_decided_beforehand() -> None:
    assert rules({"if": [False, "b", True, "c", "a"]}) == ([], C)
    assert rules({"if": [0, "b"]}) == ([], A)
    assert rules({"if": [X, {"if": [1, "b", "c"]}]}) == ([([IS_X], B)], A)
    assert rules({"if": "b"}) == ([], B)


def test_literals_name_variants_as_text() -> None:
    variants = {"true": 1, "5": 2, "a": 3}
    asked, fallthrough = rules({"if": [X, True, Y, 5]}, variants=variants)
    assert asked == [([IS_X], {"variation": "true"}), ([IS_Y], {"variation": "5"})]
    assert fallthrough == A


def test_what_names_no_variant_is_an_error() -> None:
    assert rules({"if": [X, "gone", "b"]}) == ([([IS_X, asks("gone", None)], A)], B)
    assert rules({"if": [X, "b", ""]}) == ([([IS_X], B), ([asks("", None)], A)], A)


def test_splits_serve_the_default_to_whom_they_give_nothing() -> None:
    weights = [{"variation": "b", "weight": 1}, {"variation": "c", "weight": 3}, {"variation": "a", "weight": 0}]
    share = {"split": {"weights": weights, "hash": "flagd-v2"}}
    assert rules({"fractional": [["b", 1], ["c", 3]]}) == ([], share)
    assert rules({"if": [X, {"fractional": [["b", 1], ["c", 3]]}]}) == ([([IS_X], share)], A)


def test_anything_else_is_asked_about_for_each_variant() -> None:
    logic = {"cat": [{"var": "variant"}]}
    assert rules(logic) == ([([asks(logic, "b")], B), ([asks(logic, "c")], C)], A)
    assert rules({"if": [X, logic, "c"]}) == (
        [([IS_X, asks(logic, "b")], B), ([IS_X, asks(logic, "c")], C), ([IS_X], A)],
        C,
    )


def test_an_only_variant_is_asked_about_too_for_it_may_be_an_error() -> None:
    logic = {"var": "variant"}
    assert rules(logic, variants={"a": 1}) == ([([asks(logic, "a")], A)], A)


def test_without_a_default_variant_the_callers_default_is_served() -> None:
    assert rules({"if": [X, "b"]}, defaultVariant=None) == ([([IS_X], B)], OPEN)
    assert rules(None, defaultVariant="") == ([], OPEN)
    logic = {"var": "variant"}
    assert rules(logic, variants={"a": 1}, defaultVariant=None) == ([([asks(logic, "a")], A)], OPEN)


def test_a_default_variant_that_is_not_there_is_an_error_where_it_is_reached() -> None:
    assert rules({"if": [X, "b"]}, defaultVariant="gone") == ([([IS_X], B), ([asks("", None)], A)], A)
    assert rules({"if": [X, "b", "c"]}, defaultVariant="gone") == ([([IS_X], B)], C)
    assert rules(None, defaultVariant="gone") == ([([asks("", None)], A)], A)
    logic = {"fractional": [["b", 1]]}
    found, fallthrough = rules(logic, defaultVariant="gone")
    assert found == [*(([asks(logic, name)], {"variation": name}) for name in "abc"), ([asks("", None)], A)]
    assert fallthrough == A
