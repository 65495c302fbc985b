"""`fractional` that becomes a split, and what does not."""

from typing import Any

import pytest

from pennon.importers.flagd.splitting import split_of
from pennon.model import Split
from tests.unit.importers.flagd.build import written

V = ("v1", "v2", "v3")
FRACTIONS = [["a", 25], ["b"]]
WEIGHTS = [("a", 25), ("b", 1), ("a", 0)]
FLAG_KEY = {"var": "$flagd.flagKey"}


def split(*args: Any, dialect: str = "v2") -> Split | None:
    return split_of(args, dialect, "f", ["a", "b", "c", "true", "5"], "a")


def weights(found: Split | None) -> list[tuple[str, float]]:
    assert found is not None
    return [(weight.variation, weight.weight) for weight in found.weights]


@pytest.mark.parametrize("dialect", V)
def test_the_shorthand_is_by_targeting_key_with_the_flags_salt(dialect: str) -> None:
    found = split(*FRACTIONS, dialect=dialect)
    assert weights(found) == WEIGHTS
    assert found is not None
    assert (found.by, found.salt, found.hash) == ("targetingKey", None, f"flagd-{dialect}")


@pytest.mark.parametrize(
    ("unit", "by", "salt"),
    [
        ({"cat": [FLAG_KEY, {"var": "email"}]}, "email", "f"),
        ({"cat": [FLAG_KEY, {"var": "targetingKey"}]}, "targetingKey", "f"),
        ({"cat": ["s-", FLAG_KEY, ".", {"var": "org.id"}]}, "/org/id", "s-f."),
    ],
    ids=["by-email", "by-key", "by-several"],
)
def test_a_text_before_an_attribute_is_a_salt(unit: Any, by: str, salt: str) -> None:
    found = split(unit, *FRACTIONS)
    assert weights(found) == WEIGHTS
    assert found is not None
    assert (found.by, found.salt) == (by, salt)


def test_an_attribute_alone_has_no_salt_and_may_name_any_variant() -> None:
    found = split({"var": "email"}, *FRACTIONS)
    assert weights(found) == [*WEIGHTS[:2], ("c", 0), ("true", 0), ("5", 0), ("a", 0)]
    assert written(found)["salt"] == ""


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["unit", *FRACTIONS],
        [{"cat": [{"var": "email"}, "s"]}, *FRACTIONS],
        [{"cat": [{"var": "x"}, {"var": "email"}]}, *FRACTIONS],
        [{"cat": ["", {"var": "email"}]}, *FRACTIONS],
        [{"cat": {"var": "email"}}, *FRACTIONS],
        [{"cat": [5, {"var": "email"}]}, *FRACTIONS],
        [{"cat": ["\0", {"var": "email"}]}, *FRACTIONS],
        [{"var": "\0"}, *FRACTIONS],
        [{"merge": [{"var": "email"}]}, *FRACTIONS],
        [["gone", 25], ["b", 75]],
        [["a", {"var": "share"}], ["b", 75]],
        [[{"var": "variant"}, 5], ["b", 75]],
        [["a", 25.0], ["b", 75]],
        [["a", "25"], ["b", 75]],
        [["a", True], ["b", 75]],
        [[None, 25], ["b", 75]],
        [["a", 25, 1], ["b", 75]],
        [["a", 25], []],
        [["a", 25], "b"],
        [["a", 0]],
        [["a", 2**31], ["b", 75]],
    ],
    ids=str,
)
def test_what_no_split_can_say(args: list[Any]) -> None:
    assert split(*args) is None


def test_weights_below_zero_are_zero_but_in_the_first_dialect() -> None:
    assert weights(split(["a", -5], ["b", 1])) == [("a", 0), ("b", 1), ("a", 0)]
    assert split(["a", -5], ["b", 10], dialect="v1") is None


def test_variants_are_named_by_text_in_the_first_dialect() -> None:
    assert weights(split([True, 1], [5, 1])) == [("true", 1), ("5", 1), ("a", 0)]
    assert split([True, 1], dialect="v1") is None


def test_only_the_first_dialect_takes_heavy_weights() -> None:
    assert split(["a", 2**31], ["b", 1], dialect="v3") is None
    assert weights(split(["a", 2**31], ["b", 1], dialect="v1"))[0] == ("a", 2**31)
    assert split(["a", 2**53], dialect="v1") is None
