"""What flags, segments and layers must satisfy to be accepted: each rule, and the path to its breach."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from pennon.model import (
    Compat,
    Condition,
    Experiment,
    Flag,
    Json,
    Layer,
    Prerequisite,
    Problem,
    Rule,
    Segment,
    SegmentRule,
    Serve,
    Slot,
    Split,
    Staleness,
    Target,
    Variation,
    Weight,
)
from pennon.model.limits import Limits
from pennon.model.validation import flag_problems, layer_problems, segment_problems

HALF = (Weight("on", 50_000), Weight("off", 50_000))


def good_flag(**changes: Any) -> Flag:
    flag = Flag(
        key="new-checkout",
        salt="k3v9x0",
        on=True,
        variations=(Variation("on", True), Variation("off", False)),
        off_variation="off",
        fallthrough=Serve("off"),
        prerequisites=(Prerequisite("payments", ("on",)),),
        targets=(Target(("u1",), "on"),),
        rules=(
            Rule("r1", (Condition("in", attribute="country", values=("DE", 3, True)),), Serve(split=Split(HALF))),
            Rule("r2", (Condition("inBucket", from_=0, to=10_000),), Serve("on")),
            Rule("r3", (Condition("exists", attribute="email", negate=True),), Serve("on")),
        ),
        staleness=Staleness(60, Serve("off")),
    )
    return msgspec.structs.replace(flag, **changes)


def good_segment(**changes: Any) -> Segment:
    rules = (SegmentRule((Condition("endsWith", attribute="email", values=("@example.com",), ignore_case=True),)),)
    segment = Segment(key="beta", salt="m2x8", included=("u9",), excluded=("u8",), rules=rules)
    return msgspec.structs.replace(segment, **changes)


def with_condition(op: str, **members: Any) -> dict[str, Any]:
    return {"rules": (Rule("r", (Condition(op, **members),), Serve("on")),)}


def with_split(*weights: Weight, **members: Any) -> dict[str, Any]:
    return {"fallthrough": Serve(split=Split(weights or HALF, **members))}


def paths(problems: list[Problem]) -> list[str]:
    assert all(problem.message and problem.mend for problem in problems), problems
    return [problem.path for problem in problems]


def test_a_good_flag_has_no_problem() -> None:
    assert flag_problems(good_flag()) == []


def test_a_good_segment_and_a_good_layer_have_no_problem() -> None:
    assert segment_problems(good_segment()) == []
    slots = (Slot(0, 50_000, "a"), Slot(50_000, 100_000, "b"))
    assert layer_problems(Layer("checkout", salt="q8", slots=slots)) == []


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"key": ""}, "/key"),
    ({"key": "-a"}, "/key"),
    ({"key": "a" * 129}, "/key"),
    ({"key": "a\n"}, "/key"),
    ({"salt": ""}, "/salt"),
    ({"salt": "a.b"}, "/salt"),
    ({"salt": "a" * 65}, "/salt"),
    ({"kind": "enum"}, "/kind"),
    ({"exposures": "some"}, "/exposures"),
    ({"off_variation": "maybe"}, "/offVariation"),
    ({"fallthrough": Serve()}, "/fallthrough"),
    ({"fallthrough": Serve("on", Split(HALF))}, "/fallthrough"),
    ({"fallthrough": Serve("maybe")}, "/fallthrough/variation"),
    (with_split(Weight("on", 1), Weight("off", 1)), "/fallthrough/split/weights"),
    (with_split(Weight("on", 100_000.0)), "/fallthrough/split/weights/0/weight"),
    (with_split(Weight("maybe", 100_000)), "/fallthrough/split/weights/0/variation"),
    (with_split(by=""), "/fallthrough/split/by"),
    (with_split(salt="a.b"), "/fallthrough/split/salt"),
    (with_split(salt=""), "/fallthrough/split/salt"),
    (with_split(hash="murmur3"), "/fallthrough/split/hash"),
    (with_split(experiment=Experiment("")), "/fallthrough/split/experiment/key"),
    (with_split(experiment=Experiment("e", "layer")), "/fallthrough/split/experiment/otherwise"),
    (with_split(experiment=Experiment("e", "layer", "maybe")), "/fallthrough/split/experiment/otherwise"),
    ({"prerequisites": (Prerequisite("new-checkout", ("on",)),)}, "/prerequisites/0/flag"),
    ({"prerequisites": (Prerequisite("", ("on",)),)}, "/prerequisites/0/flag"),
    ({"prerequisites": (Prerequisite("payments", ()),)}, "/prerequisites/0/variations"),
    ({"targets": (Target(("u1",), "maybe"),)}, "/targets/0/variation"),
    ({"targets": (Target(("u1",), "on", attribute=""),)}, "/targets/0/attribute"),
    ({"rules": (Rule("", (), Serve("on")),)}, "/rules/0/id"),
    ({"rules": (Rule("a\tb", (), Serve("on")),)}, "/rules/0/id"),
    ({"rules": (Rule("r", (), Serve("on")), Rule("r", (), Serve("off")))}, "/rules"),
    ({"rules": (Rule("r", (), Serve("maybe")),)}, "/rules/0/serve/variation"),
    ({"rules": (Rule("r", (), Serve()),)}, "/rules/0/serve"),
    (with_condition("in", values=("DE",)), "/rules/0/conditions/0/attribute"),
    (with_condition("in", attribute="country"), "/rules/0/conditions/0/values"),
    (with_condition("in", attribute="country", values=(None,)), "/rules/0/conditions/0/values/0"),
    (with_condition("in", attribute="country", values=("DE", ["FR"])), "/rules/0/conditions/0/values/1"),
    (with_condition("lessThan", attribute="age", values=("3",)), "/rules/0/conditions/0/values/0"),
    (with_condition("lessThan", attribute="age", values=(True,)), "/rules/0/conditions/0/values/0"),
    (with_condition("startsWith", attribute="name", values=(3,)), "/rules/0/conditions/0/values/0"),
    (with_condition("before", attribute="born", values=(True,)), "/rules/0/conditions/0/values/0"),
    (with_condition("versionLess", attribute="app", values=(2.3,)), "/rules/0/conditions/0/values/0"),
    (with_condition("lessThan", attribute="age", values=(3,), ignore_case=True), "/rules/0/conditions/0/ignoreCase"),
    (with_condition("exists", attribute="email", values=("x",)), "/rules/0/conditions/0/values"),
    (with_condition("in", attribute="a", values=("x",), value="x"), "/rules/0/conditions/0/value"),
    (with_condition("in", attribute="a", values=("x",), by="b"), "/rules/0/conditions/0/by"),
    (with_condition("in", attribute="a", values=("x",), salt="b"), "/rules/0/conditions/0/salt"),
    (with_condition("in", attribute="a", values=("x",), hash="sha256"), "/rules/0/conditions/0/hash"),
    (with_condition("in", attribute="a", values=("x",), from_=1), "/rules/0/conditions/0/from"),
    (with_condition("in", attribute="a", values=("x",), to=0), "/rules/0/conditions/0/to"),
    (with_condition("inSegment", values=("beta",), attribute="a"), "/rules/0/conditions/0/attribute"),
    (with_condition("inSegment"), "/rules/0/conditions/0/values"),
    (with_condition("inBucket", from_=0, to=1, attribute="a"), "/rules/0/conditions/0/attribute"),
    (with_condition("inBucket", from_=0, to=1, by=""), "/rules/0/conditions/0/by"),
    (with_condition("inBucket", from_=0, to=1, hash="murmur3"), "/rules/0/conditions/0/hash"),
    (with_condition("inBucket", from_=5, to=5), "/rules/0/conditions/0/from"),
    (with_condition("inBucket", from_=0, to=100_001), "/rules/0/conditions/0/from"),
    (with_condition("inBucket", from_=0.0, to=10.5), "/rules/0/conditions/0/from"),
    (with_condition("inBucket"), "/rules/0/conditions/0/from"),
    (with_condition("expression", value={}), "/rules/0/conditions/0/op"),
    ({"staleness": Staleness(0, Serve("off"))}, "/staleness/maxAgeS"),
    ({"staleness": Staleness(60, Serve("maybe"))}, "/staleness/serve/variation"),
    ({"staleness": Staleness(60, Serve())}, "/staleness/serve"),
    (
        {"staleness": Staleness(60, Serve(split=Split(HALF, experiment=Experiment("e", "layer"))))},
        "/staleness/serve/split/experiment/otherwise",
    ),
]


@pytest.mark.parametrize(("changes", "path"), FAULTS, ids=[f"{path}-{index}" for index, (_, path) in enumerate(FAULTS)])
def test_a_fault_of_a_flag_is_found_where_it_is(changes: dict[str, Any], path: str) -> None:
    assert paths(flag_problems(good_flag(**changes))) == [path]


def values(kind: str, *given: Json) -> Flag:
    variations = tuple(Variation(f"v{index}", value) for index, value in enumerate(given))
    return Flag("a", variations, on=True, fallthrough=Serve("v0"), salt="s", kind=kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "fit", "unfit"),
    [
        ("boolean", [True, False], [1, 0, "true", None, {}]),
        ("string", ["", "x"], [1, True, None, []]),
        ("number", [0, 1.5, -1], [True, "1", None, {}]),
        ("object", [{}, {"a": [1, None]}, []], ["x", 1, True, None]),
    ],
)
def test_values_are_of_the_kind_of_the_flag(kind: str, fit: list[Json], unfit: list[Json]) -> None:
    assert flag_problems(values(kind, *fit)) == []
    expected = [f"/variations/{index}/value" for index in range(len(unfit))]
    assert paths(flag_problems(values(kind, *unfit))) == expected


def test_variations_have_keys_of_their_own_and_there_is_one() -> None:
    assert paths(flag_problems(good_flag(variations=(*good_flag().variations, Variation("on", True))))) == [
        "/variations"
    ]
    assert "/variations" in paths(flag_problems(good_flag(variations=())))
    broken = flag_problems(
        good_flag(variations=(*good_flag().variations, Variation("", True), Variation("\x1f", True)))
    )
    assert paths(broken) == ["/variations/2/key", "/variations/3/key"]


def nested(depth: int) -> Json:
    value: Json = 1
    for _ in range(depth):
        value = [value]
    return value


def test_values_are_at_most_sixteen_deep() -> None:
    assert flag_problems(values("object", nested(16))) == []
    problems = flag_problems(values("object", nested(17)))
    assert paths(problems) == ["/variations/0/value" + "/0" * 16]
    assert paths(flag_problems(values("object", nested(5_000)))) == ["/variations/0/value" + "/0" * 16]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [float("nan")]}, "/variations/0/value/a/0"),
        ({"a": float("inf")}, "/variations/0/value/a"),
        ({"a": 2**53}, "/variations/0/value/a"),
        ({"a": -(10**5000)}, "/variations/0/value/a"),
        ({"a": "x\0y"}, "/variations/0/value/a"),
        ({"x\0y": 1}, "/variations/0/value"),
        ({"a": "\ud800"}, "/variations/0/value/a"),
    ],
)
def test_what_no_json_may_hold_is_refused(value: Json, path: str) -> None:
    assert paths(flag_problems(values("object", value))) == [path]


def test_nul_is_refused_in_every_string() -> None:
    def with_nul(change: Callable[[Flag], Flag]) -> list[str]:
        return paths(flag_problems(change(good_flag())))

    replace = msgspec.structs.replace
    rule = good_flag().rules[0]
    assert with_nul(lambda flag: replace(flag, rules=(replace(rule, description="a\0"),))) == ["/rules/0/description"]
    assert with_nul(lambda flag: replace(flag, targets=(Target(("a\0",), "on"),))) == ["/targets/0/values/0"]
    condition = Condition("in", attribute="a\0", values=("b\0",))
    found = with_nul(lambda flag: replace(flag, rules=(Rule("r", (condition,), Serve("on")),)))
    assert found == ["/rules/0/conditions/0/attribute", "/rules/0/conditions/0/values/0"]


def test_integers_up_to_two_to_the_fifty_third_less_one_are_accepted() -> None:
    assert flag_problems(values("number", 2**53 - 1, -(2**53) + 1)) == []


def test_sizes_and_counts_are_limited() -> None:
    rules = tuple(Rule(f"r{index}", (Condition("exists", attribute="a"),) * 3, Serve("on")) for index in range(3))
    flag = good_flag(rules=rules)
    assert paths(flag_problems(flag, limits=Limits(rules=2))) == ["/rules"]
    assert paths(flag_problems(flag, limits=Limits(conditions=2))) == [
        f"/rules/{index}/conditions" for index in range(3)
    ]
    assert paths(flag_problems(flag, limits=Limits(flag_bytes=100))) == [""]
    assert paths(flag_problems(values("string", "x" * 99), limits=Limits(value_bytes=100))) == ["/variations/0/value"]


def test_the_default_limits_are_those_of_the_design() -> None:
    assert paths(flag_problems(values("string", "x" * 65_534))) == []
    assert paths(flag_problems(values("string", "x" * 65_535))) == ["/variations/0/value"]
    targets = (Target(tuple(f"user-{number:06}" for number in range(20_000)), "on"),)
    assert paths(flag_problems(good_flag(targets=targets))) == [""]
    segment = good_segment(included=tuple(f"user-{number:06}" for number in range(20_000)))
    assert segment_problems(segment) == []


def test_imported_flags_have_the_freedoms_of_their_vendor() -> None:
    flag = good_flag(
        key="some key/ü",
        salt="a.b c",
        compat=Compat("unleash", "yggdrasil"),
        fallthrough=Serve(split=Split((Weight("on", 0.25), Weight("off", 0.75)), hash="murmur3", salt="a.b")),
        **with_condition("expression", value={"==": [1, {"var": "a"}]}),
    )
    assert flag_problems(flag) == []
    assert paths(flag_problems(msgspec.structs.replace(flag, key="a\nb"))) == ["/key"]
    assert paths(flag_problems(msgspec.structs.replace(flag, key=""))) == ["/key"]
    assert paths(flag_problems(msgspec.structs.replace(flag, key="a" * 257))) == ["/key"]
    negative = Serve(split=Split((Weight("on", -1),), hash="murmur3"))
    assert paths(flag_problems(msgspec.structs.replace(flag, fallthrough=negative))) == [
        "/fallthrough/split/weights/0/weight"
    ]


def test_an_imported_flag_without_a_dialect_has_its_own_key_and_our_conditions() -> None:
    flag = good_flag(key="some key", salt="", **with_condition("in", attribute="country"))
    assert paths(flag_problems(flag, imported=True)) == ["/rules/0/conditions/0/values"]
    assert segment_problems(good_segment(key="some key", salt="a.b"), imported=True) == []
    assert layer_problems(Layer("some key"), imported=True) == []


def test_a_stale_flag_may_serve_a_split() -> None:
    assert flag_problems(good_flag(staleness=Staleness(0.5, Serve(split=Split(HALF))))) == []


def test_an_unknown_operator_is_left_to_the_engine() -> None:
    assert flag_problems(good_flag(**with_condition("soundsLike", attribute="name"))) == []


def test_a_split_has_a_weight() -> None:
    assert paths(flag_problems(good_flag(fallthrough=Serve(split=Split(()))))) == ["/fallthrough/split/weights"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"key": "a b"}, "/key"),
        ({"salt": ""}, "/salt"),
        ({"hashed": True}, "/included/0"),
        ({"hashed": True, "included": ("0" * 64,), "excluded": ("A" * 64,)}, "/excluded/0"),
        ({"rules": (SegmentRule((Condition("inSegment", values=("beta",)),)),)}, "/rules/0/conditions/0/values"),
        ({"rules": (SegmentRule((Condition("in", attribute="a"),)),)}, "/rules/0/conditions/0/values"),
        ({"rules": (SegmentRule((), id="r"), SegmentRule((), id="r"))}, "/rules"),
        ({"rules": (SegmentRule(()),) * 101}, "/rules"),
        ({"included": ("a\0",)}, "/included/0"),
    ],
)
def test_a_fault_of_a_segment_is_found_where_it_is(changes: dict[str, Any], path: str) -> None:
    found = paths(segment_problems(good_segment(**changes)))
    assert found == ["/included/0", "/excluded/0"] if changes == {"hashed": True} else found == [path]


def test_an_imported_segment_has_the_conditions_of_its_dialect() -> None:
    rules = (SegmentRule((Condition("expression", value={}),)),)
    assert segment_problems(good_segment(key="a b", compat=Compat("a", "b"), rules=rules)) == []
    assert paths(segment_problems(good_segment(rules=rules))) == ["/rules/0/conditions/0/op"]


def test_a_segment_has_a_size() -> None:
    assert paths(segment_problems(good_segment(), limits=Limits(segment_bytes=50))) == [""]


@pytest.mark.parametrize(
    ("layer", "path"),
    [
        (Layer("a b", salt="s"), "/key"),
        (Layer("a"), "/salt"),
        (Layer("a", salt="s", by=""), "/by"),
        (Layer("a", salt="s", slots=(Slot(5, 5, "e"),)), "/slots/0"),
        (Layer("a", salt="s", slots=(Slot(-1, 5, "e"),)), "/slots/0"),
        (Layer("a", salt="s", slots=(Slot(0, 100_001, "e"),)), "/slots/0"),
        (Layer("a", salt="s", slots=(Slot(0, 5, ""),)), "/slots/0/experiment"),
        (Layer("a", salt="s", slots=(Slot(0, 5, "e"), Slot(4, 9, "f"))), "/slots/1"),
        (Layer("a", salt="s", slots=(Slot(4, 9, "e"), Slot(0, 5, "e"))), "/slots/1"),
    ],
)
def test_a_fault_of_a_layer_is_found_where_it_is(layer: Layer, path: str) -> None:
    assert paths(layer_problems(layer)) == [path]


def test_every_problem_is_reported_at_once() -> None:
    flag = good_flag(key="", salt="", off_variation="maybe", fallthrough=Serve())
    assert paths(flag_problems(flag)) == ["/key", "/salt", "/offVariation", "/fallthrough"]
