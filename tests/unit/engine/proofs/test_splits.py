"""Splits: shares that reach nobody, and experiments that own nothing."""

from typing import Any

from tests.unit.engine.build import flag, layer, needs, rule, snapshot, split, when
from tests.unit.engine.proofs.proving import of_flag

HALF = split(("on", 50_000), ("off", 50_000))
B = when("b", "in", 1)
THREE = [{"key": key, "value": key} for key in ("on", "off", "third")]


def share(start: int, end: int, **members: Any) -> dict[str, Any]:
    return {"op": "inBucket", "from": start, "to": end, **members}


def of_split(serve: dict[str, Any], *conditions: dict[str, Any], **members: Any) -> list[tuple[str, str]]:
    return of_flag(snapshot(flag(rules=[rule(*conditions, serve=serve)], **members)))


def test_a_sound_split_is_fine() -> None:
    assert of_split(HALF, B) == []


def test_half_of_ten_percent_by_one_salt_is_all_of_one_variation() -> None:
    unreached = [("variation-unreachable", "/rules/0/serve/split/weights/1")]
    assert of_split(HALF, share(0, 10_000)) == unreached
    assert of_split(HALF, share(0, 10_000, by="/targetingKey")) == unreached
    assert of_split(HALF, share(50_000, 100_000, negate=True)) == unreached
    assert of_split(HALF, share(0, 10_000, salt="own")) == []
    assert of_split(HALF, share(0, 50_001)) == []
    assert of_split(split(("on", 50_000), ("off", 50_000), salt="own"), share(0, 10_000, salt="own")) == unreached
    assert of_split(split(("on", 50_000), ("off", 50_000), by="org"), share(0, 10_000)) == []


def test_buckets_that_rules_before_it_took_never_come_to_a_split() -> None:
    first = rule(share(0, 50_000), key="r0")
    known = snapshot(flag(rules=[first], fallthrough=HALF))
    assert of_flag(known) == [("variation-unreachable", "/fallthrough/split/weights/0")]


def test_a_variation_with_several_slices_needs_to_be_reached_in_one() -> None:
    sliced = split(("off", 20_000), ("on", 30_000), ("off", 50_000))
    assert of_split(sliced, share(60_000, 70_000)) == [("variation-unreachable", "/rules/0/serve/split/weights/1")]


def test_a_split_of_one_is_a_notice() -> None:
    assert of_split(split(("on", 100_000), ("off", 0)), B) == [("split-of-one", "/rules/0/serve/split")]
    assert of_split(split(("on", 40_000), ("on", 60_000)), B) == [("split-of-one", "/rules/0/serve/split")]


def test_a_variation_of_no_weight_is_a_notice() -> None:
    mark = split(("on", 50_000), ("third", 0), ("off", 50_000), ("third", 0))
    assert of_split(mark, B, variations=THREE, kind="string") == [("weight-zero", "/rules/0/serve/split/weights/1")]
    assert of_split(split(("on", 50_000), ("off", 50_000), ("on", 0)), B) == []


def _experiment(key: str, **members: Any) -> dict[str, Any]:
    return split(("on", 50_000), ("off", 50_000), experiment={"key": key, "layer": "l", "otherwise": "off"}, **members)


LAYERS = (layer("l", (0, 0, "empty"), (0, 50_000, "e")),)


def test_an_experiment_without_a_place_serves_nobody() -> None:
    for key in ("gone", "empty"):
        known = snapshot(flag(fallthrough=_experiment(key)), layers=LAYERS)
        assert of_flag(known) == [("experiment-owns-nothing", "/fallthrough/split/experiment")]
    assert of_flag(snapshot(flag(fallthrough=_experiment("e")), layers=LAYERS)) == []


def test_a_split_that_nobody_gets_to_is_a_notice_and_says_why() -> None:
    at = [("split-unreachable", "/fallthrough/split")]
    assert of_flag(snapshot(flag(on=False, fallthrough=HALF))) == at
    experiment = split(("on", 50_000), ("off", 50_000), experiment={"key": "e"})
    assert of_flag(snapshot(flag(on=False, fallthrough=experiment))) == at
    shut = snapshot(flag(prerequisites=[needs("gone")], fallthrough=HALF))
    assert of_flag(shut) == [("prerequisite-never-met", "/prerequisites/0"), *at]
    taken = snapshot(flag(rules=[rule()], fallthrough=HALF))
    assert of_flag(taken) == [("fallthrough-unreachable", "/fallthrough"), *at]
    never = of_split(HALF, B, when("b", "exists", negate=True))
    assert never == [
        ("conditions-contradict", "/rules/0/conditions/1"),
        ("split-unreachable", "/rules/0/serve/split"),
    ]


def test_a_split_in_staleness_is_looked_at_too() -> None:
    stale = {"maxAgeS": 60, "serve": split(("on", 100_000))}
    assert of_flag(snapshot(flag(staleness=stale))) == [("split-of-one", "/staleness/serve/split")]


def test_what_a_share_of_nothing_means_under_a_foreign_hash_is_the_dialects_to_say() -> None:
    compat: dict[str, Any] = {"compat": {"vendor": "flagd", "dialect": "v2"}}
    shares = split(("on", 25), ("off", 0), hash="flagd-v2")
    assert of_flag(snapshot(flag(fallthrough=shares, **compat))) == []
