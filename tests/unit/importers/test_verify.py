from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from pennon.engine import compile_snapshot
from pennon.importers import Fidelity, Plan, PlannedFlag, PlannedSegment
from pennon.importers.verify import DEFAULT, Report, Verifier, compare, identity, rules_of, same
from pennon.model import ErrorCode, Evaluation, Item, Json, Reason, Snapshot
from pennon.testing import condition, flag, segment


class Told(NamedTuple):
    value: Any = None
    variation: Json = None
    default: bool = False
    error: str | None = None
    chance: bool = False


MODEL = flag("checkout").on().rule("on", country="DE").serving("off").build()
PLANNED = PlannedFlag(
    key="checkout",
    source="theirs",
    fidelity=Fidelity.EXACT,
    flag=MODEL,
    identities={"0": "on", "1": "off", "blue": "on"},
)
PLAN = Plan(vendor="v", dialect="d", flags=(PLANNED,))


def ours(value: Any, variation: str | None = "on") -> Evaluation:
    return Evaluation(value=value, variation=variation, reason=Reason.FALLTHROUGH)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (0, False, False),
        ("1", 1, False),
        (None, None, True),
        (None, False, False),
        ([1, "a"], (1.0, "a"), True),
        ([1], [1, 2], False),
        ([True], [1], False),
        ({"a": [1]}, {"a": [1.0]}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({"a": 1}, {"a": True}, False),
        ("a", "a", True),
        ("a", "b", False),
        ("a", ["a"], False),
    ],
    ids=str,
)
def test_values_are_compared_by_type_but_for_whole_numbers(one: Json, other: Json, is_same: bool) -> None:
    assert same(one, other) is is_same
    assert same(other, one) is is_same


@pytest.mark.parametrize(
    ("here", "there", "aspect"),
    [
        (ours(True), Told(True, 0), None),
        (ours(True), Told(True), None),
        (ours(True), Told(True, "blue"), None),
        (ours(True), Told(True, "unknown"), None),
        (ours(True), Told(True, 1), "variation"),
        (ours(True), Told(False, 0), "value"),
        (ours(True), Told(default=True), "default"),
        (ours(DEFAULT, None), Told(default=True), None),
        (ours(DEFAULT, "on"), Told(default=True, variation=1), None),
        (ours(DEFAULT, None), Told(None), "default"),
        (ours(list(DEFAULT)), Told(DEFAULT), None),
    ],
    ids=[
        "same",
        "no-variation",
        "named",
        "unknown-name",
        "another-variation",
        "another-value",
        "theirs-is-default",
        "both-default",
        "default-of-a-variation",
        "ours-is-default",
        "value-like-the-default",
    ],
)
def test_answers_are_compared(here: Evaluation, there: Told, aspect: str | None) -> None:
    assert compare(PLANNED, here, there) == aspect


def test_indices_are_told_as_digits_and_booleans_as_json() -> None:
    assert [identity(each) for each in (0, "0", True, "blue")] == ["0", "0", "true", "blue"]


def vendor(flag: str, contexts: Sequence[dict[str, Any]], now: float | None) -> list[Told]:
    """Answer as a vendor would that also serves Austria, to those who are at home nowhere else."""
    assert (flag, now) == ("theirs", 7.0)
    return [
        Told(*((True, 0) if each.get("country") == "DE" or each.get("country") in ("AT", ["DE"]) else (False, 1)))
        for each in contexts
    ]


def test_differences_are_counted_and_the_first_made_small() -> None:
    heard: list[int] = []
    verifier = Verifier(PLAN, {"country": ["DE", "AT"], "age": [1]}, vendor, now=7.0)
    report = verifier.verify(PLANNED, contexts=1200, seed=1, told=heard.append)
    assert sum(heard) == 1200
    assert max(heard) <= 500
    assert (report.evaluations, report.flag, report.source) == (1200, "checkout", "theirs")
    assert 50 < report.differences < 1000
    assert [sample.context for sample in report.samples] == [{"country": "AT"}] * 3
    assert report.samples[0].aspect == "value"
    assert (report.samples[0].pennon.value, report.samples[0].vendor.variation) == (False, 0)
    whole = Report(vendor="v", dialect="d", sdk="s 1", seed=1, flags=(report, report))
    assert (whole.evaluations, whole.differences) == (2400, 2 * report.differences)


def test_a_context_that_shows_it_only_as_a_whole_is_kept() -> None:
    asked: list[int] = []

    def fickle(flag: str, contexts: Sequence[dict[str, Any]], now: float | None) -> list[Told]:
        asked.append(len(contexts))
        return [Told(len(asked) > 1, None) if each else Told(False) for each in contexts]

    verifier = Verifier(PLAN, {}, fickle)
    (difference,) = verifier.differences(PLANNED, [{"country": "DE"}])
    assert verifier.minimised(PLANNED, difference) == difference


def test_equal_answers_are_no_difference() -> None:
    def same_engine(flag: str, contexts: Sequence[dict[str, Any]], now: float | None) -> list[Told]:
        results = [rules_of(PLAN).evaluate("checkout", each) for each in contexts]
        return [Told(each.value, {"on": 0, "off": 1}[each.variation or ""]) for each in results]

    report = Verifier(PLAN, {"country": ["DE"]}, same_engine).verify(PLANNED, contexts=700, seed=3)
    assert (report.differences, report.samples) == (0, ())


def test_other_rules_can_be_compared() -> None:
    served = compile_snapshot(Snapshot.of({"flag": {"checkout": Item.of(flag("checkout").build())}}))
    (difference,) = Verifier(PLAN, {}, vendor, rules=served, now=7.0).differences(PLANNED, [{"country": "DE"}])
    assert difference.pennon.value is False


def test_errors_of_ours_are_told() -> None:
    broken = PlannedFlag(key="gone", source="theirs", fidelity=Fidelity.EXACT, flag=MODEL)
    (difference,) = Verifier(PLAN, {}, vendor, now=7.0).differences(broken, [{"country": "DE"}])
    assert difference.pennon.default
    assert str(difference.pennon.error).startswith(ErrorCode.FLAG_NOT_FOUND.value)


def test_segments_of_the_plan_are_there() -> None:
    model = flag("checkout").on().rule("on", condition("", "inSegment", "beta")).serving("off").build()
    beta = PlannedSegment(key="beta", source="beta", segment=segment("beta", included=("ada",)))
    plan = Plan(
        vendor="v",
        dialect="d",
        flags=(PlannedFlag(key="checkout", source="c", fidelity=Fidelity.EXACT, flag=model),),
        segments=(beta,),
    )
    assert rules_of(plan).evaluate("checkout", {"targetingKey": "ada"}).value is True


def test_what_the_sdk_drew_lots_for_equals_anything() -> None:
    assert compare(PLANNED, ours("on"), Told("off", chance=True)) is None
    assert compare(PLANNED, ours(DEFAULT), Told("off", chance=True)) is None
    assert compare(PLANNED, ours("on"), Told("off")) == "value"


def test_what_was_left_to_chance_is_counted() -> None:
    def lots(flag: str, contexts: Sequence[dict[str, Any]], now: float | None) -> list[Told]:
        return [Told(value=None, chance=True) for _ in contexts]

    report = Verifier(PLAN, {}, lots).verify(PLANNED, contexts=20, seed=1)
    assert (report.lots, report.differences) == (20, 0)
    assert Report(vendor="v", dialect="d", sdk="s", seed=1, flags=(report, report)).lots == 40
