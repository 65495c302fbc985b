"""From flags to functions: the order of evaluation, prerequisites, staleness, and flags that are broken."""

from typing import Any

import pytest

from pennon.engine import compile_snapshot
from pennon.model import ErrorCode, Evaluation, Reason, Snapshot
from tests.unit.engine.build import BOOLEAN, flag, inside, needs, rule, segment, snapshot, split, when


def _evaluated(model: Snapshot, context: dict[str, Any] | None = None, key: str = "f") -> Evaluation:
    return compile_snapshot(model).evaluate(key, context or {})


def _error(model: Snapshot, key: str = "f") -> str:
    result = _evaluated(model, key=key)
    assert (result.reason, result.error_code) == (Reason.ERROR, ErrorCode.PARSE_ERROR)
    return result.error_message or ""


def test_off_comes_before_prerequisites_before_targets_before_rules_before_the_fallthrough() -> None:
    everything: dict[str, Any] = {
        "prerequisites": [needs("p")],
        "targets": [{"values": ["u"], "variation": "on"}],
        "rules": [rule(when("a", "exists"), serve="on")],
    }
    met, unmet = flag("p", fallthrough={"variation": "on"}), flag("p")
    context = {"targetingKey": "u", "a": 1}
    reasons = [
        _evaluated(snapshot(flag(on=False, **everything), met), context).reason,
        _evaluated(snapshot(flag(**everything), unmet), context).reason,
        _evaluated(snapshot(flag(**everything), met), context).reason,
        _evaluated(snapshot(flag(**everything), met), {"a": 1}).reason,
        _evaluated(snapshot(flag(**everything), met), {}).reason,
    ]
    assert reasons == [
        Reason.OFF,
        Reason.PREREQUISITE_FAILED,
        Reason.TARGET_MATCH,
        Reason.RULE_MATCH,
        Reason.FALLTHROUGH,
    ]


@pytest.mark.parametrize(
    ("required", "wanted", "is_met"),
    [
        (flag("p", fallthrough={"variation": "on"}), ("on",), True),
        (flag("p", fallthrough={"variation": "on"}), ("off", "on"), True),
        (flag("p"), ("on",), False),
        (flag("p", on=False), ("off",), False),
        (flag("p", on=False, offVariation=None), ("on", "off"), False),
        (flag("p", prerequisites=[needs("gone")]), ("off",), True),
        (flag("p", prerequisites=[needs("gone")], offVariation=None), ("off", "on"), False),
        (flag("p", fallthrough=split(("on", 100_000), by="missing")), ("on",), False),
        (flag("p", needs=["magic"]), ("on", "off"), False),
        ({"key": "p", "on": 5}, ("on", "off"), False),
        (flag("other"), ("on", "off"), False),
    ],
)
def test_a_prerequisite_is_on_answers_and_serves_what_is_named(
    required: dict[str, Any], wanted: tuple[str, ...], is_met: bool
) -> None:
    result = _evaluated(snapshot(flag(prerequisites=[needs("p", *wanted)]), required))
    assert result.reason is (Reason.FALLTHROUGH if is_met else Reason.PREREQUISITE_FAILED)
    assert result.error_code is None


def test_every_prerequisite_must_be_met() -> None:
    met, unmet = flag("p", fallthrough={"variation": "on"}), flag("q")
    assert _evaluated(snapshot(flag(prerequisites=[needs("p"), needs("q")]), met, unmet)).variation == "off"
    assert _evaluated(snapshot(flag(prerequisites=[needs("p")] * 2), met)).reason is Reason.FALLTHROUGH


class Counting(dict[str, Any]):
    """Counts how often an attribute is read, through a pointer, which asks any mapping."""

    reads = 0

    def get(self, key: str, default: Any = None) -> Any:
        Counting.reads += 1
        return super().get(key, default)


@pytest.mark.parametrize("kind", ["flags", "segments"])
def test_thirty_diamonds_cost_one_evaluation_each(kind: str) -> None:
    """Each of thirty levels asks both items of the next; without a memory that would be two to the thirtieth."""
    asks = when("/a/x", "in", 1)
    if kind == "flags":
        levels = [
            flag(f"{side}{i}", prerequisites=[needs(f"l{i + 1}"), needs(f"r{i + 1}")], rules=[rule(asks)])
            for i in range(30)
            for side in "lr"
        ]
        last = [flag(f"{side}30", rules=[rule(asks)]) for side in "lr"]
        model = snapshot(flag(prerequisites=[needs("l0"), needs("r0")]), *levels, *last)
    else:
        inner = [
            segment(f"{s}{i}", inside(f"l{i + 1}", f"r{i + 1}", negate=False), asks) for i in range(30) for s in "lr"
        ]
        ends = [segment(f"{side}30", asks, when("never", "exists")) for side in "lr"]
        model = snapshot(flag(rules=[rule(inside("l0", "r0"))]), segments=(*inner, *ends))
    rules = compile_snapshot(model)
    Counting.reads = 0
    rules.evaluate("f", {"a": Counting(x=1)})
    assert 0 < Counting.reads <= 62


