"""Whose turn it is."""

import pytest

from pennon.stream.turns import Rank, Turns


def order(*items: tuple[str, Rank], turns: int, again: bool = True) -> str:
    """Return who has the first *turns*, where everybody wants another one after each."""
    queue: Turns[str] = Turns()
    for item, rank in items:
        queue.add(item, rank)
    had = ""
    for _ in range(turns):
        item, rank = queue.next()
        had += item
        if again:
            queue.add(item, rank)
    return had


def test_equals_take_turns() -> None:
    assert order(("a", Rank.OTHERS), ("b", Rank.OTHERS), ("c", Rank.OTHERS), turns=7) == "abcabca"


def test_edge_nodes_come_first_and_go_on_until_they_are_done() -> None:
    assert order(("a", Rank.OTHERS), ("u", Rank.URGENT), ("e", Rank.EDGES), turns=3) == "eee"
    assert order(("a", Rank.OTHERS), ("u", Rank.URGENT), ("e", Rank.EDGES), turns=3, again=False) == "eua"


def test_urgent_one_comes_first_and_leaves_every_other_turn_to_the_others() -> None:
    assert order(("a", Rank.OTHERS), ("b", Rank.OTHERS), ("u", Rank.URGENT), turns=6) == "uaubua"


def test_urgent_ones_alone_take_every_turn() -> None:
    assert order(("u", Rank.URGENT), ("v", Rank.URGENT), turns=4) == "uvuv"


def test_better_rank_replaces_a_worse_one_and_is_not_lost_to_it() -> None:
    queue: Turns[str] = Turns()
    for item, rank in (("a", Rank.OTHERS), ("b", Rank.OTHERS), ("b", Rank.URGENT), ("b", Rank.OTHERS)):
        queue.add(item, rank)
    assert len(queue) == 2
    assert [queue.next(), queue.next()] == [("b", Rank.URGENT), ("a", Rank.OTHERS)]
    with pytest.raises(IndexError):
        queue.next()
