"""What rules and the fallthrough serve: variations, rollouts, experiments."""

from typing import Any

import pytest

from pennon.importers import Fidelity, ImportRefused, launchdarkly
from pennon.model import Experiment, Split, Weight
from tests.unit.importers.launchdarkly.building import (
    carried,
    flag,
    messages,
    payload,
    planned,
    prerequisite_of,
    rollout,
    rule,
    served,
)


def _split(members: dict[str, Any], dialect: str = "python") -> Split:
    split = carried(flag(fallthrough=members), dialect=dialect).fallthrough.split
    assert split is not None
    return split


@pytest.mark.parametrize(
    ("dialect", "hash_name"), [("python", "sha1-60-f64"), ("node", "sha1-60-f64"), ("go", "sha1-60-f32")]
)
def test_a_rollout_is_a_split_under_the_dialects_hash(dialect: str, hash_name: str) -> None:
    split = _split(rollout(33_333, 33_333, 33_334), dialect)
    weights = (Weight("a", 33_333), Weight("b", 33_333), Weight("c", 33_334))
    assert split == Split(weights=weights, hash=hash_name)


@pytest.mark.parametrize("dialect", ["python", "node", "go"])
def test_the_vendors_own_users_get_what_its_sdk_gives_them(dialect: str) -> None:
    item = flag("hashKey", salt="saltyA", fallthrough=rollout(30_000, 30_000, 40_000))
    users = [{"targetingKey": f"userKey{letter}"} for letter in "ABC"]
    assert [served(item, context=user, dialect=dialect, key="hashKey") for user in users] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("members", "by"),
    [
        ({}, "targetingKey"),
        ({"bucketBy": "key"}, "targetingKey"),
        ({"bucketBy": "plan"}, "plan"),
        ({"bucketBy": "/a/b"}, "/~1a~1b"),
        ({"bucketBy": "/a/b", "contextKind": "org"}, "org:/a/b"),
        ({"contextKind": "org"}, "org:targetingKey"),
        ({"bucketBy": "plan", "kind": "experiment"}, "targetingKey"),
        ({"bucketBy": "", "contextKind": "user"}, "targetingKey"),
        ({"bucketBy": "/a//b", "contextKind": "org"}, "org:/a//b"),
    ],
)
def test_a_rollout_goes_by_a_place(members: dict[str, Any], by: str) -> None:
    assert _split(rollout(50_000, 50_000, **members)).by == by


def test_a_malformed_unit_fails_where_the_kind_is_there() -> None:
    item = flag(fallthrough=rollout(50_000, 50_000, bucketBy="/a//b", contextKind="user"))
    assert [served(item, dialect=dialect) for dialect in ("python", "node", "go")] == ["the caller's"] * 3
    assert served(item, context={"kind": "org"}) == "a"
    assert "SDKs fail here" in messages(planned(item))


@pytest.mark.parametrize(
    ("seed", "dialect", "salt"),
    [
        (61, "python", "61"),
        (61, "node", "61"),
        (0, "python", "0"),
        (0, "go", "0"),
        (0, "node", None),
        (-5, "node", "-5"),
    ],
)
def test_a_seed_replaces_key_and_salt_and_is_none_to_node_if_it_is_zero(
    seed: int, dialect: str, salt: str | None
) -> None:
    assert _split(rollout(100_000, seed=seed), dialect).salt == salt


def test_a_seed_that_javascript_would_round_cannot_be_carried_for_node() -> None:
    item = flag(fallthrough=rollout(100_000, seed=2**53 + 1))
    assert planned(item).fidelity is Fidelity.EXACT
    found = planned(item, dialect="node")
    assert (found.fidelity, found.notes[0].path) == (Fidelity.IMPOSSIBLE, "/flags/f/fallthrough/rollout/seed")


def test_an_experiment_exposes_its_units() -> None:
    assert _split(rollout(100_000, kind="experiment")).experiment == Experiment("f")
    assert _split(rollout(100_000, kind="rollout")).experiment is None
    (made,) = carried(flag(rules=[rule(**rollout(100_000, kind="experiment"))])).rules
    assert made.serve.split is not None
    assert made.serve.split.experiment == Experiment("f/r")


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"kind": "experiment", "bucketBy": "plan"}, "experiments go by the key"),
        ({"kind": "experiment", "contextKind": "org"}, "exposures of other kinds"),
        ({"kind": "experiment", "variations": [{"variation": 0, "weight": 1, "untracked": True}]}, "count as exposed"),
    ],
)
def test_what_concerns_exposures_is_said(members: dict[str, Any], says: str) -> None:
    found = planned(flag(fallthrough=rollout(100_000, **members)))
    assert found.fidelity is Fidelity.EXACT
    assert says in messages(found)


@pytest.mark.parametrize("dialect", ["python", "node", "go"])
@pytest.mark.parametrize(
    "fallthrough",
    [
        {"variation": 7},
        {"variation": -1},
        {},
        None,
        {"rollout": {"variations": []}},
        {"rollout": {"variations": [{"variation": 9, "weight": 100_000}]}},
    ],
    ids=["too-high", "below-zero", "nothing", "missing", "empty", "weighted"],
)
def test_an_index_that_is_not_there_answers_the_callers_default(fallthrough: Any, dialect: str) -> None:
    item = flag(fallthrough=fallthrough)
    assert served(item, dialect=dialect) == "the caller's"
    found = planned(item, dialect=dialect)
    assert found.fidelity is Fidelity.EXACT
    assert "MALFORMED_FLAG" in messages(found)
    assert found.identities == {"0": "a", "1": "b", "2": "c"}


def test_a_variation_comes_before_a_rollout() -> None:
    assert served(flag(fallthrough={"variation": 2, **rollout(100_000)})) == "c"


def test_weights_that_fall_short_give_the_rest_to_the_last() -> None:
    assert served(flag(fallthrough=rollout(1, 1, 1))) == "c"


def test_the_kind_of_a_rollout_is_known_or_the_file_is_refused() -> None:
    with pytest.raises(ImportRefused, match="/flags/f/fallthrough/rollout/kind: the kind 'bandit'"):
        launchdarkly.plan(payload(flag(fallthrough=rollout(1, kind="bandit"))), "python")


def test_an_empty_kind_is_user_but_to_node() -> None:
    item = flag(fallthrough=rollout(100_000, contextKind=""))
    assert planned(item).fidelity is Fidelity.EXACT
    assert planned(item, dialect="node").fidelity is Fidelity.IMPOSSIBLE


def test_a_malformed_prerequisite_is_passed_on_by_node_and_not_met_elsewhere() -> None:
    items = (flag("below", fallthrough={"variation": 7}), flag(prerequisites=[prerequisite_of("below", 0)]))
    assert served(*items) == "c"
    found = planned(*items, dialect="node")
    assert found.fidelity is Fidelity.IMPOSSIBLE
    assert "which the Node SDK passes on" in messages(found)


def test_an_allocation_that_the_file_does_not_show_cannot_be_carried() -> None:
    found = planned(flag(fallthrough=rollout(1, experimentAllocation={"canReshuffle": True})))
    assert (found.fidelity, found.notes[0].path[-20:]) == (Fidelity.IMPOSSIBLE, "experimentAllocation")
