"""Claims are exact: what they list, and where they lie in an order, is what the engine's own comparison says."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pennon.bucketing import bucket_after
from pennon.engine.operators import Refused
from pennon.engine.proofs.claims import BOOLEAN, NUMBER, TEXT, Claim, Claims, bucket_order, is_bucket_order
from pennon.engine.proofs.ranges import Ranges
from pennon.engine.regex import Patterns
from pennon.engine.values import address, instant, number, text, unit, version_rank
from pennon.model import Condition
from tests.unit.engine.build import flag_model
from tests.unit.engine.proofs.worlds import NUMBERS, SCALARS, TEXTS, World

CLAIMS = Claims(Patterns())
OWNER = flag_model()
OTHERS = ["other", "OTHER", "aba", "1.2.9", "200.0.0.1", "2023-01-01T00:00:00Z", 7, -7, 3.5, 1e9]


def condition(seed: int) -> Condition:
    world = World(seed)
    ops = world.choice([["in"], ["startsWith", "contains"], ["lessThan", "greaterOrEqual"], ["before", "after"]] * 2 + [
        ["versionLess", "versionEqual", "versionGreaterOrEqual"], ["inCidr"], ["inBucket"], ["matches"]])  # fmt: skip
    return msgspec.convert(world.condition(ops, "a", []), Condition)


def sort_of(value: Any) -> str:
    return BOOLEAN if isinstance(value, bool) else TEXT if isinstance(value, str) else NUMBER


def place(order: Any, value: Any) -> Any:
    """Return where a value lies in an order, None if it has no place there."""
    if is_bucket_order(order):
        found = unit(value)
        return None if found is None else bucket_after(order[1], found)
    read: dict[str, Any] = {
        "number": number,
        "date": instant,
        "version": lambda each: version_rank(text(each) or "") or None,
        "address": lambda each: address(text(each) or ""),
    }
    return read[order](value)


def holds(ranges: Ranges, value: Any) -> bool:
    return any(start <= (1, value, 0) and (1, value, 1) <= end for start, end in ranges)


@settings(max_examples=settings().max_examples * 3)
@given(st.integers(0, 2**32 - 1), st.sampled_from([*SCALARS, *OTHERS]))
def test_a_claim_says_the_same_in_all_its_members(seed: int, value: Any) -> None:
    try:
        claims = CLAIMS.of(condition(seed), OWNER)
    except Refused:
        return
    for claim in claims:
        _agree(claim, value)


def _agree(claim: Claim, value: Any) -> None:
    sort, answer = sort_of(value), claim.is_true(value)
    if sort not in claim.sorts:
        assert not answer
        return
    if sort in claim.every:
        assert answer
    listed = {TEXT: claim.texts, NUMBER: claim.numbers, BOOLEAN: claim.booleans}[sort]
    if listed is not None:
        assert answer == (value in listed)
    if claim.order is not None:
        where = place(claim.order, value)
        assert answer == (where is not None and holds(claim.ranges, where))


@pytest.mark.parametrize("value", [*TEXTS, *NUMBERS, True])
def test_listed_keys_are_read_as_units(value: Any) -> None:
    claim = CLAIMS.listed(("a", "1", "007", "-0", "9007199254740992", "1.2"))
    _agree(claim, value)
    assert claim.numbers == frozenset({1})


def test_patterns_are_compiled_when_they_are_asked() -> None:
    patterns = Patterns()
    claim, takes = Claims(patterns).of(Condition("matches", "a", values=("^a",)), OWNER)
    assert not patterns._kept
    assert (claim.is_true("ab"), claim.is_true("b"), claim.is_true(1), takes.is_true("b")) == (True, False, False, True)
    assert patterns._kept


def test_what_the_compiler_would_refuse_is_refused() -> None:
    with pytest.raises(Refused):
        CLAIMS.of(Condition("lessThan", "a", values=("x",)), OWNER)


def test_buckets_are_one_order_for_one_salt_and_key() -> None:
    claim, _ = CLAIMS.of(Condition("inBucket", from_=0, to=10), OWNER)
    assert claim.order == bucket_order("s1", "f")
    assert claim.order != bucket_order("s2", "f")
