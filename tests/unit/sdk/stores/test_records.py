"""Items that stay in their file: the same mapping as in memory, whatever was edited, and damage is seen when read."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pennon.model import Item, Position, Snapshot
from pennon.protocol.state import State
from pennon.sdk.stores import FileStore, Stored, layout, records
from pennon.sdk.stores.records import Body, StoredRecords
from pennon.testing import InMemorySource, flag, segment

KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


def item(key: str, text: str = "") -> Item:
    return Item.from_text(key, b'{"key":"%b","version":1}' % text.encode())


def stored(path: Path, *keys: str) -> StoredRecords:
    """Return records of flags with *keys*, from a file."""
    snapshot = Snapshot.of({"flag": {key: item(key) for key in keys}}, position=Position(1, 1))
    FileStore(path).save(Stored(snapshot, 1.0))
    opened = FileStore(path).open()
    assert opened is not None
    found = opened.snapshot().flags.records
    assert isinstance(found, StoredRecords)
    return found


@settings(max_examples=60)
@given(st.data(), st.lists(KEYS, unique=True, max_size=8), st.booleans())
def test_records_in_a_file_are_the_mapping_that_was_written_and_edited(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, keys: list[str], collide: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if collide:  # all keys with one hash
            patch.setattr(records, "hash_of", lambda _key: 7)
            patch.setattr(layout, "hash_of", lambda _key: 7)
        found: Mapping[str, Item] = stored(tmp_path_factory.mktemp("store") / "state", *keys)
        expected = {key: item(key) for key in keys}
        for _ in range(data.draw(st.integers(0, 4))):
            key = data.draw(st.sampled_from([*expected, "another"]) | KEYS)
            new = data.draw(st.none() | st.just(item(key, "new")))
            assert isinstance(found, StoredRecords)
            found = found.edited({key: new})
            expected.pop(key, None)
            if new is not None:
                expected[key] = new
        assert dict(found) == expected
        patch.setattr(records, "_WINDOW", data.draw(st.sampled_from([1, 100, 1 << 17])))
        assert dict(found.items()) == expected
        assert len(found.items()) == len(found.values()) == len(expected)
        assert [(each.key, each) for each in found.values()] == list(found.items())
        assert len(found) == len(expected)
        assert [key for key in (*expected, "absent") if key in found] == list(expected)
        assert found.get("absent") is None


def test_only_text_is_a_key(tmp_path: Path) -> None:
    found = stored(tmp_path / "state", "a")
    assert [key in found for key in ("a", "b", 1, None, ["a"])] == [True, False, False, False, False]


def test_a_delta_edits_records_in_a_file_without_reading_them_all(tmp_path: Path) -> None:
    found = stored(tmp_path / "state", "a", "b")
    state, touched = State.of({"flag": found}).after({"flag": {"a": None, "c": item("c")}})
    assert isinstance(state.items["flag"], StoredRecords)
    assert (sorted(state.items["flag"]), sorted(touched)) == (["b", "c"], [("flag", "a"), ("flag", "c")])
    assert state.digest == State.of({"flag": {"b": item("b"), "c": item("c")}}).digest


@pytest.mark.parametrize("damage", ["cut", "overwritten", "closed"])
def test_an_item_that_is_not_as_it_was_has_no_text_and_the_file_counts_as_damaged(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "state"
    source = InMemorySource(flag("a").on(), flag("b"), segment("beta"))
    FileStore(path).save(Stored(source.snapshot, 1.0))
    opened = FileStore(path).open()
    assert opened is not None
    snapshot = opened.snapshot()
    assert snapshot.flags["a"].on
    if damage == "cut":
        os.truncate(path, 100)
    elif damage == "overwritten":
        path.write_bytes(b"x" * path.stat().st_size)
    else:
        opened.body.handle = os.open(os.devnull, os.O_WRONLY)
    assert not opened.body.is_damaged
    assert (snapshot.flags.records["b"].text, opened.body.is_damaged) == (b"", True)
    assert list(snapshot.segments) == []
    assert "c" not in snapshot.flags


def test_systems_without_pread_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"0123456789")
    monkeypatch.delattr(os, "pread")
    body = Body(os.open(path, os.O_RDONLY), 2)
    assert (body.read(1, 3), body.read(7, 3)) == (b"345", b"9")


def test_records_that_are_read_in_a_row_show_damage_where_it_is(tmp_path: Path) -> None:
    found = stored(tmp_path / "state", "a", "b", "c")
    data = bytearray((tmp_path / "state").read_bytes())
    at = data.index(b'"b":') + len(b'"b":')
    data[at] ^= 1
    (tmp_path / "state").write_bytes(data)
    assert [(key, each.text != b"") for key, each in found.items()] == [("a", True), ("b", False), ("c", True)]
    assert found._body.is_damaged


def test_records_that_are_read_in_a_row_leave_out_what_has_no_key_any_more(tmp_path: Path) -> None:
    found = stored(tmp_path / "state", "a", "b", "c")
    data = bytearray((tmp_path / "state").read_bytes())
    data[data.index(b'"b":')] ^= 1
    (tmp_path / "state").write_bytes(data)
    assert [key for key, _ in found.items()] == ["a", "c"]
