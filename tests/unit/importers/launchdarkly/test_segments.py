"""Segments: lists of several kinds, their order, shares of rules, big ones."""

from typing import Any

import pytest

from pennon.importers import Fidelity, launchdarkly
from tests.unit.importers.launchdarkly.building import (
    asks,
    clause,
    flag,
    messages,
    payload,
    planned,
    rule,
    segment,
    served,
)

MEMBER = flag(rules=[rule(asks("s"))])
ORG = {"kind": "org", "targetingKey": "o"}
BOTH = {"kind": "multi", "user": {"key": "u"}, "org": {"key": "o"}}


def _is_in(item: dict[str, Any], context: dict[str, Any] | None = None, dialect: str = "python") -> bool:
    return bool(served(MEMBER, item, context=context, dialect=dialect) == "a")


def _of(kind: str, *keys: str) -> dict[str, Any]:
    return {"contextKind": kind, "values": list(keys)}


ALL: dict[str, Any] = {"clauses": []}


@pytest.mark.parametrize("dialect", ["python", "node", "go"])
def test_included_beats_excluded_beats_rules_in_every_kind(dialect: str) -> None:
    assert _is_in(segment(included=["u"], excluded=["u"]), dialect=dialect)
    assert not _is_in(segment(excluded=["u"], rules=[ALL]), dialect=dialect)
    assert _is_in(segment(rules=[ALL]), dialect=dialect)
    item = segment(excluded=["u"], includedContexts=[_of("org", "o")], rules=[ALL])
    assert _is_in(item, BOTH, dialect)
    assert not _is_in(item, {}, dialect)
    assert not _is_in(item, {"kind": "multi", "user": {"key": "u"}, "org": {"key": "p"}}, dialect)
    assert _is_in(item, ORG, dialect)


@pytest.mark.parametrize("dialect", ["python", "node", "go"])
def test_lists_of_other_kinds(dialect: str) -> None:
    excluding = segment(included=["v"], excludedContexts=[_of("org", "o")], rules=[ALL])
    assert [_is_in(excluding, context, dialect) for context in (BOTH, ORG, {}, {"targetingKey": "v"})] == [
        False,
        False,
        True,
        True,
    ]
    users = segment(includedContexts=[_of("user", "u"), {"values": ["w"]}, _of("org")])
    assert [_is_in(users, context, dialect) for context in ({}, {"targetingKey": "w"}, ORG)] == [True, True, False]


def test_lists_of_those_excluded_need_a_rule_to_keep_somebody_out() -> None:
    found = launchdarkly.plan(payload(segment(excludedContexts=[_of("org", "o")])), "python")
    assert [note.message for note in found.segments[0].notes] == [
        "its lists of those excluded are left out: without a rule they keep nobody out"
    ]


@pytest.mark.parametrize("dialect", ["python", "node", "go"])
def test_a_share_is_of_the_segments_own_salt(dialect: str) -> None:
    item = {**segment(key="hashKey", salt="saltyA", rules=[{"clauses": [], "weight": 42_158}])}
    member = flag(rules=[rule(asks("hashKey"))])
    users = [f"userKey{letter}" for letter in "ABC"]
    assert [served(member, item, context={"targetingKey": user}, dialect=dialect) for user in users] == ["a", "b", "a"]


def test_a_share_may_go_by_another_attribute_of_another_kind() -> None:
    item = segment(rules=[{"clauses": [], "weight": 1, "bucketBy": "/plan/size", "rolloutContextKind": "org"}])
    assert _is_in(item, {"kind": "org", "plan": {"size": 1.5}})
    assert not _is_in(item, {"kind": "org", "plan": {"size": "large"}})
    by_name = segment(rules=[{"clauses": [], "weight": 1, "bucketBy": "/plan/size"}])
    assert not _is_in(by_name, {"/plan/size": "large"})
    assert _is_in(by_name, {"plan": {"size": "large"}})


@pytest.mark.parametrize(("dialect", "is_in"), [("python", True), ("node", True), ("go", False)])
def test_the_sdks_disagree_about_who_lacks_the_kind_of_a_share(dialect: str, is_in: bool) -> None:
    item = segment(rules=[{"clauses": [], "weight": 1, "rolloutContextKind": "org"}])
    assert _is_in(item, dialect=dialect) is is_in


def test_segments_within_segments() -> None:
    inner = segment("inner", included=["u"])
    outer = segment(rules=[{"clauses": [asks("inner"), clause("in", "pro")]}])
    assert served(MEMBER, outer, inner, context={"plan": "pro"}) == "a"
    assert served(MEMBER, outer, inner, context={"plan": "free"}) == "b"
    assert served(MEMBER, segment(rules=[{"clauses": [asks("inner", negate=True)]}]), inner) == "b"


@pytest.mark.parametrize(
    ("members", "path", "says"),
    [
        ({"unbounded": True}, "/segments/s/unbounded", "a big segment's members"),
        ({"rules": [{"clauses": [], "weight": -1}]}, "/segments/s/rules/0/weight", "below 0"),
        (
            {"rules": [{"clauses": [], "weight": 1, "bucketBy": "/a//b", "rolloutContextKind": "org"}]},
            "/segments/s/rules/0/bucketBy",
            "no reference",
        ),
        ({"included": ["x\0y"]}, "/segments/s", "NUL"),
    ],
)
def test_what_cannot_be_carried_takes_the_flags_along(members: dict[str, Any], path: str, says: str) -> None:
    plan = launchdarkly.plan(payload(MEMBER, segment(**members)), "python")
    assert plan.segments == ()
    assert any(note.path == path and "the segment 's' cannot be carried" in note.message for note in plan.notes)
    (found,) = plan.flags
    assert (found.fidelity, found.flag) == (Fidelity.IMPOSSIBLE, None)
    assert found.notes[0].path == path
    assert "it needs the segment 's', which cannot be carried: " in found.notes[0].message
    assert says in found.notes[0].message


def test_members_that_no_sdk_reads_are_said() -> None:
    plan = launchdarkly.plan(payload(segment(rules=[{"clauses": [], "shiny": 1}])), "python")
    assert [note.path for note in plan.segments[0].notes] == ["/segments/s/rules/0/shiny"]


def test_conditions_of_a_segment_are_those_of_its_flags() -> None:
    found = planned(MEMBER, segment(rules=[{"clauses": [clause("matches", r"\d")]}]))
    assert found.fidelity is Fidelity.CONDITIONAL
    assert found.notes[0].path == "/segments/s/rules/0/clauses/0/values/0"


def test_a_failing_segment_asked_before_the_last_clause_cannot_be_carried_for_node() -> None:
    failing = segment("failing", rules=[{"clauses": [clause("in", "x", attribute="")]}])
    outer = segment(rules=[{"clauses": [asks("failing")]}])
    early, late = rule(asks("s"), clause("in", "pro")), rule(clause("in", "pro"), asks("s"))
    assert planned(flag(rules=[late]), outer, failing, dialect="node").fidelity is Fidelity.EXACT
    found = planned(flag(rules=[early]), outer, failing, dialect="node")
    assert found.fidelity is Fidelity.IMPOSSIBLE
    assert "the Node SDK passes over it" in messages(found)
    assert planned(flag(rules=[early]), outer, failing).fidelity is Fidelity.EXACT


def test_excluded_contexts_are_looked_at_before_a_clause_that_fails() -> None:
    rules = [{"clauses": [clause("in", "x", attribute="")]}]
    item = segment(excludedContexts=[_of("org", "o")], rules=rules)
    assert served(MEMBER, item, context=BOTH) == "b"
    assert served(MEMBER, item) == "the caller's"
