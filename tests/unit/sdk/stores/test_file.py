"""The local store: what is saved is loaded, and what is damaged is known to be."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.sdk.errors import CorruptStore
from pennon.sdk.stores import FileStore, Stored
from pennon.testing import InMemorySource, flag, segment

SNAPSHOT = InMemorySource(flag("a").on().rule("off", country="DE"), segment("beta", included=["u1"])).snapshot


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "deep" / "state")


def test_nothing_is_kept_at_first(store: FileStore) -> None:
    assert store.load() is None


def test_what_is_saved_is_loaded_byte_for_byte(store: FileStore) -> None:
    store.save(Stored(SNAPSHOT, 1234.5))
    found = store.load()
    assert found is not None
    assert (found.snapshot.to_json(), found.known_at) == (SNAPSHOT.to_json(), 1234.5)
    later = InMemorySource(flag("b").on()).snapshot
    store.save(Stored(later, 2000.0))
    assert store.load() == Stored(later, 2000.0)
    assert [path.name for path in store.path.parent.iterdir()] == ["state"]


def test_only_the_owner_may_read_it(store: FileStore) -> None:
    store.save(Stored(SNAPSHOT, 1.0))
    assert store.path.stat().st_mode & 0o777 == 0o600


@given(st.data())
def test_any_damage_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    store = FileStore(tmp_path_factory.mktemp("store") / "state")
    store.save(Stored(SNAPSHOT, 1234.5))
    content = store.path.read_bytes()
    start = content.index(b"\n") + 1
    damage = data.draw(st.sampled_from(["cut", "flip", "noise"]))
    if damage == "cut":
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    elif damage == "flip":
        at = data.draw(st.integers(start, len(content) - 1))
        content = content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :]
    else:
        content = data.draw(st.binary())
    store.path.write_bytes(content)
    with pytest.raises(CorruptStore, match="is ignored and will be replaced"):
        store.load()


def test_a_newer_format_is_left_alone(store: FileStore) -> None:
    store.save(Stored(SNAPSHOT, 1.0))
    store.path.write_bytes(store.path.read_bytes().replace(b'"pennonStore":2', b'"pennonStore":3'))
    with pytest.raises(CorruptStore, match="newer than this SDK reads"):
        store.load()


def test_a_save_that_fails_leaves_what_was_there(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(Stored(SNAPSHOT, 1.0))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.save(Stored(SNAPSHOT, 2.0))
    assert store.load() == Stored(SNAPSHOT, 1.0)
    assert [path.name for path in store.path.parent.iterdir()] == ["state"]


def test_readers_beside_a_writer_always_see_a_whole_state(store: FileStore) -> None:
    store.save(Stored(SNAPSHOT, 0.0))
    over = threading.Event()

    def write() -> None:
        for number in range(60):
            store.save(Stored(SNAPSHOT, float(number)))
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not over.is_set():
        found = store.load()
        assert found is not None
        seen.append(found.known_at)
    writer.join()
    assert seen == sorted(seen)
