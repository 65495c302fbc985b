"""Named rules, and where they are not what they seem."""

from typing import Any

import pytest

from pennon.importers import flagd
from pennon.importers.flagd import evaluators
from pennon.importers.flagd.evaluators import Evaluators
from pennon.importers.plan import Fidelity, ImportRefused
from tests.unit.importers.flagd.build import file, flag, planned, rules

IS_BETA = {"==": [{"var": "beta"}, True]}


def ref(name: Any) -> dict[str, Any]:
    return {"$ref": name}


def test_references_are_replaced_wherever_they_are() -> None:
    named = Evaluators({"beta": IS_BETA})
    assert named.replaced([ref("beta"), {"x": [ref("beta"), ref("gone")]}]) == [IS_BETA, {"x": [IS_BETA, ref("gone")]}]


def test_an_object_with_more_members_is_no_reference() -> None:
    named = Evaluators({"beta": IS_BETA})
    assert named.replaced({"$ref": "beta", "x": 1}) == {"$ref": "beta", "x": 1}


def test_a_rule_may_refer_to_later_rules_only() -> None:
    named = Evaluators({"one": {"!": ref("two")}, "two": {"and": [ref("one"), ref("two"), 1]}})
    assert named.replaced(ref("one")) == {"!": {"and": [ref("one"), ref("two"), 1]}}
    assert named.replaced(ref("two")) == {"and": [ref("one"), ref("two"), 1]}


def test_rules_that_are_used_are_known_through_others() -> None:
    named = Evaluators({"one": {"!": ref("two")}, "two": 1, "three": 3})
    assert set(named.used({"if": [ref("one"), ref("gone")]})) == {"one", "two"}


@pytest.mark.parametrize("name", ["Łukasz", 'a"b', "a\\b", "a\nb"])
def test_a_name_that_json_writes_otherwise_is_never_found(name: str) -> None:
    assert Evaluators({name: 1}).replaced(ref(name)) == ref(name)


@pytest.mark.parametrize("text", ["Łukasz", "a\\b", "tab\t"])
def test_a_rule_that_json_writes_with_a_backslash_is_spoilt_for_python(text: str) -> None:
    found = planned(flag({"if": [ref("n"), "b"]}), **{"$evaluators": {"n": {"==": [{"var": "x"}, text]}}})
    assert found.fidelity is Fidelity.CONDITIONAL
    assert [(note.path, note.message[:35]) for note in found.notes] == [
        ("/$evaluators/n", "SDKs in Python cannot read this eva")
    ]


def test_quotes_are_not_spoilt() -> None:
    found = planned(flag({"if": [ref("n"), "b"]}), **{"$evaluators": {"n": {"==": [{"var": "x"}, '"']}}})
    assert found.fidelity is Fidelity.EXACT


def test_a_name_with_signs_of_patterns_is_spoilt_in_the_first_dialect() -> None:
    members = {"$evaluators": {"a+b": IS_BETA}}
    assert planned(flag({"if": [ref("a+b"), "b"]}), "v1", **members).fidelity is Fidelity.CONDITIONAL
    assert planned(flag({"if": [ref("a+b"), "b"]}), "v2", **members).fidelity is Fidelity.EXACT
    assert planned(flag({"if": [ref("a+b"), "b"]}), "v2", **members).flag is not None


def test_rules_become_conditions_like_any() -> None:
    members = {"$evaluators": {"beta": IS_BETA}}
    found = planned(flag({"if": [ref("beta"), "b"]}), **members).flag
    assert found is not None
    assert found.rules[0].conditions[0].attribute == "beta"


def test_a_reference_to_nothing_is_an_error_where_it_is_reached() -> None:
    asked, fallthrough = rules({"if": [{"var": "x"}, "b", ref("gone"), "c"]})
    assert asked == [
        ([{"op": "expression", "value": {"var": "x"}}], {"variation": "b"}),
        ([{"op": "expression", "value": {"$ref": "gone"}}], {"variation": "c"}),
    ]
    assert fallthrough == {"variation": "a"}


def test_rules_within_rules_within_rules_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluators, "LARGEST", 1000)
    chain = {f"e{number}": {"and": [ref(f"e{number + 1}")] * 10} for number in range(5)}
    with pytest.raises(ImportRefused, match="/\\$evaluators/e2: more than 1000 values once each"):
        Evaluators(chain)
    with pytest.raises(ImportRefused, match="/flags: more than 1000 values"):
        Evaluators({"e": {"and": [1] * 200}}).check_size([[ref("e")] * 10])


@pytest.mark.parametrize("length", [70, 2000])
def test_a_long_chain_of_rules_is_refused_before_it_is_too_deep_to_read(length: int) -> None:
    named = {f"e{index}": {"or": [ref(f"e{index + 1}")]} for index in range(length)}
    data = file(flag(ref("e0")), **{"$evaluators": named})
    if length == 70:
        assert flagd.plan(data, "v2").flags[0].fidelity is Fidelity.EXACT
        return
    for read in (lambda: flagd.plan(data, "v2"), lambda: flagd.vocabulary(data)):
        with pytest.raises(ImportRefused, match=r"/\$evaluators/e1900: more than 200 objects and arrays within each"):
            read()
