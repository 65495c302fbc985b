"""Documents are compressed once, are kept within a bound, and are shared by processes through a folder."""

import asyncio
import gzip
import multiprocessing
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pennon.model import Position
from pennon.stream import documents
from pennon.stream.codings import Coding, compressed
from pennon.stream.documents import Documents
from pennon.stream.shelf import Document, Shelf

BODY = b'{"flags":{}}' * 1000
HERE = Document(environment="shop/production", kind="server", position=Position(1, 7), edition="9f2c")
LATER = msgspec.structs.replace(HERE, position=Position(1, 8))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Coding]:
    """What was compressed, in its order."""
    done: list[Coding] = []

    def counting(body: bytes, coding: Coding) -> bytes:
        done.append(coding)
        return compressed(body, coding)

    monkeypatch.setattr(documents, "compressed", counting)
    return done


def test_all_who_ask_meanwhile_wait_for_the_first(made: list[Coding]) -> None:
    async def herd() -> set[bytes]:
        kept = Documents(limit=10**6)
        return {
            bytes(each.body) for each in await asyncio.gather(*(kept.packed(HERE, BODY, "gzip") for _ in range(200)))
        }

    packed = asyncio.run(herd())
    assert [gzip.decompress(each) for each in packed] == [BODY]
    assert made == ["gzip"]


def test_first_who_leaves_takes_nothing_from_those_who_wait(made: list[Coding]) -> None:
    async def herd() -> bytes:
        kept = Documents(limit=10**6)
        first = asyncio.create_task(kept.packed(HERE, BODY, "gzip"))
        second = asyncio.create_task(kept.packed(HERE, BODY, "gzip"))
        await asyncio.sleep(0)
        first.cancel()
        return bytes((await second).body)

    assert gzip.decompress(asyncio.run(herd())) == BODY
    assert made == ["gzip"]


def test_failure_is_everybody_s_and_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_body: bytes, _coding: Coding) -> bytes:
        raise MemoryError

    async def herd() -> bytes:
        kept = Documents(limit=10**6)
        with monkeypatch.context() as broken:
            broken.setattr(documents, "compressed", fail)
            asked = [kept.packed(HERE, BODY, "gzip") for _ in range(3)]
            failed = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in failed] == [MemoryError] * 3
        return bytes((await kept.packed(HERE, BODY, "gzip")).body)

    assert gzip.decompress(asyncio.run(herd())) == BODY


def changed(**fields: Any) -> Document:
    return msgspec.structs.replace(HERE, **fields)


@pytest.mark.parametrize(
    ("document", "coding"),
    [
        (changed(kind="client"), "gzip"),
        (changed(since="1.3"), "gzip"),
        (changed(environment="shop/staging"), "gzip"),
        (HERE, "br"),
    ],
    ids=["kind", "since", "environment", "coding"],
)
def test_each_document_and_coding_is_another_beside_the_first(document: Document, coding: Coding) -> None:
    async def both() -> int:
        kept = Documents(limit=10**6)
        await kept.packed(HERE, BODY, "gzip")
        await kept.packed(document, BODY, coding)
        return len(kept)

    assert asyncio.run(both()) == 2


@pytest.mark.parametrize("document", [LATER, changed(edition="77")], ids=["later", "another edition"])
def test_what_has_moved_on_makes_room(document: Document, made: list[Coding]) -> None:
    async def both() -> int:
        kept = Documents(limit=10**6)
        await kept.packed(HERE, BODY, "gzip")
        assert kept.size > 0
        size = len(await kept.packed(document, BODY, "gzip"))
        assert kept.size == size
        return len(kept)

    assert asyncio.run(both()) == 1
    assert made == ["gzip", "gzip"]


def test_environment_that_moves_on_or_goes_leaves_nothing_behind() -> None:
    async def moved() -> tuple[int, int, int]:
        kept = Documents(limit=10**6)
        await kept.packed(HERE, BODY, "gzip")
        kept.moved_on("shop/production", Position(1, 7))
        before = len(kept)
        kept.moved_on("shop/staging", None)
        kept.moved_on("shop/production", None)
        return before, len(kept), kept.size

    assert asyncio.run(moved()) == (1, 0, 0)


