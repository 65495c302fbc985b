"""Items: their text as it travels, the hash in front of it, and decoding when somebody looks."""

import hashlib

import msgspec
import pytest

from pennon.model import Flag, InvalidItem, Item, Items, Layer, Segment, Serve, Slot, Variation, text_hash

FLAG = Flag("a", (Variation("on", True),), on=True, fallthrough=Serve("on"), version=3, changed_at=7)


def test_an_item_travels_with_the_hash_of_its_stored_text_in_front() -> None:
    item = Item.of(FLAG)
    assert item.stored == msgspec.json.encode(FLAG)
    assert item.hash == hashlib.sha256(item.stored).hexdigest()[:16] == text_hash(item.stored)
    assert item.text == b'{"hash":"%b",' % item.hash.encode() + item.stored[1:]
    assert (item.key, item.version, item.changed_at) == ("a", 3, 7)
    assert item.is_intact


def test_an_item_read_from_its_text_is_the_same_item() -> None:
    for model in (FLAG, Segment("s", included=("u1",)), Layer("l", slots=(Slot(0, 5, "e"),))):
        item = Item.of(model)
        assert Item.from_text(item.key, item.text) == item


def test_the_hash_of_a_model_is_computed_anew() -> None:
    assert Item.of(msgspec.structs.replace(FLAG, hash="0123456789abcdef")) == Item.of(FLAG)


def test_a_changed_text_shows() -> None:
    item = Item.of(FLAG)
    assert not Item.from_text("a", item.text.replace(b"true", b"false")).is_intact


def test_a_text_without_a_hash_has_that_of_its_text() -> None:
    text = b'{ "key": "a" , "version":2}'
    item = Item.from_text("a", text)
    assert (item.hash, item.version, item.stored) == (text_hash(text), 2, text)
    assert item.is_intact


@pytest.mark.parametrize("text", [b"7", b"[]", b'"a"', b'{"version":"x"}', b'{"hash":5}', b"{", b"\xff"])
def test_a_text_that_is_no_item_becomes_one_of_version_0(text: bytes) -> None:
    item = Item.from_text("a", text)
    assert (item.key, item.version, item.changed_at, item.text) == ("a", 0, 0, text)
    assert item.is_intact


def items(**texts: bytes) -> Items[Flag]:
    return Items("flag", {key: Item.from_text(key, text) for key, text in texts.items()})


def test_items_are_decoded_when_they_are_looked_up() -> None:
    flags = items(a=Item.of(FLAG).text, b=b"no flag")
    assert flags["a"] == msgspec.structs.replace(FLAG, hash=Item.of(FLAG).hash)
    assert list(flags) == ["a", "b"]
    assert len(flags) == 2
    assert "b" in flags
    assert "c" not in flags
    assert repr(flags) == "Items('flag', 2 items)"


def test_an_item_that_cannot_be_read_is_a_problem_of_its_own() -> None:
    flags = items(a=Item.of(FLAG).text, b=b'{"key":"b","on":1}', c=b'{"key":"c"', d=b'{"key":"d","x":"\xff"}')
    for key, path in (("b", "/on"), ("c", ""), ("d", "")):
        with pytest.raises(InvalidItem) as caught:
            flags[key]
        assert [problem.path for problem in caught.value.problems] == [path]
    assert flags["a"].key == "a"
    with pytest.raises(KeyError):
        flags["e"]


def test_an_item_under_another_key_than_its_own_is_refused() -> None:
    with pytest.raises(InvalidItem, match="/key: the key is 'a' inside"):
        items(b=Item.of(FLAG).text)["b"]


def test_items_are_equal_by_their_texts() -> None:
    one, other = items(a=Item.of(FLAG).text), items(a=Item.of(FLAG).text)
    assert one == other
    assert one != items()
    assert one != Items[Segment]("segment", one.records)
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)
