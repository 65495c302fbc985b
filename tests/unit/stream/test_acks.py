"""Acks on their way up: the newest of each node, how old it is by then, and nothing of who is gone."""

import pytest

from pennon.stream.acks import APPLIED, FORGOTTEN_S, NODES, Ack, AckBook

SHOP = "shop/production"


def ack(node: str = "fra-1", revision: str = "1.7", **fields: object) -> Ack:
    return Ack(node, revision, 0, **fields)  # type: ignore[arg-type]  # fields of the struct


def test_newest_report_of_a_node_is_kept_whatever_way_it_came() -> None:
    book = AckBook()
    book.take(SHOP, ack(revision="1.8", waited=0.2), 10.0)
    book.take(SHOP, ack(revision="1.7", waited=1.5), 10.1)
    assert book.of(SHOP)["fra-1"].revision == "1.8"
    book.take(SHOP, ack(revision="1.9"), 10.2)
    assert book.of(SHOP)["fra-1"].revision == "1.9"


def test_report_grows_older_where_it_waits() -> None:
    book = AckBook()
    book.take(SHOP, ack(waited=0.5, applied={"1.7": 0.25}), 10.0)
    (passed_on,) = book.untold(SHOP, 12.0)
    assert passed_on.waited == pytest.approx(2.5)
    assert passed_on.applied == pytest.approx({"1.7": 0.25})


def test_what_was_told_is_not_told_again_until_there_is_something_new() -> None:
    book = AckBook()
    book.take(SHOP, ack(), 10.0)
    book.told(SHOP, book.untold(SHOP, 10.5), 10.5)
    assert book.untold(SHOP, 11.0) == []
    assert book.environments == frozenset()
    book.take(SHOP, ack(revision="1.8"), 12.0)
    assert book.environments == {SHOP}
    assert [one.revision for one in book.untold(SHOP, 12.0)] == ["1.8"]


def test_report_that_comes_while_another_is_sent_is_told_as_well() -> None:
    book = AckBook()
    book.take(SHOP, ack(revision="1.7"), 10.0)
    sent = book.untold(SHOP, 10.5)
    book.take(SHOP, ack(revision="1.8"), 10.6)
    book.told(SHOP, sent, 10.5)
    assert [one.revision for one in book.untold(SHOP, 11.0)] == ["1.8"]


def test_revisions_that_nobody_was_told_of_join_the_next_report() -> None:
    book = AckBook()
    book.take(SHOP, ack(revision="1.7", applied={"1.6": 0.5, "1.7": 0.0}), 10.0)
    book.take(SHOP, ack(revision="1.8", applied={"1.8": 0.1}), 11.0)
    (passed_on,) = book.untold(SHOP, 11.0)
    assert passed_on.applied == pytest.approx({"1.6": 1.5, "1.7": 1.0, "1.8": 0.1})
    for revision in range(100):
        book.take(SHOP, ack(revision=f"1.{revision}", applied={f"2.{revision}": 0.0}), 12.0)
    (passed_on,) = book.untold(SHOP, 12.0)
    assert len(passed_on.applied) == APPLIED
    assert f"2.{99}" in passed_on.applied


def test_node_that_is_silent_is_passed_on_no_more() -> None:
    book = AckBook()
    book.take(SHOP, ack(), 10.0)
    assert book.untold(SHOP, 10.0 + FORGOTTEN_S + 1) == []
    assert book.of(SHOP) == {}


def test_report_that_was_under_way_too_long_is_passed_on_no_more() -> None:
    book = AckBook()
    book.take(SHOP, ack("old-1", waited=FORGOTTEN_S + 1), 10.0)
    book.take(SHOP, ack(), 10.0)
    assert [one.node for one in book.untold(SHOP, 10.0)] == ["fra-1"]
    assert set(book.of(SHOP)) == {"fra-1"}


def test_node_that_stops_is_told_of_once_and_forgotten() -> None:
    book = AckBook()
    book.take(SHOP, ack(gone=True), 10.0)
    sent = book.untold(SHOP, 10.0)
    assert [one.gone for one in sent] == [True]
    book.told(SHOP, sent, 10.0)
    assert book.of(SHOP) == {}


def test_more_nodes_than_fit_push_out_the_one_silent_longest() -> None:
    book = AckBook()
    for number in range(NODES):
        book.take(SHOP, ack(f"n{number}"), 10.0)
    book.take(SHOP, ack("n0"), 10.1)
    book.take(SHOP, ack("one-more"), 10.2)
    assert len(book.of(SHOP)) == NODES
    assert "n0" in book.of(SHOP)
    assert "n1" not in book.of(SHOP)


def test_environments_have_nothing_to_do_with_each_other() -> None:
    book = AckBook()
    book.take(SHOP, ack(), 10.0)
    book.take("shop/staging", ack(revision="1.2"), 10.0)
    assert book.of("shop/staging")["fra-1"].revision == "1.2"
    book.told(SHOP, book.untold(SHOP, 10.0), 10.0)
    assert book.environments == {"shop/staging"}
