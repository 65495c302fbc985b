"""Records as they lie in a spool's segment: a mark, the length, a checksum, the bytes.

A record torn by a crash ends the segment; one damaged in the middle (a bad disk, a stray writer) is stepped over at the
next mark, so that it takes no neighbour with it. Pure: bytes in, records out.
"""

import struct
import zlib
from collections.abc import Iterator

import msgspec

_MARK = b"\xf1PNr"
_HEAD = struct.Struct(">4sII")
MAX_RECORD = 64 * 1024 * 1024


class Found(msgspec.Struct, frozen=True):
    """A record of a segment: where it starts, where the next one does, what it holds.

    `payload` is None for a damaged stretch, which lies between two records or at the end.
    """

    start: int
    end: int
    payload: bytes | None


def framed(payload: bytes) -> bytes:
    """Return *payload* as it lies in a segment."""
    return _HEAD.pack(_MARK, len(payload), zlib.crc32(payload)) + payload


def records(segment: bytes, start: int = 0) -> Iterator[Found]:
    """Yield the records of *segment* from the offset *start* on, in order, and each damaged stretch between them."""
    at = start
    while at < len(segment):
        end = _whole(segment, at)
        if end is not None:
            yield Found(at, end, segment[at + _HEAD.size : end])
            at = end
            continue
        resumes = _next_whole(segment, at + 1)
        yield Found(at, resumes, None)
        at = resumes


def intact_length(segment: bytes) -> int:
    """Return where the last whole record of *segment* ends: what comes after it was torn."""
    end = 0
    for found in records(segment):
        if found.payload is not None:
            end = found.end
    return end


def _whole(segment: bytes, at: int) -> int | None:
    """Return the end of the record that starts at *at*, None where no whole one does."""
    if at + _HEAD.size > len(segment):
        return None
    mark, length, checksum = _HEAD.unpack_from(segment, at)
    end = at + _HEAD.size + int(length)
    if mark != _MARK or length > MAX_RECORD or end > len(segment):
        return None
    return end if zlib.crc32(memoryview(segment)[at + _HEAD.size : end]) == checksum else None


def _next_whole(segment: bytes, start: int) -> int:
    """Return where the next whole record starts, or the segment's end."""
    at = segment.find(_MARK, start)
    while at >= 0:
        if _whole(segment, at) is not None:
            return at
        at = segment.find(_MARK, at + 1)
    return len(segment)
