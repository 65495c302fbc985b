import itertools
import json
from typing import Any

import pytest

from pennon.importers import Fidelity, Plan, PlannedFlag, PlannedSegment
from pennon.importers.contexts import ODD_UNITS, attributes_read, draw, minimised, needs, neighbours
from pennon.model import Condition, Flag, Prerequisite, Rule, Segment, SegmentRule, Serve, Variation
from pennon.testing import condition, flag, segment

VOCABULARY: dict[str, list[Any]] = {
    "country": ["DE", "FR"],
    "/org/plan": ["pro"],
    "/odd~1name/a~0b": [True],
    "age": [18, 17.5],
    "build": [],
    "groups": [["a", "b"], {"id": 1}, None],
}


def some(count: int, seed: object = 1, **rest: Any) -> list[dict[str, Any]]:
    return list(itertools.islice(draw(VOCABULARY, seed, **rest), count))


def test_same_seed_draws_the_same_and_another_one_others() -> None:
    assert some(2000) == some(2000)
    assert some(2000) != some(2000, seed=2)


def test_the_first_are_the_empty_one_each_odd_unit_and_each_literal_with_its_neighbours() -> None:
    drawn = some(1000)
    assert drawn[0] == {}
    assert [json.dumps(each["targetingKey"]) for each in drawn[1 : len(ODD_UNITS) + 1]] == list(
        map(json.dumps, ODD_UNITS)
    )
    countries = [each["country"] for each in drawn if "country" in each]
    for value in ("DE", "FR", "de", " DE ", ["DE"], ["DE", "FR"], None, [None]):
        assert value in countries
    assert {18, 17.5, 19, "18"} <= {each["age"] for each in drawn if isinstance(each.get("age"), int | float | str)}
    assert any("country" not in each for each in drawn)


def test_pointers_become_nested_objects() -> None:
    drawn = some(500)
    assert any(each.get("org") == {"plan": "pro"} for each in drawn)
    assert any(each.get("odd/name") == {"a~b": True} for each in drawn)


def test_a_name_and_a_pointer_into_it_do_not_harm_each_other_or_the_literals() -> None:
    literal = {"name": "acme"}
    vocabulary: dict[str, list[Any]] = {"org": [literal, "text"], "/org/plan": ["pro"]}
    drawn = list(itertools.islice(draw(vocabulary, 1), 300))
    assert {"name": "acme", "plan": "pro"} in [each.get("org") for each in drawn]
    assert literal == {"name": "acme"}


def test_most_units_are_users_of_whom_none_comes_often() -> None:
    units = [each["targetingKey"] for each in some(5000) if isinstance(each.get("targetingKey"), str)]
    users = [unit for unit in units if unit.startswith("user-")]
    assert len(users) > 2500
    assert len(set(users)) > 0.99 * len(users)
    assert any(not unit.isascii() for unit in units)


def test_listed_units_are_drawn() -> None:
    drawn = itertools.islice(draw({"targetingKey": ["ada"]}, 1), 300)
    assert sum(each.get("targetingKey") == "ada" for each in drawn) > 10


def test_attributes_that_a_flag_does_not_read_are_there_now_and_then() -> None:
    drawn = some(3000, relevant={"country"})
    assert sum("country" in each for each in drawn) > 2000
    assert 50 < sum("age" in each for each in drawn) < 600


def test_every_context_is_json() -> None:
    for each in some(3000):
        assert json.loads(json.dumps(each, allow_nan=False)) == each


