"""GrowthBook's dialects as the engine asks them: operators people can edit, units, splits, lists."""

from typing import Any

import pytest

from pennon.engine import compile_snapshot
from pennon.engine.dialects.growthbook import DIALECTS
from pennon.engine.dialects.growthbook.operators import as_expression
from pennon.model import Condition, Reason, Split, Weight
from tests.unit.engine.build import flag, flag_model, inside, rule, segment, snapshot, split, when

COMPAT = {"vendor": "growthbook", "dialect": "javascript"}
OURS = {("growthbook", name): dialect for name, dialect in DIALECTS.items()}
JAVASCRIPT, PYTHON = DIALECTS["javascript"], DIALECTS["python"]


def _holds(condition: Condition, context: dict[str, Any], dialect: str = "javascript") -> bool:
    return DIALECTS[dialect].condition(condition, flag_model(salt="roll"))(context, None)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition("in", "a", ("x", 1)), {"a": {"$in": ["x", 1]}}),
        (Condition("in", "a", ("x",), negate=True), {"a": {"$nin": ["x"]}}),
        (Condition("in", "a", ("x",), ignore_case=True), {"a": {"$ini": ["x"]}}),
        (Condition("in", "a", ("x",), ignore_case=True, negate=True), {"a": {"$nini": ["x"]}}),
        (Condition("exists", "a"), {"a": {"$exists": True}}),
        (Condition("exists", "a", negate=True), {"a": {"$exists": False}}),
        (Condition("equals", "a", ("x",)), {"a": "x"}),
        (Condition("equals", "a", ("x", 1), negate=True), {"$not": {"$or": [{"a": "x"}, {"a": 1}]}}),
        (Condition("lessThan", "a", (5,)), {"a": {"$lt": 5}}),
        (Condition("versionGreaterOrEqual", "a", ("1.2",)), {"a": {"$vgte": "1.2"}}),
        (Condition("matches", "a", ("x",)), {"a": {"$regex": "x"}}),
        (Condition("matches", "a", ("x",), ignore_case=True), {"a": {"$regexi": "x"}}),
        (Condition("expression", value={"a": 1}), {"a": 1}),
        (Condition("expression", value={"a": 1}, negate=True), {"$not": {"a": 1}}),
    ],
    ids=[
        *("in", "not-in", "in-either-case", "not-in-either-case", "exists", "missing", "equals", "none-of-two", "less"),
        *("version", "matches", "matches-either-case", "expression", "not-expression"),
    ],
)
def test_operators_are_written_in_growthbooks_words(condition: Condition, expected: Any) -> None:
    assert as_expression(condition) == expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (Condition("in", None, ("x",)), "no attribute"),
        (Condition("equals", "$or", ("x",)), "no attribute"),
        (Condition("equals", "a"), "at least one value"),
        (Condition("startsWith", "a", ("x",)), "no operator like startsWith"),
        (Condition("equals", "a", ("x",), ignore_case=True), "regard to case"),
        (Condition("startsWith", by="a"), "not about a unit"),
        (Condition("inBucket", by="a", hash="fnv1a-v1"), "from a place"),
        (Condition("inBucket", by="a", hash="sha1", from_=0, to=1), "no hash 'sha1'"),
        (Condition("inBucket", by="/a/b", hash="fnv1a-v1", from_=0, to=1), "within another"),
        (Condition("inBucket", by="a", from_=0, to=1), "no hash None"),
    ],
    ids=["in", "logic", "empty", "unknown", "case", "unit", "ends", "hash", "nested", "no-hash"],
)
def test_what_the_dialect_does_not_know_is_an_error(condition: Condition, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        JAVASCRIPT.condition(condition, flag_model())


def test_edited_conditions_keep_the_vendors_meaning() -> None:
    condition = Condition("equals", "a", ("1",))
    assert _holds(condition, {"a": 1})
    assert not _holds(condition, {"a": 1}, "python")
    assert _holds(Condition("in", "a", ("x",), negate=True), {})


def test_a_unit_is_in_a_bucket_of_its_scheme() -> None:
    # 1 has the place 390 with the seed exp1 under version 1, and 5637 with s-exp2 under version 2.
    first = Condition("inBucket", by="id", salt="exp1", hash="fnv1a-v1", from_=390, to=391)
    second = Condition("inBucket", by="id", salt="s-exp2", hash="fnv1a-v2", from_=5637, to=5638)
    for condition in (first, second):
        assert _holds(condition, {"id": "1"})
        assert _holds(condition, {"id": 1})
        assert _holds(condition, {"targetingKey": "1"})
        assert not _holds(condition, {"id": "2"})


def test_without_a_salt_the_flags_is_the_seed() -> None:
    # On seed roll u423 is exactly at one half.
    assert _holds(Condition("inBucket", hash="fnv1a-v1", from_=500, to=501), {"targetingKey": "u423"})


def test_who_has_no_unit_is_in_no_bucket_and_no_list_negated_or_not() -> None:
    for negate in (False, True):
        assert not _holds(Condition("inBucket", by="a", hash="fnv1a-v1", from_=0, to=1000, negate=negate), {})
        assert not _holds(Condition("in", by="a", values=("x",), negate=negate), {"a": ""})
    assert _holds(Condition("inBucket", by="a", hash="fnv1a-v1", from_=0, to=0, negate=True), {"a": "x"})


def test_units_are_listed_by_the_name_that_is_stored() -> None:
    condition = Condition("in", by="a", values=("42", "true", 7))
    assert _holds(condition, {"a": 42})
    assert _holds(condition, {"a": True})
    assert not _holds(condition, {"a": True}, "python")
    assert not _holds(condition, {"a": 7})
    assert not _holds(condition, {"a": ["42"]})
    assert not _holds(condition, {"a": 0})
    assert _holds(Condition("in", by="a", values=('["42"]',)), {"a": ["42"]})
    assert _holds(Condition("exists", by="a"), {"a": 1.5})
    assert _holds(Condition("exists", by="a", negate=True), {"a": 0})


@pytest.mark.parametrize(
    ("value", "javascript", "python"),
    [
        *(
            ("u1", "u1", "u1"),
            ("", None, None),
            (0, None, None),
            (42, "42", "42"),
            (1.5, "1.5", "1.5"),
            (2.0, "2", "2"),
        ),
        *((True, "true", None), (False, None, None), (None, None, None), (["a", 1], "a,1", None), ([], "", None)),
        *(({}, "[object Object]", None), (1e21, "1e+21", "1e+21"), (-0.0, None, None), (10**400, "Infinity", None)),
    ],
    ids=str,
)
def test_a_value_is_hashed_as_the_sdk_prints_it(value: Any, javascript: str | None, python: str | None) -> None:
    assert JAVASCRIPT.key("a")({"a": value}) == javascript
    assert PYTHON.key("a")({"a": value}) == python


def test_a_pointer_names_an_attribute_of_that_very_name() -> None:
    context = {"targetingKey": "t", "id": "i", "/x": "s", "a~b": "w"}
    names = {"targetingKey": "i", "id": "i", "/targetingKey": "t", "/~1x": "s", "/a~0b": "w"}
    assert {name: JAVASCRIPT.key(name)(context) for name in names} == names


def test_lists_of_segments_and_targets_know_units() -> None:
    item = flag(
        compat=COMPAT,
        targets=[{"attribute": "company", "values": ["42"], "variation": "on"}],
        rules=[rule(inside("s"))],
    )
    rules = compile_snapshot(snapshot(item, segments=(segment("s", compat=COMPAT, included=["7"]),)), dialects=OURS)
    assert rules.evaluate("f", {"company": 42}).reason is Reason.TARGET_MATCH
    assert rules.evaluate("f", {"id": 7, "targetingKey": "x"}).variation == "on"
    assert rules.evaluate("f", {"targetingKey": "x"}).variation == "off"


def test_a_split_serves_by_places() -> None:
    share = split(("on", 391), ("off", 609), by="id", salt="exp1", hash="fnv1a-v1")
    rules = compile_snapshot(snapshot(flag(compat=COMPAT, fallthrough=share)), dialects=OURS)
    assert [rules.evaluate("f", {"id": unit}).variation for unit in ("1", "2")] == ["on", "off"]
    assert rules.evaluate("f", {}).reason is Reason.ERROR


@pytest.mark.parametrize("dialect", ["javascript", "python"])
def test_the_salt_of_a_split_is_the_seed(dialect: str) -> None:
    weights = (Weight("on", 5638), Weight("off", 4362))
    choice = DIALECTS[dialect].split(Split(weights, by="id", hash="fnv1a-v2"), flag_model(salt="s-exp2"))
    assert [choice({"id": unit}, None) for unit in ("1", "2", "bob", "")] == [0, 0, 1, None]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Split((Weight("on", 100),), hash="fnv1a-v1"), "sum to 1000, not to 100"),
        (Split((), hash="fnv1a-v2"), "sum to 10000"),
        (Split((Weight("on", 1000),), hash="fnv1a-v3"), "no hash"),
    ],
    ids=["short", "empty", "unknown"],
)
def test_a_split_that_cannot_be_is_an_error(item: Split, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        JAVASCRIPT.split(item, flag_model())


def test_an_edited_rule_is_evaluated_with_its_dialect() -> None:
    rules = compile_snapshot(snapshot(flag(compat=COMPAT, rules=[rule(when("a", "greaterThan", 5))])), dialects=OURS)
    assert rules.evaluate("f", {"a": "8"}).variation == "on"
    assert rules.evaluate("f", {"a": {"toString": 1}}).error_code is not None
