"""Snapshots and deltas: what is read, what is refused, and the bytes that are written."""

import json

import pytest

from pennon.model import (
    Delta,
    Flag,
    InvalidItem,
    InvalidJson,
    Item,
    KeyRecord,
    Layer,
    Position,
    Segment,
    Serve,
    Snapshot,
    Variation,
)

FLAG = Item.of(Flag("a", (Variation("on", True),), on=True, fallthrough=Serve("on")))
SEGMENT = Item.of(Segment("s", included=("u1",)))
LAYER = Item.of(Layer("l"))
KEY = Item.of(KeyRecord("0" * 64, "server"))


def test_positions_compare_by_epoch_then_revision() -> None:
    assert Position(1, 9) < Position(2, 0) < Position(2, 1)
    assert str(Position(2, 41)) == "2.41"
    assert Position.parse("2.41") == Position(2, 41)


@pytest.mark.parametrize("text", ["", "1", "1.", ".1", "1.2.3", "-1.2", "1.-2", "1 .2", "１.２", "1.2\n", "a.b", "1,2"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a position"):
        Position.parse(text)


def test_a_position_has_a_length() -> None:
    with pytest.raises(ValueError, match="at most 40 characters"):
        Position.parse("1." + "9" * 39)


def test_a_snapshot_is_written_in_the_order_of_kinds_and_keys() -> None:
    other = Item.from_text("0", b'{"key":"0"}')
    known = Snapshot.of(
        {"flag": {"a": FLAG, "0": other}, "segment": {"s": SEGMENT}, "layer": {"l": LAYER}},
        environment="shop/production",
        position=Position(2, 7),
        digest="ab",
    )
    assert known.to_json() == (
        b'{"spec":1,"environment":"shop/production","epoch":2,"revision":7,"digest":"ab",'
        b'"flags":{"0":{"key":"0"},"a":%b},"segments":{"s":%b},"layers":{"l":%b}}'
        % (FLAG.text, SEGMENT.text, LAYER.text)
    )
    assert known.position == Position(2, 7)
    assert Snapshot.from_json(known.to_json()) == known


def test_a_snapshot_over_a_document_is_the_one_that_is_read_from_it() -> None:
    text = b'{"epoch":2,"revision":7,"flags":{"a":%b,"b":{"key":1},"c":null,"d":7},"keys":{"k":%b}}' % (
        FLAG.text,
        KEY.text,
    )
    known, over = Snapshot.from_json(text), Snapshot.over(text)
    assert over.to_json() == known.to_json()
    assert over.items("flag") == known.items("flag")
    assert ("a" in over.flags, "c" in over.flags, len(over.flags)) == (True, False, 3)
    assert over.flags["a"] == known.flags["a"]
    with pytest.raises(InvalidJson):
        Snapshot.over(b'{"flags":7}')


def test_key_records_are_there_in_the_edge_projection_only() -> None:
    known = Snapshot.of({"key": {KEY.key: KEY}})
    assert json.loads(known.to_json())["keys"][KEY.key]["kind"] == "server"
    assert "keys" not in json.loads(Snapshot().to_json())
    assert Snapshot.from_json(known.to_json()).keys[KEY.key].kind == "server"


def test_everything_in_a_snapshot_may_be_left_out() -> None:
    assert Snapshot.from_json(b"{}") == Snapshot()
    assert Snapshot.from_json('{"later": {"x": 1}, "flags": {}}') == Snapshot()


def test_one_item_that_cannot_be_read_harms_no_other() -> None:
    known = Snapshot.from_json(b'{"flags":{"a":%b,"b":7,"c":null}}' % FLAG.text)
    assert known.flags["a"].on
    with pytest.raises(InvalidItem):
        known.flags["b"]
    assert "c" not in known.flags


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b"", ""),
        (b"[]", ""),
        (b"{", ""),
        (b'{"flags":[]}', "/flags"),
        (b'{"flags":{"a":{"key":"\xff"}}}', ""),
        (b'{"revision":"7"}', "/revision"),
        (b'{"revision":7.5}', "/revision"),
        (b'{"environment":null}', "/environment"),
        (b'{"spec":2}', "/spec"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),
        ('{"environment":"\ud800"}', ""),
    ],
)
def test_what_is_no_snapshot_is_refused_with_its_path(text: bytes | str, path: str) -> None:
    with pytest.raises(InvalidJson) as caught:
        Snapshot.from_json(text)
    assert [problem.path for problem in caught.value.problems] == [path]


@pytest.mark.parametrize("end", [b"", b"\xc3", b"\xff"])
def test_a_long_document_is_checked_for_text_to_its_last_byte(end: bytes) -> None:
    # Characters of two bytes lie across the places where it is cut.
    text = b'{"x":"a' + "ü".encode() * 1_100_000 + end + b'"}'
    if not end:
        assert Snapshot.from_json(text) == Snapshot()
        return
    with pytest.raises(InvalidJson):
        Snapshot.from_json(text)


def test_a_newer_format_is_refused_whole_and_says_what_to_do() -> None:
    with pytest.raises(InvalidJson, match=r"spec 9 is newer than this Pennon reads \(1\) \(update the SDK\)"):
        Snapshot.from_json(b'{"spec":9,"flags":{}}')


def test_a_delta_names_what_changed_and_what_is_gone() -> None:
    delta = Delta(environment="e", epoch=1, from_=6, to=7, digest="ab", flags={"b": None, "a": FLAG})
    text = b'{"spec":1,"environment":"e","epoch":1,"from":6,"to":7,"digest":"ab","flags":{"a":%b,"b":null}}' % FLAG.text
    assert delta.to_json() == text
    read = Delta.from_json(text)
    assert read == delta
    assert read.items("flag") == {"a": FLAG, "b": None}
    assert read.items("segment") == read.items("layer") == read.items("key") == {}


def test_a_delta_may_be_empty() -> None:
    delta = Delta(epoch=1, from_=6, to=7, digest="ab")
    assert delta.to_json() == b'{"spec":1,"environment":"","epoch":1,"from":6,"to":7,"digest":"ab"}'
    assert Delta.from_json(delta.to_json()) == delta


@pytest.mark.parametrize("member", ["epoch", "from", "to", "digest"])
def test_what_a_delta_cannot_do_without_is_required(member: str) -> None:
    document = {"epoch": 1, "from": 6, "to": 7, "digest": "ab"}
    del document[member]
    with pytest.raises(InvalidJson, match=f"missing required field `{member}`"):
        Delta.from_json(json.dumps(document))
