"""Staleness bounds: found once, kept up to date."""

from typing import Any

from pennon.engine.staleness import Bounds
from pennon.model import Item, Snapshot
from tests.unit.engine.build import flag, snapshot


def _bounded(key: str, bound: float, **members: Any) -> dict[str, Any]:
    return flag(key, staleness={"maxAgeS": bound, "serve": {"variation": "off"}}, **members)


def test_a_bound_passes_when_the_age_is_above_it() -> None:
    bounds = Bounds(snapshot(_bounded("a", 60), _bounded("b", 5), flag("c")))
    assert [bounds.stale(age) for age in (0, 5, 5.1, 60, 61)] == [
        set(),
        set(),
        {"b"},
        {"b"},
        {"a", "b"},
    ]
    assert [bounds.next(age) for age in (0, 5, 5.1, 60, 61)] == [5, 5, 60, 60, None]


def test_a_flag_that_cannot_be_read_has_no_bound() -> None:
    broken = {"key": "a", "staleness": {"maxAgeS": 5}}
    assert Bounds(snapshot(broken)).stale(10) == set()


def test_the_word_in_a_value_is_no_bound() -> None:
    assert Bounds(snapshot(flag("a", description="x", salt='"staleness"', staleness=None))).stale(10) == set()


def test_a_name_that_is_spelled_with_escapes_is_read() -> None:
    text = snapshot(_bounded("a", 5)).flags.records["a"].text.replace(b'"staleness"', b'"stalenes\\u0073"')
    model = Snapshot.of({"flag": {"a": Item.from_text("a", text)}})
    assert Bounds(model).stale(6) == {"a"}


def test_a_delta_changes_the_bounds_of_what_it_touches() -> None:
    before = Bounds(snapshot(_bounded("a", 5), _bounded("b", 5), _bounded("gone", 5))).at(10)
    later = snapshot(_bounded("a", 50), _bounded("b", 5), _bounded("new", 7))
    touched = [("flag", "a"), ("flag", "gone"), ("flag", "new"), ("segment", "b")]
    bounds, stale = before.after(later, touched, frozenset({"a", "b", "gone"}))  # type: ignore[arg-type]
    assert stale == {"b", "new"} == bounds.stale(10)
    assert bounds.stale(51) == {"a", "b", "new"}


def test_a_whole_new_snapshot_is_held_against_the_same_age() -> None:
    before = Bounds(snapshot(_bounded("a", 5)))
    assert before.after(snapshot(_bounded("b", 5)), None, frozenset())[1] == set()
    assert before.stale(10) == {"a"}
    assert before.at(10).after(snapshot(_bounded("b", 5)), None, frozenset({"a"}))[1] == {"b"}