@pytest.mark.parametrize(
    ("literal", "near"),
    [
        (None, ["", 0]),
        (True, [False, "true", "True", 1]),
        (5, [6, 4, 5.5, "5", "5.0", 5000]),
        (1_700_000_000, [1_700_000_000_000, "2023-11-14T22:13:20.000Z"]),
        (1_700_000_000_000, [1_700_000_000.0, "2023-11-14T22:13:20.001Z"]),
        ("Beta", ["BETA", "beta", "Betax", "Bet", " Beta ", ["Beta"]]),
        ("a,b", ["a", "b"]),
        ("42", [42, 42.0, "43", "41", "042", "+42"]),
        ("4.5", [4.5, "5.5"]),
        ("1.2.3", ["1.2.4", "1.2.2", "1.2.3-rc.1", "v1.2.3", "1.2", "1.2.3+build", "1.2.3.0"]),
        ("2.0.0-beta", ["2.0.0", "2.0.1-beta"]),
        ("2024-02-29T12:00:00Z", ["2024-02-29T11:59:59.999Z", "2024-02-29", "2024-02-29 12:00:00Z", 1709208000000]),
        ("2024-02-29", ["2024-02-29T00:00:00.001Z", 1709164800000]),
        ("2024-13-45", ["2024-13-45x"]),
        ("0001-01-01T00:00:00+23:00", ["0001-01-01"]),
        ("9999-12-31T23:59:59Z", ["9999-12-31T23:59:59Z", "9999-12-31"]),
        ("10.0.0.0/8", ["9.255.255.255", "10.255.255.255", "11.0.0.0", "10.0.0.1"]),
        ("0.0.0.0", ["0.0.0.1"]),
        ("2001:db8::/32", ["2001:db8::", "2001:db9::"]),
        ("^a.*b$", ["ab"]),
        (["a", "b"], [[], ["b"], ["a", "b", "x"], "a"]),
        ({"id": 1}, [{}, 1, '{"id": 1}']),
    ],
    ids=lambda value: json.dumps(value) if not isinstance(value, list) else "",
)
def test_neighbours_are_those_that_people_mistake(literal: Any, near: list[Any]) -> None:
    found = [json.dumps(each) for each in neighbours(literal)]
    for each in near:
        assert json.dumps(each) in found, each


def test_neighbours_of_what_is_no_json_are_none() -> None:
    assert neighbours(object()) == ()


def planned(model: Flag) -> PlannedFlag:
    return PlannedFlag(key=model.key, source=model.key, fidelity=Fidelity.EXACT, flag=model)


def a_flag(key: str, *conditions: Condition, **fields: Any) -> Flag:
    rules = (Rule("r", conditions, Serve("on")),) if conditions else ()
    return Flag(key=key, variations=(Variation("on", True),), on=True, fallthrough=Serve("on"), rules=rules, **fields)


def test_attributes_are_those_of_the_flag_and_of_all_that_it_depends_on() -> None:
    top = a_flag(
        "top",
        Condition(op="inSegment", values=("beta", 1)),
        Condition(op="serves", attribute="served", values=("on",)),
        prerequisites=(Prerequisite("first", ("on",)),),
    )
    expression = Condition(op="expression", value={"org.plan": {"$in": ["x"]}})
    beta = Segment(key="beta", rules=(SegmentRule((condition("/a/b", "in", "x"),)),))
    plan = Plan(
        vendor="v",
        dialect="d",
        flags=(
            planned(top),
            planned(a_flag("first", condition("country", "in", "DE"))),
            planned(a_flag("served", expression, prerequisites=(Prerequisite("top", ("on",)),))),
            planned(a_flag("other", condition("age", "in", 1))),
            PlannedFlag(key="gone", source="gone", fidelity=Fidelity.IMPOSSIBLE),
        ),
        segments=(PlannedSegment(key="beta", source="beta", segment=beta),),
    )
    vocabulary = dict.fromkeys(("country", "age", "/org/plan", "/a/b", "/a/c"), ())
    assert attributes_read(plan.flags[0], plan, vocabulary) == {"country", "/org/plan", "/a/b"}
    assert needs(top) == {("flag", "first"), ("flag", "served"), ("segment", "beta")}
    assert needs(segment("s", condition("", "inSegment", "t"))) == {("segment", "t")}


def test_builders_flags_need_nothing() -> None:
    assert needs(flag("checkout").on().build()) == set()


def test_a_context_is_made_as_small_as_can_be() -> None:
    context = {"a": 1, "b": 2, "c": 3, "d": {"e": 4}}
    assert minimised(context, lambda each: "b" in each and "d" in each) == {"b": 2, "d": {"e": 4}}
    assert minimised(context, lambda each: True) == {}
