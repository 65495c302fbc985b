"""Imported flags of flagd's, evaluated by the engine: conditions, splits, lists."""

from typing import Any

import pytest

from pennon.engine import RuleSet, compile_snapshot
from pennon.model import ErrorCode, Reason
from tests.unit.engine.build import flag, inside, rule, segment, snapshot, split, when

V = ("v1", "v2", "v3")


def rules(*flags: dict[str, Any], dialect: str = "v2", segments: tuple[dict[str, Any], ...] = ()) -> RuleSet:
    compat = {"compat": {"vendor": "flagd", "dialect": dialect}}
    found = snapshot(*({**each, **compat} for each in flags), segments=tuple({**each, **compat} for each in segments))
    return compile_snapshot(found)


def holds(condition: dict[str, Any], dialect: str = "v2", now: float | None = 5.0, **context: Any) -> bool:
    result = rules(flag(rules=[rule(condition)]), dialect=dialect).evaluate("f", context, now=now)
    assert result.error_code is None, result.error_message
    return result.variation == "on"


@pytest.mark.parametrize("dialect", V)
@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        (when("x", "equals", "1"), 1, True),
        (when("x", "equals", "a", "b"), "b", True),
        (when("x", "equals", "a", "b"), "c", False),
        (when("x", "equals"), "c", False),
        (when("x", "equals", None), None, True),
        (when("x", "in", "a", 1), True, True),
        (when("x", "in", "a", 1), "1", False),
        (when("x", "contains", "b"), "abc", True),
        (when("x", "contains", "b"), ["a", "b"], True),
        (when("x", "contains", "b"), None, False),
        (when("x", "startsWith", "z", "a"), "abc", True),
        (when("x", "startsWith", "a"), ["abc"], False),
        (when("x", "endsWith", "c"), "abc", True),
        (when("x", "lessThan", 5), None, True),
        (when("x", "lessOrEqual", 5), 5, True),
        (when("x", "greaterThan", "10"), "5", True),
        (when("x", "greaterOrEqual", "10"), 9, False),
        (when("x", "versionEqual", "1.2.3"), "v1.2.3+b", True),
        (when("x", "versionLess", "1.2.3"), "1.2.3-rc", True),
        (when("x", "versionLessOrEqual", "1.2.3"), "junk", False),
        (when("x", "versionGreater", "1.2.3"), "1.3.0", True),
        (when("x", "versionGreaterOrEqual", "1.2.3"), "1.2.2", False),
        (when("x", "exists"), "", True),
        (when("x", "exists"), None, False),
    ],
    ids=repr,
)
def test_operators_with_pennons_names(condition: dict[str, Any], value: Any, expected: bool, dialect: str) -> None:
    assert holds(condition, dialect, x=value) is expected
    assert holds({**condition, "negate": True}, dialect, x=value) is not expected


def test_attributes_are_names_or_pointers() -> None:
    assert holds(when("/org/plan", "equals", "pro"), org={"plan": "pro"})
    dotted: dict[str, Any] = {"org.plan": "pro"}
    assert holds(when("org.plan", "equals", "pro"), **dotted)
    assert holds(when("/list/length", "equals", 2), list=[1, 2])
    assert holds(when("/$flagd/flagKey", "equals", "f"))
    assert holds(when("/$flagd/timestamp", "greaterThan", 4), now=5.9)
    assert not holds(when("/$flagd/timestamp", "greaterThan", 5), now=5.9)


def test_without_the_time_a_condition_about_it_is_false_negated_or_not() -> None:
    condition = when("/$flagd/timestamp", "greaterThan", 4)
    assert not holds(condition, now=None)
    assert not holds({**condition, "negate": True}, now=None)


def test_an_expression_holds_where_it_counts_as_true() -> None:
    condition = {"op": "expression", "value": {"var": "x"}}
    assert holds(condition, x="0")
    assert not holds(condition, x=[])
    assert holds({**condition, "negate": True}, x=[])


@pytest.mark.parametrize(
    ("condition", "cause"),
    [
        (when("x", "matches", "a"), "flagd has no operator 'matches'"),
        (when("x", "equals", "a", ignoreCase=True), "flagd has no ignoreCase"),
        ({"op": "equals", "values": ["a"]}, "equals asks about no attribute"),
        (when("/x~", "equals", "a"), "neither ~0 nor ~1"),
        ({"op": "expression", "value": {"nope": 1}}, "/nope: flagd has no operator 'nope'"),
        ({"op": "inBucket", "hash": "flagd-v2", "from": 0, "to": 1}, "inBucket asks about no attribute"),
    ],
    ids=lambda value: value["op"] if isinstance(value, dict) else "cause",
)
def test_what_flagd_does_not_have_breaks_the_flag(condition: dict[str, Any], cause: str) -> None:
    result = rules(flag(rules=[rule(condition)])).evaluate("f", {})
    assert result.error_code is ErrorCode.PARSE_ERROR
    assert cause in (result.error_message or "")


def test_an_expression_that_fails_is_an_error_and_the_callers_default() -> None:
    broken = rules(flag(rules=[rule({"op": "expression", "value": {"$variant": ["gone", None]}})]))
    result = broken.evaluate("f", {}, default="mine")
    assert (result.value, result.reason, result.error_code) == ("mine", Reason.ERROR, ErrorCode.GENERAL)


def test_segments_are_read_as_flags_are() -> None:
    member = segment("s", when("x", "equals", "1"), included=["7"])
    found = rules(flag(rules=[rule(inside("s"))]), segments=(member,))
    contexts: list[dict[str, Any]] = [{"x": 1}, {"targetingKey": 7}, {"targetingKey": "7"}, {"targetingKey": "8"}, {}]
    assert [found.evaluate("f", context).variation for context in contexts] == ["on", "on", "on", "off", "off"]


