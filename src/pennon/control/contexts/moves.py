"""Who would get another variation, by a sample of contexts evaluated before and after a change. Pure.

Only counts leave this module, and of fewer than ten only that they are fewer: what one or two people get is nobody's
business.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import msgspec

from pennon.control.contexts.keeping import Context
from pennon.engine import RuleSet, attributes_of, compile_snapshot
from pennon.engine.attributes import KEY
from pennon.engine.values import attribute_reader
from pennon.model import InvalidItem, Snapshot

FEWEST = 10
"""Of fewer it is only said that they are fewer, none included."""
EVALUATIONS = 400_000
"""So many evaluations are made at most, about half a second: of many flags, with fewer of the contexts."""
MOST_FLAGS = 100
_LEAST_CONTEXTS = 1000


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """So many go from one variation to another; None is the caller's default."""

    before: str | None
    after: str | None
    count: int


class FlagMoves(msgspec.Struct, frozen=True, kw_only=True):
    """Of how many contexts a flag's variation would be another; None: fewer than `FEWEST`. Small moves are left out."""

    flag: str
    moved: int | None
    moves: tuple[Move, ...]


class Moves(msgspec.Struct, frozen=True, kw_only=True):
    """What a change does to a sample of *contexts*. *unseen* are attributes asked for that none of them has.

    *others* flags are concerned too, and not looked at.
    """

    contexts: int
    flags: tuple[FlagMoves, ...]
    unseen: tuple[str, ...] = ()
    others: int = 0


def count_moves(before: Snapshot, after: Snapshot, flags: Sequence[str], sample: Sequence[Context]) -> Moves | None:
    """Return who of *sample* gets another variation of *flags*; None of too small a sample.

    A flag that is new serves nobody yet, and is left out.
    """
    asked = [key for key in flags if key in before.flags]
    looked_at = asked[:MOST_FLAGS]
    contexts = sample[: max(_LEAST_CONTEXTS, EVALUATIONS // (2 * max(1, len(looked_at))))]
    if len(contexts) < FEWEST:
        return None
    old, new = compile_snapshot(before), compile_snapshot(after)
    return Moves(
        contexts=len(contexts),
        flags=tuple(_flag_moves(key, old, new, contexts) for key in looked_at),
        unseen=tuple(_unseen(after, new, looked_at, contexts)),
        others=len(asked) - len(looked_at),
    )


def _flag_moves(key: str, old: RuleSet, new: RuleSet, contexts: Sequence[Context]) -> FlagMoves:
    pairs = Counter((old.evaluate(key, each).variation, new.evaluate(key, each).variation) for each in contexts)
    moved = {pair: count for pair, count in pairs.items() if pair[0] != pair[1]}
    total = sum(moved.values())
    told = sorted((pair for pair in moved if moved[pair] >= FEWEST), key=lambda pair: (-moved[pair], str(pair)))
    return FlagMoves(
        flag=key,
        moved=total if total >= FEWEST else None,
        moves=tuple(Move(before=before, after=after, count=moved[before, after]) for before, after in told),
    )


def _unseen(after: Snapshot, rules: RuleSet, flags: Iterable[str], contexts: Sequence[Context]) -> Iterator[str]:
    """Yield what the flags ask for, themselves or through others, and no context has: rules new to it match nobody."""
    needed = {node for key in flags for node in (("flag", key), *rules.dependencies(key))}
    named = {name for kind, key in needed for name in _asked(after, kind, key)} - {KEY}
    for name in sorted(named):
        read = attribute_reader(name)
        if all(read(cast("dict[str, object]", context)) is None for context in contexts):
            yield name


def _asked(snapshot: Snapshot, kind: str, key: str) -> frozenset[str]:
    try:
        if kind == "layer":
            return attributes_of(snapshot.layers[key])
        model = snapshot.flags[key] if kind == "flag" else snapshot.segments[key]
    except (KeyError, InvalidItem):
        return frozenset()
    # Of what is imported, words are counted in that are no attributes.
    return frozenset() if model.compat is not None else attributes_of(model)


def sentence(moves: Moves, of: FlagMoves) -> str:
    """Return what happens to a flag's users: `4.1 % of 12,300 users go from off to on`."""
    total = f"{moves.contexts:,} users"
    if of.moved is None:
        return f"fewer than {FEWEST} of {total} get another variation"
    if not of.moves:
        return f"{share(of.moved, moves.contexts)} of {total} get another variation"
    said = [f"{share(each.count, moves.contexts)} of {total} go {_way(each)}" for each in of.moves[:1]]
    said += [f"{share(each.count, moves.contexts)} {_way(each)}" for each in of.moves[1:]]
    return ", ".join(said)


def share(count: int, total: int) -> str:
    """Return a share in percent, with a decimal."""
    return f"{100 * count / total:.1f} %"


def _way(move: Move) -> str:
    before, after = (name or "the caller's default" for name in (move.before, move.after))
    return f"from {before} to {after}"
