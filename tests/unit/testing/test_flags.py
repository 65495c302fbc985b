"""Flags in a line: each step makes the part of the flag that it names."""

import pytest

from pennon.engine import compile_snapshot
from pennon.model import Flag, Reason, Segment
from pennon.testing import FlagBuilder, InMemorySource, condition, flag, segment
from pennon.testing.source import Puttable


def served(*items: Puttable, key: str = "f", **context: object) -> object:
    result = compile_snapshot(InMemorySource(*items).snapshot).evaluate(key, context, "default")
    assert result.reason is not Reason.ERROR, result.error_message
    return result.value


def test_a_flag_is_off_until_it_is_turned_on() -> None:
    assert served(flag("f")) is False
    assert served(flag("f").on()) is True
    assert served(flag("f").on().off()) is False
    assert served(flag("f").off("on")) is True
    assert isinstance(flag("f").build(), Flag)


def test_variations_give_the_kind() -> None:
    assert flag("f").variations(a="x").build().kind == "string"
    assert flag("f").variations(a=1, b=2.5).build().kind == "number"
    assert flag("f").variations(a={"x": 1}).build().kind == "object"
    assert served(flag("f").variations(dark="#000", light="#fff").on()) == "#000"
    assert served(flag("f").variations(dark="#000", light="#fff")) == "#fff"


def test_a_value_is_served_to_everybody() -> None:
    for value in (True, False, "x", 3, 2.5, {"a": [1]}, [1]):
        assert served(flag("f").value(value)) == value


def test_rules_hold_when_all_their_conditions_do() -> None:
    made = flag("f").on().serving("off").rule("on", condition("age", "greaterOrEqual", 18), country=["DE", "FR"])
    assert served(made, age=20, country="FR") is True
    assert served(made, age=17, country="FR") is False
    assert served(made, age=20, country="US") is False
    assert [rule.id for rule in made.rule("off").build().rules] == ["r1", "r2"]


def test_conditions_have_all_their_options() -> None:
    found = condition("email", "endsWith", "@X.org", negate=True, ignore_case=True)
    assert (found.attribute, found.op, found.values) == ("email", "endsWith", ("@X.org",))
    assert (found.negate, found.ignore_case) == (True, True)
    made = flag("f").on().serving("off").rule("on", condition("", "inSegment", "beta"))
    assert served(made, segment("beta", included=["u1"]), targetingKey="u1") is True


def test_targets_prerequisites_and_segments() -> None:
    assert served(flag("f").on().target("off", "u1"), targetingKey="u1") is False
    assert served(flag("f").on().target("off", "eu", attribute="region"), region="eu") is False
    assert served(flag("f").on().prerequisite("g"), flag("g")) is False
    assert served(flag("f").on().prerequisite("g"), flag("g").on()) is True
    assert served(flag("f").on().prerequisite("g", "off"), flag("g").on().serving("off")) is True
    made = segment("beta", condition("age", "exists"), excluded=["u2"], plan="pro")
    assert isinstance(made, Segment)
    gated = flag("f").on().serving("off").rule("on", condition("", "inSegment", "beta"))
    assert served(gated, made, plan="pro", age=1, targetingKey="u1") is True
    assert served(gated, made, plan="pro", age=1, targetingKey="u2") is False


def test_percentages_share_users_and_must_sum_to_a_hundred() -> None:
    made = flag("f").on().split(on=30, off=70)
    on = sum(served(made, targetingKey=f"u{user}") is True for user in range(2000))
    assert 500 < on < 700
    assert served(flag("f").on().serving({"on": 100}), targetingKey="u1") is True
    assert served(flag("f").on().rule({"off": 100}, country="DE"), country="DE", targetingKey="u1") is False
    with pytest.raises(ValueError, match="percentages must sum to 100, these sum to 90"):
        flag("f").split(on=20, off=70)


def test_an_experiment_needs_percentages() -> None:
    made = flag("f").on().split("account", on=50, off=50, salt="s").experiment("exp", layer="l", otherwise="off")
    found = made.build().fallthrough.split
    assert found is not None
    assert (found.by, found.salt) == ("account", "s")
    assert found.experiment is not None
    assert (found.experiment.key, found.experiment.layer, found.experiment.otherwise) == ("exp", "l", "off")
    with pytest.raises(ValueError, match="needs percentages"):
        flag("f").experiment("exp")


def test_the_rest_of_a_flag() -> None:
    made = flag("f").stale_after(60, serve="off").exposing("all").client_side().build()
    assert made.staleness is not None
    assert (made.staleness.max_age_s, made.exposures, made.client_side) == (60, "all", True)


def test_builders_never_change() -> None:
    start = flag("f")
    start.on().target("on", "u1").rule("on")
    assert start == flag("f")
    assert start != flag("g")
    assert start != start.build()
    assert repr(start).startswith("FlagBuilder(Flag(key='f'")
    assert isinstance(start, FlagBuilder)
