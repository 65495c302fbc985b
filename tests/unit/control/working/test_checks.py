"""What a change of one item may break, and how little is read to find out."""

import pytest

from pennon.control.errors import FlagStillRequired, LayerStillUsed, SegmentStillUsed
from pennon.control.working.checks import faults
from pennon.control.working.state import ItemName, WorkingModel, WorkingState
from pennon.model import (
    Condition,
    Experiment,
    Flag,
    Layer,
    Prerequisite,
    Rule,
    Segment,
    Serve,
    Slot,
    Split,
    Variation,
    Weight,
)
from tests.unit.control.working.sources import CountedItems

ON_OFF = (Variation("on", True), Variation("off", False))
HALVES = Split((Weight("on", 50_000), Weight("off", 50_000)), experiment=Experiment("e", "l", "off"))


def flag(key: str, *needed: str, **fields: object) -> Flag:
    prerequisites = tuple(Prerequisite(other, ("on",)) for other in needed)
    return Flag(
        **{  # type: ignore[arg-type]  # fields by name
            "key": key,
            "variations": ON_OFF,
            "on": True,
            "salt": "s1",
            "fallthrough": Serve("off"),
            "prerequisites": prerequisites,
            **fields,
        }
    )


def inside(segment: str) -> tuple[Rule, ...]:
    return (Rule("r1", (Condition("inSegment", values=(segment,)),), Serve("on")),)


def state(*models: WorkingModel) -> WorkingState:
    return WorkingState(CountedItems(*models))


def found(working: WorkingState) -> list[tuple[str, str]]:
    return [(fault.item[1], fault.problem.path) for fault in faults(working)]


def test_a_change_of_one_flag_reads_what_it_names_and_nothing_else() -> None:
    source = CountedItems(
        flag("a", "b", rules=inside("s")), flag("b"), Segment("s", salt="s1"), *(flag(f"f{i}") for i in range(50))
    )
    working = WorkingState(source)
    working.put(flag("a", rules=inside("s"), critical=True))
    assert faults(working) == []
    assert sorted(set(source.read)) == [("flag", "a"), ("segment", "s")]


@pytest.mark.parametrize(
    ("gone", "conflict"),
    [
        (("flag", "needed"), FlagStillRequired),
        (("segment", "s"), SegmentStillUsed),
        (("layer", "l"), LayerStillUsed),
    ],
)
def test_what_is_used_is_not_deleted_unless_its_users_go_too(gone: ItemName, conflict: type[Exception]) -> None:
    models: tuple[WorkingModel, ...] = (
        flag("user", "needed", rules=inside("s"), fallthrough=Serve(split=HALVES)),
        flag("needed"),
        Segment("s", salt="s1"),
        Layer("l", salt="s1", slots=(Slot(0, 9, "e"),)),
    )
    working = state(*models)
    working.delete(gone)
    with pytest.raises(conflict, match="user"):
        faults(working)
    working.delete(("flag", "user"))
    assert faults(working) == []


def test_a_variation_that_others_require_is_missed_by_them() -> None:
    working = state(flag("a", "b"), flag("b"))
    working.put(flag("b", variations=(Variation("yes", True), Variation("off", False))))
    assert found(working) == [("a", "/prerequisites/0/variations/0")]
    (fault,) = faults(working)
    assert fault.cause == ("flag", "b")
    assert fault.from_environment().path == "/flags/a/prerequisites/0/variations/0"


def test_what_was_broken_before_is_not_this_changes_fault() -> None:
    working = state(flag("a", "b", salt="no salt"), flag("b"))
    working.put(flag("b", variations=(Variation("yes", True), Variation("off", False))))
    assert found(working) == []


def test_an_experiment_that_loses_its_slot_is_found() -> None:
    working = state(flag("a", fallthrough=Serve(split=HALVES)), Layer("l", salt="s1", slots=(Slot(0, 9, "e"),)))
    working.put(Layer("l", salt="s1", slots=(Slot(0, 9, "other"),)))
    assert found(working) == [("a", "/fallthrough/split/experiment/key")]
    working.put(flag("a"))
    assert found(working) == []


def test_a_broken_flag_may_be_turned_off_and_nothing_else() -> None:
    broken = flag("a", salt="no salt")
    working = state(broken)
    working.put(flag("a", salt="no salt", critical=True))
    assert found(working) == [("a", "/salt")]
    working.put(flag("a", salt="no salt", on=False))
    assert found(working) == []
    working.put(flag("a", salt="no salt", on=False, critical=True))
    assert found(working) == [("a", "/salt")]


def test_only_the_cause_is_told_where_others_break_with_it() -> None:
    working = state(flag("a", "b"), flag("b"))
    working.put(flag("b", variations=()))
    assert {item for item, _ in found(working)} == {"b"}
