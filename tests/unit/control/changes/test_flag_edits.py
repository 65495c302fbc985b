"""Edits of a flag apart from rules and splits."""

from typing import Any

import pytest

from pennon.control.changes.editing import EditRefused
from pennon.model import Prerequisite, Serve, Staleness, Target
from tests.unit.control.changes.build import GERMANS, apply, flag


@pytest.mark.parametrize(
    ("members", "field", "value"),
    [
        ({"do": "turnOff"}, "on", False),
        ({"do": "setFallthrough", "serve": {"variation": "on"}}, "fallthrough", Serve("on")),
        ({"do": "setOffVariation", "variation": None}, "off_variation", None),
        (
            {"do": "setPrerequisites", "prerequisites": [{"flag": "a", "variations": ["on"]}]},
            "prerequisites",
            (Prerequisite("a", ("on",)),),
        ),
        (
            {"do": "setStaleness", "staleness": {"maxAgeS": 60, "serve": {"variation": "off"}}},
            "staleness",
            Staleness(60, Serve("off")),
        ),
        ({"do": "setCritical", "critical": True}, "critical", True),
        ({"do": "setExposures", "exposures": "all"}, "exposures", "all"),
    ],
)
def test_an_edit_sets_its_field_and_no_other(members: dict[str, Any], field: str, value: object) -> None:
    before = flag(rules=(GERMANS,))
    after = apply(before, **members)
    different = [name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)]
    assert (different, getattr(after, field)) == ([field], value)


def test_turning_on_what_is_on_changes_nothing() -> None:
    assert apply(flag(), do="turnOn") == flag()
    assert apply(flag(on=False), do="turnOn") == flag()


def test_a_target_is_added_to_those_of_its_variation() -> None:
    once = apply(flag(), do="addTarget", variation="on", values=["u1", "u2"])
    twice = apply(once, do="addTarget", variation="on", values=["u2", "u3"])
    assert twice.targets == (Target(("u1", "u2", "u3"), "on"),)


def test_a_targeted_key_moves_to_its_new_variation() -> None:
    before = flag(targets=(Target(("u1", "u2"), "off"), Target(("u3",), "off"), Target(("u1",), "off", "company")))
    after = apply(before, do="addTarget", variation="on", values=["u1", "u3"])
    assert after.targets == (
        Target(("u2",), "off"),
        Target(("u1",), "off", "company"),
        Target(("u1", "u3"), "on"),
    )


def test_a_target_for_an_unknown_variation_is_refused() -> None:
    with pytest.raises(EditRefused) as refused:
        apply(flag(), do="addTarget", variation="maybe", values=["u1"])
    assert refused.value.problem.path == "/variation"
    assert refused.value.problem.mend == "name one of: on, off"


def test_adding_nobody_leaves_no_empty_target() -> None:
    assert apply(flag(), do="addTarget", variation="on", values=[]).targets == ()


def test_removed_targets_leave_no_empty_target_behind() -> None:
    before = flag(targets=(Target(("u1",), "on"), Target(("u1", "u2"), "off")))
    assert apply(before, do="removeTarget", values=["u1", "u9"]).targets == (Target(("u2",), "off"),)


@pytest.mark.parametrize(
    ("members", "left"),
    [({}, []), ({"variation": "on"}, ["off"]), ({"attribute": "company"}, ["on"]), ({"attribute": "x"}, ["on", "off"])],
)
def test_targets_are_cleared_by_what_is_named(members: dict[str, str], left: list[str]) -> None:
    before = flag(targets=(Target(("u1",), "on"), Target(("c1",), "off", "company")))
    after = apply(before, do="clearTargets", **members)
    assert [target.variation for target in after.targets] == left


def test_a_second_prerequisite_on_a_flag_takes_the_place_of_the_first() -> None:
    before = flag(prerequisites=(Prerequisite("a", ("on",)), Prerequisite("b", ("on",))))
    after = apply(before, do="addPrerequisite", prerequisite={"flag": "a", "variations": ["off"]})
    assert after.prerequisites == (Prerequisite("a", ("off",)), Prerequisite("b", ("on",)))
    more = apply(before, do="addPrerequisite", prerequisite={"flag": "c", "variations": ["on"]})
    assert [required.flag for required in more.prerequisites] == ["a", "b", "c"]


def test_a_prerequisite_that_is_none_cannot_be_removed() -> None:
    before = flag(prerequisites=(Prerequisite("a", ("on",)),))
    assert apply(before, do="removePrerequisite", prerequisite="a").prerequisites == ()
    with pytest.raises(EditRefused) as refused:
        apply(before, do="removePrerequisite", prerequisite="b")
    assert refused.value.problem.path == "/prerequisite"


def test_a_whole_configuration_keeps_the_salt_it_does_not_name() -> None:
    after = apply(flag(rules=(GERMANS,)), do="setConfiguration", configuration={"fallthrough": {"variation": "on"}})
    assert (after.salt, after.rules, after.fallthrough, after.on) == ("s1", (), Serve("on"), False)
