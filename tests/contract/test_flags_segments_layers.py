"""Segments and layers, which flags use, over every storage."""

import time

import pytest

from pennon.control.errors import (
    AlreadyExists,
    Invalid,
    LayerStillUsed,
    NotFound,
    PreconditionFailed,
    SegmentStillUsed,
)
from pennon.control.log import EnvironmentName, Idempotency, Stored
from pennon.model import Condition, Layer, Segment, SegmentRule, Slot
from tests.contract.shop import ANNA, PRODUCTION, STAGING, Shop, paths, rows

IN_BETA = {"op": "inSegment", "values": ["beta"]}


def use(segment: str) -> SegmentRule:
    return SegmentRule((Condition("inSegment", values=(segment,)),))


def test_a_segment_is_created_with_a_salt_replaced_and_deleted(shop: Shop) -> None:
    created = shop.segments.create_segment(PRODUCTION, Segment("beta", included=("u1",)), by=ANNA)
    assert created.item is not None
    first = created.item.read(Segment)
    assert (first.included, first.version, bool(first.salt)) == (("u1",), 1, True)
    replaced = shop.segments.replace_segment(PRODUCTION, Segment("beta", included=("u2",)), expected=1, by=ANNA)
    assert replaced.item is not None
    second = replaced.item.read(Segment)
    assert (second.included, second.version, second.salt) == (("u2",), 2, first.salt)
    assert shop.segment_views.segment(PRODUCTION, "beta") == replaced.item
    shop.segments.delete_segment(PRODUCTION, "beta", expected=2, by=ANNA)
    assert shop.segment_views.segments(PRODUCTION).items == ()


def test_a_segment_belongs_to_one_environment(shop: Shop) -> None:
    shop.segments.create_segment(PRODUCTION, Segment("beta"), by=ANNA)
    with pytest.raises(NotFound):
        shop.segment_views.segment(STAGING, "beta")


def test_the_same_segment_again_writes_nothing(shop: Shop) -> None:
    shop.segments.create_segment(PRODUCTION, Segment("beta", included=("u1",)), by=ANNA)
    before = rows(shop, PRODUCTION.log)
    outcome = shop.segments.replace_segment(PRODUCTION, Segment("beta", included=("u1",)), by=ANNA)
    assert (outcome.changed, rows(shop, PRODUCTION.log)) == (False, before)
    assert outcome.item is not None
    assert outcome.item.version == 1


def test_what_is_there_or_not_is_told(shop: Shop) -> None:
    shop.segments.create_segment(PRODUCTION, Segment("beta"), by=ANNA)
    with pytest.raises(AlreadyExists):
        shop.segments.create_segment(PRODUCTION, Segment("beta"), by=ANNA)
    with pytest.raises(NotFound):
        shop.segments.replace_segment(PRODUCTION, Segment("gone"), by=ANNA)
    with pytest.raises(NotFound):
        shop.segments.delete_segment(PRODUCTION, "gone", by=ANNA)
    with pytest.raises(NotFound, match="environment"):
        shop.segments.create_segment(EnvironmentName("shop", "gone"), Segment("beta"), by=ANNA)
    with pytest.raises(PreconditionFailed) as refused:
        shop.segments.replace_segment(PRODUCTION, Segment("beta"), expected=7, by=ANNA)
    assert isinstance(refused.value.current, Stored)
    assert refused.value.current.version == 1


def test_a_used_segment_cannot_be_deleted_and_its_users_are_named(shop: Shop) -> None:
    shop.create()
    shop.segments.create_segment(PRODUCTION, Segment("beta"), by=ANNA)
    shop.segments.create_segment(PRODUCTION, Segment("wider", rules=(use("beta"),)), by=ANNA)
    shop.edit(
        {
            "do": "addRule",
            "flag": "checkout",
            "rule": {"id": "r1", "conditions": [IN_BETA], "serve": {"variation": "on"}},
        }
    )
    with pytest.raises(SegmentStillUsed) as refused:
        shop.segments.delete_segment(PRODUCTION, "beta", by=ANNA)
    assert refused.value.users == ("flag 'checkout'", "segment 'wider'")


def test_segments_in_a_circle_are_refused(shop: Shop) -> None:
    shop.segments.create_segment(PRODUCTION, Segment("a"), by=ANNA)
    shop.segments.create_segment(PRODUCTION, Segment("b", rules=(use("a"),)), by=ANNA)
    with pytest.raises(Invalid, match="a → b → a"):
        shop.segments.replace_segment(PRODUCTION, Segment("a", rules=(use("b"),)), by=ANNA)


def test_a_chain_of_segments_too_deep_for_those_above_is_refused(shop: Shop) -> None:
    shop.create()
    chain = [Segment("s0"), *(Segment(f"s{depth}", rules=(use(f"s{depth - 1}"),)) for depth in range(1, 32))]
    for segment in chain:
        shop.segments.create_segment(PRODUCTION, segment, by=ANNA)
    rule = {"id": "r1", "conditions": [{"op": "inSegment", "values": ["s31"]}], "serve": {"variation": "on"}}
    shop.edit({"do": "addRule", "flag": "checkout", "rule": rule})
    shop.segments.create_segment(PRODUCTION, Segment("below"), by=ANNA)
    with pytest.raises(Invalid) as refused:
        shop.segments.replace_segment(PRODUCTION, Segment("s0", rules=(use("below"),)), by=ANNA)
    assert paths(refused) == ["/rules"]


