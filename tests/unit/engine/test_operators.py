"""Preparing literals, and that the expression beside a comparison never says anything else."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pennon.engine import compile_snapshot, regex
from pennon.engine.comparisons import comparisons, none, some
from pennon.engine.operators import OPERATORS, VALUE_OPERATORS, Refused, prepare, prepare_share, prepare_target
from pennon.engine.regex import Patterns
from pennon.engine.values import Memo, version_rank
from pennon.model import Condition, ErrorCode, Flag
from tests.unit.engine.build import flag, rule, snapshot, when

COMPARISONS = comparisons(Memo(version_rank))
TEXTS = st.text(st.sampled_from("aAbBéßẞSsİi😀\ufffd\ud83d\ude00\ud800 .1"), max_size=4)
WELL_FORMED = st.text(st.sampled_from("aAbBéßẞSsİi😀\ufffd .1"), max_size=4)
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([0.5, -0.0, 1.0, 2.5, 2**53, 2**53 + 1, -(2**53) - 1, 1e300, 10**309]),
)
VERSIONS = st.sampled_from(["1", "1.0", "v1.2", "1.2-a", "1.2-a.1", "1.10", "2+x"])
DATES = st.sampled_from(["1970-01-01T00:00:00Z", "1970-01-01T01:00:01+01:00", 0, 500, 1000.0])
NETWORKS = st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "::/0", "::ffff:10.0.0.0/104", "0.0.0.0/0"])
ADDRESSES = st.sampled_from(["10.1.2.3", "11.0.0.1", "::1", "::ffff:10.0.0.1", "10.1.2"])
LITERALS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("startsWith", "endsWith", "contains"), WELL_FORMED),
    **{op: st.one_of(WELL_FORMED, st.integers(-3, 3), st.booleans(), st.just(0.5)) for op in ("in", "equals")},
    **{
        op: NUMBERS.filter(lambda n: abs(n) <= 1e300)
        for op in ("lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual")
    },
    **{op: VERSIONS for op in VALUE_OPERATORS if op.startswith("version")},
    "before": DATES,
    "after": DATES,
    "matches": st.sampled_from(["a", "^B", "s$", "é|😀", "^.$", "(?i)ß"]),
    "inCidr": NETWORKS,
}
SCALARS = st.one_of(
    TEXTS, NUMBERS, VERSIONS, DATES, ADDRESSES, st.booleans(), st.none(), st.sampled_from([float("nan"), float("inf")])
)
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=3), st.tuples(SCALARS), st.dictionaries(TEXTS, SCALARS, max_size=1)
)


def test_every_operator_of_values_is_tried_here() -> None:
    assert LITERALS.keys() == VALUE_OPERATORS
    assert {"inSegment", "inBucket", "exists"} == OPERATORS - VALUE_OPERATORS


@pytest.mark.parametrize("op", sorted(VALUE_OPERATORS))
@settings(max_examples=settings().max_examples // 2)
@given(data=st.data(), value=VALUES, negate=st.booleans(), ignore_case=st.booleans())
def test_a_flag_compares_as_the_comparison_alone_does(
    op: str, data: st.DataObject, value: Any, negate: bool, ignore_case: bool
) -> None:
    literals = data.draw(st.lists(LITERALS[op], max_size=3))
    written = when("a", op, *literals, negate=negate, ignoreCase=ignore_case)
    model = snapshot(flag(rules=[rule(written)]))
    condition = model.flags["f"].rules[0].conditions[0]
    prepared = prepare(condition, Patterns())
    test = none if condition.negate else some
    expected = value is not None and test(COMPARISONS[prepared.compare], prepared.literals, value)
    result = compile_snapshot(model).evaluate("f", {"a": value})
    assert result.error_code is None
    assert (result.variation == "on") is expected


@pytest.mark.parametrize(
    ("op", "value", "says"),
    [
        ("in", None, "null is not a string, number or boolean"),
        ("in", {"a": 1}, "not a string, number or boolean"),
        ("startsWith", 5, "not a string"),
        ("contains", True, "not a string"),
        ("matches", 5, "not a string"),
        ("matches", "(", "never closed"),
        ("lessThan", "5", "not a number"),
        ("greaterThan", True, "not a number"),
        ("before", "2024-01-01", "not a date"),
        ("after", 0.5, "not a date"),
        ("versionEqual", "latest", "not a version"),
        ("versionLess", 2, "not a version"),
        ("inCidr", "10.0.0.0/33", "not a network"),
        ("inCidr", "x" * 100, "…"),
    ],
)
def test_a_literal_that_an_operator_cannot_use_is_refused_with_its_place(op: str, value: Any, says: str) -> None:
    good = {"in": "a", "lessThan": 1, "greaterThan": 1, "before": 0, "after": 0, "inCidr": "10.0.0.1"}
    first = good.get(op, "1.0")
    with pytest.raises(Refused) as caught:
        prepare(Condition(op=op, attribute="a", values=(first, value)), Patterns())
    assert [problem.path for problem in caught.value.problems] == ["/values/1"]
    assert says in caught.value.problems[0].message
    assert caught.value.problems[0].mend


def test_every_bad_literal_is_named() -> None:
    with pytest.raises(Refused) as caught:
        prepare(Condition(op="lessThan", attribute="a", values=("x", 1, "y")), Patterns())
    assert [problem.path for problem in caught.value.problems] == ["/values/0", "/values/2"]
    assert str(caught.value) == "; ".join(map(str, caught.value.problems))


OWNER = Flag("checkout", (), on=True, fallthrough=None, salt="s1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("start", "end"), [(None, 5), (0, None), (-1, 5), (6, 5), (0, 100_001), (0.5, 5), (0, True), (0, float("nan"))]
)
def test_a_share_is_two_integers_in_order(start: Any, end: Any) -> None:
    with pytest.raises(Refused) as caught:
        prepare_share(Condition(op="inBucket", from_=start, to=end), OWNER)
    assert [problem.path for problem in caught.value.problems] == ["/from"]


def test_a_share_is_of_the_owners_salt_unless_it_has_its_own() -> None:
    assert prepare_share(Condition(op="inBucket", from_=0, to=5.0), OWNER).literals == (b"s1.checkout.", 0, 5)
    own = Condition(op="inBucket", from_=0, to=5, salt="x", hash="sha256")
    assert prepare_share(own, OWNER).literals == (b"x.checkout.", 0, 5)


def test_a_share_of_a_foreign_hash_is_refused() -> None:
    with pytest.raises(Refused, match="'murmur' is not known"):
        prepare_share(Condition(op="inBucket", from_=0, to=5, hash="murmur"), OWNER)


def test_a_target_lists_integers_in_decimal() -> None:
    prepared = prepare_target(("5", "\ud800"))
    assert prepared.literals == {"5", "\ufffd"}
    assert COMPARISONS[prepared.compare](prepared.literals, 5.0)


def test_a_boolean_is_a_literal_of_its_own_type() -> None:
    prepared = prepare(Condition(op="in", attribute="a", values=(True, 1.0, "a")), Patterns())
    assert prepared.literals == (frozenset({"a"}), frozenset({1}), frozenset({True}))


def test_a_pattern_that_cannot_be_searched_for_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regex, "_MEMORY", 1 << 16)
    result = compile_snapshot(snapshot(flag(rules=[rule(when("a", "matches", "[^a]{1000}"))]))).evaluate("f", {})
    assert result.error_code is ErrorCode.PARSE_ERROR
    assert (result.error_message or "").startswith("/rules/0/conditions/0/op: RE2 does not take it")
