"""Explanations: one answer with the evaluation, and a reason for each step."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.bucketing import bucket
from pennon.engine import Explanation, Slice, Step, StepKind, compile_snapshot
from pennon.engine.operators import VALUE_OPERATORS
from pennon.model import ErrorCode, Snapshot
from tests.unit.engine.build import flag, inside, layer, needs, rule, segment, snapshot, split, when


def _explained(model: Snapshot, context: Any = None, key: str = "f") -> Explanation:
    rules = compile_snapshot(model, counted=True)
    explanation = rules.explain(key, {} if context is None else context, "mine")
    assert list(rules.counts()) == []
    assert explanation.evaluation == rules.evaluate(key, {} if context is None else context, "mine")
    return explanation


def _outline(steps: tuple[Step, ...]) -> list[tuple[str, str, bool | None]]:
    return [(step.what.value, step.path, step.matched) for step in steps]


def _find(steps: tuple[Step, ...], path: str) -> Step:
    (found,) = [step for step in steps if step.path == path]
    return found


def test_every_part_of_a_flag_is_a_step_in_the_order_of_evaluation() -> None:
    model = snapshot(
        flag(
            prerequisites=[needs("p")],
            targets=[{"values": ["u1"], "variation": "on"}],
            rules=[rule(when("country", "in", "DE"), key="r1"), rule(key="r2"), rule(key="r3")],
        ),
        flag("p", fallthrough={"variation": "on"}),
    )
    explanation = _explained(model, {"targetingKey": "u2", "country": "FR"})
    assert explanation.flag == "f"
    assert _outline(explanation.steps) == [
        ("off", "/on", False),
        ("prerequisite", "/prerequisites/0", True),
        ("target", "/targets/0", False),
        ("rule", "/rules/0", False),
        ("rule", "/rules/1", True),
        ("rule", "/rules/2", None),
        ("fallthrough", "/fallthrough", None),
    ]
    assert [step.why for step in explanation.steps] == [
        "the flag is on",
        'the flag "p" serves "on"; it must serve "on"',
        'targetingKey "u2" is not listed',
        'country "FR" is not among "DE"',
        "it has no conditions, so it matches everybody",
        "not reached",
        "not reached",
    ]


def test_a_flag_that_is_off_reaches_nothing_else() -> None:
    explanation = _explained(snapshot(flag(on=False, prerequisites=[needs("p")], rules=[rule()])))
    assert [step.matched for step in explanation.steps] == [True, None, None, None]
    assert explanation.steps[0].why == 'the flag is off, so it serves "off"'
    assert _explained(snapshot(flag(on=False, offVariation=None))).steps[0].why.endswith("the caller's default")


@pytest.mark.parametrize(
    ("required", "why"),
    [
        (flag("p", on=False), 'the flag "p" is off, and an off flag meets no prerequisite'),
        (flag("p"), 'the flag "p" serves "off"; it must serve "on"'),
        (flag("q"), 'the flag "p" does not exist or is broken; it must serve "on"'),
        ({"key": "p"}, 'the flag "p" does not exist or is broken; it must serve "on"'),
        (
            flag("p", fallthrough=split(("on", 100_000))),
            'the flag "p" answers an error or no variation; it must serve "on"',
        ),
    ],
)
def test_a_prerequisite_that_is_not_met_says_why_and_ends_it(required: dict[str, Any], why: str) -> None:
    explanation = _explained(snapshot(flag(prerequisites=[needs("p"), needs("p")], rules=[rule()]), required))
    first, second, ruled = explanation.steps[1:4]
    assert (first.matched, first.why) == (False, why)
    assert (second.matched, ruled.matched) == (None, None)


def test_a_prerequisite_is_explained_within_and_only_once() -> None:
    model = snapshot(
        flag(prerequisites=[needs("p"), needs("q")]),
        flag("p", prerequisites=[needs("q")], fallthrough={"variation": "on"}),
        flag("q", rules=[rule(when("a", "exists"))]),
    )
    steps = _explained(model, {"a": 1}).steps
    within = steps[1].steps
    assert _outline(within) == [
        ("off", "/on", False),
        ("prerequisite", "/prerequisites/0", True),
        ("fallthrough", "/fallthrough", True),
    ]
    assert _outline(within[1].steps)[1] == ("rule", "/rules/0", True)
    assert (steps[2].matched, steps[2].steps) == (True, ())


def test_a_target_that_matches_says_so() -> None:
    model = snapshot(flag(targets=[{"values": ["u1"], "variation": "on"}, {"values": ["u1"], "variation": "off"}]))
    matched, later = _explained(model, {"targetingKey": "u1"}).steps[1:3]
    assert (matched.why, matched.variation, matched.found) == ('targetingKey "u1" is listed', "on", "u1")
    assert later.matched is None
    assert _explained(model).steps[1].why == "targetingKey is missing"


@pytest.mark.parametrize(
    ("condition", "context", "why"),
    [
        (when("a", "in", "x"), {"a": "x"}, 'a "x" is among "x"'),
        (when("a", "in", "x", negate=True), {"a": "x"}, 'a "x" is among "x"'),
        (when("a", "startsWith", "x"), {"a": 5}, "a 5 is of a type that startsWith does not take: it takes strings"),
        (
            when("a", "versionLess", "2"),
            {"a": "x"},
            'a "x" is of a type that versionLess does not take: it takes versions',
        ),
        (when("a", "lessThan", 5), {}, "a is missing"),
        (when("a", "in", "x"), {"a": ["y", "x"]}, 'a an array is among "x"'),
        (when("a", "exists"), {}, "a is missing"),
        (when("a", "exists", negate=True), {"a": 1}, "a is there: 1"),
        (when("/a/b", "exists"), {"a": {"b": 1}}, "/a/b is there: 1"),
        (
            {"op": "inBucket", "from": 0, "to": 100_000},
            {"targetingKey": "u"},
            'the bucket of "u" is in [0, 100000)',
        ),
        (
            {"op": "inBucket", "from": 0, "to": 100_000, "negate": True},
            {"targetingKey": "u"},
            'the bucket of "u" is in [0, 100000)',
        ),
        ({"op": "inBucket", "by": "id", "from": 0, "to": 0}, {}, "id is missing, so it has no bucket"),
        (inside("s"), {}, 'the context is in none of "s"'),
        (inside("s", negate=True), {}, 'the context is in none of "s"'),
        (inside("s"), {"a": 1}, 'the context is in "s"'),
    ],
)
def test_a_condition_says_what_was_found(condition: dict[str, Any], context: dict[str, Any], why: str) -> None:
    model = snapshot(flag(rules=[rule(condition)]), segments=(segment("s", when("a", "exists")),))
    (step,) = _find(_explained(model, context).steps, "/rules/0").steps
    assert (step.what, step.path, step.op) == (StepKind.CONDITION, "/rules/0/conditions/0", condition["op"])
    assert step.why == why


def test_conditions_behind_a_failure_are_explained_too() -> None:
    conditions = when("a", "exists"), when("b", "exists"), when("c", "exists")
    ruled = _find(_explained(snapshot(flag(rules=[rule(*conditions)])), {"b": 1}).steps, "/rules/0")
    assert [step.matched for step in ruled.steps] == [False, True, False]
    assert ruled.why == "a is missing; c is missing"


def test_a_segment_is_explained_within_and_only_once() -> None:
    members = segment("s", when("plan", "in", "pro"), included=["u9"], excluded=["u8"])
    model = snapshot(flag(rules=[rule(inside("s"), when("x", "exists")), rule(inside("s"))]), segments=(members,))

    def within(context: dict[str, Any], path: str = "/rules/0") -> Step:
        return _find(_explained(model, context).steps, path).steps[0].steps[0]

    assert within({"targetingKey": "u9"}).why == "the targeting key is included"
    assert within({"targetingKey": "u8", "plan": "pro"}).why == "the targeting key is excluded"
    assert within({"plan": "pro"}).why == "its rule at /rules/0 holds"
    assert within({}).why == "neither its lists nor its rules have the context"
    assert within({}, "/rules/1").why == "neither its lists nor its rules have the context"
    again = within({"plan": "pro"}, "/rules/1")
    assert (again.why, again.matched, again.steps) == ("as explained above", True, ())
    assert _outline(within({"targetingKey": "u1"}).steps) == [
        ("list", "/included", False),
        ("list", "/excluded", False),
        ("rule", "/rules/0", False),
    ]


def test_a_split_shows_bucket_and_slices() -> None:
    item = flag("checkout", rules=[rule(serve=split(("on", 20_846), ("off", 79_154)))])
    ruled = _find(_explained(snapshot(item), {"targetingKey": "user-2"}, "checkout").steps, "/rules/0")
    assert ruled.matched
    assert ruled.steps == (
        Step(
            what=StepKind.SPLIT,
            matched=True,
            why='targetingKey "user-2" has bucket 20845, in [0, 20846) of "on"',
            path="/rules/0/serve/split/by",
            attribute="targetingKey",
            variation="on",
            unit="user-2",
            bucket=20_845,
            slices=(
                Slice(from_=0, to=20_846, variation="on"),
                Slice(from_=20_846, to=100_000, variation="off"),
            ),
        ),
    )


def test_a_split_without_its_unit_shows_where_it_failed() -> None:
    explanation = _explained(snapshot(flag(rules=[rule(serve=split(("on", 100_000))), rule(key="r2")])))
    ruled, later, fallthrough, error = explanation.steps[1:]
    assert (ruled.matched, ruled.steps[0].matched) == (True, False)
    assert ruled.steps[0].why == "targetingKey is missing, or neither a string nor an integer"
    assert (later.matched, fallthrough.matched) == (None, None)
    assert (error.what, error.why.split(":")[0]) == (StepKind.ERROR, "TARGETING_KEY_MISSING")


def test_a_place_in_a_layer_says_whose_it_is() -> None:
    serve = split(("on", 100_000), experiment={"key": "e", "layer": "l", "otherwise": "off"})
    place = bucket("q8", "l", "u")

    def ruled(owner: str) -> Step:
        model = snapshot(flag(rules=[rule(serve=serve)]), layers=(layer("l", (0, 100_000, owner)),))
        return _find(_explained(model, {"targetingKey": "u"}).steps, "/rules/0")

    assert ruled("x").matched is False
    assert ruled("x").why == f'place {place} of the layer "l" is not owned by "e"'
    assert [step.what for step in ruled("e").steps] == [StepKind.LAYER, StepKind.SPLIT]
    assert ruled("e").steps[0].bucket == place


def test_a_layer_without_its_unit_shows_where_it_failed() -> None:
    serve = split(("on", 100_000), experiment={"key": "e", "layer": "l", "otherwise": "off"})
    model = snapshot(flag(fallthrough=serve), layers=(layer("l", by="org"),))
    fallthrough = _find(_explained(model, {"targetingKey": "u"}).steps, "/fallthrough")
    (step,) = fallthrough.steps
    assert (step.what, step.matched) == (StepKind.LAYER, False)
    assert step.why == "org is missing, or neither a string nor an integer"


def test_the_fallthrough_says_that_nothing_matched() -> None:
    bare = _explained(snapshot(flag(fallthrough=split(("on", 100_000)))), {"targetingKey": "u"}).steps[-1]
    assert (bare.why, bare.steps[0].what) == ("there are no targets and no rules", StepKind.SPLIT)
    ruled = _explained(snapshot(flag(rules=[rule(when("a", "exists"))]))).steps[-1]
    assert (ruled.why, ruled.variation) == ("no target and no rule matched", "off")


def test_staleness_comes_before_all_else() -> None:
    staleness = {"maxAgeS": 60, "serve": split(("on", 100_000))}
    rules = compile_snapshot(snapshot(flag(staleness=staleness))).aged(61)
    (step,) = rules.explain("f", {"targetingKey": "u"}).steps
    assert (step.what, step.variation) == (StepKind.STALENESS, "on")
    assert step.why == "the state is older than the flag's bound of 60 s"
    assert [inner.what for inner in step.steps] == [StepKind.SPLIT]
    stale, error = rules.explain("f", {}).steps
    assert (stale.what, error.what) == (StepKind.STALENESS, StepKind.ERROR)


@pytest.mark.parametrize(
    ("key", "context", "code"),
    [
        ("gone", {}, ErrorCode.FLAG_NOT_FOUND),
        ("broken", {}, ErrorCode.PARSE_ERROR),
        ("f", 5, ErrorCode.INVALID_CONTEXT),
    ],
)
def test_an_error_is_the_only_step_where_nothing_was_evaluated(key: str, context: Any, code: ErrorCode) -> None:
    explanation = _explained(snapshot(flag(), flag("broken", needs=["magic"])), context, key)
    (step,) = explanation.steps
    assert step.what is StepKind.ERROR
    assert step.why == f"{code}: {explanation.evaluation.error_message}"


class Unequal:
    """Collides with an attribute's name, and raises when compared with it."""

    def __init__(self, name: str) -> None:
        self._hash = hash(name)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