def test_targets_are_asked_in_order() -> None:
    targets = [
        {"attribute": "plan", "values": ["pro"], "variation": "off"},
        {"values": ["u", "5"], "variation": "on"},
    ]
    model = snapshot(flag(targets=targets))
    for context, expected in (
        ({"targetingKey": "u", "plan": "pro"}, "off"),
        ({"targetingKey": "u"}, "on"),
        ({"targetingKey": 5}, "on"),
        ({"plan": ["free", "pro"]}, "off"),
    ):
        result = _evaluated(model, context)
        assert (result.variation, result.reason) == (expected, Reason.TARGET_MATCH)
    assert _evaluated(model, {"targetingKey": "w"}).reason is Reason.FALLTHROUGH


def test_a_stale_flag_answers_so_whether_on_or_off() -> None:
    staleness = {"maxAgeS": 60, "serve": {"variation": "on"}}
    for is_on in (True, False):
        rules = compile_snapshot(snapshot(flag(on=is_on, staleness=staleness)))
        result = rules.aged(60.5).evaluate("f", {})
        assert (result.value, result.reason) == (True, Reason.STALE)


def test_a_stale_split_is_stale_too() -> None:
    staleness = {"maxAgeS": 60, "serve": split(("on", 100_000))}
    rules = compile_snapshot(snapshot(flag(staleness=staleness))).aged(61)
    assert rules.evaluate("f", {"targetingKey": "u"}).reason is Reason.STALE
    assert rules.evaluate("f", {}).error_code is ErrorCode.TARGETING_KEY_MISSING


def test_a_stale_prerequisite_is_met_by_what_it_then_serves_while_it_is_on() -> None:
    staleness = {"maxAgeS": 60, "serve": {"variation": "on"}}
    for is_on, reason in ((True, Reason.FALLTHROUGH), (False, Reason.PREREQUISITE_FAILED)):
        model = snapshot(flag(prerequisites=[needs("p")]), flag("p", on=is_on, staleness=staleness))
        assert compile_snapshot(model).aged(61).evaluate("f", {}).reason is reason


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"needs": ["magic"]}, "/needs/0: the need 'magic' is not known here"),
        ({"variations": [*BOOLEAN, BOOLEAN[0]]}, "/variations: two variations have one key"),
        ({"offVariation": "gone"}, "/offVariation: there is no variation 'gone'"),
        ({"offVariation": "gone", "prerequisites": [needs("p")]}, "/offVariation: there is no variation 'gone'"),
        ({"fallthrough": {"variation": "gone"}}, "/fallthrough/variation: there is no variation 'gone'"),
        ({"fallthrough": {}}, "/fallthrough: it serves neither a variation nor a split"),
        ({"fallthrough": {"variation": "on"} | split(("on", 100_000))}, "/fallthrough: it serves neither"),
        ({"rules": [rule(serve={"magic": 1})]}, "/rules/0/serve: it serves neither a variation nor a split"),
        ({"targets": [{"values": [], "variation": "gone"}]}, "/targets/0/variation: there is no variation 'gone'"),
        ({"targets": [{"attribute": "/~", "values": [], "variation": "on"}]}, "/targets/0/attribute: the JSON pointer"),
        ({"staleness": {"maxAgeS": 1, "serve": {}}}, "/staleness/serve: it serves neither"),
        ({"prerequisites": [needs("f")]}, "it needs itself, or what does: f → f"),
        ({"compat": {"vendor": "acme", "dialect": "v1"}}, "/compat: the dialect 'v1' of 'acme' is not known here"),
        ({"salt": 5}, "/salt: Expected `str`, got `int`"),
    ],
)
@pytest.mark.parametrize("is_on", [True, False])
def test_a_broken_flag_says_what_is_wrong_off_or_on(members: dict[str, Any], says: str, is_on: bool) -> None:
    assert says in _error(snapshot(flag(on=is_on, **members)))


def test_every_fault_of_a_flag_is_said_once() -> None:
    message = _error(
        snapshot(
            flag(needs=["a", "b"], compat={"vendor": "acme", "dialect": "v1"}, staleness={"maxAgeS": 1, "serve": {}})
        )
    )
    assert message.count("; ") == 3


def test_the_neighbours_of_a_broken_flag_work() -> None:
    model = snapshot(flag("broken", needs=["magic"]), flag("f"), {"key": "unreadable"})
    assert _evaluated(model).reason is Reason.FALLTHROUGH
    assert "missing required field" in _error(model, "unreadable")


def test_flags_in_and_above_a_cycle_are_errors_and_nobody_else() -> None:
    model = snapshot(
        flag("a", prerequisites=[needs("b")]),
        flag("b", prerequisites=[needs("a")]),
        flag("above", prerequisites=[needs("a")]),
        flag("beside"),
    )
    assert all("it needs itself" in _error(model, key) for key in ("a", "b", "above"))
    assert _evaluated(model, key="beside").reason is Reason.FALLTHROUGH
