"""Tokens for the notify stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.stream import tokens

HASH, OTHER = "a" * 64, "b" * 64
LIFETIME = 600


@given(st.integers(0, 2**31), st.integers(0, LIFETIME - 1))
def test_token_is_good_for_its_lifetime_at_least_and_for_twice_it_at_most(now: int, later: int) -> None:
    token = tokens.issue(HASH, now, LIFETIME)
    assert tokens.is_good(token, HASH, now + later)
    assert not tokens.is_good(token, HASH, now + 2 * LIFETIME)


def test_token_stays_the_same_within_its_window_so_that_tags_hold() -> None:
    issued = {tokens.issue(HASH, 1_200 + second, LIFETIME) for second in range(LIFETIME)}
    assert len(issued) == 1
    assert tokens.issue(HASH, 1_200 + LIFETIME, LIFETIME) not in issued


def test_token_is_good_for_its_own_key_only() -> None:
    token = tokens.issue(HASH, 1_000, LIFETIME)
    assert tokens.claimed(token) == tokens.reference(HASH)
    assert not tokens.is_good(token, OTHER, 1_000)


def test_token_tells_nothing_of_the_hash() -> None:
    assert HASH not in tokens.issue(HASH, 1_000, LIFETIME)
    assert tokens.reference(HASH).hex() not in HASH


@given(st.integers(0, 36), st.integers(0, 63))
def test_changed_token_is_refused(at: int, by: int) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = tokens.issue(HASH, 1_000, LIFETIME)
    changed = token[:at] + alphabet[by] + token[at + 1 :]
    if changed != token:
        assert not tokens.is_good(changed, HASH, 1_000)


@pytest.mark.parametrize("text", ["", "x", "ü" * 38, "=" * 38, "a" * 1000, "a b", "\0"])
def test_text_that_is_no_token_is_refused(text: str) -> None:
    assert tokens.claimed(text) is None
    assert not tokens.is_good(text, HASH, 1_000)
