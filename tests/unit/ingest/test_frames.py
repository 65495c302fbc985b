"""Records in a segment: whole ones are found, torn and damaged ones cost nobody else."""

from hypothesis import given
from hypothesis import strategies as st

from pennon.ingest.frames import framed, intact_length, records

PAYLOADS = st.lists(st.binary(max_size=60), max_size=8)


def whole(segment: bytes) -> list[bytes]:
    return [found.payload for found in records(segment) if found.payload is not None]


@given(PAYLOADS)
def test_what_was_written_is_read(payloads: list[bytes]) -> None:
    segment = b"".join(map(framed, payloads))
    assert whole(segment) == payloads
    assert intact_length(segment) == len(segment)


@given(PAYLOADS, st.integers(0, 200))
def test_torn_segment_keeps_every_record_that_was_whole(payloads: list[bytes], cut: int) -> None:
    segment = b"".join(map(framed, payloads))
    torn = segment[: max(0, len(segment) - cut)]
    kept = whole(torn)
    assert kept == payloads[: len(kept)]
    assert intact_length(torn) == sum(len(framed(payload)) for payload in kept)


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=8), st.data())
def test_damaged_record_takes_no_neighbour_with_it(payloads: list[bytes], data: st.DataObject) -> None:
    frames = [bytearray(framed(payload)) for payload in payloads]
    victim = data.draw(st.integers(0, len(frames) - 1))
    at = data.draw(st.integers(0, len(frames[victim]) - 1))
    frames[victim][at] ^= data.draw(st.integers(1, 255))
    assert whole(b"".join(frames)) == payloads[:victim] + payloads[victim + 1 :]


def test_damaged_stretch_is_reported_with_its_place() -> None:
    good, bad = framed(b"good"), bytearray(framed(b"bad"))
    bad[-1] ^= 1
    found = list(records(good + bytes(bad) + good))
    assert [record.payload for record in found] == [b"good", None, b"good"]
    assert (found[1].start, found[1].end) == (len(good), len(good) + len(bad))


def test_reading_goes_on_from_the_place_after_a_record() -> None:
    segment = framed(b"a") + framed(b"b") + framed(b"c")
    first = next(records(segment))
    assert [found.payload for found in records(segment, first.end)] == [b"b", b"c"]


def test_mark_within_a_record_is_not_taken_for_a_record() -> None:
    inner = framed(b"inner")
    assert whole(framed(inner) + framed(b"x")) == [inner, b"x"]


def test_length_that_is_a_lie_is_no_record() -> None:
    lie = bytearray(framed(b"abc"))
    lie[4:8] = (2**31).to_bytes(4, "big")
    assert whole(bytes(lie) + framed(b"next")) == [b"next"]
