"""flagd's fractional, generation by generation: who is bucketed, by what, and where they land."""

from typing import Any

import pytest

from pennon.engine.dialects.flagd.fractions import GENERATIONS, fractional
from pennon.engine.dialects.flagd.values import Run

THIRDS = (["a", 25], ["b", 25], ["c", 50])
UNITS = ("alice", "bob", "jon@company.com", "Łukasz", "user1")
V = ("v1", "v2", "v3")


def picked(dialect: str, *args: Any, key: Any = "alice", **scope: Any) -> Any:
    context = {"$flagd": {"flagKey": "frac"}, "targetingKey": key, **scope}
    return fractional(GENERATIONS[dialect], context, Run(context, None, "frac"), *args)


@pytest.mark.parametrize(("dialect", "expected"), [("v1", "cccab"), ("v2", "bcbca"), ("v3", "bcaaa")])
def test_published_picks(dialect: str, expected: str) -> None:
    assert "".join(picked(dialect, *THIRDS, key=unit) for unit in UNITS) == expected


@pytest.mark.parametrize("dialect", V)
@pytest.mark.parametrize("key", [None, ""], ids=repr)
def test_nobody_without_a_targeting_key(dialect: str, key: Any) -> None:
    assert picked(dialect, *THIRDS, key=key) is None


def test_a_targeting_key_that_is_no_text_is_an_error_until_the_third_generation() -> None:
    for dialect in ("v1", "v2"):
        with pytest.raises(TypeError):
            picked(dialect, *THIRDS, key=5)
    assert picked("v3", *THIRDS, key=5) is None


@pytest.mark.parametrize("dialect", V)
def test_no_arguments_pick_nothing(dialect: str) -> None:
    assert picked(dialect) is None


@pytest.mark.parametrize("value", [None, 5, 1.5, True, {"a": 1}], ids=repr)
def test_a_bucketing_value_that_is_no_text_is_none_until_the_third_generation(value: Any) -> None:
    assert picked("v1", value, *THIRDS) is None
    assert picked("v2", value, *THIRDS) is None
    assert (picked("v3", value, *THIRDS) is None) == (value is None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("alice", 38), (42, 33), (True, 19), (1.0, 89), (1, 89), ({"a": 1}, 98), (1.5, 8), (-2.0, 44)],
    ids=repr,
)
def test_published_buckets_of_values(value: Any, expected: int) -> None:
    assert picked("v3", value, *([str(place), 1] for place in range(100))) == str(expected)


def test_an_empty_value_is_a_value_in_the_third_generation_only() -> None:
    assert picked("v1", "", *THIRDS) is None
    assert picked("v2", "", *THIRDS) is None
    assert picked("v3", "", *THIRDS) is not None


@pytest.mark.parametrize("dialect", V)
def test_an_array_is_a_fraction_not_a_value(dialect: str) -> None:
    assert picked(dialect, ["z", 1_000_000], *THIRDS) == "z"
    assert picked(dialect, [], *THIRDS) is None


@pytest.mark.parametrize("value", ["\ud800", {"a": "\ud800"}, {"a": {1}}], ids=repr)
def test_what_cannot_be_encoded_picks_nothing_in_the_third_generation(value: Any) -> None:
    assert picked("v3", value, *THIRDS) is None
    assert picked("v3", *THIRDS, key="\ud800") is None


def test_half_a_surrogate_pair_is_an_error_until_the_third_generation() -> None:
    for dialect in ("v1", "v2"):
        with pytest.raises(UnicodeEncodeError):
            picked(dialect, "\ud800", *THIRDS)


@pytest.mark.parametrize("dialect", V)
@pytest.mark.parametrize(
    "fraction",
    ["a", [], ["a", 1, 2], ["a", "1"], ["a", 1.0], ["a", None]],
    ids=repr,
)
def test_one_wrong_fraction_spoils_all(dialect: str, fraction: Any) -> None:
    assert picked(dialect, *THIRDS, fraction) is None


def test_the_first_generation_takes_texts_and_booleans_as_weights() -> None:
    assert picked("v1", ["a", True]) == "a"
    assert picked("v1", [1, 5]) is None
    assert picked("v2", ["a", True]) is None
    assert picked("v2", [1, 5]) == 1
    assert picked("v2", [None, 5]) is None


@pytest.mark.parametrize("dialect", V)
def test_a_weight_may_be_left_out(dialect: str) -> None:
    assert picked(dialect, ["a"]) == "a"


@pytest.mark.parametrize("dialect", ["v2", "v3"])
def test_weights_below_zero_are_zero(dialect: str) -> None:
    assert picked(dialect, ["a", -50], ["b", 1]) == "b"
    assert picked(dialect, ["a", -50]) is None
    assert picked(dialect, ["a", 0]) is None
    assert picked(dialect, "value") is None


def test_weights_below_zero_take_away_in_the_first_generation() -> None:
    assert picked("v1", ["a", 150], ["b", -50]) == "a"
    assert picked("v1", "value") is None


def test_weights_that_sum_to_zero_are_an_error_in_the_first_generation() -> None:
    with pytest.raises(ZeroDivisionError):
        picked("v1", ["a", 0])


@pytest.mark.parametrize("dialect", ["v2", "v3"])
def test_weights_that_sum_to_more_than_31_bits_pick_nothing(dialect: str) -> None:
    assert picked(dialect, ["a", 2**31 - 1]) == "a"
    assert picked(dialect, ["a", 2**31 - 1], ["b", 1]) is None
    assert picked("v1", ["a", 2**31 - 1], ["b", 1]) == "a"


def test_within_an_array_the_element_is_the_scope() -> None:
    run = Run({}, None, "frac")
    element = {"targetingKey": "alice"}
    assert fractional(GENERATIONS["v2"], element, run, *THIRDS) == picked("v2", "alice", *THIRDS)
    with pytest.raises(AttributeError):
        fractional(GENERATIONS["v2"], "alice", run, *THIRDS)
