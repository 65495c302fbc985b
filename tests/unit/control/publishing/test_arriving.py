"""From what nodes report to when changes arrived."""

from datetime import UTC, datetime, timedelta

from pennon.control.publishing.arriving import Arriving
from pennon.control.publishing.propagation import REVISIONS
from pennon.model import Position

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
COMMITS = {revision: NOON + timedelta(seconds=revision) for revision in range(1, 1000)}


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def arriving() -> Arriving:
    found = Arriving("shop/production", writer="w1")
    found.begins("fra-1", Position(1, 4))
    return found


def test_each_change_takes_from_its_commit_to_when_it_was_applied() -> None:
    found = arriving()
    assert found.applied("fra-1", {Position(1, 5): after(5.2), Position(1, 6): after(6.5)}, COMMITS) == [0.2, 0.5]
    assert [(each.position, each.delays) for each in found.changed()] == [
        (Position(1, 5), {"fra-1": 0.2}),
        (Position(1, 6), {"fra-1": 0.5}),
    ]
    assert found.changed()[0].committed_at == COMMITS[5]


def test_step_over_several_changes_brought_all_of_them() -> None:
    assert arriving().applied("fra-1", {Position(1, 7): after(8)}, COMMITS) == [3.0, 2.0, 1.0]


def test_what_is_heard_again_or_late_counts_once() -> None:
    found = arriving()
    found.applied("fra-1", {Position(1, 6): after(6.5)}, COMMITS)
    assert found.applied("fra-1", {Position(1, 5): after(9), Position(1, 6): after(9)}, COMMITS) == []


def test_node_that_is_new_says_nothing_of_how_fast_changes_travel() -> None:
    found = arriving()
    assert found.applied("lon-1", {Position(1, 6): after(5000)}, COMMITS) == []
    assert found.applied("lon-1", {Position(1, 7): after(7.1)}, COMMITS) == [0.1]


def test_new_epoch_is_no_arrival_and_its_first_change_is() -> None:
    found = arriving()
    assert found.applied("fra-1", {Position(2, 5): after(100)}, COMMITS) == []
    assert found.applied("fra-1", {Position(2, 6): after(6.25)}, COMMITS) == [0.25]


def test_clock_that_runs_ahead_of_the_log_gives_no_time_below_zero() -> None:
    assert arriving().applied("fra-1", {Position(1, 5): after(4.9)}, COMMITS) == [0.0]


def test_what_was_kept_is_not_offered_again_but_joined_by_what_comes() -> None:
    found = arriving()
    found.begins("lon-1", Position(1, 4))
    found.applied("fra-1", {Position(1, 5): after(5.2)}, COMMITS)
    found.kept()
    assert found.changed() == []
    found.applied("lon-1", {Position(1, 5): after(5.5)}, COMMITS)
    assert [each.delays for each in found.changed()] == [{"fra-1": 0.2, "lon-1": 0.5}]


def test_old_changes_are_forgotten_and_never_written_anew_by_half() -> None:
    found = arriving()
    for revision in range(5, 5 + REVISIONS + 10):
        found.applied("fra-1", {Position(1, revision): after(revision + 0.1)}, COMMITS)
    assert len(found.changed()) == REVISIONS
    found.kept()
    found.begins("lon-1", Position(1, 4))
    found.applied("lon-1", {Position(1, 5): after(900)}, COMMITS)
    assert found.changed() == []
