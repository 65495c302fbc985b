"""The folder as a store: torn files, foreign files, who may read them, writers that are killed, and a lock."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pennon.edge.kv import KvSpoiled, KvUnavailable
from pennon.edge.kv.file import FileKv


def _only_file(folder: Path) -> Path:
    [found] = folder.glob("*.kv")
    return found


@pytest.fixture
def store(tmp_path: Path) -> FileKv:
    return FileKv(tmp_path / "kv", lock_s=0.05)


def test_a_file_torn_at_any_byte_is_reported(store: FileKv) -> None:
    asyncio.run(store.write("state/shop", b"the value"))
    path = _only_file(store.folder)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(KvSpoiled, match="state%2Fshop"):
            asyncio.run(store.read("state/shop"))
    path.write_bytes(whole)
    assert asyncio.run(store.read("state/shop")) == b"the value"


def test_a_file_with_any_byte_flipped_is_reported_or_says_the_same(store: FileKv) -> None:
    asyncio.run(store.write("name", b"the value"))
    path = _only_file(store.folder)
    whole = path.read_bytes()
    spoiled = 0
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            # A letter of a member's name in the first line: then the member is missing, or nobody asks for it.
            assert asyncio.run(store.read("name")) == b"the value"
        except KvSpoiled:
            spoiled += 1
    assert spoiled == len(whole)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin"),
        (b'{"flags": {}}\n', "does not begin"),
        (b'{"pennonKv":2,"name":"name","bytes":0,"sha256":""}\n', "format 2"),
        (b'{"pennonKv":1,"name":"other","bytes":0,"sha256":""}\n', "value of 'other'"),
        (b'{"pennonKv":1,"name":"name","bytes":3,"sha256":""}\nab', "2 bytes where 3"),
        (b'{"pennonKv":1,"name":"name","bytes":2,"sha256":""}\nab', "SHA-256"),
    ],
    ids=["empty", "foreign", "later-format", "of-another-name", "short", "wrong-checksum"],
)
def test_a_file_that_is_not_what_was_written_is_reported_and_replaced(store: FileKv, content: bytes, said: str) -> None:
    store.folder.mkdir()
    (store.folder / "name.kv").write_bytes(content)
    with pytest.raises(KvSpoiled, match=said):
        asyncio.run(store.read("name"))
    assert asyncio.run(store.write_if("name", b"new", lambda found: found is None))
    assert asyncio.run(store.read("name")) == b"new"


def test_files_are_their_owners_only(store: FileKv) -> None:
    asyncio.run(store.write_if("name", b"value", lambda _found: True))
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in store.folder.iterdir()} == {
        "name.kv": "0o600",
        ".lock": "0o600",
    }
    assert oct(store.folder.stat().st_mode & 0o777) == "0o700"


def test_other_files_of_the_folder_are_no_names(store: FileKv) -> None:
    asyncio.run(store.write("name", b"value"))
    (store.folder / "notes.txt").write_text("mine")
    (store.folder / ("=" + "0" * 64 + ".kv")).write_text("of no use")
    assert asyncio.run(store.names()) == ["name"]


def test_drafts_of_writers_that_died_are_removed_and_those_of_the_living_are_not(store: FileKv) -> None:
    store.folder.mkdir()
    old, new = store.folder / ".old.draft", store.folder / ".new.draft"
    for draft in (old, new):
        draft.write_bytes(b"half")
    os.utime(old, (1, 1))
    asyncio.run(store.write("name", b"value"))
    assert (old.exists(), new.exists()) == (False, True)


def test_a_folder_that_another_process_holds_is_unavailable(store: FileKv) -> None:
    asyncio.run(store.write_if("name", b"one", lambda _found: True))
    with (store.folder / ".lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(KvUnavailable, match="locked by another"):
            asyncio.run(store.write_if("name", b"two", lambda _found: True))
    assert asyncio.run(store.write_if("name", b"two", lambda _found: True))


_WRITER = """
import asyncio, sys
from pathlib import Path
from pennon.edge.kv.file import FileKv
async def main():
    store = FileKv(Path(sys.argv[1]))
    for number in range(10**9):
        value = b"%d " % number * 20000
        await store.write("name", value)
        await store.write_if("number", value, lambda found: True)
        if number == 3:
            print("begun", flush=True)
asyncio.run(main())
"""


def test_what_writers_leave_that_are_killed_is_whole(store: FileKv) -> None:
    for round_ in range(3):
        command = [sys.executable, "-c", _WRITER, str(store.folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.003 * round_)  # somewhere else in a write each time
            writer.send_signal(signal.SIGKILL)
        for name in ("name", "number"):
            value = asyncio.run(store.read(name))
            assert value is not None
            words = value.split()
            assert len(words) == 20000
            assert len(set(words)) == 1
    assert asyncio.run(store.write_if("number", b"mine", lambda _found: True))
