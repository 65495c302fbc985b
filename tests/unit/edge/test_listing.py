import pytest

from pennon.edge.listing import Listed, Listing, Membership, read_listing

NEAR, FAR = "http://near", "http://far"


def listing(*names: str, complete: bool = True) -> Listing:
    return Listing(tuple(map(Listed, names)), complete)


def test_what_is_listed_is_there() -> None:
    found = Membership([NEAR], [])
    found.take(NEAR, listing("a", "b"))
    assert found.names == {"a", "b"}


def test_what_the_only_upstream_knows_to_be_gone_is_gone() -> None:
    found = Membership([NEAR], ["a", "b"])
    found.take(NEAR, listing("a"))
    assert found.names == {"a"}


def test_what_an_upstream_does_not_know_yet_stays() -> None:
    found = Membership([NEAR], ["a", "b"])
    found.take(NEAR, listing("a", complete=False))
    found.take(NEAR, listing(complete=False))
    assert found.names == {"a", "b"}


def test_what_was_known_before_stays_until_every_upstream_says_that_it_is_gone() -> None:
    found = Membership([NEAR, FAR], ["a"])
    found.take(NEAR, listing())
    assert found.names == {"a"}
    assert found.missing(listing()) == {"a"}
    found.take(FAR, listing())
    assert found.names == frozenset()


def test_an_upstream_whose_key_opens_less_takes_nothing_away() -> None:
    found = Membership([NEAR, FAR], [])
    found.take(FAR, listing("a", "b"))
    found.take(NEAR, listing("a"))
    assert found.names == {"a", "b"}


def test_what_one_upstream_lost_and_the_other_never_had_is_gone() -> None:
    found = Membership([NEAR, FAR], [])
    found.take(NEAR, listing("a"))
    found.take(FAR, listing())
    assert found.names == {"a"}
    found.take(NEAR, listing())
    assert found.names == frozenset()


def test_a_listing_is_read_with_what_it_does_not_say_left_at_no() -> None:
    body = b'{"environments": [{"key": "a", "epoch": 1, "clientRules": true}, {"key": "b"}]}'
    assert read_listing(body) == Listing((Listed("a", True), Listed("b")), False)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"environments": [{}]}', b"\xff"])
def test_what_makes_no_sense_is_no_listing(body: bytes) -> None:
    assert read_listing(body) is None
