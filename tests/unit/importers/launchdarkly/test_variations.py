"""Keys of variations and kinds of values."""

from typing import Any

import pytest

from pennon.importers.launchdarkly.variations import kind_of, unused_key, variation_keys


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ([True, False], ["true", "false"]),
        (["red", "blue"], ["red", "blue"]),
        ([1, 2.5], ["1", "2.5"]),
        ([{"a": 1}, []], ["0", "1"]),
        (["red", "x" * 65], ["red", "1"]),
        (["red", ""], ["red", "1"]),
        (["red", " blue"], ["red", "1"]),
        (["red", "a\nb"], ["red", "1"]),
        (["same", "same"], ["0", "1"]),
        (["1", {"a": 1}], ["0", "1"]),
        (["1", "0"], ["1", "0"]),
        ([], []),
    ],
)
def test_a_variation_is_called_by_its_text_where_that_tells_it_from_the_others(
    values: list[Any], keys: list[str]
) -> None:
    assert variation_keys(values) == keys


def test_names_come_first_where_each_is_its_own() -> None:
    assert variation_keys([True, False], ["On", "Off"]) == ["On", "Off"]
    assert variation_keys([True, False], ["On", ""]) == ["On", "1"]
    assert variation_keys([True, False], ["On", "On"]) == ["true", "false"]
    assert variation_keys([True, False], ["", ""]) == ["true", "false"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, False], "boolean"),
        (["a"], "string"),
        ([1, 2.5], "number"),
        ([{"a": 1}, []], "object"),
        ([None, 5], "number"),
        ([None], "object"),
        ([], "object"),
        ([1, "a"], None),
        ([True, 1], None),
    ],
)
def test_the_kind_is_that_of_all_values(values: list[Any], kind: str | None) -> None:
    assert kind_of(values) == kind


def test_a_key_that_is_taken_is_lengthened() -> None:
    assert unused_key(["a", "a-"], "a") == "a--"