def test_faults_of_a_segment_have_their_path(shop: Shop) -> None:
    rule = SegmentRule((Condition("matches", "email", ("(?=a)",)),))
    with pytest.raises(Invalid) as refused:
        shop.segments.create_segment(PRODUCTION, Segment("beta", rules=(rule,)), by=ANNA)
    assert paths(refused) == ["/rules/0/conditions/0/values/0"]
    with pytest.raises(Invalid) as refused:
        shop.segments.create_segment(PRODUCTION, Segment("be ta"), by=ANNA)
    assert paths(refused) == ["/key"]


def test_a_large_segment_is_written_in_good_time(shop: Shop) -> None:
    keys = tuple(f"user-{number}" for number in range(100_000))
    started = time.process_time()
    shop.segments.create_segment(PRODUCTION, Segment("large", included=keys), by=ANNA)
    shop.edit({"do": "addToSegment", "segment": "large", "keys": ["one-more"]})
    shop.create()
    rule = {"id": "r1", "conditions": [{"op": "inSegment", "values": ["large"]}], "serve": {"variation": "on"}}
    shop.edit({"do": "addRule", "flag": "checkout", "rule": rule})
    assert shop.segment_views.segment(PRODUCTION, "large").read(Segment).included == (*keys, "one-more")
    assert time.process_time() - started < 15


def test_a_layer_is_created_replaced_and_deleted(shop: Shop) -> None:
    slots = (Slot(0, 50_000, "exp-a"),)
    created = shop.layers.create_layer(PRODUCTION, Layer("checkout", slots=slots), by=ANNA)
    assert created.item is not None
    first = created.item.read(Layer)
    once = Idempotency("k", "f")
    later = Layer("checkout", slots=(*slots, Slot(50_000, 60_000, "exp-b")))
    replaced = shop.layers.replace_layer(PRODUCTION, later, expected=1, by=ANNA, idempotency=once)
    assert shop.layers.replace_layer(PRODUCTION, later, expected=1, by=ANNA, idempotency=once) == replaced
    assert shop.layer_views.layer(PRODUCTION, "checkout").read(Layer).salt == first.salt
    shop.layers.delete_layer(PRODUCTION, "checkout", by=ANNA)
    assert shop.layer_views.layers(PRODUCTION).items == ()


def test_layers_that_are_there_or_not_are_told(shop: Shop) -> None:
    shop.layers.create_layer(PRODUCTION, Layer("checkout"), by=ANNA)
    with pytest.raises(AlreadyExists):
        shop.layers.create_layer(PRODUCTION, Layer("checkout"), by=ANNA)
    with pytest.raises(NotFound):
        shop.layers.replace_layer(PRODUCTION, Layer("gone"), by=ANNA)
    with pytest.raises(NotFound):
        shop.layers.delete_layer(PRODUCTION, "gone", by=ANNA)
    with pytest.raises(NotFound):
        shop.layer_views.layer(PRODUCTION, "gone")


def test_slots_that_overlap_are_refused(shop: Shop) -> None:
    overlapping = Layer("checkout", slots=(Slot(0, 10, "a"), Slot(9, 20, "b")))
    with pytest.raises(Invalid) as refused:
        shop.layers.create_layer(PRODUCTION, overlapping, by=ANNA)
    assert paths(refused) == ["/slots/1"]


def with_experiment(shop: Shop) -> None:
    """A flag whose fallthrough runs exp-a in a layer."""
    shop.create()
    shop.layers.create_layer(PRODUCTION, Layer("checkout", slots=(Slot(0, 50_000, "exp-a"),)), by=ANNA)
    experiment = {"key": "exp-a", "layer": "checkout", "otherwise": "off"}
    shop.edit(
        {
            "do": "setSplit",
            "flag": "checkout",
            "experiment": experiment,
            "weights": {"on": 50_000, "off": 50_000},
        }
    )


def test_an_experiment_needs_its_layer_and_a_slot_of_it(shop: Shop) -> None:
    with_experiment(shop)
    for key, layer in (("exp-b", "checkout"), ("exp-a", "gone")):
        experiment = {"key": key, "layer": layer, "otherwise": "off"}
        edit = {
            "do": "setSplit",
            "flag": "checkout",
            "experiment": experiment,
            "weights": {"on": 50_000, "off": 50_000},
        }
        with pytest.raises(Invalid) as refused:
            shop.edit(edit)
        (problem,) = refused.value.problems
        assert problem.path == ("/edits/0/experiment/key" if key == "exp-b" else "/edits/0/experiment/layer")


def test_a_layer_in_use_keeps_its_place_and_its_slots(shop: Shop) -> None:
    with_experiment(shop)
    with pytest.raises(LayerStillUsed) as in_use:
        shop.layers.delete_layer(PRODUCTION, "checkout", by=ANNA)
    assert in_use.value.flags == ("checkout",)
    with pytest.raises(Invalid) as refused:
        shop.layers.replace_layer(PRODUCTION, Layer("checkout", slots=(Slot(0, 9, "exp-b"),)), by=ANNA)
    assert paths(refused) == ["/flags/checkout/fallthrough/split/experiment/key"]


def test_an_experiment_and_its_slot_may_go_in_one_change(shop: Shop) -> None:
    with_experiment(shop)
    outcome = shop.edit(
        {"do": "deleteLayer", "layer": "checkout"},
        {"do": "setFallthrough", "flag": "checkout", "serve": {"variation": "off"}},
    )
    assert outcome.changed
    assert shop.contents().get("layer") is None
