"""Who is current, late or silent, and how long changes took, from what nodes reported."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pennon.control.publishing.propagation import Arrivals, NodeReport
from pennon.control.publishing.standing import (
    NodeState,
    Origin,
    missing_of,
    quantile,
    sdks_of,
    spread_of,
    standing_of,
    standings,
)
from pennon.model import Position
from pennon.stream.acks import Ack

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


ORIGIN = Origin(Position(1, 42), ago(2.0), {40: ago(60.0), 41: ago(20.0), 42: ago(2.0)}, "d42")


def report(
    revision: str = "1.42", *, heard: float = 1.0, node: str = "fra-1", writer: str = "", **fields: Any
) -> NodeReport:
    ack = Ack(node, revision, 0, **fields)
    return NodeReport(environment="shop/production", ack=ack, heard_at=ago(heard), writer=writer)


@pytest.mark.parametrize(
    ("said", "origin", "state"),
    [
        (report(), ORIGIN, NodeState.CURRENT),
        (report(age=2.0, heard=9.0), ORIGIN, NodeState.CURRENT),
        (report("1.41"), ORIGIN, NodeState.BEHIND),
        (report("1.41"), Origin(Position(1, 42), ago(6.5), {42: ago(6.5)}), NodeState.LAGGING),
        (report("1.41", path=("hub", "origin")), Origin(Position(1, 42), ago(6.5), {42: ago(6.5)}), NodeState.BEHIND),
        (report(age=6.0), ORIGIN, NodeState.LAGGING),
        (report(age=1.0, heard=16.0), ORIGIN, NodeState.LAGGING),
        (report("1.40"), ORIGIN, NodeState.DIFFERING),
        (report("1.1"), ORIGIN, NodeState.DIFFERING),
        (report("1.43"), Origin(Position(1, 42), ago(12.0), {}), NodeState.DIFFERING),
        (report("1.43"), ORIGIN, NodeState.BEHIND),
        (report("0.43"), Origin(Position(1, 42), ago(12.0), {}), NodeState.DIFFERING),
        (report("2.1"), Origin(Position(1, 42), ago(12.0), {}), NodeState.DIFFERING),
        (report(digest="d41"), Origin(Position(1, 42), ago(12.0), {}, "d42"), NodeState.DIFFERING),
        (report(digest="d42"), Origin(Position(1, 42), ago(12.0), {}, "d42"), NodeState.CURRENT),
        (report(digest="d41"), Origin(Position(1, 42), ago(12.0), {}, "d42", frozenset({"fra-1"})), NodeState.CURRENT),
        (
            report(digest="d41", path=("hub", "origin")),
            Origin(Position(1, 42), ago(12.0), {}, "d42", frozenset({"hub"})),
            NodeState.CURRENT,
        ),
        (report(age=6.5, path=("pop", "hub", "origin")), ORIGIN, NodeState.CURRENT),
        (report(age=9.5, path=("pop", "hub", "origin")), ORIGIN, NodeState.LAGGING),
        (report(heard=31.0), ORIGIN, NodeState.SILENT),
        (report("1.40", heard=31.0), ORIGIN, NodeState.SILENT),
    ],
    ids=[
        "has the newest",
        "waits for its next report",
        "a moment behind",
        "behind for 6 s and more",
        "behind for as long, and its word has further to go",
        "cut off for 6 s, as it says",
        "overdue",
        "behind for 20 s",
        "further behind than is known",
        "ahead, as after a restore that lost something",
        "ahead by a moment",
        "in an old epoch",
        "in an epoch to come",
        "other items at the same revision",
        "the same items",
        "other items, by an override",
        "other items, by an override above",
        "as old as heartbeats over three steps make it",
        "older than that",
        "silent",
        "silent and behind",
    ],
)
def test_state_is_the_worst_that_is_true(said: NodeReport, origin: Origin, state: NodeState) -> None:
    assert standing_of(said, origin, NOW).state is state


def test_node_has_missed_changes_since_the_first_that_it_has_not() -> None:
    standing = standing_of(report("1.40"), ORIGIN, NOW)
    assert (standing.lag_s, standing.differs_s) == (19.0, 19.0), "a second is what its word may take"
    assert standing_of(report("1.41"), ORIGIN, NOW).lag_s == 1.0
    assert standing_of(report("1.41", path=("pop", "hub", "origin")), ORIGIN, NOW).lag_s == 0.0


def test_processes_of_the_origin_are_one_line_and_their_sdks_add_up() -> None:
    reports = [
        report(node="lon-1"),
        report(node="origin", writer="w1", sdks={"1.42": 5}),
        report(node="origin", writer="w2", sdks={"1.42": 3, "1.41": 1}),
        report(node="origin", writer="dead", heard=50.0, sdks={"1.42": 100}),
        report(node="fra-1", sdks={"1.42": 10}),
        report(node="old-1", heard=500.0, sdks={"1.42": 1000}),
    ]
    nodes = standings(reports, ORIGIN, NOW)
    assert [(node.ack.node, node.is_origin) for node in nodes] == [
        ("origin", True),
        ("fra-1", False),
        ("lon-1", False),
        ("old-1", False),
    ]
    assert nodes[0].ack.sdks == {"1.42": 8, "1.41": 1}
    assert sdks_of(nodes) == {"1.42": 18, "1.41": 1}
    assert list(sdks_of(nodes)) == ["1.42", "1.41"], "the newest first"


def arrivals(revision: int, **delays: float) -> Arrivals:
    position = Position(1, revision)
    return Arrivals(environment="shop/production", position=position, committed_at=NOW, delays=delays)


def test_spread_counts_every_arrival_of_every_change() -> None:
    spread = spread_of([arrivals(41, a=0.02, b=0.3), arrivals(42, a=0.04, b=7.0)])
    assert (spread.count, spread.p50, spread.p99, spread.max) == (4, 0.04, 7.0, 7.0)
    assert dict(spread.histogram)[0.025] == 1
    assert dict(spread.histogram)[0.5] == 3
    assert spread.histogram[-1] == (None, 4)
    nothing = spread_of([])
    assert (nothing.count, nothing.p50, nothing.max) == (0, None, None)


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (0.991, 100.0), (1.0, 100.0)], ids=str
)
def test_quantile_is_one_of_the_values(share: float, value: float) -> None:
    assert quantile([float(number) for number in range(1, 101)], share) == value


def test_change_is_missing_where_a_node_stands_before_it() -> None:
    nodes = standings([report("1.41"), report(node="lon-1"), report("1.1", node="origin", writer="w1")], ORIGIN, NOW)
    assert missing_of(arrivals(42), nodes) == ("fra-1",)
    assert missing_of(arrivals(41), nodes) == ()


def test_time_that_makes_no_sense_is_not_shown() -> None:
    odd = NodeReport(environment="shop/production", ack=Ack("a", "1.42", 1e300), heard_at=NOW)
    assert standing_of(odd, ORIGIN, NOW).applied_at is None
    sound = NodeReport(environment="shop/production", ack=Ack("a", "1.42", 1_773_489_600_000), heard_at=NOW)
    assert standing_of(sound, ORIGIN, NOW).applied_at == NOW
