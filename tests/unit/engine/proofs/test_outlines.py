"""What other flags can serve, and so which prerequisites are always or never met."""

from typing import Any

import pytest

from pennon.engine import Prover
from tests.unit.engine.build import flag, inside, layer, needs, rule, segment, snapshot, split, when
from tests.unit.engine.proofs.proving import Silent, of_flag, seen

NEVER = ("prerequisite-never-met", "/prerequisites/0")
ALWAYS = ("prerequisite-always-met", "/prerequisites/0")
ON = {"variation": "on"}
OFF = {"variation": "off"}
B = when("b", "in", 1)
HALF = split(("on", 50_000), ("off", 50_000))


def met(*others: dict[str, Any], variations: tuple[str, ...] = ("on",), **known: Any) -> list[tuple[str, str]]:
    """Return what is found of a flag that needs *variations* of `p`, among others."""
    return of_flag(snapshot(flag(prerequisites=[needs("p", *variations)]), *others, **known))


def experiment(**members: Any) -> dict[str, Any]:
    return split(("on", 100_000), experiment={"key": "e", "layer": "l", "otherwise": "off", **members})


NEVER_MET: dict[str, dict[str, Any]] = {
    "off": flag("p", on=False, fallthrough=ON),
    "off, though its off variation is named": flag("p", on=False, offVariation="on"),
    "it serves another": flag("p"),
    "a rule that cannot hold": flag("p", rules=[rule(B, when("b", "exists", negate=True))]),
    "a rule that nobody reaches": flag("p", rules=[rule(serve="off"), rule(key="r2")], fallthrough=ON),
    "a weight of 0": flag("p", fallthrough=split(("on", 0), ("off", 100_000))),
    "a target of nobody": flag("p", targets=[{"values": [], "variation": "on"}]),
    "broken": flag("p", fallthrough={"variation": "gone"}),
    "its own prerequisite is never met": flag("p", prerequisites=[needs("q")], fallthrough=ON),
    "nobody's default": flag("p", prerequisites=[needs("q")], fallthrough=ON, offVariation=None),
    "an experiment that owns nothing": flag("p", fallthrough=experiment()),
    "buckets of other slices": flag(
        "p", rules=[rule({"op": "inBucket", "from": 50_000, "to": 60_000}, serve=HALF)], fallthrough=OFF
    ),
}
MAYBE: dict[str, dict[str, Any]] = {
    "a target": flag("p", targets=[{"values": ["u1"], "variation": "on"}]),
    "a rule": flag("p", rules=[rule(B)]),
    "a split": flag("p", fallthrough=HALF),
    "a split of one, which fails without a unit": flag("p", fallthrough=split(("on", 100_000))),
    "its off variation": flag(
        "p", prerequisites=[needs("q", "on")], offVariation="on", staleness=None, rules=[rule(B)]
    ),
    "an experiment": flag("p", fallthrough=experiment(key="other")),
    "staleness": flag("p", fallthrough=ON, staleness={"maxAgeS": 60, "serve": OFF}),
    "staleness alone": flag("p", staleness={"maxAgeS": 60, "serve": ON}),
}
MET: dict[str, dict[str, Any]] = {
    "its fallthrough": flag("p", fallthrough=ON),
    "all that it may serve": flag("p", fallthrough=ON, rules=[rule(B)], targets=[{"values": ["u"], "variation": "on"}]),
    "what nobody reaches": flag("p", fallthrough=ON, rules=[rule(B, when("b", "exists", negate=True), serve="off")]),
    "an off variation that is named": flag("p", prerequisites=[needs("q")], offVariation="on"),
    "what follows from a flag that is not there": flag("p", prerequisites=[needs("gone")], offVariation="on"),
    "an experiment that owns a half": flag(
        "p", prerequisites=[needs("q")], offVariation="on", fallthrough=experiment()
    ),
    "staleness that serves it too": flag("p", fallthrough=ON, staleness={"maxAgeS": 60, "serve": ON}),
    "a fallthrough that nobody reaches": flag("p", rules=[rule()]),
}
Q = flag("q", on=False)


@pytest.mark.parametrize("name", NEVER_MET)
def test_a_prerequisite_that_is_never_met_is_found(name: str) -> None:
    layers = (layer("l", (0, 50_000, "other")),)
    assert met(NEVER_MET[name], Q, layers=layers) == [NEVER]


@pytest.mark.parametrize("name", MAYBE)
def test_a_prerequisite_that_some_may_meet_is_not_found(name: str) -> None:
    q = flag("q", rules=[rule(B)]) if name == "its off variation" else Q
    assert met(MAYBE[name], q, layers=(layer("l", (0, 50_000, "other")),)) == []


@pytest.mark.parametrize("name", MET)
def test_a_prerequisite_that_is_always_met_is_found(name: str) -> None:
    assert met(MET[name], Q, layers=(layer("l", (0, 50_000, "e")),)) == [ALWAYS]


def test_a_flag_that_is_not_there_or_cannot_be_read_meets_none() -> None:
    assert met() == [NEVER]
    (finding,) = Prover(snapshot(flag(prerequisites=[needs("p")]), {"key": "p"})).flag_findings("f")
    assert (finding.code.value, "it cannot be read" in finding.message) == ("prerequisite-never-met", True)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_chains_are_followed(depth: int) -> None:
    last = flag(f"p{depth}", on=False)
    chain = [flag(f"p{i}", prerequisites=[needs(f"p{i + 1}")], fallthrough=ON) for i in range(1, depth)]
    first = flag("p", prerequisites=[needs("p1")], fallthrough=ON)
    assert met(first, *chain, last) == [NEVER]
    assert met(first, *chain, {**last, "on": True, "fallthrough": ON}) == [ALWAYS]


def test_the_message_says_what_the_other_flag_serves() -> None:
    (finding,) = Prover(snapshot(flag(prerequisites=[needs("p")]), flag("p"))).flag_findings("f")
    assert finding.message.endswith("'p' never serves 'on'; it serves 'off' only")
    default = flag("p", prerequisites=[needs("q")], offVariation=None)
    (finding,) = Prover(snapshot(flag(prerequisites=[needs("p")]), default, Q)).flag_findings("f")
    assert finding.message.endswith("it serves the caller's default only")


def test_what_asks_a_dialect_may_fail_and_is_never_said_to_be_met() -> None:
    compat = {"vendor": "v", "dialect": "d"}
    imported = flag("p", fallthrough=ON, compat=compat)
    asking = flag("p", fallthrough=ON, rules=[rule(inside("s"))])
    needing = flag("p", fallthrough=ON, prerequisites=[needs("q")], offVariation="on")
    q = flag("q", compat=compat, rules=[rule(when("x", "soundsLike", "y"))])
    s = segment("s", when("x", "soundsLike", "y"), compat=compat)
    dialects = {("v", "d"): Silent()}
    for other in (imported, asking, needing):
        known = snapshot(flag(prerequisites=[needs("p")]), other, q, segments=(s,))
        assert seen(Prover(known, dialects=dialects).flag_findings("f")) == [], other
