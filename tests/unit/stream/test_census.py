"""How many SDKs stand at which revision: streams and polls, and whoever else sends batches."""

from pennon.model import Position
from pennon.stream.census import BATCH_S, POLL_S, Census


def stream(revision: int) -> Position:
    return Position(1, revision)


def test_open_streams_count_where_they_stand() -> None:
    assert Census().sdks({stream(7): 2, stream(6): 1}, 0.0) == {"1.7": 2, "1.6": 1}


def test_polls_count_as_long_as_until_the_next_one() -> None:
    census = Census()
    census.polled(Position(1, 7), 10.0)
    census.polled(Position(1, 8), 20.0)
    assert census.sdks({stream(8): 1}, 21.0) == {"1.8": 2, "1.7": 1}
    assert census.sdks({stream(8): 1}, 10.5 + POLL_S) == {"1.8": 2}


def test_instance_that_streams_and_sends_batches_counts_once() -> None:
    census = Census()
    census.reported("a", "1.6", 10.0)
    census.reported("b", "1.6", 10.0)
    assert census.sdks({stream(7): 2}, 11.0) == {"1.7": 2}


def test_processes_that_share_a_stream_count_by_their_batches() -> None:
    census = Census()
    for instance, revision in (("a", "1.5"), ("b", "1.6"), ("c", "1.7"), ("b", "1.7")):
        census.reported(instance, revision, 10.0)
    assert census.sdks({stream(7): 1}, 11.0) == {"1.7": 3}
    assert census.sdks({}, 11.0) == {"1.7": 2, "1.5": 1}
    assert census.sdks({}, 10.5 + BATCH_S) == {}


def test_revision_that_is_none_counts_nothing() -> None:
    census = Census()
    for revision in ("", "seven", 7, None):
        census.reported("a", revision, 10.0)
    assert census.sdks({}, 10.0) == {}
