"""The local store: what is saved is loaded, and what is damaged is known to be."""

import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pennon.model import Delta, Position
from pennon.protocol.state import State, items_of
from pennon.sdk.errors import CorruptStore
from pennon.sdk.stores import FileStore, Stored, file
from pennon.testing import InMemorySource, flag, segment
from pennon.testing.flags import FlagBuilder

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


def delta(source: InMemorySource, *changed: FlagBuilder) -> Delta:
    """Return the delta of a change that puts *changed*."""
    before = source.snapshot
    source.put(*changed)
    after = source.snapshot
    keys = [each.build().key for each in changed]
    return Delta(
        environment=after.environment,
        epoch=1,
        from_=before.revision,
        to=after.revision,
        digest=State.of(items_of(after)).digest,
        flags={key: after.flags.records[key] for key in keys},
    )


@pytest.fixture
def source() -> InMemorySource:
    return InMemorySource(flag("a").on(), flag("b"), segment("beta", included=["u1"]))


@pytest.mark.parametrize("load", [FileStore.load, FileStore.load_in_place], ids=["whole", "in place"])
def test_what_a_journal_says_is_loaded_too(
    store: FileStore, source: InMemorySource, load: Callable[[FileStore], Stored | None]
) -> None:
    journal = store.begin(Stored(source.snapshot, 10.0))
    journal.add(11.0, delta(source, flag("a").off()))
    journal.add(12.0, delta(source, flag("c").on(), flag("b").on()))
    journal.add(300.0)
    journal.sync()
    journal.close()
    found = load(store)
    assert found is not None
    assert (found.snapshot.position, found.known_at) == (Position(1, 3), 300.0)
    assert {key: found.snapshot.flags[key].on for key in sorted(found.snapshot.flags)} == {
        "a": False,
        "b": True,
        "c": True,
    }
    assert journal.position == Position(1, 3)


def test_a_journal_cut_anywhere_is_one_that_ends_before(store: FileStore, source: InMemorySource) -> None:
    journal = store.begin(Stored(source.snapshot, 10.0))
    ends = [store.path.stat().st_size]
    for number in range(3):
        journal.add(11.0 + number, delta(source, flag("a").off()))
        ends.append(store.path.stat().st_size)
    journal.close()
    content = store.path.read_bytes()
    for size in range(ends[0], len(content) + 1):
        store.path.write_bytes(content[:size])
        found = store.load()
        assert found is not None
        assert found.snapshot.revision == 1 + sum(end <= size for end in ends[1:])


@given(st.data())
def test_a_damaged_journal_is_one_that_ends_before(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    store, source = FileStore(tmp_path_factory.mktemp("store") / "state"), InMemorySource(flag("a"))
    journal = store.begin(Stored(source.snapshot, 10.0))
    start = store.path.stat().st_size
    for _ in range(3):
        journal.add(11.0, delta(source, flag("a").off()))
    journal.close()
    content = bytearray(store.path.read_bytes())
    at = data.draw(st.integers(start, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    store.path.write_bytes(content)
    found = store.load()
    assert found is not None
    assert 1 <= found.snapshot.revision < 4


def test_a_journal_goes_on_where_its_last_writer_was_cut_short(store: FileStore, source: InMemorySource) -> None:
    journal = store.begin(Stored(source.snapshot, 10.0))
    journal.add(11.0, delta(source, flag("a").off()))
    journal.close()
    with store.path.open("ab") as file:
        file.write(b"\xff\x00\x00\x00half a record")
    assert store.load_in_place() is not None
    assert store.opened is not None
    resumed = store.resume(store.opened)
    assert resumed is not None
    assert resumed.position == Position(1, 2)
    resumed.add(12.0, delta(source, flag("b").on()))
    resumed.close()
    found = store.load()
    assert found is not None
    assert found.snapshot.revision == 3
    assert [record.known_at for record in store.opened.news()] == [12.0]


def test_a_file_that_another_took_the_place_of_is_not_gone_on_with(store: FileStore, source: InMemorySource) -> None:
    store.save(Stored(source.snapshot, 10.0))
    assert store.load_in_place() is not None
    opened = store.opened
    assert opened is not None
    assert opened.is_in_place(store.path)
    store.save(Stored(source.snapshot, 11.0))
    assert (opened.is_in_place(store.path), store.resume(opened)) == (False, None)
    store.path.unlink()
    assert not opened.is_in_place(store.path)


def test_a_writer_notices_what_others_do_to_its_file(store: FileStore, source: InMemorySource) -> None:
    journal = store.begin(Stored(source.snapshot, 10.0))
    journal.add(11.0, delta(source, flag("a").off()))
    assert journal.is_untouched()
    content = store.path.read_bytes()
    os.truncate(store.path, 10)
    assert not journal.is_untouched()
    store.path.write_bytes(content[:-1] + b"?")
    os.utime(store.path, (1, 1))
    assert not journal.is_untouched()
    store.path.unlink()
    assert not journal.is_untouched()
    journal.close()


def test_a_journal_is_long_when_it_is_half_as_long_as_the_state(
    store: FileStore, source: InMemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "_LONG_JOURNAL", 0)
    journal = store.begin(Stored(source.snapshot, 10.0))
    size, half = store.path.stat().st_size, len(source.snapshot.to_json()) // 2
    while not journal.is_long:
        before = store.path.stat().st_size
        journal.add(11.0, delta(source, flag("a").off()))
    journal.close()
    assert before - size <= half < store.path.stat().st_size - size


def test_a_record_that_the_disk_has_no_room_for_leaves_no_half(
    store: FileStore, source: InMemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = store.begin(Stored(source.snapshot, 10.0))
    size, write = store.path.stat().st_size, os.pwrite

    def full(handle: int, data: bytes, at: int) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return write(handle, data[:20], at)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        journal.add(11.0, delta(source, flag("a").off()))
    assert (store.path.stat().st_size, journal.position) == (size, Position(1, 1))
    journal.close()


def test_the_state_of_another_owner_is_not_loaded(store: FileStore) -> None:
    FileStore(store.path, "one").save(Stored(SNAPSHOT, 1.0))
    assert FileStore(store.path, "one").load() is not None
    assert store.load() is not None
    with pytest.raises(CorruptStore, match="of another url, key or environment; it is ignored and will be replaced"):
        FileStore(store.path, "two").load()


def test_what_an_older_version_left_is_loaded_and_has_no_journal(store: FileStore) -> None:
    body = SNAPSHOT.to_json()
    head = {"pennonStore": 1, "knownAt": 5.0, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    store.path.parent.mkdir()
    store.path.write_bytes(json.dumps(head).encode() + b"\n" + body)
    for owner in ("", "one"):
        mine = FileStore(store.path, owner)
        assert mine.load() == mine.load_in_place() == Stored(SNAPSHOT, 5.0)
        assert mine.opened is not None
        assert mine.resume(mine.opened) is None


def test_drafts_of_writers_that_died_are_swept_away_once_they_are_old(store: FileStore) -> None:
    store.save(Stored(SNAPSHOT, 1.0))
    young, old = (store.path.with_name(f".state.{name}.draft") for name in ("young", "old"))
    for draft in (young, old):
        draft.write_bytes(b"half")
    os.utime(old, (1, 1))
    store.sweep()
    assert sorted(path.name for path in store.path.parent.iterdir()) == [".state.young.draft", "state"]


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