def test_a_context_that_acts_up_shows_where() -> None:
    rules = compile_snapshot(snapshot(flag(rules=[rule(when("a", "exists")), rule(when("b", "exists"))])))
    context: dict[Any, Any] = {Unequal("b"): 1}
    explanation = rules.explain("f", context)
    assert explanation.evaluation == rules.evaluate("f", context)
    assert [step.matched for step in explanation.steps] == [False, False, False, None, True]
    assert explanation.steps[2].why == "reading the context failed here"


def test_a_context_that_acts_up_behind_a_failure_changes_nothing() -> None:
    rules = compile_snapshot(snapshot(flag(rules=[rule(when("a", "exists"), when("b", "exists"))])))
    context: dict[Any, Any] = {Unequal("b"): 1}
    explanation = rules.explain("f", context)
    assert explanation.evaluation == rules.evaluate("f", context)
    assert explanation.evaluation.error_code is None
    conditions = _find(explanation.steps, "/rules/0").steps
    assert [step.why for step in conditions] == ["a is missing", "reading the context failed here"]


def test_an_explanation_travels_as_json() -> None:
    model = snapshot(flag(rules=[rule(when("a", "in", "x"), serve=split(("on", 100_000)))]))
    explanation = _explained(model, {"a": "x", "targetingKey": "u"})
    document = msgspec.json.decode(msgspec.json.encode(explanation))
    assert document["steps"][1]["steps"][1]["slices"] == [{"from": 0, "to": 100_000, "variation": "on"}]
    assert document["evaluation"]["ruleId"] == "r1"


