"""Phrases for explanations."""

import math
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import pytest

from pennon.engine import words
from pennon.engine.operators import VALUE_OPERATORS
from pennon.model import Condition


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (0.5, 0.5),
        (10**400, "a huge integer"),
        ("x" * 61, "x" * 59 + "…"),
        (Colour.RED, "red"),
        ("\ud800", "?"),
        ([1], "an array"),
        ((1,), "an array"),
        ({}, "an object"),
        (MappingProxyType({}), "an object"),
        (b"x", "something that is not JSON"),
    ],
)
def test_values_are_shown_in_short(value: Any, expected: Any) -> None:
    assert words.shown(value) == expected


def test_no_object_is_asked_to_show_itself() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise AssertionError

    assert words.shown(Hostile()) == "something that is not JSON"


@pytest.mark.parametrize(
    ("value", "expected"), [("a", '"a"'), (True, "true"), (False, "false"), (None, "null"), (5, "5")]
)
def test_values_are_quoted_as_json(value: Any, expected: str) -> None:
    assert words.quoted(value) == expected


def test_nan_has_a_name() -> None:
    assert words.quoted(math.nan) == "nan"


def test_many_alternatives_are_counted() -> None:
    assert words.any_of(["a"]) == '"a"'
    assert words.any_of(["a", "b", "c", "d", 5]) == '"a", "b", "c" and 2 more'
    assert words.any_of([]) == "nothing, for it has no values"


@pytest.mark.parametrize("op", sorted(VALUE_OPERATORS))
def test_every_operator_has_words(op: str) -> None:
    condition = Condition(op=op, attribute="a", values=("x",))
    said = {words.compared(condition, "v", answer=answer) for answer in (True, False, None)}
    assert len(said) == 3
    assert all(phrase.startswith('a "v" is') or op in phrase or "v" in phrase for phrase in said)
    assert words.compared(condition, None, answer=None) == "a is missing"


def test_variations_and_the_callers_default() -> None:
    assert words.variation("on") == '"on"'
    assert words.variation(None) == "the caller's default"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (Condition("in", "country", values=("DE", 1)), 'country is among "DE", 1'),
        (Condition("lessThan", "age", values=(5,), negate=True), "age is not less than 5"),
        (Condition("exists", "plan"), "plan exists"),
        (Condition("exists", "plan", negate=True), "plan is missing"),
        (Condition("inSegment", values=("a", "b")), 'the context is in the segment "a", "b"'),
        (Condition("inSegment", values=("a",), negate=True), 'the context is not in the segment "a"'),
        (Condition("inBucket", from_=0, to=10), "the bucket of targetingKey is in [0, 10)"),
        (Condition("inBucket", by="org", from_=0, to=10, negate=True), "the bucket of org is not in [0, 10)"),
        (Condition("STR_CONTAINS", "mail", values=("@",), negate=True), "STR_CONTAINS of mail does not hold"),
        (Condition("expression", value={"a": 1}), "expression holds"),
    ],
)
def test_a_condition_is_said_in_words(condition: Condition, said: str) -> None:
    assert words.asked(condition) == said