def test_memory_is_bounded_and_the_longest_unused_goes_first(made: list[Coding]) -> None:
    async def many() -> int:
        first = len(await Documents(limit=10**6).packed(HERE, BODY, "gzip"))
        kept = Documents(limit=2 * first)
        for since in ("1.1", "1.2", "1.1", "1.3", "1.1"):
            await kept.packed(changed(since=since), BODY, "gzip")
        assert kept.size <= 2 * first
        return len(kept)

    assert asyncio.run(many()) == 2
    assert made == ["gzip"] * 4, "1.1 was used again before 1.3 came, so 1.2 went"


def test_other_processes_find_what_one_has_made(tmp_path: Path, made: list[Coding]) -> None:
    async def asked() -> bytes:
        return bytes((await Documents(limit=10**6, shelf=Shelf(tmp_path / "new")).packed(HERE, BODY, "gzip")).body)

    assert asyncio.run(asked()) == asyncio.run(asked())
    assert gzip.decompress(asyncio.run(asked())) == BODY
    assert made == ["gzip"]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix != ".lock")


@pytest.mark.parametrize("damage", [b"", b"x", b"x" * 5000], ids=["empty", "short", "other bytes"])
def test_damaged_file_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    shelf = Shelf(tmp_path)
    shelf.fetch(HERE, "gzip", lambda: BODY)
    _files(tmp_path)[0].write_bytes(damage)
    assert shelf.fetch(HERE, "gzip", lambda: BODY).body == BODY
    assert shelf.fetch(HERE, "gzip", _never).body == BODY


def _never() -> bytes:
    raise AssertionError("it is there")


def test_folder_keeps_one_revision_of_each_document(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.fetch(HERE, "gzip", lambda: BODY)
    (tmp_path / f"{_files(tmp_path)[0].name}left.making").write_bytes(b"half")
    for document in (changed(kind="client"), changed(environment="shop/staging")):
        shelf.fetch(document, "gzip", lambda: BODY)
    held = shelf.fetch(HERE, "gzip", _never)
    shelf.fetch(LATER, "gzip", lambda: BODY)
    assert len(_files(tmp_path)) == 2, "the later one, and the other environment's"
    shelf.fetch(msgspec.structs.replace(LATER, edition="other"), "gzip", lambda: BODY)
    assert len(_files(tmp_path)) == 2
    assert held.body == BODY, "who has it goes on sending it"


def test_folder_that_cannot_be_used_costs_only_the_sharing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert Shelf(tmp_path / "file").fetch(HERE, "gzip", lambda: BODY).body == BODY


def test_while_one_makes_it_the_others_wait(tmp_path: Path) -> None:
    shelf, begun, go_on = Shelf(tmp_path), threading.Event(), threading.Event()

    def slowly() -> bytes:
        begun.set()
        assert go_on.wait(60)
        return BODY

    found: list[bytes] = []

    def fetch(make: Callable[[], bytes]) -> None:
        found.append(bytes(Shelf(tmp_path).fetch(HERE, "gzip", make).body))

    first = threading.Thread(target=lambda: shelf.fetch(HERE, "gzip", slowly))
    first.start()
    assert begun.wait(60)
    others = [threading.Thread(target=fetch, args=(_never,)) for _ in range(3)]
    for thread in others:
        thread.start()
    go_on.set()
    for thread in (first, *others):
        thread.join(60)
    assert found == [BODY] * 3


def _die_making(folder: str) -> None:
    Shelf(Path(folder)).fetch(HERE, "gzip", lambda: os._exit(9))


def test_process_that_dies_while_it_makes_one_leaves_the_lock_to_the_next(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_die_making, args=(str(tmp_path),))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert Shelf(tmp_path).fetch(HERE, "gzip", lambda: BODY).body == BODY
