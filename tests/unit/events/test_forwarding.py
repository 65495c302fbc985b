"""Batches on their way up: bodies to batches, results to bodies, and what is neither."""

import msgspec
import pytest

from pennon.events import (
    MAX_HOPS,
    MOST_BATCHES,
    NODE,
    Fate,
    Forwarded,
    InvalidBatch,
    Result,
    Way,
    forwarded_batches,
    forwarding,
    is_forwarding,
    read_results,
    results_body,
)

KEY = "a" * 64
HOP = "0123456789abcdef"
BATCH = msgspec.Raw(b'{"instance":"i","sequence":1}')


def test_what_is_handed_on_is_read_as_it_was() -> None:
    sent = [Forwarded(KEY, BATCH, 7, (HOP,)), Forwarded(NODE, BATCH)]
    body = forwarding(sent)
    assert is_forwarding(body)
    read = forwarded_batches(body)
    assert [(each.key, bytes(each.batch), each.way) for each in read] == [
        (KEY, bytes(BATCH), Way(7, (HOP,))),
        (NODE, bytes(BATCH), Way()),
    ]
    assert b'"waitedMs":7' in body
    assert forwarding([]) == b'{"batches":[]}'


def test_newer_nodes_may_say_more() -> None:
    body = b'{"batches":[{"key":"node","batch":{},"new":[1]}],"also":2}'
    assert is_forwarding(body)
    assert forwarded_batches(body)[0].key == NODE


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"instance":"i","sequence":1}', b'{"instance":"i","batches":[]}'])
def test_a_batch_of_its_own_is_no_forwarding(body: bytes) -> None:
    assert not is_forwarding(body)


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        (b'{"key":"x","batch":{}}', "/batches/0/key"),
        (b'{"key":"node\\n","batch":{}}', "/batches/0/key"),
        (b'{"key":"%b","batch":{}}' % (b"A" * 64), "/batches/0/key"),
        (b'{"key":"node"}', "/batches/0"),
        (b'{"key":"node","batch":{},"waitedMs":-1}', "/batches/0/waitedMs"),
        (b'{"key":"node","batch":{},"waitedMs":1.5}', "/batches/0/waitedMs"),
        (b'{"key":"node","batch":{},"via":["short"]}', "/batches/0/via/0"),
        (
            b'{"key":"node","batch":{},"via":[%b]}' % b",".join([b'"0123456789abcdef"'] * (MAX_HOPS + 1)),
            "/batches/0/via",
        ),
        (b'{"key":"node","batch":{}' + b',"x":"\xff"}', ""),
        (b",".join([b'{"key":"node","batch":{}}'] * (MOST_BATCHES + 1)), "/batches"),
    ],
    ids=[
        "key",
        "line break",
        "capitals",
        "no batch",
        "negative",
        "fraction",
        "name",
        "too far",
        "not UTF-8",
        "too many",
    ],
)
def test_what_cannot_be_told_apart_is_refused_with_the_place(entry: bytes, path: str) -> None:
    with pytest.raises(InvalidBatch) as caught:
        forwarded_batches(b'{"batches":[%b]}' % entry)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert problem.mend


def test_results_are_read_as_they_were_told() -> None:
    told = (Result(Fate.ACCEPTED, unknown=2), Result(Fate.REFUSED, "bad"), Result(Fate.DUPLICATE), Result(Fate.RETRY))
    body = results_body(told)
    assert read_results(body, 4) == told
    assert msgspec.json.decode(body)["results"][2] == {"status": "duplicate"}


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"accepted":1}', b'{"results":[{"status":"maybe"}]}', b'{"results":[]}']
)
def test_answer_that_does_not_say_it_of_each_batch_is_none(body: bytes) -> None:
    assert read_results(body, 1) is None