def test_nothing_in_a_segment_names_a_variant() -> None:
    member = segment("s", {"op": "expression", "value": {"$variant": ["on", "on"]}})
    result = rules(flag(rules=[rule(inside("s"))]), segments=(member,)).evaluate("f", {})
    assert result.error_code is ErrorCode.GENERAL


THREE = [{"key": key, "value": key.upper()} for key in "abcd"] + [{"key": "open", "value": None}]


def served(serve: dict[str, Any], dialect: str, salt: str = "frac", **context: Any) -> Any:
    item = flag("frac", salt=salt, kind="string", variations=THREE, offVariation=None, fallthrough=serve)
    result = rules(item, dialect=dialect).evaluate("frac", context, default="mine")
    return result.variation if result.error_code is None else result.error_code


def shares(dialect: str, *, last: tuple[tuple[str, float], ...] = (("d", 0),), **members: Any) -> dict[str, Any]:
    return split(("a", 25), ("b", 25), ("c", 50), *last, hash=f"flagd-{dialect}", **members)


UNITS = ("alice", "bob", "jon@company.com", "Łukasz", "user1")


@pytest.mark.parametrize(("dialect", "expected"), [("v1", "cccab"), ("v2", "bcbca"), ("v3", "bcaaa")])
def test_published_splits(dialect: str, expected: str) -> None:
    serve = shares(dialect)
    assert "".join(served(serve, dialect, targetingKey=unit) for unit in UNITS) == expected
    assert served(serve, dialect) == "d"
    assert served(serve, dialect, targetingKey="") == "d"


@pytest.mark.parametrize("dialect", V)
def test_without_a_share_of_nobody_the_unit_is_missed(dialect: str) -> None:
    assert served(shares(dialect, last=()), dialect) is ErrorCode.TARGETING_KEY_MISSING


@pytest.mark.parametrize("dialect", V)
def test_another_salt_shuffles(dialect: str) -> None:
    units = [f"u{number}" for number in range(50)]
    one, other = (
        [served(shares(dialect), dialect, salt, targetingKey=unit) for unit in units] for salt in ("frac", "again")
    )
    assert one != other


@pytest.mark.parametrize(("dialect", "expected"), [("v1", "cccab"), ("v2", "bcbca")])
def test_a_salt_is_put_before_the_text_of_the_unit(dialect: str, expected: str) -> None:
    serve = shares(dialect, salt="frac", by="email")
    assert "".join(served(serve, dialect, email=unit) for unit in UNITS) == expected
    assert served(serve, dialect) == served(serve, dialect, email="null")
    assert served(serve, dialect, email=True) == served(serve, dialect, email="True")


def test_a_salt_makes_one_text_in_the_third_generation_too() -> None:
    texts = [served(shares("v3", salt="frac", by="email"), "v3", email=unit) for unit in UNITS]
    plain = [served(shares("v3", salt="", by="email"), "v3", email=f"frac{unit}") for unit in UNITS]
    assert texts == plain


@pytest.mark.parametrize("dialect", V)
def test_a_unit_without_salt_is_hashed_as_it_is(dialect: str) -> None:
    serve = shares(dialect, salt="", by="email")
    assert served(serve, dialect, email="frac" + "alice") in {"a", "b", "c"}
    assert served(serve, dialect) == "d"
    assert (served(serve, dialect, email=42) == "d") == (dialect != "v3")
    assert (served(serve, dialect, email="") == "d") == (dialect != "v3")


@pytest.mark.parametrize("dialect", V)
def test_an_array_as_the_unit_is_a_fraction(dialect: str) -> None:
    serve = shares(dialect, salt="", by="list")
    context = {"targetingKey": "alice"}
    assert served(serve, dialect, list=["d", 10**9], **context) == "d"
    assert served(serve, dialect, list=["gone", 10**9], **context) is ErrorCode.GENERAL
    assert served(serve, dialect, list=["a", "b", "c"], **context) == "d"
    assert served(serve, dialect, list=["a", 10**9]) == "d"


@pytest.mark.parametrize(
    ("serve", "cause"),
    [
        (split(("a", 100), hash="flagd-v3"), "hashes by flagd-v2, not by flagd-v3"),
        (split(("a", 1.5), hash="flagd-v2"), "the weight 1.5 is no integer"),
        (split(("a", 1.5), hash="flagd-v2", salt=""), "the weight 1.5 is no integer"),
    ],
    ids=["hash", "weight", "weight-of-a-value"],
)
def test_splits_of_another_generation_break_the_flag(serve: dict[str, Any], cause: str) -> None:
    item = flag("frac", kind="string", variations=THREE, offVariation=None, fallthrough=serve)
    assert cause in (rules(item).evaluate("frac", {}).error_message or "")


def test_imported_flags_may_be_split_by_pennons_own_hash() -> None:
    serve = split(("a", 50000), ("b", 50000))
    assert served(serve, "v3", targetingKey="u1") in {"a", "b"}


def test_targets_list_texts_and_integers() -> None:
    item = flag(targets=[{"attribute": "/org/id", "values": ["7"], "variation": "on"}])
    found = rules(item)
    contexts: list[dict[str, Any]] = [{"org": {"id": 7}}, {"org": {"id": "7"}}, {"org": {"id": True}}, {}]
    assert [found.evaluate("f", context).variation for context in contexts] == ["on", "on", "off", "off"]
