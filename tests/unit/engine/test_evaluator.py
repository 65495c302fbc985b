"""Rule sets: they answer whatever they are asked, and give way to later ones."""

import dataclasses
import math
import threading
from collections import ChainMap, OrderedDict, UserDict
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.engine import Count, ExposureSite, RuleSet, compile_snapshot
from pennon.engine.operators import VALUE_OPERATORS
from pennon.model import ErrorCode, Evaluation, Reason, Snapshot
from tests.unit.engine.build import flag, inside, layer, needs, rule, segment, snapshot, split, when

GERMANY = when("country", "in", "DE")


def _rules(*flags: dict[str, Any], **items: Any) -> RuleSet:
    return compile_snapshot(snapshot(*flags, **items))


def test_rules_know_their_snapshot() -> None:
    model = snapshot(flag("a", kind="boolean"), {"key": "broken"}, revision=9)
    rules = compile_snapshot(model)
    assert (rules.snapshot, rules.revision, rules.epoch) == (model, 9, 1)
    assert set(rules.flag_keys()) == {"a", "broken"}
    assert [rules.kind(key) for key in ("a", "broken", "gone")] == ["boolean", None, None]


def test_dependencies_are_everything_that_an_answer_depends_on() -> None:
    rules = _rules(flag("a", prerequisites=[needs("b")]), flag("b", rules=[rule(inside("s"))]))
    assert rules.dependencies("a") == {("flag", "b"), ("segment", "s")}
    assert rules.dependencies("gone") == frozenset()


def test_flags_affected_by_a_change_are_those_changed_and_those_that_need_them() -> None:
    rules = _rules(flag("a", prerequisites=[needs("b")]), flag("b", rules=[rule(inside("s"))]), flag("c"))
    assert rules.affected_by([("segment", "s")]) == {"a", "b"}
    assert rules.affected_by([("flag", "c"), ("flag", "gone")]) == {"c", "gone"}
    changed = snapshot(flag("a", prerequisites=[needs("b")]), flag("b"), flag("c", rules=[rule(inside("s"))]))
    later = rules.advanced(changed, [("flag", "b"), ("flag", "c")])
    assert later.affected_by([("segment", "s")]) == {"c"}
    assert later.affected_by([("flag", "b")]) == {"a", "b"}


def test_an_unknown_flag_serves_the_callers_default() -> None:
    expected = Evaluation(
        value=7,
        variation=None,
        reason=Reason.ERROR,
        error_code=ErrorCode.FLAG_NOT_FOUND,
        error_message="there is no flag 'gone'",
    )
    assert _rules().evaluate("gone", {}, 7) == expected
    assert _rules().evaluate("gone", 5, 7) == expected  # type: ignore[arg-type]


def test_keys_may_be_of_a_subclass_of_str() -> None:
    class Flags(StrEnum):
        CHECKOUT = "checkout"

    assert _rules(flag("checkout")).evaluate(Flags.CHECKOUT, {}).reason is Reason.FALLTHROUGH


@pytest.mark.parametrize(
    "make",
    [
        dict,
        OrderedDict,
        MappingProxyType,
        ChainMap,
        UserDict,
        type("Own", (dict,), {"get": None}),
    ],
)
def test_any_mapping_is_a_context(make: Any) -> None:
    rules = _rules(flag(rules=[rule(GERMANY)]))
    assert rules.evaluate("f", make({"country": "DE"})).variation == "on"


@pytest.mark.parametrize("context", [None, 5, "country", ["country"], [("country", "DE")], {"country"}, object(), dict])
def test_what_is_no_mapping_is_no_context(context: Any) -> None:
    result = _rules(flag(version=3), flag("broken", needs=["magic"])).evaluate("f", context, "mine")
    assert (result.value, result.error_code, result.flag_version) == ("mine", ErrorCode.INVALID_CONTEXT, 3)
    assert _rules(flag(needs=["magic"])).evaluate("f", context).error_code is ErrorCode.PARSE_ERROR


class Hostile:
    """Raises whatever is done to it."""

    def _raise(self, *_: Any) -> Any:
        raise RuntimeError("touched")

    __eq__ = __str__ = __repr__ = __len__ = __iter__ = __bool__ = __getattr__ = _raise
    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __float__ = __int__ = __index__ = _raise

    def __hash__(self) -> int:
        return hash("country")


