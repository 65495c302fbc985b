"""The spool: what it has returned for is there, whatever happens next. On real files."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pennon.ingest.frames import framed
from pennon.ingest.spool import Place, Spool, SpoolFull, SpoolInUse, SpoolSettings

SMALL = SpoolSettings(segment_bytes=64)


def payloads(spool: Spool, start: Place = Place(0, 0)) -> list[bytes | None]:  # noqa: B008  # immutable
    return [record.payload for record in spool.read(start)]


def segment_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.seg"))


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let the kernel refuse every write beyond *size*, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_was_appended_is_read_in_order_also_after_reopening(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.append([b"a", b"b"])
        spool.append([b"c"])
        assert payloads(spool) == [b"a", b"b", b"c"]
    with Spool(tmp_path) as spool:
        spool.append([b"d"])
        assert payloads(spool) == [b"a", b"b", b"c", b"d"]


def test_long_spool_has_several_segments_and_is_read_through_them(tmp_path: Path) -> None:
    expected = [b"record %03d" % number for number in range(40)]
    with Spool(tmp_path, SMALL) as spool:
        for payload in expected:
            spool.append([payload])
        assert len(segment_files(tmp_path)) > 5
        assert payloads(spool) == expected
        assert spool.size == sum(len(framed(payload)) for payload in expected)


def test_reading_goes_on_after_any_record(tmp_path: Path) -> None:
    with Spool(tmp_path, SMALL) as spool:
        for number in range(10):
            spool.append([b"record %d" % number])
        everything = list(spool.read(Place(0, 0)))
        for at, record in enumerate(everything):
            assert list(spool.read(record.after)) == everything[at + 1 :]


@pytest.mark.parametrize("torn", [b"\xf1", framed(b"torn")[:-1], framed(b"torn")[:9], b"\0" * 50])
def test_torn_tail_is_cut_on_opening_and_never_read(tmp_path: Path, torn: bytes) -> None:
    with Spool(tmp_path) as spool:
        spool.append([b"whole"])
    path = segment_files(tmp_path)[0]
    path.write_bytes(path.read_bytes() + torn)
    with Spool(tmp_path) as spool:
        assert path.read_bytes() == framed(b"whole")
        spool.append([b"next"])
        assert payloads(spool) == [b"whole", b"next"]


def test_damage_in_the_middle_loses_that_record_and_says_so(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.append([b"one", b"two", b"three"])
    path = segment_files(tmp_path)[0]
    data = bytearray(path.read_bytes())
    data[len(framed(b"one")) + 13] ^= 1
    path.write_bytes(bytes(data))
    with Spool(tmp_path) as spool:
        assert payloads(spool) == [b"one", None, b"three"]


def test_second_process_is_refused(tmp_path: Path) -> None:
    with Spool(tmp_path), pytest.raises(SpoolInUse, match="another process"):
        Spool(tmp_path)
    Spool(tmp_path).close()


def test_full_disk_keeps_what_was_acknowledged_and_nothing_of_what_was_not(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.append([b"kept"])
        with file_size_limit(len(framed(b"kept")) + 20), pytest.raises(SpoolFull):
            spool.append([b"x" * 10, b"y" * 1000])
        assert payloads(spool) == [b"kept"]
        spool.append([b"after"])
        assert payloads(spool) == [b"kept", b"after"]
    with Spool(tmp_path) as spool:
        assert payloads(spool) == [b"kept", b"after"]


def test_disk_that_stays_full_does_not_fill_the_folder_with_files(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.append([b"kept"])
        with file_size_limit(8):
            for _ in range(5):
                with pytest.raises(SpoolFull):
                    spool.append([b"x" * 100])
        assert len(segment_files(tmp_path)) == 1
        spool.append([b"after"])
        assert payloads(spool) == [b"kept", b"after"]


def test_reserve_of_free_space_is_left_to_others(tmp_path: Path) -> None:
    with Spool(tmp_path, SpoolSettings(reserve_bytes=2**62)) as spool:
        with pytest.raises(SpoolFull, match="left free"):
            spool.append([b"x"])
        assert segment_files(tmp_path) == []


def test_consumed_place_is_remembered_and_names_the_segments_nobody_reads(tmp_path: Path) -> None:
    with Spool(tmp_path, SMALL) as spool:
        for number in range(20):
            spool.append([b"record %02d" % number])
        read = list(spool.read(Place(0, 0)))
        assert spool.consume(read[0].after) == []
        over = spool.consume(read[-1].after)
        assert over == spool.segments()[:-1]
        spool.delete(over)
        assert spool.segments() == [spool.end.segment]
    with Spool(tmp_path, SMALL) as spool:
        assert spool.consumed() == read[-1].after
        assert payloads(spool, spool.consumed()) == []


def test_segments_are_retained_if_wished(tmp_path: Path) -> None:
    with Spool(tmp_path, SpoolSettings(segment_bytes=64, retain=True)) as spool:
        for number in range(20):
            spool.append([b"record %02d" % number])
        before = spool.segments()
        spool.delete(spool.consume(spool.end))
        assert spool.segments() == before


def test_number_of_a_deleted_segment_is_not_used_again(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.append([b"old"])
        spool.consume(spool.end)
        place = spool.consumed()
    segment_files(tmp_path)[0].unlink()
    with Spool(tmp_path) as spool:
        spool.append([b"new"])
        assert payloads(spool, place) == [b"new"]


def test_note_of_the_place_that_was_spoiled_costs_reading_again(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.append([b"a"])
        spool.consume(spool.end)
        (tmp_path / "consumed").write_bytes(b"{")
        assert payloads(spool, spool.consumed()) == [b"a"]


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.seg").write_text("mine")
    with Spool(tmp_path) as spool:
        spool.append([b"a"])
        assert payloads(spool) == [b"a"]
    assert (tmp_path / "notes.seg").read_text() == "mine"
