"""Who names whom."""

from pennon.control.working.state import ItemName, MemoryItems, WorkingState
from pennon.control.working.uses import Use, served_at, users_of, uses
from pennon.model import (
    Condition,
    Experiment,
    Flag,
    Item,
    Layer,
    Prerequisite,
    Rule,
    Segment,
    SegmentRule,
    Serve,
    Split,
    Staleness,
    Target,
    Variation,
    Weight,
)

ON_OFF = (Variation("on", True), Variation("off", False))
IN = Condition("inSegment", values=("s1", 'say "s2"', 3))
HALVES = Split((Weight("on", 50_000), Weight("off", 50_000)), experiment=Experiment("e", "l", "off"))
FULL = Flag(
    "full",
    ON_OFF,
    on=True,
    fallthrough=Serve(split=HALVES),
    off_variation="off",
    prerequisites=(Prerequisite("needed", ("on",)),),
    targets=(Target(("u1",), "on"),),
    rules=(Rule("r1", (Condition("in", "segment", ("s1",)), IN), Serve("on")), Rule("r2", (), Serve(split=HALVES))),
    staleness=Staleness(60, Serve("off")),
)


def test_a_flag_names_prerequisites_segments_and_layers() -> None:
    name: ItemName = ("flag", "full")
    assert list(uses(FULL)) == [
        Use(name, ("flag", "needed"), "/prerequisites/0/flag"),
        Use(name, ("segment", "s1"), "/rules/0/conditions/1/values/0"),
        Use(name, ("segment", 'say "s2"'), "/rules/0/conditions/1/values/1"),
        Use(name, ("layer", "l"), "/rules/1/serve/split/experiment/layer"),
        Use(name, ("layer", "l"), "/fallthrough/split/experiment/layer"),
    ]


def test_users_are_found_by_key_however_it_is_spelt() -> None:
    segment = Segment("wider", rules=(SegmentRule((IN,)),))
    others = [Flag(f"f{number}", ON_OFF, on=True, fallthrough=Serve("on")) for number in range(5)]
    items = {
        "flag": {flag.key: Item.of(flag) for flag in (FULL, *others)},
        "segment": {"wider": Item.of(segment), "s1": Item.of(Segment("s1", included=("s1",)))},
        "layer": {"l": Item.of(Layer("l"))},
    }
    state = WorkingState(MemoryItems(items))
    assert [use.user for use in users_of(state, ("segment", 'say "s2"'))] == [("flag", "full"), ("segment", "wider")]
    assert [use.user for use in users_of(state, ("segment", "s1"))] == [("flag", "full"), ("segment", "wider")]
    assert [use.path for use in users_of(state, ("flag", "needed"))] == ["/prerequisites/0/flag"]
    assert [use.user for use in users_of(state, ("layer", "l"))] == [("flag", "full"), ("flag", "full")]
    assert users_of(state, ("flag", "u1")) == []
    state.delete(("flag", "full"))
    assert [use.user for use in users_of(state, ("segment", "s1"))] == [("segment", "wider")]


def test_every_place_that_serves_a_variation_is_known() -> None:
    assert [path for path, variation in served_at(FULL) if variation == "off"] == [
        "/offVariation",
        "/staleness/serve/variation",
        "/rules/1/serve/split/weights/1/variation",
        "/rules/1/serve/split/experiment/otherwise",
        "/fallthrough/split/weights/1/variation",
        "/fallthrough/split/experiment/otherwise",
    ]
    assert [path for path, variation in served_at(FULL) if variation == "on"][:2] == [
        "/targets/0/variation",
        "/rules/0/serve/variation",
    ]