class Unreadable(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise OSError(key)

    def __iter__(self) -> Iterator[str]:
        raise OSError("gone")

    def __len__(self) -> int:
        return 1


def test_a_context_that_raises_is_an_error_with_its_kind() -> None:
    rules = compile_snapshot(snapshot(flag(rules=[rule(GERMANY)], version=3)), counted=True)
    result = rules.evaluate("f", {Hostile(): 1}, "mine")  # type: ignore[dict-item]
    assert (result.value, result.error_code, result.flag_version) == ("mine", ErrorCode.GENERAL, 3)
    assert result.error_message == "RuntimeError while reading the context"
    assert rules.evaluate("f", Unreadable()).error_code is ErrorCode.GENERAL
    assert list(rules.counts()) == [Count(flag="f", version=3, variation=None, reason=Reason.ERROR, count=2)]


def test_a_key_that_is_no_string_is_an_error() -> None:
    keys: list[Any] = [None, 5, ["f"], b"f", Hostile()]
    for key in keys:
        result = _rules(flag()).evaluate(key, {}, "mine")
        assert (result.value, result.reason) == ("mine", Reason.ERROR)


def _everything() -> Snapshot:
    """A snapshot in which each operator asks the attribute "a", and the rest of the model is there too."""
    literals: dict[str, Any] = {
        "matches": "a+",
        "before": 0,
        "after": "2024-01-01T00:00:00Z",
        "inCidr": "10.0.0.0/8",
        **{op: 1 for op in VALUE_OPERATORS if op.startswith(("less", "greater"))},
    }
    flags = [
        flag(
            f"{op}-{negate}-{case}",
            rules=[rule(when("a", op, literals.get(op, "1.0"), negate=negate, ignoreCase=case))],
        )
        for op in sorted(VALUE_OPERATORS)
        for negate in (False, True)
        for case in (False, True)
    ]
    in_layer = split(("on", 100_000), by="a", experiment={"key": "e", "layer": "l", "otherwise": "off"})
    return snapshot(
        *flags,
        flag("split", fallthrough=split(("on", 50_000), ("off", 50_000), by="a")),
        flag("layer", fallthrough=in_layer),
        flag("share", rules=[rule({"op": "inBucket", "by": "a", "from": 0, "to": 50_000})]),
        flag("target", targets=[{"attribute": "a", "values": ["x"], "variation": "on"}]),
        flag("pointer", rules=[rule(when("/a/0/b", "exists"), inside("s", negate=True))]),
        flag("segment", prerequisites=[needs("pointer", "on", "off")], rules=[rule(inside("s"), inside("s"))]),
        segments=(segment("s", when("a", "in", 1), included=["x"], excluded=["y"]),),
        layers=(layer("l", (0, 50_000, "e"), by="a"),),
    )


EVERYTHING = _everything()
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters(codec=None, exclude_categories=())),
        st.sampled_from(["1.0", "10.1.1.1", "2024-01-01T00:00:00Z", 2**53, 10**400, "x"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(JSON, JSON, st.sampled_from(sorted(EVERYTHING.flags)))
def test_evaluation_answers_any_json_context_without_an_unforeseen_error(a: Any, key: Any, name: str) -> None:
    context = {"a": a, "targetingKey": key}
    result = compile_snapshot(EVERYTHING).evaluate(name, context)
    assert result.error_code in {None, ErrorCode.TARGETING_KEY_MISSING}


def _odd_values() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    loop: dict[str, Any] = {}
    loop["b"] = loop
    text = type("Text", (str,), dict.fromkeys(("__str__", "__eq__", "lower", "encode", "__hash__"), Hostile._raise))
    number = type("Number", (int,), dict.fromkeys(("__int__", "__eq__", "__lt__", "__float__"), Hostile._raise))
    array = type("Array", (list,), {"__iter__": Hostile._raise, "__len__": Hostile._raise})
    return [
        circle,
        loop,
        [loop],
        Hostile(),
        [Hostile()],
        Hostile,
        text("x"),
        number(5),
        array([1, "x"]),
        10**5000,
        -(10**400),
        math.nan,
        -math.inf,
        "\ud800",
        ["\udfff" * 10],
        b"x",
        object(),
        lambda: None,
        {1, 2},
        range(3),
        dataclasses.make_dataclass("D", ["x"])(1),
        "9." * 50_000,
        "a" * 100_000,
    ]


@pytest.mark.parametrize("index", range(len(_odd_values())))
def test_evaluation_never_raises_on_any_value(index: int) -> None:
    value = _odd_values()[index]
    rules = compile_snapshot(EVERYTHING)
    contexts: list[Any] = [value, {"a": value}, {"targetingKey": value}, {"a": [value, value]}]
    for name in EVERYTHING.flags:
        for context in contexts:
            assert type(rules.evaluate(name, context, value)) is Evaluation


def test_a_key_that_acts_up_spoils_only_its_own_lookups() -> None:
    context: dict[Any, Any] = {1: "one", None: 2, Hostile(): 3, "plan": "pro"}
    rules = _rules(flag("a", rules=[rule(when("plan", "in", "pro"))]), flag("b", rules=[rule(GERMANY)]))
    assert rules.evaluate("a", context).variation == "on"
    assert rules.evaluate("b", context).error_code is ErrorCode.GENERAL


def test_a_delta_changes_what_depends_on_it_and_keeps_the_rest() -> None:
    before = snapshot(
        flag("top", prerequisites=[needs("middle")], fallthrough={"variation": "on"}),
        flag("middle", rules=[rule(inside("s"))]),
        flag("aside"),
        segments=(segment("s"),),
    )
    rules = compile_snapshot(before)
    old = {key: rules.evaluate(key, {}) for key in before.flags}
    after = snapshot(
        flag("top", prerequisites=[needs("middle")], fallthrough={"variation": "on"}),
        flag("middle", rules=[rule(inside("s"))]),
        flag("aside"),
        segments=(segment("s") | {"rules": [{"conditions": []}]},),
        revision=8,
    )
    later = rules.advanced(after, [("segment", "s")])
    assert (later.revision, rules.revision) == (8, 7)
    assert later.evaluate("top", {}).reason is Reason.FALLTHROUGH
    assert later.evaluate("middle", {}).variation == "on"
    assert later.evaluate("aside", {}) is old["aside"]
    assert {key: rules.evaluate(key, {}) for key in before.flags} == old


def test_flags_come_change_and_go() -> None:
    rules = _rules(flag("a"), flag("user", prerequisites=[needs("new")], fallthrough={"variation": "on"}))
    assert rules.evaluate("new", {}).error_code is ErrorCode.FLAG_NOT_FOUND
    assert rules.evaluate("user", {}).reason is Reason.PREREQUISITE_FAILED
    assert rules.evaluate("a", {}).variation == "off"
    user = flag("user", prerequisites=[needs("new")], fallthrough={"variation": "on"})
    changed = snapshot(flag("a", fallthrough={"variation": "on"}), flag("new", fallthrough={"variation": "on"}), user)
    rules = rules.advanced(changed, [("flag", "a"), ("flag", "new")])
    assert [rules.evaluate(key, {}).variation for key in ("a", "new", "user")] == ["on", "on", "on"]
    rules = rules.advanced(snapshot(user), [("flag", "a"), ("flag", "new")])
    assert [rules.evaluate(key, {}).error_code for key in ("a", "new")] == [ErrorCode.FLAG_NOT_FOUND] * 2
    assert rules.evaluate("user", {}).reason is Reason.PREREQUISITE_FAILED


def test_a_whole_new_snapshot_leaves_nothing_behind_but_the_counts() -> None:
    rules = compile_snapshot(snapshot(flag(version=1)), counted=True)
    rules.evaluate("f", {})
    later = rules.advanced(snapshot(flag(version=2, fallthrough={"variation": "on"})))
    assert later.evaluate("f", {}).variation == "on"
    assert [(count.version, count.count) for count in later.counts()] == [(1, 1), (2, 1)]


def test_counts_go_on_through_deltas_that_leave_the_version_alone() -> None:
    item = flag(rules=[rule(inside("s"))])
    rules = compile_snapshot(snapshot(item, segments=(segment("s"),)), counted=True)
    rules.evaluate("f", {})
    later = rules.advanced(snapshot(item, segments=(segment("s", when("a", "exists")),)), [("segment", "s")])
    later.evaluate("f", {})
    rules.evaluate("f", {})
    assert [count.count for count in later.counts()] == [3]
    changed = later.advanced(snapshot(flag(version=2)), [("flag", "f")])
    changed.evaluate("f", {})
    assert [(count.version, count.count) for count in changed.counts()] == [(1, 3), (2, 1)]
    assert list(changed.advanced(snapshot(), [("flag", "f")]).counts()) == list(changed.counts())


BOUNDED = flag("bounded", staleness={"maxAgeS": 60, "serve": {"variation": "on"}})


def test_rules_age() -> None:
    rules = _rules(
        BOUNDED, flag("free"), flag("user", prerequisites=[needs("bounded")], fallthrough={"variation": "on"})
    )
    assert rules.next_staleness(0) == 60
    assert rules.aged(59) is rules
    assert rules.evaluate("user", {}).reason is Reason.PREREQUISITE_FAILED
    fresh = rules.evaluate("free", {})
    stale = rules.aged(61)
    assert stale.evaluate("bounded", {}).reason is Reason.STALE
    assert stale.evaluate("user", {}).reason is Reason.FALLTHROUGH
    assert stale.evaluate("free", {}) is fresh
    assert stale.next_staleness(61) is None
    assert stale.aged(70) is stale
    assert stale.aged(0).evaluate("bounded", {}).reason is Reason.FALLTHROUGH


def test_a_delta_on_aged_rules_keeps_their_age() -> None:
    stale = _rules(BOUNDED, flag("new")).aged(61)
    shorter = flag("new", staleness={"maxAgeS": 5, "serve": {"variation": "on"}})
    later = stale.advanced(snapshot(BOUNDED, shorter), [("flag", "new")])
    assert [later.evaluate(key, {}).reason for key in ("bounded", "new")] == [Reason.STALE] * 2
    assert stale.advanced(snapshot(BOUNDED)).evaluate("bounded", {}).reason is Reason.STALE


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["flag", "segment"]), st.integers(0, 5)), max_size=6))
def test_deltas_add_up_to_what_the_last_snapshot_says(changes: list[tuple[int, Any, int]]) -> None:
    """Whatever was asked in between: rules that advanced answer as rules that were compiled at the end."""
    flags = {
        i: flag(f"f{i}", prerequisites=[needs(f"f{i + 1}", "on", "off")], rules=[rule(inside(f"s{i}"))])
        for i in range(6)
    }
    segments = {i: segment(f"s{i}", when("a", "exists")) for i in range(6)}
    context = {"a": 1}
    rules = compile_snapshot(snapshot(*flags.values(), segments=tuple(segments.values())))
    for number, kind, what in changes:
        for key in flags:
            rules.evaluate(f"f{key}", context)
        if kind == "flag":
            flags[number] = flags[number] | {"on": bool(what % 2), "rules": [rule(inside(f"s{what}"))]}
        else:
            segments[number] = segment(f"s{number}", when("ab"[what % 2], "exists"), included=["u"])
        model = snapshot(*flags.values(), segments=tuple(segments.values()))
        rules = rules.advanced(model, [(kind, f"{kind[0]}{number}")])
    fresh = compile_snapshot(rules.snapshot)
    assert [rules.evaluate(f"f{i}", context) for i in range(7)] == [fresh.evaluate(f"f{i}", context) for i in range(7)]


