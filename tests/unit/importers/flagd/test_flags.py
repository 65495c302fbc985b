"""One flag of flagd as one of Pennon's, and how faithful that is."""

from typing import Any

import pytest

from pennon.importers.plan import Fidelity
from pennon.model import Compat, Variation
from tests.unit.importers.flagd.build import flag, planned

X = {"var": "x"}


def test_a_flag_is_carried_with_its_variants_and_its_key_as_salt() -> None:
    found = planned(flag({"if": [X, "b"]}, description="Why"))
    assert (found.key, found.source, found.fidelity, found.notes) == ("f", "f", Fidelity.EXACT, ())
    assert found.identities == {"a": "a", "b": "b", "c": "c"}
    assert found.description == "Why"
    item = found.flag
    assert item is not None
    assert item.variations == (Variation("a", "A"), Variation("b", "B"), Variation("c", "C"))
    assert (item.on, item.off_variation, item.kind, item.salt) == (True, None, "string", "f")
    assert item.compat == Compat("flagd", "v2")


def test_a_disabled_flag_is_off_and_keeps_its_targeting() -> None:
    item = planned(flag({"if": [X, "b"]}, state="DISABLED")).flag
    assert item is not None
    assert (item.on, item.off_variation, len(item.rules)) == (False, None, 1)


@pytest.mark.parametrize(
    ("variants", "kind"),
    [
        ({"on": True, "off": False}, "boolean"),
        ({"x": "a"}, "string"),
        ({"x": 1, "y": 0.5}, "number"),
        ({"x": {"a": 1}, "y": []}, "object"),
        ({"x": None, "y": 5}, "number"),
        ({"x": None}, "boolean"),
    ],
    ids=str,
)
def test_the_kind_is_that_of_the_values(variants: dict[str, Any], kind: str) -> None:
    item = planned(flag(variants=variants, defaultVariant=None)).flag
    assert item is not None
    assert item.kind == kind


def test_values_of_several_kinds_cannot_be_carried() -> None:
    found = planned(flag(variants={"a": 1, "b": "two", "c": True}))
    assert (found.fidelity, found.flag) == (Fidelity.IMPOSSIBLE, None)
    assert [(note.path, note.message) for note in found.notes] == [
        ("/flags/f/variants", "its values are of several kinds: boolean, number, string")
    ]


def test_a_boolean_default_names_a_variant() -> None:
    item = planned(flag(variants={"true": 1, "false": 2}, defaultVariant=False)).flag
    assert item is not None
    assert item.fallthrough.variation == "false"


def test_the_callers_default_gets_a_variation_where_it_is_served() -> None:
    item = planned(flag({"if": [X, "a"]}, defaultVariant=None)).flag
    assert item is not None
    assert item.variations[-1] == Variation("caller-default", None)
    item = planned(flag({"if": [X, "a", "b"]}, defaultVariant=None)).flag
    assert item is not None
    assert len(item.variations) == 3


def test_the_variation_of_the_callers_default_has_a_name_of_its_own() -> None:
    item = planned(flag(variants={"caller-default": 1, "caller-default-": 2}, defaultVariant=None)).flag
    assert item is not None
    assert item.variations[-1] == Variation("caller-default--", None)


def test_the_callers_default_may_be_what_a_split_leaves() -> None:
    item = planned(flag({"fractional": [["a", 1]]}, defaultVariant=None)).flag
    assert item is not None
    assert item.fallthrough.split is not None
    assert item.fallthrough.split.weights[-1].variation == item.variations[-1].key == "caller-default"


def test_more_rules_than_a_flag_may_have_are_asked_about_as_a_whole() -> None:
    args: list[Any] = []
    for number in range(150):
        args += [{"==": [{"var": "x"}, number]}, "b"]
    found = planned(flag({"if": args}))
    assert found.fidelity is Fidelity.EXACT
    assert found.flag is not None
    assert [rule.conditions[0].op for rule in found.flag.rules] == ["expression", "expression"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"variants": {"": 1}, "defaultVariant": None}, "a variation's key has 1 to 256 characters"),
        ({"variants": {"a": "x" * 70_000}}, "over the limit of 65536"),
        ({"variants": {"a": 2**60}}, "an integer beyond 2^53 - 1"),
        ({"targeting": {"in": [X, ["y" * 300_000]]}}, "a flag has at most 262144"),
    ],
    ids=["name", "size", "number", "targeting"],
)
def test_what_no_flag_may_hold_cannot_be_carried(members: dict[str, Any], message: str) -> None:
    found = planned(flag(**members))
    assert (found.fidelity, found.flag, found.identities) == (Fidelity.IMPOSSIBLE, None, {})
    assert found.notes[0].path == "/flags/f"
    assert message in found.notes[0].message
