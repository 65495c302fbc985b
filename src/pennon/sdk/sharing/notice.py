"""What a leader says of itself to those who follow it: one page of a file, written over again and again.

A page that is read while it is written, or that somebody else wrote, is no notice: its checksum says so.
"""

import zlib

import msgspec

from pennon.model import DECODE_ERRORS
from pennon.sdk.ladder import Failure, Level

PAGE = 2048
_PREFIX = 18  # eight digits of checksum, a space, eight of length, a space
_LONGEST_MESSAGE = 400
_encode = msgspec.json.Encoder().encode


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Where a leader stands. Times are those of the machine's steady clock, which all of its processes share.

    `beat` counts how often the leader spoke. `level` and `failure` are what it met last, `level` None before that.
    """

    owner: str
    pid: int
    beat: int
    level: Level | None = None
    failure: Failure | None = None
    epoch: int = 0
    revision: int = 0
    digest: str = ""
    known_at: float | None = None
    is_leaving: bool = False

    def to_page(self) -> bytes:
        """Write it."""
        failure = self.failure
        if failure is not None and len(failure.message) > _LONGEST_MESSAGE:
            short = msgspec.structs.replace(failure, message=failure.message[:_LONGEST_MESSAGE])
            return msgspec.structs.replace(self, failure=short).to_page()
        text = _encode(self)
        return (b"%08x %08x " % (zlib.crc32(text), len(text)) + text).ljust(PAGE - 1) + b"\n"

    @classmethod
    def from_page(cls, page: bytes) -> "Notice | None":
        """Read it, None where there is none."""
        try:
            check, size = int(page[:8], 16), int(page[9:17], 16)
            text = page[_PREFIX : _PREFIX + size]
            return _DECODER.decode(text) if zlib.crc32(text) == check else None
        except (ValueError, *DECODE_ERRORS):
            return None


_DECODER = msgspec.json.Decoder(Notice)