def test_rules_give_way_under_threads_that_evaluate() -> None:
    """Each rule set that a thread takes answers for its own revision, however the next ones come to be meanwhile."""
    models = [
        snapshot(
            flag("top", prerequisites=[needs("f")], fallthrough={"variation": "on"}),
            flag(rules=[rule(inside("s"))]),
            segments=(segment("s") | {"rules": [{"conditions": []}] if revision % 2 else []},),
            revision=revision,
        )
        for revision in range(200)
    ]
    current = [compile_snapshot(models[0], counted=True)]
    asked = [0, 0, 0]
    wrong: list[int] = []

    def ask(number: int) -> None:
        while current[0].revision < 199:
            rules = current[0]
            expected = "on" if rules.revision % 2 else "off"
            if {rules.evaluate(key, {}).variation for key in ("f", "top")} != {expected}:
                wrong.append(rules.revision)
            asked[number] += 2

    threads = [threading.Thread(target=ask, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for model in models[1:]:
        current[0] = current[0].advanced(model, [("segment", "s")])
    for thread in threads:
        thread.join(timeout=60)
    assert wrong == []
    assert sum(count.count for count in current[0].counts()) == sum(asked)


def test_asking_for_a_flag_compiles_that_flag_and_what_it_needs() -> None:
    flags = [flag("a"), flag("b", prerequisites=[needs("c")]), flag("c"), flag("d")]
    rules = compile_snapshot(snapshot(*flags))
    compiled = [set(rules.functions)]
    for key in ("a", "b", "gone", "a"):
        rules.evaluate(key, {})
        compiled.append(set(rules.functions))
    assert compiled == [set(), {"a"}, {"a", "b"}, {"a", "b"}, {"a", "b"}]


def test_uncounted_rules_answer_the_same_and_tell_nobody() -> None:
    told: list[ExposureSite] = []
    item = flag(exposures="all", fallthrough={"variation": "on"})
    rules = compile_snapshot(snapshot(item), counted=True, exposed=lambda site, context: told.append(site))
    quiet = rules.uncounted()
    assert quiet.evaluate("f", {}) == rules.evaluate("f", {})
    assert (len(told), [count.count for count in rules.counts()], list(quiet.counts())) == (1, [1], [])
