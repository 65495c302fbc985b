"""Splits and layers: which slice serves, whose place is whose."""

import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.bucketing import bucket
from pennon.engine import compile_snapshot
from pennon.model import ErrorCode, Evaluation, Reason
from tests.unit.engine.build import flag, layer, rule, snapshot, split, when

THREE = [{"key": key, "value": key} for key in ("a", "b", "c")]


def _evaluated(serve: dict[str, Any], context: dict[str, Any], **members: Any) -> Evaluation:
    layers = members.pop("layers", ())
    item = flag("checkout", variations=THREE, offVariation="c", fallthrough=serve, kind="string", **members)
    return compile_snapshot(snapshot(item, layers=layers)).evaluate("checkout", context, "mine")


WEIGHTS = st.lists(st.integers(0, 40_000), min_size=1, max_size=8).map(
    lambda cuts: [b - a for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), 100_000], strict=True)]
)


@given(WEIGHTS, st.text(max_size=8))
def test_the_first_slice_whose_cumulative_weight_exceeds_the_bucket_serves(weights: list[int], unit: str) -> None:
    shares = [("abc"[index % 3], weight) for index, weight in enumerate(weights)]
    bounds = itertools.accumulate(weights)
    expected = next(
        share[0] for share, bound in zip(shares, bounds, strict=True) if bound > bucket("s1", "checkout", unit)
    )
    result = _evaluated(split(*shares), {"targetingKey": unit})
    assert (result.variation, result.reason) == (expected, Reason.SPLIT)


def test_a_split_has_a_salt_and_a_unit_of_its_own() -> None:
    place = bucket("own", "checkout", "42")
    serve = split(("a", place), ("b", 1), ("c", 99_999 - place), salt="own", by="/org/id")
    assert _evaluated(serve, {"org": {"id": 42.0}}).variation == "b"


def test_an_ill_formed_unit_is_hashed_with_the_replacement_character() -> None:
    place = bucket("s1", "checkout", "\ufffd")
    assert _evaluated(split(("a", place), ("b", 1), ("c", 99_999 - place)), {"targetingKey": "\ud800"}).variation == "b"


@pytest.mark.parametrize(
    "context", [{}, {"targetingKey": None}, {"targetingKey": 0.5}, {"targetingKey": True}, {"targetingKey": []}]
)
def test_a_split_without_its_unit_is_an_error(context: dict[str, Any]) -> None:
    result = _evaluated(split(("a", 50_000), ("b", 50_000)), context)
    assert (result.value, result.variation, result.reason) == ("mine", None, Reason.ERROR)
    assert (result.error_code, result.rule_id) == (ErrorCode.TARGETING_KEY_MISSING, None)
    assert result.error_message == "targetingKey is missing, or neither a string nor an integer, and the split needs it"


def test_the_error_names_the_units_attribute() -> None:
    result = _evaluated(split(("a", 100_000), by="id"), {"targetingKey": "u1"})
    assert (result.error_message or "").startswith("id is missing")


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ((("a", 99_999),), "/fallthrough/split/weights: the weights sum to 99999"),
        ((), "/fallthrough/split/weights: the weights sum to 0"),
        ((("a", 100_001), ("b", -1)), "/fallthrough/split/weights/1/weight: -1 is not an integer from 0 on"),
        ((("a", 0.5), ("b", 100_000)), "/fallthrough/split/weights/0/weight: 0.5 is not an integer from 0 on"),
        ((("gone", 100_000),), "/fallthrough/split/weights/0/variation: there is no variation 'gone'"),
    ],
)
def test_weights_that_leave_somebody_out_are_refused(shares: Any, says: str) -> None:
    result = _evaluated(split(*shares), {"targetingKey": "u1"})
    assert result.error_code is ErrorCode.PARSE_ERROR
    assert says in (result.error_message or "")


def test_whole_floats_are_weights() -> None:
    assert (
        _evaluated({"split": {"weights": [{"variation": "a", "weight": 100_000.0}]}}, {"targetingKey": "u"}).variation
        == "a"
    )


def test_a_foreign_hash_is_refused() -> None:
    result = _evaluated(split(("a", 100_000), hash="murmur"), {"targetingKey": "u1"})
    assert "the hash 'murmur' is not known here" in (result.error_message or "")


