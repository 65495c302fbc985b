"""A flag as a whole: targets that others are before, prerequisites that exclude each other, imported flags."""

from typing import Any

from pennon.engine import Prover
from tests.unit.engine.build import flag, inside, needs, rule, segment, snapshot, split, when
from tests.unit.engine.proofs.proving import Silent, of_flag, rules, seen

TAKEN = "target-unreachable"
B = when("b", "in", 1)


def target(*values: str, variation: str = "on", **members: Any) -> dict[str, Any]:
    return {"values": list(values), "variation": variation, **members}


def targets(*given: dict[str, Any]) -> list[tuple[str, str]]:
    return of_flag(snapshot(flag(targets=list(given))))


def test_a_flag_with_nothing_odd_about_it_has_no_findings() -> None:
    members = {
        "targets": [target("u1")],
        "prerequisites": [needs("p")],
        "fallthrough": split(("on", 1), ("off", 99_999)),
    }
    known = snapshot(rules([B], [inside("s")], **members), flag("p", rules=[rule(B)]), segments=(segment("s", B),))
    assert of_flag(snapshot(rules([B], [when("c", "exists")], **members), flag("p", rules=[rule(B)]))) == []
    assert of_flag(known) == [("rule-unreachable", "/rules/1")], "who is in the segment has matched before"


def test_a_target_all_of_whose_values_are_listed_before_serves_nobody() -> None:
    assert targets(target("a", "b"), target("c"), target("b", "c", variation="off")) == [(TAKEN, "/targets/2")]
    assert targets(target("a"), target("a", attribute="/targetingKey")) == [(TAKEN, "/targets/1")]


def test_values_that_are_listed_before_are_named_one_by_one() -> None:
    assert targets(target("a", "b"), target("x", "b", "a")) == [
        (TAKEN, "/targets/1/values/1"),
        (TAKEN, "/targets/1/values/2"),
    ]
    many = [str(number) for number in range(50)]
    assert len(targets(target(*many), target("x", *many))) == 20


def test_targets_of_different_attributes_are_beside_each_other() -> None:
    assert targets(target("a"), target("a", attribute="email"), target()) == []


def test_rules_that_a_target_list_is_before_are_fine() -> None:
    known = snapshot(rules([when("targetingKey", "in", "a")], targets=[target("a", variation="off")]))
    assert of_flag(known) == []


def test_prerequisites_on_one_flag_that_have_nothing_in_common_are_found() -> None:
    p = flag("p", rules=[rule(B)])
    both = flag(prerequisites=[needs("p", "on"), needs("p", "off")], fallthrough=split(("on", 50_000), ("off", 50_000)))
    assert of_flag(snapshot(both, p)) == [
        ("prerequisites-contradict", "/prerequisites/1"),
        ("split-unreachable", "/fallthrough/split"),
    ]
    assert of_flag(snapshot(flag(prerequisites=[needs("p", "on", "x"), needs("p", "off", "on")]), p)) == [
        ("prerequisite-always-met", "/prerequisites/1")
    ]


def imported(**members: Any) -> list[tuple[str, str]]:
    known = snapshot(flag(compat={"vendor": "v", "dialect": "d"}, **members), segments=(segment("nobody"),))
    return seen(Prover(known, dialects={("v", "d"): Silent()}).flag_findings("f"))


def test_of_imported_flags_only_the_order_is_judged() -> None:
    there, missing = when("a", "exists"), when("a", "exists", negate=True)
    expression = {"op": "expression", "value": {"country": 1}}
    assert (
        imported(rules=[rule(there, missing, expression), rule(expression, {**expression, "value": {"country": True}})])
        == []
    )
    assert imported(rules=[rule(expression, key="r0"), rule(there, expression, key="r1")]) == [
        ("rule-unreachable", "/rules/1")
    ]
    assert imported(rules=[rule(key="r0"), rule(there, key="r1")]) == [
        ("rule-unreachable", "/rules/1"),
        ("fallthrough-unreachable", "/fallthrough"),
    ]
    assert imported(targets=[target("a"), target("a", attribute="/targetingKey"), target("a")]) == [
        (TAKEN, "/targets/2")
    ]


def test_an_imported_split_under_a_foreign_hash_serves_who_knows_whom() -> None:
    foreign = split(("on", 0.5), ("off", 0.5), hash="murmur3")
    assert imported(rules=[rule({"op": "inBucket", "from": 0, "to": 10_000}, serve=foreign)]) == []


def test_an_imported_flag_asks_for_segments_as_any_flag() -> None:
    assert imported(rules=[rule(inside("nobody"))]) == [("condition-never", "/rules/0/conditions/0")]
