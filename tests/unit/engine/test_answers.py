"""What a flag answers beside its value: versions, rules, counts, exposures."""

from collections.abc import Mapping
from typing import Any

import pytest

from pennon.engine import Count, ExposureSite, compile_snapshot
from pennon.model import ErrorCode, Evaluation, Reason, Snapshot
from tests.unit.engine.build import flag, layer, needs, rule, snapshot, split, when

IN_EXPERIMENT = split(("on", 50_000), ("off", 50_000), by="id", experiment={"key": "e"})


def _sites(model: Snapshot, context: Mapping[str, Any], key: str = "f") -> list[ExposureSite]:
    sites: list[ExposureSite] = []

    def exposed(site: ExposureSite, given: Mapping[str, Any]) -> None:
        assert given == context
        sites.append(site)

    rules = compile_snapshot(model, exposed=exposed)
    evaluation = rules.evaluate(key, context)
    assert rules.exposure(key, evaluation) == (sites[0] if sites else None) or evaluation.reason is Reason.STALE
    return sites


def _site(**members: Any) -> ExposureSite:
    own: dict[str, Any] = {"flag": "f", "version": 4, "rule_id": None, "experiment": None, "by": "targetingKey"}
    return ExposureSite(**own | members)


def test_results_are_made_once() -> None:
    rules = compile_snapshot(snapshot(flag()))
    assert rules.evaluate("f", {}) is rules.evaluate("f", {"targetingKey": "u"})


def test_a_null_off_variation_is_the_callers_default_with_the_reason_unchanged() -> None:
    rules = compile_snapshot(snapshot(flag(on=False, offVariation=None, version=2)))
    expected = Evaluation(value=[1], variation=None, reason=Reason.OFF, flag_version=2)
    assert rules.evaluate("f", {}, [1]) == expected


def test_a_split_of_an_experiment_is_an_exposure() -> None:
    item = flag(version=4, rules=[rule(serve=IN_EXPERIMENT)])
    (site,) = _sites(snapshot(item), {"id": "u2"})
    assert site == _site(variation=site.variation, rule_id="r1", experiment="e", by="id")


def test_what_is_no_experiment_is_no_exposure() -> None:
    assert _sites(snapshot(flag(rules=[rule(serve=split(("on", 100_000)))])), {"targetingKey": "u"}) == []
    assert _sites(snapshot(flag(fallthrough={"variation": "on"})), {"targetingKey": "u"}) == []


def test_a_unit_outside_of_the_experiments_layer_is_no_exposure() -> None:
    serve = split(("on", 100_000), experiment={"key": "e", "layer": "l", "otherwise": "off"})
    inside, outside = layer("l", (0, 100_000, "e")), layer("l", (0, 100_000, "x"))
    context = {"targetingKey": "u"}
    assert len(_sites(snapshot(flag(fallthrough=serve), layers=(inside,)), context)) == 1
    assert _sites(snapshot(flag(fallthrough=serve), layers=(outside,)), context) == []


@pytest.mark.parametrize(
    ("members", "site"),
    [
        ({"on": False}, _site(variation="off")),
        ({"targets": [{"values": ["u"], "variation": "on"}]}, _site(variation="on")),
        ({"rules": [rule(key="r9")]}, _site(variation="on", rule_id="r9")),
        ({"prerequisites": [needs("gone")]}, _site(variation="off")),
        ({"on": False, "offVariation": None}, None),
        ({"fallthrough": split(("on", 100_000), by="id")}, None),
    ],
)
def test_all_exposures_are_of_every_variation_served(members: dict[str, Any], site: ExposureSite | None) -> None:
    sites = _sites(snapshot(flag(version=4, exposures="all", **members)), {"targetingKey": "u"})
    assert sites == ([] if site is None else [site])


def test_a_flag_that_is_not_there_or_cannot_be_read_exposes_nobody() -> None:
    rules = compile_snapshot(snapshot(flag(kind="colour", exposures="all")))
    assert rules.exposure("f", rules.evaluate("f", {})) is None
    assert rules.exposure("gone", rules.evaluate("gone", {})) is None


def test_no_exposures_at_all() -> None:
    assert _sites(snapshot(flag(exposures="none", fallthrough=IN_EXPERIMENT)), {"id": "u"}) == []


def test_a_prerequisite_is_neither_exposed_nor_counted() -> None:
    sites: list[ExposureSite] = []
    model = snapshot(flag("f", prerequisites=[needs("p")]), flag("p", exposures="all", fallthrough={"variation": "on"}))
    rules = compile_snapshot(model, counted=True, exposed=lambda site, _: sites.append(site))
    rules.evaluate("f", {})
    assert sites == []
    assert [count.flag for count in rules.counts()] == ["f"]


def test_every_kind_of_answer_is_counted() -> None:
    model = snapshot(
        flag("off", on=False),
        flag("null", on=False, offVariation=None),
        flag("split", version=2, rules=[rule(when("a", "exists"))], fallthrough=split(("on", 0), ("off", 100_000))),
        flag("broken", needs=["magic"]),
    )
    rules = compile_snapshot(model, counted=True)
    for key in ("off", "null", "split", "broken", "gone"):
        rules.evaluate(key, {"targetingKey": "u"})
    rules.evaluate("split", {"a": 1})
    rules.evaluate("split", {})
    rules.evaluate("split", 5)  # type: ignore[arg-type]
    counts = {(each.flag, each.version, each.variation, each.reason): each.count for each in rules.counts()}
    assert counts == {
        ("off", 1, "off", Reason.OFF): 1,
        ("null", 1, None, Reason.OFF): 1,
        ("split", 2, "off", Reason.SPLIT): 1,
        ("split", 2, "on", Reason.RULE_MATCH): 1,
        ("split", 2, None, Reason.ERROR): 2,
        ("broken", 1, None, Reason.ERROR): 1,
        ("gone", None, None, Reason.ERROR): 1,
    }


def test_rules_that_do_not_count_have_no_counts() -> None:
    rules = compile_snapshot(snapshot(flag()))
    rules.evaluate("f", {})
    assert list(rules.counts()) == []


def test_rules_with_one_answer_share_one_counter() -> None:
    rules = compile_snapshot(snapshot(flag(rules=[rule(when("a", "exists"), key="r1"), rule(key="r2")])), counted=True)
    assert {rules.evaluate("f", context).rule_id for context in ({"a": 1}, {})} == {"r1", "r2"}
    assert list(rules.counts()) == [Count(flag="f", version=1, variation="on", reason=Reason.RULE_MATCH, count=2)]


def test_an_error_says_which_version_of_the_flag_failed() -> None:
    result = compile_snapshot(snapshot(flag(version=9, needs=["magic"]))).evaluate("f", {}, "mine")
    assert (result.value, result.flag_version, result.error_code) == ("mine", 9, ErrorCode.PARSE_ERROR)
