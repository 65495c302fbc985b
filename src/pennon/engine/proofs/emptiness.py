"""Whether provably no element satisfies some claims at once. In doubt the answer is no: nothing is proved."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

from pennon.engine.proofs.affixes import clash, covers
from pennon.engine.proofs.claims import ALL_BUCKETS, BOOLEAN, NUMBER, TEXT, Affixes, Claim, is_bucket_order
from pennon.engine.proofs.ranges import EVERYTHING, Ranges, common, only_values, without

Claims: TypeAlias = Sequence[Claim]
MEMBERS = 2000
"""So many listed values are looked at one by one; a longer list is not reasoned about."""


def is_nothing(true: Claims, untrue: Claims) -> bool:
    """Tell whether provably no element makes all of *true* true, of which there is one at least, and none of *untrue*.

    *untrue* is not the same as false: a value of a type that an operator does not take makes it untrue.
    """
    if not untrue and len(true) == 1:
        return not true[0].sorts
    return all(_is_none_of(sort, true, untrue) for sort in true[0].sorts)


def _is_none_of(sort: str, true: Claims, untrue: Claims) -> bool:
    if any(sort not in claim.sorts for claim in true) or any(sort in claim.every for claim in untrue):
        return True
    members = _members(sort, true)
    if members is not None:
        return len(members) <= MEMBERS and not any(_is_possible(each, true, untrue) for each in members)
    return _is_out_of_range(sort, true, untrue) or (sort == TEXT and _has_no_text(true, untrue))


def _is_possible(member: Any, true: Claims, untrue: Claims) -> bool:
    return all(claim.is_true(member) for claim in true) and not any(claim.is_true(member) for claim in untrue)


def _members(sort: str, true: Claims) -> Collection[Any] | None:
    """Return all values of a sort that may be possible, where they are few enough to be listed."""
    if sort == BOOLEAN:
        return (True, False)
    listed = [found for claim in true if (found := _LISTED[sort](claim)) is not None]
    return min(listed, key=len) if listed else None


_LISTED: Mapping[str, Callable[[Claim], frozenset[Any] | None]] = {
    NUMBER: lambda claim: claim.numbers,
    TEXT: lambda claim: claim.texts,
}


# Order


def _is_out_of_range(sort: str, true: Claims, untrue: Claims) -> bool:
    orders = {claim.order for claim in true if claim.order is not None}
    if sort == NUMBER:
        orders.add("number")
    if sort == TEXT:  # every text is a unit
        orders |= {claim.order for claim in untrue if is_bucket_order(claim.order)}
    return any(_is_out_of(order, sort, true, untrue) for order in sorted(orders, key=repr))


def _is_out_of(order: Any, sort: str, true: Claims, untrue: Claims) -> bool:
    left = left_in(order, true, untrue)
    if not left:
        return True
    if sort == NUMBER and order == "number" and (values := only_values(left)) is not None:
        return not any(_is_possible(value, true, untrue) for value in values)
    return False


def left_in(order: Any, true: Claims, untrue: Claims) -> Ranges:
    """Return the ranges of an order, in which the element is known to have a place, that it may lie in."""
    left = ALL_BUCKETS if is_bucket_order(order) else EVERYTHING
    for claim in true:
        if claim.order == order:
            left = common(left, claim.ranges)
    for claim in untrue:
        if claim.order == order:
            left = without(left, claim.ranges)
    return left


# Texts


def _has_no_text(true: Claims, untrue: Claims) -> bool:
    """Prove it of beginnings, ends, parts and patterns: a literal at a time, which no text can satisfy."""
    said = [claim.affixes for claim in true if claim.affixes is not None]
    denied = [claim.affixes for claim in untrue if claim.affixes is not None]
    return any(all(_is_impossible(literal, affixes, said, denied) for literal in affixes.literals) for affixes in said)


def _is_impossible(literal: str, affixes: Affixes, said: Sequence[Affixes], denied: Sequence[Affixes]) -> bool:
    return any(covers(other, affixes, literal) for other in denied) or any(
        other is not affixes and clash(affixes, literal, other) for other in said
    )
