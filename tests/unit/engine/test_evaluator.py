"""Rule sets: the order of evaluation, results and reasons."""

from pennon.engine import compile_snapshot
from pennon.model import ErrorCode, Evaluation, Reason
from tests.unit.engine.build import flag, rule, snapshot, split


def test_flag_that_is_off_serves_its_off_variation() -> None:
    rules = compile_snapshot(snapshot(flag(on=False, version=3)))
    assert rules.evaluate("f", {}) == Evaluation(value=False, variation="off", reason=Reason.OFF, flag_version=3)


def test_flag_without_rules_falls_through() -> None:
    rules = compile_snapshot(snapshot(flag(fallthrough={"variation": "on"})))
    expected = Evaluation(value=True, variation="on", reason=Reason.FALLTHROUGH, flag_version=1)
    assert rules.evaluate("f", {"targetingKey": "u1"}) == expected


def test_first_rule_that_matches_serves() -> None:
    in_germany = {"attribute": "country", "op": "in", "values": ["DE"]}
    rules = compile_snapshot(snapshot(flag(rules=[rule(in_germany, key="r1"), rule(key="r2", serve="off")])))
    first, second = rules.evaluate("f", {"country": "DE"}), rules.evaluate("f", {"country": "FR"})
    assert (first.variation, first.reason, first.rule_id) == ("on", Reason.RULE_MATCH, "r1")
    assert (second.variation, second.reason, second.rule_id) == ("off", Reason.RULE_MATCH, "r2")


def test_split_serves_by_bucket() -> None:
    rules = compile_snapshot(snapshot(flag("checkout", fallthrough=split(("on", 20846), ("off", 79154)))))
    below, above = (rules.evaluate("checkout", {"targetingKey": unit}) for unit in ("user-2", "user-1"))
    assert (below.variation, below.reason, above.variation) == ("on", Reason.SPLIT, "off")


def test_split_without_its_unit_is_an_error_and_serves_the_callers_default() -> None:
    rules = compile_snapshot(snapshot(flag(fallthrough=split(("on", 50000), ("off", 50000)))))
    result = rules.evaluate("f", {}, default="mine")
    assert (result.value, result.error_code) == ("mine", ErrorCode.TARGETING_KEY_MISSING)
