"""Whom a change would move, by a sample."""

from collections import Counter
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pennon.control.contexts.moves import EVALUATIONS, FEWEST, MOST_FLAGS, FlagMoves, Move, Moves, count_moves, sentence
from pennon.engine import compile_snapshot
from pennon.model import Condition, Flag, Item, Rule, Serve, Snapshot, Split, Weight
from pennon.testing import flag

SHARES = st.integers(0, 100)


def snapshot(*flags: Flag) -> Snapshot:
    return Snapshot.of({"flag": {each.key: Item.of(each) for each in flags}})


def splitting(key: str, share: int) -> Flag:
    weights = (Weight("on", share * 1000), Weight("off", 100_000 - share * 1000))
    return msgspec.structs.replace(flag(key).on().build(), salt="s", fallthrough=Serve(split=Split(weights=weights)))


def users(count: int, **attributes: Any) -> list[dict[str, Any]]:
    return [{"targetingKey": f"u{at}", **attributes} for at in range(count)]


@given(SHARES, SHARES)
def test_counts_are_those_of_a_count_by_hand(before: int, after: int) -> None:
    old, new, sample = snapshot(splitting("f", before)), snapshot(splitting("f", after)), users(60)
    counted = count_moves(old, new, ["f"], sample)
    by_hand = Counter(
        (compile_snapshot(old).evaluate("f", user).variation, compile_snapshot(new).evaluate("f", user).variation)
        for user in sample
    )
    moved = {pair: number for pair, number in by_hand.items() if pair[0] != pair[1]}
    total = sum(moved.values())
    assert counted is not None
    [found] = counted.flags
    assert found.moved == (total if total >= FEWEST else None)
    assert {(move.before, move.after): move.count for move in found.moves} == {
        pair: number for pair, number in moved.items() if number >= FEWEST
    }


def test_a_deleted_flag_gives_everybody_the_default_of_the_caller_and_a_new_one_moves_nobody() -> None:
    counted = count_moves(snapshot(splitting("gone", 100)), snapshot(splitting("new", 100)), ["gone", "new"], users(20))
    assert counted is not None
    assert counted.flags == (FlagMoves(flag="gone", moved=20, moves=(Move(before="on", after=None, count=20),)),)
    assert sentence(counted, counted.flags[0]) == "100.0 % of 20 users go from on to the caller's default"


def test_what_no_context_has_is_named() -> None:
    rule = Rule(
        id="r",
        conditions=(
            Condition(op="in", attribute="plan", values=("pro",)),
            Condition(op="in", attribute="/org/size", values=(1,)),
            Condition(op="in", attribute="country", values=("DE",)),
        ),
        serve=Serve(variation="on"),
    )
    before = flag("f").on().build()
    after = msgspec.structs.replace(before, rules=(rule,))
    counted = count_moves(snapshot(before), snapshot(after), ["f"], users(20, country="DE", org={"name": "x"}))
    assert counted is not None
    assert counted.unseen == ("/org/size", "plan")


def test_many_flags_are_counted_with_fewer_contexts_and_some_are_only_counted() -> None:
    keys = [f"f{at}" for at in range(MOST_FLAGS + 5)]
    old, new = snapshot(*(splitting(key, 0) for key in keys)), snapshot(*(splitting(key, 100) for key in keys))
    sample = users(5000)
    counted = count_moves(old, new, keys, sample)
    assert counted is not None
    assert (len(counted.flags), counted.others) == (MOST_FLAGS, 5)
    assert counted.contexts * 2 * MOST_FLAGS <= EVALUATIONS
    assert all(each.moved == counted.contexts for each in counted.flags)


def test_sentences() -> None:
    moves = Moves(contexts=12_300, flags=())
    one = FlagMoves(flag="f", moved=504, moves=(Move(before="off", after="on", count=504),))
    assert sentence(moves, one) == "4.1 % of 12,300 users go from off to on"
    two = FlagMoves(flag="f", moved=700, moves=(*one.moves, Move(before="on", after="off", count=196)))
    assert sentence(moves, two) == "4.1 % of 12,300 users go from off to on, 1.6 % from on to off"
    few = FlagMoves(flag="f", moved=None, moves=())
    assert sentence(moves, few) == "fewer than 10 of 12,300 users get another variation"
    scattered = FlagMoves(flag="f", moved=12, moves=())
    assert sentence(moves, scattered) == "0.1 % of 12,300 users get another variation"
