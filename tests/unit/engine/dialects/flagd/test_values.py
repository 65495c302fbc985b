"""Python's coercions, as flagd's SDK has them."""

import math
import operator
from typing import Any

import pytest

from pennon.engine.dialects.flagd.values import (
    STEPS,
    NoTime,
    Run,
    TooMuch,
    among,
    bounded,
    equal,
    identical,
    number,
    ordered,
    targeting_key,
    text,
    truth,
)

NAN = math.nan


def run() -> Run:
    return Run({"x": 1, "$flagd": "mine"}, 12.9, "f")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (1.5, 1.5),
        (True, 1),
        (None, 0),
        ("", NAN),
        ("10", 10),
        (" 10 ", 10),
        ("1_0", 10),
        ("1e3", 1000),
        ("inf", NAN),
        (" -INF", NAN),
        ("infinity", math.inf),
        ("nan", NAN),
        ("0x10", NAN),
        ([], 0),
        ([["7"]], 7),
        ([1, 2], NAN),
        ({}, NAN),
    ],
    ids=repr,
)
def test_values_as_numbers(value: Any, expected: float) -> None:
    found = number(value)
    assert found == expected or (math.isnan(found) and math.isnan(expected))


def test_what_no_json_has_is_no_number() -> None:
    with pytest.raises(TypeError):
        number((1,))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("é", "é"),
        (1.0, "1"),
        (0.1 + 0.2, "0.3"),
        (1e21, "1e+21"),
        (10**21, "1000000000000000000000"),
        (True, "True"),
        (None, "null"),
        ([1, [None, "a"], {}], "1,null,a,[object Object]"),
        ({"a": 1}, "[object Object]"),
        ((1, 2), "(1, 2)"),
    ],
    ids=repr,
)
def test_values_as_text(value: Any, expected: str) -> None:
    assert text(run(), value) == expected


@pytest.mark.parametrize("value", ["0", "false", -1, 0.5, [0], {}, True, (), "a"], ids=repr)
def test_values_that_count_as_true(value: Any) -> None:
    assert truth(value) is True


@pytest.mark.parametrize("value", ["", 0, 0.0, NAN, [], None, False], ids=repr)
def test_values_that_count_as_false(value: Any) -> None:
    assert truth(value) is False


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a", "a", True),
        ("1", 1, True),
        (1, True, True),
        (0, "", False),
        (0, None, True),
        (None, None, True),
        (None, "", False),
        (None, [], False),
        ("true", True, False),
        ("1", True, True),
        ("1,2", [1, 2], True),
        ([1, 2], "1,2", True),
        ([1], 1, True),
        ([1], [1], False),
        ([], {}, False),
        ({}, "[object Object]", True),
        (NAN, NAN, False),
        (1, 1.0, True),
    ],
    ids=repr,
)
def test_loose_equality(one: Any, other: Any, expected: bool) -> None:
    assert equal(run(), one, other) is expected
    assert equal(run(), other, one) is expected


def test_an_array_equals_itself_only() -> None:
    ring = [1]
    assert equal(run(), ring, ring)
    assert not equal(run(), ring, [1])


def test_what_no_json_has_equals_nothing_but_raises() -> None:
    with pytest.raises(TypeError, match="tuple and str"):
        equal(run(), (1,), "a")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, 2, True),
        ("5", "10", False),
        ("5", 10, True),
        (None, 5, True),
        (None, "a", False),
        (None, "z", True),
        ([], "a", True),
        (["5"], None, False),
        (None, ["5"], True),
        ("a", 5, False),
        ("a", None, True),
        (True, 2, True),
        ({}, "a", True),
    ],
    ids=repr,
)
def test_order(one: Any, other: Any, expected: bool) -> None:
    assert ordered(operator.lt)(run(), one, other) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, True, True),
        (1, 1.0, True),
        ("1", 1, False),
        ([1, {"a": [2]}], [1, {"a": [2]}], True),
        ([1], [1, 2], False),
        ([1], [2], False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {}, False),
        (NAN, NAN, False),
        ([NAN], [NAN], True),
        (None, None, True),
        ([], {}, False),
    ],
    ids=repr,
)
def test_strict_equality_is_pythons(one: Any, other: Any, expected: bool) -> None:
    assert identical(run(), one, other) is expected


def test_elements_are_compared_as_python_does() -> None:
    assert among(run(), True, ["a", 1])
    assert among(run(), [1], [[2], [1]])
    assert not among(run(), [1], [1, "1"])
    assert not among(run(), "1", [1])


def test_whole_is_the_context_and_what_flagd_adds() -> None:
    evaluation = run()
    assert evaluation.whole() == {"x": 1, "$flagd": {"flagKey": "f", "timestamp": 12}, "targetingKey": None}
    assert evaluation.whole() is evaluation.whole()
    assert Run({}, None, "f").whole()["$flagd"] == {"flagKey": "f"}


def test_without_the_time_there_is_no_timestamp() -> None:
    with pytest.raises(NoTime):
        Run({}, None, "f").timestamp()


@pytest.mark.parametrize("empty", ["", 0, None, False, []], ids=repr)
def test_an_empty_targeting_key_is_none(empty: Any) -> None:
    assert targeting_key({"targetingKey": empty}) is None
    assert targeting_key({}) is None


def test_steps_are_counted_until_there_are_too_many() -> None:
    evaluation = run()
    evaluation.charge(STEPS)
    with pytest.raises(TooMuch):
        evaluation.charge(1)


def test_an_array_of_itself_many_times_over_is_too_much() -> None:
    grown: Any = ["x"]
    for _ in range(40):
        grown = [grown, grown]
    for walk in (lambda: text(run(), grown), lambda: run().weigh(grown), lambda: identical(run(), grown, _copy())):
        with pytest.raises(TooMuch):
            walk()


def _copy() -> Any:
    grown: Any = ["x"]
    for _ in range(40):
        grown = [grown, grown]
    return grown


def test_text_weighs_by_its_length() -> None:
    evaluation = run()
    assert evaluation.weigh({"a": "b" * 160}) == {"a": "b" * 160}
    assert STEPS - evaluation.left == 2 + 10
    assert evaluation.spent("short") == "short"
    with pytest.raises(TooMuch):
        evaluation.spent("b" * 16 * STEPS)


def test_a_number_of_endless_digits_is_too_much() -> None:
    assert bounded(2**1000) == 2**1000
    assert bounded(1e300) == 1e300
    with pytest.raises(TooMuch):
        bounded(2**100_000)
