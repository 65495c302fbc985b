"""Items in a file: the same mapping as in memory, whatever is edited, and what a full or damaged disk does to it."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pennon.edge.tiers import HousedRecords, Housing, house_of
from pennon.model import InvalidItem, Item, KeyRecord, Layer, Position, Snapshot
from pennon.protocol.state import State
from pennon.testing import flag, segment

KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


def item(key: str, text: str = "") -> Item:
    return Item.from_text(key, b'{"key":"%b","version":1}' % text.encode())


def snapshot(*keys: str) -> Snapshot:
    return Snapshot.of(
        {"flag": {key: item(key) for key in keys}}, environment="shop/p", position=Position(2, 7), digest="d"
    )


def housed(folder: Path, *keys: str) -> HousedRecords:
    records = Housing(folder).house(snapshot(*keys)).flags.records
    assert isinstance(records, HousedRecords)
    return records


@settings(max_examples=60)
@given(st.data(), st.lists(KEYS, unique=True, max_size=8))
def test_records_in_a_house_are_the_mapping_that_was_put_there_and_edited(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, keys: list[str]
) -> None:
    found = housed(tmp_path_factory.mktemp("house"), *keys)
    expected = {key: item(key) for key in keys}
    before = [(found, dict(expected))]
    for _ in range(data.draw(st.integers(0, 5))):
        key = data.draw(st.sampled_from([*expected, "another"]) | KEYS)
        new = data.draw(st.none() | st.builds(item, st.just(key), st.sampled_from(["new", "newer"])))
        found = found.edited({key: new})
        expected.pop(key, None)
        if new is not None:
            expected[key] = new
        before.append((found, dict(expected)))
    for records, held in before:  # those of before are as they were
        assert dict(records) == held
        assert dict(records.items()) == held
        assert [(each.key, each) for each in records.values()] == list(records.items())
        assert len(records) == len(records.items()) == len(held)
        assert [key for key in (*held, "absent") if key in records] == list(held)
        assert records.get("absent") is None


def test_a_snapshot_of_all_kinds_is_read_into_a_house_as_it_is(tmp_path: Path) -> None:
    whole = Snapshot.of(
        {
            "flag": {"a": Item.of(flag("a").on().build()), "broken": Item.from_text("broken", b"7")},
            "segment": {"s": Item.of(segment("s", included=("u1",)))},
            "layer": {"l": Item.of(Layer("l"))},
            "key": {"0" * 64: Item.of(KeyRecord("0" * 64, "server"))},
        },
        environment="shop/p",
        position=Position(2, 7),
        digest="d",
    )
    read = Housing(tmp_path).read(whole.to_json())
    assert read == whole
    assert read.to_json() == whole.to_json()
    assert read.flags["a"] == whole.flags["a"]
    with pytest.raises(InvalidItem):
        read.flags["broken"]
    assert State.of({"flag": read.flags.records}).digest == State.of({"flag": whole.flags.records}).digest


def test_a_house_leaves_no_file_and_nothing_when_nobody_has_it_any_more(tmp_path: Path) -> None:
    housing = Housing(tmp_path / "items")
    kept = housing.house(snapshot("a", "b"))
    assert list((tmp_path / "items").iterdir()) == []
    assert housing.size > 0
    house = house_of(kept)
    assert house is not None
    handle = house.body.handle
    os.fstat(handle)
    del kept, house
    assert housing.size == 0
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)


def test_an_item_that_two_keep_is_put_there_once(tmp_path: Path) -> None:
    found = housed(tmp_path, "a", "b")
    changed = item("a", "changed")
    first, second = found.edited({"a": changed}), found.edited({"a": changed, "b": None})
    assert found.house.grown == len(changed.text)
    assert (first["a"], second["a"], dict(second)) == (changed, changed, {"a": changed})


def test_a_snapshot_in_memory_has_no_house() -> None:
    assert house_of(snapshot("a")) is None


def test_where_the_disk_takes_nothing_items_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = housed(tmp_path, "a")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    changed = item("a", "changed")
    later: Mapping[str, Item] = found.edited({"a": changed, "b": item("b")})
    assert later["a"] is changed
    assert dict(later) == {"a": changed, "b": item("b")}
    blocked = tmp_path / "file"
    blocked.touch()
    whole = snapshot("a", "b")
    assert Housing(blocked / "items").house(whole) is whole
    assert Housing(blocked / "items").read(whole.to_json()) == whole


@pytest.mark.parametrize("is_later", [False, True], ids=["as-it-was", "changed-since"])
def test_damage_is_seen_when_it_is_read_and_harms_no_neighbour(tmp_path: Path, is_later: bool) -> None:
    found = housed(tmp_path, "a", "b")
    if is_later:
        found = found.edited({"a": item("a", "changed")})
    handle = found.house.body.handle
    whole = os.pread(handle, found.house.size + found.house.grown, 0)
    at = whole.index(b"changed" if is_later else b'{"key":"","version":1}')
    os.pwrite(handle, b"~", at)
    assert not found.house.is_damaged
    assert found["a"].text == b""
    assert found.house.is_damaged
    assert found["b"] == item("b")