LAYER = layer("l", (0, 30_000, "x"), (30_000, 50_000, "y"), (60_000, 70_000, "x"))


def _owner(unit: str) -> str | None:
    place = bucket("q8", "l", unit)
    return next((s["experiment"] for s in LAYER["slots"] if s["from"] <= place < s["to"]), None)


def _in_layer(key: str, **members: Any) -> dict[str, Any]:
    return split(("a", 50_000), ("b", 50_000), experiment={"key": key, "layer": "l", **members})


def test_a_rule_whose_experiment_does_not_own_the_place_does_not_match() -> None:
    rules = [rule(serve=_in_layer("x"), key="rx"), rule(serve=_in_layer("y"), key="ry")]
    counted: Counter[str | None] = Counter()
    for number in range(500):
        unit = f"u{number}"
        result = _evaluated({"variation": "c"}, {"targetingKey": unit}, rules=rules, layers=(LAYER,))
        expected = {"x": "rx", "y": "ry", None: None}[_owner(unit)]
        assert result.rule_id == expected
        assert result.reason is (Reason.FALLTHROUGH if expected is None else Reason.SPLIT)
        counted[result.rule_id] += 1
    assert set(counted) == {"rx", "ry", None}


def test_in_the_fallthrough_others_get_otherwise() -> None:
    for number in range(200):
        unit = f"u{number}"
        result = _evaluated(_in_layer("x", otherwise="c"), {"targetingKey": unit}, layers=(LAYER,))
        owned = _owner(unit) == "x"
        assert result.reason is (Reason.SPLIT if owned else Reason.FALLTHROUGH)
        assert result.variation == "c" if not owned else result.variation in {"a", "b"}


def test_a_layer_without_its_unit_is_an_error_once_the_conditions_hold() -> None:
    rules = [rule(when("in", "exists"), serve=_in_layer("x"))]
    by_org = LAYER | {"by": "org"}
    missing = _evaluated({"variation": "c"}, {"targetingKey": "u", "in": 1}, rules=rules, layers=(by_org,))
    assert missing.error_code is ErrorCode.TARGETING_KEY_MISSING
    assert (missing.error_message or "").startswith("org is missing")
    assert _evaluated({"variation": "c"}, {"targetingKey": "u"}, rules=rules, layers=(by_org,)).variation == "c"


def test_an_experiment_that_owns_nothing_gets_nobody() -> None:
    assert _evaluated(_in_layer("z", otherwise="c"), {"targetingKey": "u"}, layers=(LAYER,)).variation == "c"


def test_an_experiment_without_a_layer_has_everybody() -> None:
    serve = split(("a", 100_000), experiment={"key": "x"})
    assert _evaluated(serve, {"targetingKey": "u"}).variation == "a"


@pytest.mark.parametrize(
    ("serve", "layers", "says"),
    [
        (_in_layer("x", otherwise="c"), (), "/fallthrough/split/experiment/layer: there is no layer 'l'"),
        (_in_layer("x", otherwise="c"), ({"key": "l", "slots": 5},), "the layer 'l' cannot be read"),
        (_in_layer("x"), (LAYER,), "/fallthrough/split/experiment/otherwise: there is no variation None"),
        (_in_layer("x", otherwise="q"), (LAYER,), "/fallthrough/split/experiment/otherwise: there is no variation 'q'"),
        (_in_layer("x", otherwise="c"), (layer("l", (0, 10, "x"), (9, 20, "y")),), "its slots overlap"),
        (_in_layer("x", otherwise="c"), (layer("l", (-1, 10, "x")),), "its slots overlap, or leave 0 to 100000"),
        (_in_layer("x", otherwise="c"), (layer("l", (0, 100_001, "x")),), "its slots overlap, or leave"),
    ],
)
def test_broken_layers_break_their_users(serve: dict[str, Any], layers: tuple[dict[str, Any], ...], says: str) -> None:
    result = _evaluated(serve, {"targetingKey": "u"}, layers=layers)
    assert result.error_code is ErrorCode.PARSE_ERROR
    assert says in (result.error_message or "")
