"""Clauses as conditions: readable where Pennon's operators carry them, LaunchDarkly's own otherwise."""

from typing import Any

import pytest

from pennon.importers import Fidelity, ImportRefused, launchdarkly
from pennon.model import Condition
from tests.unit.importers.launchdarkly.building import (
    asks,
    carried,
    clause,
    flag,
    messages,
    payload,
    planned,
    rule,
    segment,
    served,
)


def _condition(of: dict[str, Any], dialect: str = "python") -> Condition:
    return carried(flag(rules=[rule(of)]), dialect=dialect).rules[0].conditions[0]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("in", "in"),
        ("startsWith", "startsWith"),
        ("endsWith", "endsWith"),
        ("contains", "contains"),
        ("lessThan", "lessThan"),
        ("lessThanOrEqual", "lessOrEqual"),
        ("greaterThan", "greaterThan"),
        ("greaterThanOrEqual", "greaterOrEqual"),
        ("before", "before"),
        ("after", "after"),
        ("semVerEqual", "versionEqual"),
        ("semVerLessThan", "versionLess"),
        ("semVerGreaterThan", "versionGreater"),
    ],
)
def test_operators_have_names_that_people_know_here(theirs: str, ours: str) -> None:
    assert _condition(clause(theirs, "x")) == Condition(op=ours, attribute="plan", values=("x",))
    assert _condition(clause(theirs, "x", negate=True)).negate is True


@pytest.mark.parametrize(
    ("attribute", "kind", "text"),
    [
        ("plan", None, "plan"),
        ("plan", "user", "plan"),
        ("plan", "org", "org:plan"),
        ("key", None, "targetingKey"),
        ("key", "org", "org:targetingKey"),
        ("/a/b", None, "/~1a~1b"),
        ("/a/b", "user", "/a/b"),
        ("/a/b~1c", "org", "org:/a/b~1c"),
        ("a:b", None, "/a:b"),
        ("targetingKey", None, "/targetingKey"),
        ("kind", "org", "org:kind"),
    ],
)
def test_attributes_are_places(attribute: str, kind: str | None, text: str) -> None:
    members = {} if kind is None else {"contextKind": kind}
    assert _condition(clause("in", "x", attribute=attribute, **members)).attribute == text


def test_an_operator_that_is_not_known_refuses_the_whole_file_negated_or_not() -> None:
    for negate in (False, True):
        with pytest.raises(ImportRefused) as refused:
            launchdarkly.plan(
                payload(flag(rules=[rule(clause("in", "x"), clause("soundsLike", negate=negate))])), "node"
            )
        (problem,) = refused.value.problems
        assert problem.path == "/flags/f/rules/0/clauses/1/op"
        assert "'soundsLike'" in problem.message
        assert str(refused.value).startswith("launchdarkly: ")


# Traps


@pytest.mark.parametrize("dialect", ["python", "node", "go"])
@pytest.mark.parametrize(
    ("of", "context", "value"),
    [
        (clause("in", "pro", negate=True), {}, "b"),
        (clause("in", "pro", negate=True), {"plan": None}, "b"),
        (clause("in", "pro", negate=True), {"plan": []}, "a"),
        (clause("in", "pro", negate=True), {"plan": "free"}, "a"),
        (clause("in", "pro", negate=True), {"plan": ["free", "pro"]}, "b"),
        (clause("in", 99), {"plan": "99"}, "b"),
        (clause("in", "99"), {"plan": 99}, "b"),
        (clause("in", 1), {"plan": True}, "b"),
        (clause("lessThan", 100), {"plan": "99"}, "b"),
        (clause("semVerEqual", "2.0.0"), {"plan": "2"}, "a"),
        (clause("semVerEqual", "2.0.0"), {"plan": "v2.0.0"}, "b"),
        (clause("semVerEqual", "2.0.0"), {"plan": 2}, "b"),
        (clause("after", "2020-01-01T00:00:00Z"), {"plan": 1577836800001}, "a"),
        (clause("after", "2020-01-01T00:00:00Z"), {"plan": "1577836800001"}, "b"),
        (clause("after", "2020-01-01"), {"plan": 1577836800001}, "b"),
        (clause("in", "pro", contextKind="org"), {"plan": "pro"}, "b"),
        (clause("in", "pro", contextKind="org", negate=True), {"plan": "free"}, "b"),
        (clause("in", "org", attribute="kind"), {"kind": "org"}, "a"),
        (clause("in", "org", attribute="kind", negate=True), {}, "a"),
        (clause("startsWith", "P"), {"plan": "pro"}, "b"),
    ],
)
def test_traps(dialect: str, of: dict[str, Any], context: dict[str, Any], value: str) -> None:
    assert served(flag(rules=[rule(of)]), context=context, dialect=dialect) == value


@pytest.mark.parametrize(("dialect", "value"), [("python", "a"), ("node", "b"), ("go", "b")])
def test_a_date_with_a_space_is_one_in_python_only(dialect: str, value: str) -> None:
    of = clause("after", 0)
    assert served(flag(rules=[rule(of)]), context={"plan": "2020-01-01 00:00:00Z"}, dialect=dialect) == value


# Malformed references