LITERALS: dict[str, Any] = {"matches": "a", "before": 0, "after": 0, "inCidr": "::/0"}
LITERALS |= {op: 1 for op in VALUE_OPERATORS if op.startswith(("less", "greater"))}
CONDITIONS = st.one_of(
    st.builds(
        lambda op, negate: when("a", op, LITERALS.get(op, "1"), negate=negate),
        st.sampled_from([*sorted(VALUE_OPERATORS), "exists"]),
        st.booleans(),
    ),
    st.builds(lambda key, negate: inside(key, negate=negate), st.sampled_from(["s", "t", "u"]), st.booleans()),
    st.builds(lambda end: {"op": "inBucket", "from": 0, "to": end}, st.integers(0, 100_000)),
)
SERVES = st.sampled_from(
    [
        "on",
        "off",
        split(("on", 50_000), ("off", 50_000)),
        split(("on", 100_000), by="a"),
        split(("on", 100_000), experiment={"key": "e", "layer": "l", "otherwise": "off"}),
    ]
)
RULES = st.lists(
    st.builds(lambda conditions, serve: rule(*conditions, serve=serve), st.lists(CONDITIONS, max_size=3), SERVES),
    max_size=3,
)
FLAGS = st.builds(
    lambda on, rules, serve, needed: {
        "on": on,
        "rules": rules,
        "fallthrough": {"variation": serve} if isinstance(serve, str) else serve,
        "prerequisites": [needs(key, "on", "off") for key in needed],
        "targets": [{"attribute": "a", "values": ["2"], "variation": "on"}],
    },
    st.booleans(),
    RULES,
    SERVES,
    st.lists(st.sampled_from(["f1", "f2", "gone"]), max_size=2),
)
CONTEXTS = st.dictionaries(
    st.sampled_from(["a", "targetingKey"]),
    st.one_of(
        st.sampled_from(["1", "2", "a", "::1", 0, 1, 2, None, True, 0.5]),
        st.lists(st.sampled_from(["1", 2]), max_size=2),
    ),
)


@given(FLAGS, FLAGS, FLAGS, CONTEXTS)
def test_an_explanation_and_an_evaluation_are_of_one_answer(
    first: dict[str, Any], second: dict[str, Any], third: dict[str, Any], context: dict[str, Any]
) -> None:
    third = third | {"prerequisites": []}
    second = second | {"prerequisites": [each for each in second["prerequisites"] if each["flag"] != "f1"]}
    model = snapshot(
        flag("f0", **first),
        flag("f1", **second),
        flag("f2", **third),
        segments=(segment("s", when("a", "exists"), included=["1"]), segment("t", inside("s"), excluded=["a"])),
        layers=(layer("l", (0, 50_000, "e")),),
    )
    rules = compile_snapshot(model)
    explanation = rules.explain("f0", context)
    assert explanation.evaluation == rules.evaluate("f0", context)
    msgspec.json.encode(explanation)
    decisive = [step for step in explanation.steps if step.matched and step.what is not StepKind.PREREQUISITE]
    evaluation = explanation.evaluation
    if evaluation.rule_id is not None:
        assert [step.key for step in decisive] == [evaluation.rule_id]
    if evaluation.error_code is None:
        assert len(decisive) == (0 if evaluation.reason == "PREREQUISITE_FAILED" else 1)