def test_a_malformed_reference_fails_as_in_the_sdk() -> None:
    item = flag(rules=[rule(clause("in", "x", attribute="/a//b", contextKind="user"))])
    found = planned(item)
    assert found.fidelity is Fidelity.EXACT
    assert "MALFORMED_FLAG" in messages(found)
    assert served(item) == "the caller's"
    assert served(item, context={"kind": "org"}) == "b"
    assert served(item, context={"kind": "org"}, dialect="node") == "the caller's"


def test_node_passes_over_a_malformed_clause_that_is_not_the_last() -> None:
    malformed, other = clause("in", "x", attribute=""), clause("in", "pro")
    first, last = (flag(rules=[rule(*clauses)]) for clauses in ((malformed, other), (other, malformed)))
    assert [served(first, context={"plan": plan}, dialect="node") for plan in ("pro", "free")] == ["a", "b"]
    assert "is left out" in messages(planned(first, dialect="node"))
    assert [served(last, context={"plan": plan}, dialect="node") for plan in ("pro", "free")] == ["the caller's", "b"]
    assert served(first, context={"plan": "pro"}) == "the caller's"


def test_the_members_beside_a_context_are_no_reference_to_node() -> None:
    item = flag(rules=[rule(clause("in", "x", attribute="/_meta/a", contextKind="user"))])
    assert (served(item, dialect="node"), served(item)) == ("the caller's", "b")


def test_an_empty_kind_is_user_but_to_node() -> None:
    item = flag(rules=[rule(clause("in", "pro", contextKind=""))])
    assert served(item, context={"plan": "pro"}) == "a"
    found = planned(item, dialect="node")
    assert (found.fidelity, found.flag) == (Fidelity.IMPOSSIBLE, None)
    assert found.notes[0].path == "/flags/f/rules/0/clauses/0/contextKind"


def test_a_reference_to_the_kind_is_another_one_to_go() -> None:
    item = flag(rules=[rule(clause("in", "org", attribute="/kind", contextKind="user"))])
    both = {"kind": "multi", "user": {"key": "u"}, "org": {"key": "o"}}
    assert [served(item, context=both, dialect=dialect) for dialect in ("python", "node")] == ["a", "a"]
    found = planned(item, dialect="go")
    assert (found.fidelity, found.notes[0].path) == (Fidelity.IMPOSSIBLE, "/flags/f/rules/0/clauses/0/attribute")


# Segments


def test_a_segment_that_is_not_there_has_nobody_in_it() -> None:
    item = flag(rules=[rule(asks("gone"))])
    assert served(item) == "b"
    assert served(flag(rules=[rule(asks("gone", negate=True))])) == "a"
    assert "there is no segment 'gone'" in messages(planned(item))
    assert planned(item).fidelity is Fidelity.EXACT


def test_of_several_segments_those_that_are_there_are_asked() -> None:
    item = flag(rules=[rule(asks("gone", "s"))])
    assert served(item, segment(included=["u"])) == "a"
    assert carried(item, segment()).rules[0].conditions[0] == Condition(op="inSegment", values=("s",))


def test_a_segments_key_is_a_string() -> None:
    with pytest.raises(ImportRefused, match="/flags/f/rules/0/clauses/0/values: 5 is no key"):
        launchdarkly.plan(payload(flag(rules=[rule(asks("s", 5))])), "python")


# Patterns


@pytest.mark.parametrize(
    ("pattern", "dialect", "fidelity", "says"),
    [
        ("^a$", "python", Fidelity.EXACT, ""),
        ("^a$", "node", Fidelity.EXACT, ""),
        ("^a$", "go", Fidelity.EXACT, ""),
        (r"^\w+$", "python", Fidelity.CONDITIONAL, "beyond ASCII"),
        (r"^\w+$", "node", Fidelity.EXACT, ""),
        ("a$b", "python", Fidelity.CONDITIONAL, "newline"),
        ("(?<!a)b", "python", Fidelity.IMPOSSIBLE, "look-around"),
        ("(?<!a)b", "node", Fidelity.IMPOSSIBLE, "look-around"),
        ("(?<!a)b", "go", Fidelity.IMPOSSIBLE, "look-around"),
        (r"\x{41}", "node", Fidelity.IMPOSSIBLE, "a repetition to JavaScript"),
        (r"\x{41}", "go", Fidelity.EXACT, ""),
        (r"\x{41}", "python", Fidelity.EXACT, "no pattern of Python's re"),
        ("(a", "python", Fidelity.EXACT, "no pattern of Python's re"),
        ("(a", "node", Fidelity.IMPOSSIBLE, "never closed"),
        ("(?i)a", "node", Fidelity.EXACT, "knows no (?i)"),
    ],
)
def test_patterns_are_exact_or_the_plan_says_how_not(pattern: str, dialect: str, fidelity: Fidelity, says: str) -> None:
    found = planned(flag(rules=[rule(clause("matches", pattern))]), dialect=dialect)
    assert found.fidelity is fidelity
    assert says in messages(found)
    if fidelity is Fidelity.IMPOSSIBLE:
        assert found.notes[0].path == "/flags/f/rules/0/clauses/0/values/0"


def test_a_pattern_that_python_does_not_take_is_never_found() -> None:
    item = flag(rules=[rule(clause("matches", "(a", 5, negate=True))])
    assert served(item, context={"plan": "a"}) == "a"
    assert carried(item).rules[0].conditions[0].values == (5,)
